/* SPDX-License-Identifier: ISC */
/* Times as text and back. Reading a clock is the rim's business. */
#include "policyd/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

const char *wall_format(wall_t t, char buf[WALL_TEXT_SIZE])
{
	time_t s = (time_t)(t.us / SECOND_US);
	struct tm tm;
	if (t.us == WALL_NEVER.us) {
		span_copy(SPAN("permanent"), buf, WALL_TEXT_SIZE);
	} else if (!gmtime_r(&s, &tm) ||
		   strftime(buf, WALL_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		span_copy(SPAN("unknown"), buf, WALL_TEXT_SIZE);
	}
	return buf;
}

int wall_parse(struct span text, wall_t *ret)
{
	char buf[WALL_TEXT_SIZE];
	struct tm tm = {0};
	if (text.n != 20)
		return -EINVAL;
	span_copy(text, buf, sizeof(buf));
	const char *end = strptime(buf, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!end || *end)
		return -EINVAL;
	ret->us = (int64_t)timegm(&tm) * SECOND_US;
	return 0;
}

wall_t wall_of_mono(mono_t t, struct now now)
{
	int64_t wall;
	if (t.us == MONO_NEVER.us || __builtin_add_overflow(t.us - now.mono.us, now.wall.us, &wall))
		return WALL_NEVER;
	return (wall_t){.us = wall};
}
