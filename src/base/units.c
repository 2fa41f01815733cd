/* SPDX-License-Identifier: ISC */
/*
 * units.c - durations, sizes and rates between text and numbers. Bounds that belong to one setting
 * are not known here, only those of the forms themselves.
 */
#include "policyd/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "policyd/clock.h"

/*
 * A ring's cell has at most 32 bits, and a few cells are added up: far from wrapping, beyond need.
 */
#define RATE_MAX UINT64_C(1000000000)

struct unit_row {
	const char *word;
	uint64_t factor;
};

/* Smallest first: duration_format() takes the last one that divides. */
static const struct unit_row duration_units[] = {
	{"ms", MSEC_US},
	{"s", SECOND_US},
	{"m", MINUTE_US},
	{"h", HOUR_US},
	{"d", DAY_US},
	{"w", 7 * DAY_US},
};

static const struct unit_row size_units[] = {
	{"", 1},
	{"k", UINT64_C(1) << 10},
	{"M", UINT64_C(1) << 20},
	{"G", UINT64_C(1) << 30},
};

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static size_t digits_count(struct span text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
		n++;
	return n;
}

/* A whole number and one of the words. 0; -EINVAL; -ERANGE when it does not fit below INT64_MAX. */
static int amount_parse(struct span text, const struct unit_row *row, size_t rows, uint64_t *ret)
{
	size_t digits = digits_count(text);
	struct span word;
	uint64_t n;
	int r = span_to_u64(span_make(text.p, digits), &n);

	if (r != 0)
		return r;
	word = span_make(text.p + digits, text.n - digits);
	for (size_t i = 0; i < rows; i++) {
		if (!span_equal(word, span_of(row[i].word)))
			continue;
		if (n > INT64_MAX / row[i].factor)
			return -ERANGE;
		*ret = n * row[i].factor;
		return 0;
	}
	return -EINVAL;
}

int duration_parse(struct span text, int64_t *ret_us, struct errbuf *err)
{
	uint64_t us;
	int r;

	if (span_equal(text, SPAN("0"))) {
		*ret_us = 0;
		return 0;
	}
	r = amount_parse(text, duration_units, ROWS(duration_units), &us);
	if (r == -ERANGE)
		err_set(err, "this duration is too long");
	else if (r != 0)
		err_set(err, "a duration is a whole number and one of ms, s, m, h, d, w: "
			     "write \"90s\" or \"4h\"");
	if (r != 0)
		return -EINVAL;
	*ret_us = (int64_t)us;
	return 0;
}

int size_parse(struct span text, uint64_t *ret_bytes, struct errbuf *err)
{
	int r = amount_parse(text, size_units, ROWS(size_units), ret_bytes);

	if (r == -ERANGE)
		err_set(err, "this size is too large");
	else if (r != 0)
		err_set(err, "a size is a whole number of bytes, or of k, M or G: write \"10M\"");
	return r == 0 ? 0 : -EINVAL;
}

/* What stands before the slash. */
static int rate_parse_n(struct span text, uint32_t *ret, struct errbuf *err)
{
	uint64_t n;
	int r = span_to_u64(text, &n);

	if (r == -EINVAL)
		err_set(err, "a rate is N/window or unlimited: write \"200/1h\"");
	else if (r == -ERANGE || n > RATE_MAX)
		err_set(err, "a rate counts up to %" PRIu64 "; write \"unlimited\" for no limit",
			RATE_MAX);
	else if (n == 0)
		err_set(err, "a rate counts at least 1; write \"unlimited\" for no limit "
			     "(to stop an account, suspend it)");
	if (r != 0 || n == 0 || n > RATE_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int rate_parse_window(struct span text, int64_t *ret_us, struct errbuf *err)
{
	int64_t us;
	int r = duration_parse(text, &us, NULL);

	if (r != 0) {
		err_set(err,
			"the window is a whole number and one of m, h, d, w: write \"200/1h\"");
		return r;
	}
	if (us < MINUTE_US || us > 31 * DAY_US) {
		err_set(err, "the window is 1m to 31d: write \"200/1h\"");
		return -EINVAL;
	}
	*ret_us = us;
	return 0;
}

int rate_parse(struct span text, struct rate *ret, struct errbuf *err)
{
	struct rate rate = {0};
	ptrdiff_t slash = span_rfind(text, '/');
	int r;

	if (span_equal(text, SPAN("unlimited"))) {
		*ret = (struct rate){.n = RATE_UNLIMITED};
		return 0;
	}
	if (slash < 0 && text.n != 0 && digits_count(text) == text.n) {
		err_set(err, "a bare number has no window: write \"200/1h\" or \"unlimited\"");
		return -EINVAL;
	}
	if (slash < 0) {
		err_set(err, "a rate is N/window: write \"200/1h\" or \"unlimited\"");
		return -EINVAL;
	}
	r = rate_parse_n(span_make(text.p, (size_t)slash), &rate.n, err);
	if (r == 0)
		r = rate_parse_window(span_make(text.p + slash + 1, text.n - (size_t)slash - 1),
			&rate.window_us, err);
	if (r == 0)
		*ret = rate;
	return r;
}

const char *duration_format(int64_t us, char buf[DURATION_TEXT_SIZE])
{
	const struct unit_row *unit = &duration_units[0];
	int n;

	if (us == 0)
		unit = &duration_units[1];
	/* Weeks are left out: who wrote 14d wants to read 14d. */
	for (size_t i = 1; us != 0 && i + 1 < ROWS(duration_units); i++) {
		if (us % (int64_t)duration_units[i].factor == 0)
			unit = &duration_units[i];
	}
	n = snprintf(
		buf, DURATION_TEXT_SIZE, "%" PRId64 "%s", us / (int64_t)unit->factor, unit->word);
	return n > 0 ? buf : "";
}

const char *rate_format(const struct rate *rate, char buf[RATE_TEXT_SIZE])
{
	char window[DURATION_TEXT_SIZE];
	int n;

	if (rate->n == RATE_UNLIMITED)
		return "unlimited";
	n = snprintf(buf, RATE_TEXT_SIZE, "%" PRIu32 "/%s", rate->n,
		duration_format(rate->window_us, window));
	return n > 0 ? buf : "";
}
