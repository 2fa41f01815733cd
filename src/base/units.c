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

/* Sums of a few such numbers stay far from wrapping, and every double holds them exactly. */
#define RATE_MAX (UINT64_C(1) << 53)

/* Digits and their groups; more than any number up to RATE_MAX needs, leading zeros included. */
#define DIGITS_MAX 40

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

/*
 * The number that text begins with, digits in groups ("10_000"). How many bytes it takes, 0 when there
 * is none; what is too large for 64 bits saturates.
 */
static size_t groups_read(struct span text, uint64_t *ret)
{
	char digits[DIGITS_MAX];
	size_t n = 0, at = 0;

	for (; at < text.n; at++) {
		bool is_digit = text.p[at] >= '0' && text.p[at] <= '9';

		/* A group ends before '_' and goes on behind it. */
		if (!is_digit && (text.p[at] != '_' || at == 0 || text.p[at - 1] == '_'))
			break;
		if (is_digit && n == sizeof(digits))
			return 0;
		if (is_digit)
			digits[n++] = text.p[at];
	}
	if (n == 0 || text.p[at - 1] == '_')
		return 0;
	if (span_to_u64(span_make(digits, n), ret) != 0)
		*ret = UINT64_MAX;
	return at;
}

static int rate_complain_n(struct errbuf *err)
{
	err_set(err, "a rate is N/window, N/message or unlimited: write \"200/1h\"");
	return -EINVAL;
}

/* What stands before the slash. */
static int rate_parse_n(struct span text, struct rate *rate, struct errbuf *err)
{
	uint64_t n;
	size_t digits = groups_read(text, &n);
	struct span word = span_make(text.p + digits, text.n - digits);
	const struct unit_row *unit = NULL;

	for (size_t i = 0; i < ROWS(size_units) && !unit; i++) {
		if (span_equal(word, span_of(size_units[i].word)))
			unit = &size_units[i];
	}
	if (digits == 0 || !unit)
		return rate_complain_n(err);
	if (n > RATE_MAX / unit->factor) {
		err_set(err, "a rate counts up to %" PRIu64 "; write \"unlimited\" for no limit",
			RATE_MAX);
		return -EINVAL;
	}
	if (n == 0) {
		err_set(err, "a rate counts at least 1; write \"unlimited\" for no limit "
			     "(to stop an account, suspend it)");
		return -EINVAL;
	}
	rate->n = n * unit->factor;
	rate->is_size = unit->factor != 1;
	return 0;
}

static int rate_parse_window(struct span text, int64_t *ret_us, struct errbuf *err)
{
	int64_t us;

	if (span_equal(text, SPAN("message"))) {
		*ret_us = RATE_PER_MESSAGE;
		return 0;
	}
	if (duration_parse(text, &us, NULL) != 0) {
		err_set(err, "the window is a whole number and one of m, h, d, w, or message: "
			     "write \"200/1h\" or \"50/message\"");
		return -EINVAL;
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
	uint64_t bare;

	if (span_equal(text, SPAN("unlimited"))) {
		*ret = (struct rate){.n = RATE_UNLIMITED};
		return 0;
	}
	if (slash < 0 && text.n != 0 && groups_read(text, &bare) == text.n) {
		err_set(err, "a bare number has no window: write \"200/1h\" or \"unlimited\"");
		return -EINVAL;
	}
	if (slash < 0) {
		err_set(err, "a rate is N/window: write \"200/1h\" or \"unlimited\"");
		return -EINVAL;
	}
	int r = rate_parse_n(span_make(text.p, (size_t)slash), &rate, err);
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

	if (us == 0)
		unit = &duration_units[1];
	/* Weeks are left out: who wrote 14d wants to read 14d. */
	for (size_t i = 1; us != 0 && i + 1 < ROWS(duration_units); i++) {
		if (us % (int64_t)duration_units[i].factor == 0)
			unit = &duration_units[i];
	}
	/* It stands in every refusal: no printf(). */
	char digits[NUMBER_TEXT_SIZE];
	int64_t count = us / (int64_t)unit->factor;
	bool is_negative = count < 0;
	uint64_t size = is_negative ? -(uint64_t)count : (uint64_t)count;
	struct span number = span_of_u64(size, digits);
	buf[0] = '-';
	size_t n = is_negative;
	n += span_copy(number, buf + n, DURATION_TEXT_SIZE - n);
	span_copy(span_of(unit->word), buf + n, DURATION_TEXT_SIZE - n);
	return buf;
}

/* The largest unit that divides: sizes that were written with one read the same again. */
static const struct unit_row *size_unit_of(uint64_t bytes)
{
	const struct unit_row *unit = &size_units[0];

	for (size_t i = 1; i < ROWS(size_units); i++) {
		if (bytes % size_units[i].factor == 0)
			unit = &size_units[i];
	}
	return unit;
}

const char *rate_format(const struct rate *rate, char buf[RATE_TEXT_SIZE])
{
	char text[DURATION_TEXT_SIZE];

	if (rate->n == RATE_UNLIMITED)
		return "unlimited";
	const struct unit_row *unit = rate->is_size ? size_unit_of(rate->n) : &size_units[0];
	const char *window = rate->window_us == RATE_PER_MESSAGE
				     ? "message"
				     : duration_format(rate->window_us, text);
	int n = snprintf(buf, RATE_TEXT_SIZE, "%" PRIu64 "%s/%s", rate->n / unit->factor,
		unit->word, window);
	return n > 0 ? buf : "";
}
