/* SPDX-License-Identifier: ISC */
/*
 * One answer of a list: clean, listed with these codes, or an error that says nothing of who was asked
 * about. Errors come first: a set with one of them in it is none to rely on.
 */
#include <string.h>

#include "internal.h"

static const uint8_t localhost[4] = {127, 0, 0, 1};

static bool is_error_everywhere(const uint8_t code[4])
{
	return code[0] == 127 && code[1] == 255 && code[2] == 255;
}

/* ---- sets of codes ---- */

void codes_add(struct codes *codes, const uint8_t code[4])
{
	size_t at = 0;
	while (at < codes->n && memcmp(codes->at[at], code, 4) < 0)
		at++;
	if (at == LISTING_CODES_MAX || (at < codes->n && memcmp(codes->at[at], code, 4) == 0))
		return;
	/* Of too many the lowest stay, in whatever order they come. */
	if (codes->n == LISTING_CODES_MAX)
		codes->n--;
	memmove(codes->at + at + 1, codes->at + at, (codes->n - at) * sizeof(codes->at[0]));
	memcpy(codes->at[at], code, 4);
	codes->n++;
}

bool codes_refuse(const struct codes *codes)
{
	for (size_t i = 0; i < codes->n; i++) {
		const uint8_t *code = codes->at[i];
		if (is_error_everywhere(code) || memcmp(code, localhost, 4) == 0)
			return true;
	}
	return false;
}

bool codes_equal(const struct codes *a, const struct codes *b)
{
	return a->n == b->n && memcmp(a->at, b->at, a->n * sizeof(a->at[0])) == 0;
}

static bool is_worse(const struct blocklist_code *a, const struct blocklist_code *b)
{
	if (!b || a->kind != b->kind)
		return !b || a->kind < b->kind;
	return a->severity > b->severity;
}

const struct blocklist_code *codes_worst(const struct blocklist *list, const struct codes *codes)
{
	const struct blocklist_code *worst = NULL;
	for (size_t i = 0; i < list->code_n; i++) {
		bool has = false;
		for (size_t j = 0; j < codes->n && !has; j++)
			has = code_pattern_has(&list->code[i].pattern, codes->at[j]);
		if (has && is_worse(&list->code[i], worst))
			worst = &list->code[i];
	}
	return worst;
}

struct meaning codes_meaning(const struct blocklist *list, const struct codes *codes)
{
	const struct blocklist_code *row = codes_worst(list, codes);
	if (!row)
		return (struct meaning){.kind = LISTING_BEHAVIOUR, .severity = 3};
	return (struct meaning){.kind = row->kind, .severity = row->severity, .text = row->text};
}

bool list_has_scores(const struct blocklist *list)
{
	for (size_t i = 0; i < list->code_n; i++) {
		if (list->code[i].kind == LISTING_SCORE)
			return true;
	}
	return false;
}

/* ---- one code ---- */

static bool is_of_row(const struct blocklist *list, const uint8_t code[4])
{
	for (size_t i = 0; i < list->code_n; i++) {
		if (code_pattern_has(&list->code[i].pattern, code))
			return true;
	}
	return false;
}

/* A row that means 127.0.0.1, and does not just span it. */
static bool means_localhost(const struct blocklist *list)
{
	for (size_t i = 0; i < list->code_n; i++) {
		const struct code_pattern *p = &list->code[i].pattern;
		bool spans = p->bits == 0 && p->low[3] == 0 && p->high[3] == UINT8_MAX;
		if (!spans && code_pattern_has(p, localhost))
			return true;
	}
	return false;
}

static bool is_error(const struct blocklist *list, const uint8_t code[4])
{
	if (is_error_everywhere(code))
		return true;
	for (size_t i = 0; i < list->error_n; i++) {
		if (code_pattern_has(&list->error[i].pattern, code))
			return true;
	}
	return false;
}

/* ---- the answer ---- */

/* Those of one sort out of an answer: what is an error, what lies outside, what has a row. */
enum sort { SORT_ERROR, SORT_OUTSIDE, SORT_LOCALHOST, SORT_ROW, SORT_OTHER };

static enum sort sort_of(const struct blocklist *list, const uint8_t code[4])
{
	if (is_error(list, code))
		return SORT_ERROR;
	if (code[0] != 127)
		return SORT_OUTSIDE;
	if (memcmp(code, localhost, 4) == 0 && !means_localhost(list))
		return SORT_LOCALHOST;
	return list->code_n == 0 || is_of_row(list, code) ? SORT_ROW : SORT_OTHER;
}

/*
 * The first sort that is there decides, in this order: an error before all else; 127.0.0.1 means trouble
 * only where nothing but it came back.
 */
static const struct {
	enum sort sort;
	enum sight_kind kind;
} orders[] = {
	{SORT_ERROR, SIGHT_ERROR},
	{SORT_OUTSIDE, SIGHT_OUTSIDE},
	{SORT_ROW, SIGHT_LISTED},
	{SORT_OTHER, SIGHT_UNMATCHED},
	{SORT_LOCALHOST, SIGHT_ERROR},
};

static void records_of(
	const struct blocklist *list, const struct dns_answer *answer, struct sight *ret)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		for (size_t j = 0; j < answer->n && j < DNS_RR_MAX; j++) {
			const uint8_t *code = answer->rr[j].ip.byte + 12;
			if (sort_of(list, code) == orders[i].sort)
				codes_add(&ret->codes, code);
		}
		if (ret->codes.n) {
			ret->kind = orders[i].kind;
			return;
		}
	}
	/* "Found" without anything: who says so cannot be believed. */
	ret->kind = SIGHT_FAILED;
	ret->result = DNS_MALFORMED;
}

void sight_of(const struct blocklist *list, const struct dns_answer *answer, struct now now,
	struct sight *ret)
{
	*ret = (struct sight){.kind = SIGHT_UNASKED, .fetched = now.mono};
	if (!answer)
		return;
	ret->result = answer->result;
	ret->ttl_s = answer->ttl_s;
	/* An answer cannot come from the future. */
	ret->fetched = mono_min(answer->fetched, now.mono);
	switch (answer->result) {
	case DNS_FOUND:
		records_of(list, answer, ret);
		/* What was left out may be an error code. */
		if (answer->is_cut)
			*ret = (struct sight){.kind = SIGHT_FAILED,
				.result = DNS_MALFORMED,
				.fetched = ret->fetched};
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		ret->kind = SIGHT_CLEAN;
		break;
	case DNS_SERVFAIL:
	case DNS_REFUSED:
	case DNS_TIMEOUT:
	case DNS_MALFORMED:
		ret->kind = SIGHT_FAILED;
		break;
	}
}
