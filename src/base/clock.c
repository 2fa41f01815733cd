/* SPDX-License-Identifier: ISC */
/* Times as text. Reading a clock is the rim's business. */
#include "policyd/clock.h"

static char *put_digits(char *at, unsigned value, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--, value /= 10)
		at[i - 1] = (char)('0' + value % 10);
	return at + digits;
}

/*
 * By arithmetic: each refusal has two times in it, and gmtime_r() with strftime() cost four times
 * as much. Years begin in March here, so that the leap day is a year's last one (H. Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
 */
static void put_time(uint64_t s, char buf[WALL_TEXT_SIZE])
{
	uint64_t days = s / 86400 + 719468; /* since 0000-03-01 */
	unsigned second = (unsigned)(s % 86400);
	uint64_t era = days / 146097;
	unsigned day_of_era = (unsigned)(days % 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * day + 2) / 153; /* 0: March */
	unsigned year = (unsigned)(era * 400) + year_of_era + (month >= 10);
	char *at = put_digits(buf, year, 4);
	*at++ = '-';
	at = put_digits(at, month < 10 ? month + 3 : month - 9, 2);
	*at++ = '-';
	at = put_digits(at, day - (153 * month + 2) / 5 + 1, 2);
	*at++ = 'T';
	at = put_digits(at, second / 3600, 2);
	*at++ = ':';
	at = put_digits(at, second / 60 % 60, 2);
	*at++ = ':';
	at = put_digits(at, second % 60, 2);
	*at++ = 'Z';
	*at = '\0';
}

/* 9999-12-31T23:59:59Z; later ones have no four digits. */
#define LAST_S INT64_C(253402300799)

const char *wall_format(wall_t t, char buf[WALL_TEXT_SIZE])
{
	int64_t s = t.us / SECOND_US;
	if (t.us == WALL_NEVER.us)
		span_copy(SPAN("permanent"), buf, WALL_TEXT_SIZE);
	else if (s < 0 || s > LAST_S)
		span_copy(SPAN("unknown"), buf, WALL_TEXT_SIZE);
	else
		put_time((uint64_t)s, buf);
	return buf;
}

wall_t wall_of_mono(mono_t t, struct now now)
{
	int64_t wall;
	if (t.us == MONO_NEVER.us || __builtin_add_overflow(t.us - now.mono.us, now.wall.us, &wall))
		return WALL_NEVER;
	return (wall_t){.us = wall};
}
