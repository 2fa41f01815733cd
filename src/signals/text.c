/* SPDX-License-Identifier: ISC */
/* Evidence in words: the rows' texts with their numbers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "judging.h"

/* Adds what fits. */
static void add(char *buf, size_t size, size_t *n, struct span text)
{
	if (*n < size - 1)
		*n += span_copy(text, buf + *n, size - *n);
}

/* Whole where that says enough. */
static void add_number(char *buf, size_t size, size_t *n, double number)
{
	char text[32];
	bool is_whole = fabs(number) >= 10 || fabs(number - round(number)) < 0.05;
	int length = snprintf(text, sizeof(text), is_whole ? "%.0f" : "%.1f", number);
	if (length > 0)
		add(buf, size, n, span_of(text));
}

void text_signal(const struct points *points, char buf[SIGNALS_TEXT_MAX])
{
	const char *at = signal_rows[points->signal].text;
	size_t n = 0;
	buf[0] = '\0';
	while (*at) {
		const char *open = strchr(at, '{');
		size_t plain = open ? (size_t)(open - at) : strlen(at);
		add(buf, SIGNALS_TEXT_MAX, &n, span_make(at, plain));
		at += plain;
		if (!open)
			break;
		/* {n}, {m} or {b} */
		float number = at[1] == 'n' ? points->n : at[1] == 'm' ? points->m : points->b;
		add_number(buf, SIGNALS_TEXT_MAX, &n, (double)number);
		at += 3;
	}
}

static double points_counted(const struct signals *s, const struct points *points, second_t at)
{
	return points_at(points, at) * signal_share(s, (enum signal)points->signal);
}

size_t text_order(const struct signals *s, const struct score *score, second_t at,
	const struct points *ret[SIGNAL_COUNT])
{
	const double least = 0.5;
	size_t n = 0;
	for (unsigned i = 0; score && i < score->n && n < SIGNAL_COUNT; i++) {
		const struct points *points = &score->points[i];
		double counted = points_counted(s, points, at);
		if (counted < least)
			continue;
		size_t place = n++;
		for (; place && points_counted(s, ret[place - 1], at) < counted; place--)
			ret[place] = ret[place - 1];
		ret[place] = points;
	}
	return n;
}

void text_reason(const struct signals *s, const struct score *score, second_t at,
	char reason[LADDER_REASON_MAX + 1])
{
	const struct points *order[SIGNAL_COUNT];
	char text[SIGNALS_TEXT_MAX], points[32];
	size_t n = 0, size = LADDER_REASON_MAX + 1, found = text_order(s, score, at, order);
	reason[0] = '\0';
	for (size_t i = 0; i < found; i++) {
		text_signal(order[i], text);
		int length = snprintf(
			points, sizeof(points), ": %.0f points", points_counted(s, order[i], at));
		/* A whole one or none. */
		if (length < 0 || n + 2 + strlen(text) + (size_t)length >= size)
			break;
		add(reason, size, &n, i ? SPAN("; ") : SPAN(""));
		add(reason, size, &n, span_of(text));
		add(reason, size, &n, span_of(points));
	}
}
