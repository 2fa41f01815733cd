/* SPDX-License-Identifier: ISC */
/* Foreign text and times as JSON. What of it a terminal may see is decided in render_text.c. */
#include "text.h"

#include <stdlib.h>

#include "policyd/utf8.h"

json_t *text_json(struct span text)
{
	size_t n;
	char *repaired = utf8_repair(text, &n);
	json_t *json = json_stringn(repaired, n);
	free(repaired);
	return json;
}

json_t *text_time(wall_t t)
{
	char buf[WALL_TEXT_SIZE];
	return json_string(wall_format(t, buf));
}

json_t *text_moment(wall_t t)
{
	return t.us ? text_time(t) : json_null();
}

json_t *text_stretch(int64_t us)
{
	static const struct {
		int64_t us;
		char letter;
	} units[] = {{DAY_US, 'd'}, {HOUR_US, 'h'}, {MINUTE_US, 'm'}, {SECOND_US, 's'}};
	enum { UNITS = sizeof(units) / sizeof(units[0]) };
	size_t i = 0;
	us = us > 0 ? us : 0;
	while (i + 1 < UNITS && us < units[i].us)
		i++;
	long long whole = us / units[i].us;
	long long rest = i + 1 < UNITS ? us % units[i].us / units[i + 1].us : 0;
	return rest ? json_sprintf(
			      "%lld%c %lld%c", whole, units[i].letter, rest, units[i + 1].letter)
		    : json_sprintf("%lld%c", whole, units[i].letter);
}

json_t *text_count(uint64_t n)
{
	return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

json_t *text_reply(unsigned code)
{
	return code ? json_sprintf("%u", code) : json_null();
}

json_t *text_or_null(const char *text)
{
	return text && *text ? text_json(span_of(text)) : json_null();
}
