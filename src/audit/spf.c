/* SPDX-License-Identifier: ISC */
/*
 * One record after another (RFC 7208 4): which is read, what an include means for the one that included it,
 * and the end.
 *
 * A term whose answer depends on what only a message tells (the local part, the client's own name) may match
 * or not. The walk goes on as if it did not, and keeps in `maybe` what the record would have said if it had:
 * the answer is known if both are the same, whatever the message ("exists:%{l}.example ip4:192.0.2.1 -all" lets
 * 192.0.2.1 send in any case), and else "unknown", not "not authorised". The term is not asked for with an
 * invented local part: what came back would speak of that one alone.
 */
#include <stdlib.h>

#include "policyd/mem.h"
#include "spf_internal.h"

#define BITS_ERROR (1u << SPF_TEMPERROR | 1u << SPF_PERMERROR)
#define BITS_MISS  (1u << SPF_FAIL | 1u << SPF_SOFTFAIL | 1u << SPF_NEUTRAL)

/* ---- records ---- */

static void domain_show(const struct spf_walk *walk, char *buf, size_t size)
{
	spf_show(spf_name_span(&walk->frame[walk->depth].domain), buf, size);
}

/* There is none: for an include or a redirect that is an error (RFC 7208 5.2, 6.1). */
static void record_none(struct spf_walk *walk)
{
	char domain[SPF_NAME_MAX + 1];
	const struct spf_frame *frame = spf_top(walk);
	if (walk->depth == 0 && !frame->is_redirected) {
		spf_end(walk, SPF_NONE);
		return;
	}
	domain_show(walk, domain, 200);
	spf_error(walk, SPF_PERMERROR, "%s leads to %s, which has no SPF record",
		frame->is_redirected ? "redirect" : "include", domain);
}

/* Names without a dot are nobody's domain (RFC 7208 4.3). */
static void frame_begin(struct spf_walk *walk)
{
	struct span domain = spf_name_span(&spf_top(walk)->domain);
	if (domain.n == 0 || !memchr(domain.p, '.', domain.n))
		record_none(walk);
	else
		spf_ask(walk, SPF_ASK_RECORD, DNS_TXT, domain);
}

void spf_include(struct spf_walk *walk, const struct spf_name *domain, const struct spf_term *term)
{
	if (walk->depth == SPF_DEPTH_MAX) {
		spf_error(walk, SPF_PERMERROR, "includes are nested more than %d deep",
			SPF_DEPTH_MAX);
		return;
	}
	walk->depth++;
	*spf_top(walk) = (struct spf_frame){.domain = *domain, .include = *term};
	frame_begin(walk);
}

void spf_redirect(struct spf_walk *walk, const struct spf_name *domain)
{
	struct spf_frame *frame = spf_top(walk);
	free(frame->record);
	frame->record = NULL;
	frame->rest = frame->terms = (struct span){0};
	frame->domain = *domain;
	frame->is_redirected = true;
	frame_begin(walk);
}

static void record_read(struct spf_walk *walk, struct span txt)
{
	char shown[100], domain[100];
	struct span wrong;
	struct spf_frame *frame = spf_top(walk);
	domain_show(walk, domain, sizeof(domain));
	frame->record = xstrndup(txt.p, txt.n);
	frame->terms = span_make(frame->record, txt.n);
	frame->rest = spf_record_terms(frame->terms);
	if (spf_record_is_sound(frame->terms, &wrong))
		return;
	spf_show(wrong, shown, sizeof(shown));
	spf_error(walk, SPF_PERMERROR, "syntax error in the record of %s: %s", domain, shown);
}

/* Ours, not the RFC's: what is beyond it is not known. */
static void record_too_long(struct spf_walk *walk)
{
	struct spf_term term = {.verdict = SPF_PASS, .text = SPAN("the record")};
	spf_maybe(walk, &term, "the record is longer than is looked at here");
	spf_end(walk, SPF_UNKNOWN);
}

static void record_found(struct spf_walk *walk, struct span txt)
{
	if (walk->depth == 0 && !spf_top(walk)->is_redirected)
		spf_show(txt, walk->result.record, sizeof(walk->result.record));
	if (txt.n > SPF_RECORD_MAX)
		record_too_long(walk);
	else
		record_read(walk, txt);
}

static void record_failed(struct spf_walk *walk, const char *what)
{
	char domain[SPF_NAME_MAX + 1];
	domain_show(walk, domain, 200);
	spf_error(walk, SPF_TEMPERROR, "TXT of %s: %s", domain, what);
}

static void record_answered(struct spf_walk *walk, const struct dns_answer *answer)
{
	const struct dns_rr *found = NULL;
	size_t n = 0;
	if (!answer || answer->result > DNS_NXDOMAIN) {
		record_failed(walk, answer ? dns_result_name(answer->result) : "not asked");
		return;
	}
	for (size_t i = 0; i < answer->n && answer->result == DNS_FOUND; i++) {
		if (!spf_is_record(answer->rr[i].text))
			continue;
		found = &answer->rr[i];
		n++;
	}
	if (n > 1) {
		char domain[SPF_NAME_MAX + 1];
		domain_show(walk, domain, 200);
		spf_error(walk, SPF_PERMERROR, "%s has %zu SPF records", domain, n);
	} else if (found) {
		record_found(walk, found->text);
	} else if (answer->is_cut) {
		record_failed(walk, "too many records");
	} else {
		record_none(walk);
	}
}

