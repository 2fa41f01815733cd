/* SPDX-License-Identifier: ISC */
/*
 * Codes of blocklists as people write them: "127.0.0.2", "127.0.0.4-7", "127.0.*.3", "127.0.0.&64". Which
 * codes a list may have is rule_list.c's business.
 */
#include "code_pattern.h"

#include <errno.h>

#define OCTETS 4

/* One number of an octet. */
static int number_read(struct span text, uint8_t *ret, struct errbuf *err)
{
	uint64_t n;

	if (text.n == 0 || text.n > 3 || span_to_u64(text, &n) != 0) {
		err_set(err, "an octet is a number, a range, '*' or bits: write \"127.0.0.2\", "
			     "\"127.0.0.4-7\", \"127.0.*.3\" or \"127.0.0.&64\"");
		return -EINVAL;
	}
	if (n > UINT8_MAX) {
		err_set(err, "an octet is at most 255: write \"127.0.0.2\"");
		return -EINVAL;
	}
	*ret = (uint8_t)n;
	return 0;
}

static int range_read(
	struct span text, size_t dash, uint8_t *low, uint8_t *high, struct errbuf *err)
{
	struct span to = span_make(text.p + dash + 1, text.n - dash - 1);

	if (number_read(span_make(text.p, dash), low, err) != 0 || number_read(to, high, err) != 0)
		return -EINVAL;
	if (*low <= *high)
		return 0;
	err_set(err, "the range is the wrong way round: write %u-%u", *high, *low);
	return -EINVAL;
}

static int bits_read(struct span text, struct code_pattern *ret, struct errbuf *err)
{
	int r = number_read(text, &ret->bits, err);

	if (r == 0 && ret->bits == 0) {
		err_set(err, "no bit is set in &0: write one of &1, &2, &4 to &128, or their sum");
		r = -EINVAL;
	}
	ret->low[OCTETS - 1] = 0;
	ret->high[OCTETS - 1] = UINT8_MAX;
	return r;
}

static int octet_read(struct span text, size_t i, struct code_pattern *ret, struct errbuf *err)
{
	const char *dash = text.n ? memchr(text.p, '-', text.n) : NULL;

	if (span_equal(text, SPAN("*"))) {
		ret->low[i] = 0;
		ret->high[i] = UINT8_MAX;
		return 0;
	}
	if (i == OCTETS - 1 && span_starts(text, SPAN("&")))
		return bits_read(span_make(text.p + 1, text.n - 1), ret, err);
	if (dash)
		return range_read(text, (size_t)(dash - text.p), &ret->low[i], &ret->high[i], err);
	if (number_read(text, &ret->low[i], err) != 0)
		return -EINVAL;
	ret->high[i] = ret->low[i];
	return 0;
}

int code_pattern_read(struct span text, struct code_pattern *ret, struct errbuf *err)
{
	struct code_pattern pattern = {0};

	for (size_t i = 0; i < OCTETS; i++) {
		const char *dot = text.n ? memchr(text.p, '.', text.n) : NULL;
		struct span octet = dot ? span_make(text.p, (size_t)(dot - text.p)) : text;

		if ((dot != NULL) != (i + 1 < OCTETS)) {
			err_set(err, "a code has four octets: write \"127.0.0.2\"");
			return -EINVAL;
		}
		if (octet_read(octet, i, &pattern, err) != 0)
			return -EINVAL;
		if (dot)
			text = span_make(dot + 1, text.n - octet.n - 1);
	}
	*ret = pattern;
	return 0;
}

int code_pattern_parse(struct span text, struct code_pattern *ret)
{
	return code_pattern_read(text, ret, NULL);
}

bool code_pattern_has(const struct code_pattern *pattern, const uint8_t code[4])
{
	for (size_t i = 0; i < OCTETS; i++) {
		if (code[i] < pattern->low[i] || code[i] > pattern->high[i])
			return false;
	}
	return !pattern->bits || (code[OCTETS - 1] & pattern->bits);
}

/* Some code of the range low to high has a bit of bits. */
static bool range_has_bits(uint8_t low, uint8_t high, uint8_t bits)
{
	for (unsigned n = low; n <= high; n++) {
		if (n & bits)
			return true;
	}
	return false;
}

bool code_pattern_meets(const struct code_pattern *a, const struct code_pattern *b)
{
	for (size_t i = 0; i < OCTETS; i++) {
		if (a->low[i] > b->high[i] || b->low[i] > a->high[i])
			return false;
	}
	/* Bits of one code speak for themselves, side by side. */
	if (a->bits && b->bits)
		return (a->bits & b->bits) != 0;
	uint8_t bits = a->bits ? a->bits : b->bits;
	const struct code_pattern *range = a->bits ? b : a;
	return !bits || range_has_bits(range->low[OCTETS - 1], range->high[OCTETS - 1], bits);
}

bool code_pattern_covers(const struct code_pattern *whole, const struct code_pattern *part)
{
	for (size_t i = 0; i < OCTETS; i++) {
		if (part->low[i] < whole->low[i] || part->high[i] > whole->high[i])
			return false;
	}
	/* Codes of a range have different bits. */
	if (whole->bits)
		return part->bits ? (part->bits & ~whole->bits) == 0
				  : part->low[OCTETS - 1] == part->high[OCTETS - 1] &&
					    (part->low[OCTETS - 1] & whole->bits);
	return true;
}