/* ---- ends ---- */

void spf_end(struct spf_walk *walk, enum spf_verdict verdict)
{
	spf_top(walk)->is_over = true;
	spf_top(walk)->verdict = verdict;
}

static enum spf_verdict only(unsigned bits)
{
	for (enum spf_verdict verdict = SPF_NONE; verdict < SPF_VERDICTS; verdict++) {
		if (bits == spf_bit(verdict))
			return verdict;
	}
	return SPF_UNKNOWN;
}

static void walk_end(struct spf_walk *walk, unsigned possible)
{
	struct spf_result *result = &walk->result;
	walk->is_over = true;
	result->verdict = only(possible);
	if (result->verdict == SPF_UNKNOWN) {
		/* What is missing would come with another try. */
		if (walk->has_failed)
			result->verdict = SPF_TEMPERROR;
		memcpy(result->term, walk->maybe_term, sizeof(result->term));
		memcpy(result->why, walk->maybe_why, sizeof(result->why));
	} else if (!(possible & BITS_ERROR)) {
		result->why[0] = '\0';
	}
}

/* What an included record can say, for the one that included it: RFC 7208 5.2. */
static void include_ended(struct spf_walk *walk, const struct spf_term *term, unsigned possible)
{
	struct spf_frame *frame = spf_top(walk);
	unsigned errors = possible & BITS_ERROR;
	if (possible & spf_bit(SPF_UNKNOWN))
		possible |= spf_bit(SPF_PASS) | spf_bit(SPF_FAIL);
	if (possible & BITS_MISS) {
		frame->maybe |= errors;
		if (possible & spf_bit(SPF_PASS))
			frame->maybe |= spf_bit(term->verdict);
		walk->result.term[0] = '\0';
	} else if (possible & spf_bit(SPF_PASS)) {
		frame->maybe |= errors;
		spf_end(walk, term->verdict);
	} else {
		frame->maybe |= errors;
		spf_end(walk, errors & spf_bit(SPF_PERMERROR) ? SPF_PERMERROR : SPF_TEMPERROR);
	}
}

static void frame_end(struct spf_walk *walk)
{
	struct spf_frame *frame = spf_top(walk);
	unsigned possible = frame->maybe | spf_bit(frame->verdict);
	free(frame->record);
	frame->record = NULL;
	if (walk->depth == 0) {
		walk_end(walk, possible);
		return;
	}
	walk->depth--;
	include_ended(walk, &frame->include, possible);
}

static void walk_go(struct spf_walk *walk)
{
	while (!walk->is_over && walk->asking == SPF_ASK_NOTHING) {
		if (spf_top(walk)->is_over)
			frame_end(walk);
		else
			spf_step(walk);
	}
}

/* ---- the walk ---- */

struct spf_walk *spf_new(const struct spf_query *query)
{
	struct spf_walk *walk = xcalloc(1, sizeof(*walk));
	walk->values.ip = query->ip;
	walk->values.local =
		span_make(walk->local, span_copy(query->local, walk->local, sizeof(walk->local)));
	walk->result.verdict = SPF_UNKNOWN;
	/* A HELO that is no name is not known. */
	if (spf_name_set(query->helo, &walk->helo))
		walk->values.helo = spf_name_span(&walk->helo);
	/* The name itself, never the last labels of one that is too long. */
	if (query->domain.n > SPF_NAME_MAX + 1 ||
		!spf_name_set(query->domain, &walk->values.sender))
		walk->values.sender.n = 0;
	walk->frame[0].domain = walk->values.sender;
	frame_begin(walk);
	walk_go(walk);
	return walk;
}

void spf_free(struct spf_walk *walk)
{
	if (!walk)
		return;
	for (size_t i = 0; i <= SPF_DEPTH_MAX; i++)
		free(walk->frame[i].record);
	free(walk);
}

bool spf_question(struct spf_walk *walk, struct dns_question *ret)
{
	if (walk->is_over)
		return false;
	*ret = (struct dns_question){
		.name = span_make(walk->name, walk->name_n), .type = walk->type};
	return true;
}

void spf_answered(struct spf_walk *walk, const struct dns_answer *answer)
{
	if (walk->is_over)
		return;
	enum spf_asking asking = walk->asking;
	walk->asking = SPF_ASK_NOTHING;
	if (asking == SPF_ASK_RECORD)
		record_answered(walk, answer);
	else
		spf_term_answered(walk, asking, answer);
	walk_go(walk);
}

void spf_result(const struct spf_walk *walk, struct spf_result *ret)
{
	*ret = walk->result;
}
