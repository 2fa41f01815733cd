/* SPDX-License-Identifier: ISC */
/* One term: what it asks, and whether it matches (RFC 7208 5). */
#include <stdio.h>

#include "spf_internal.h"

_Static_assert(SPF_MX_MAX == SPF_PTR_MAX, "they share a list");

#define BITS_V4 96

void spf_ask(struct spf_walk *walk, enum spf_asking asking, enum dns_type type, struct span name)
{
	walk->asking = asking;
	walk->type = type;
	walk->name_n = spf_name_escape(name, walk->name);
}

/* As it came in an answer: escaped already. */
static void ask_listed(struct spf_walk *walk, enum spf_asking asking, enum dns_type type)
{
	struct span name = span_of(walk->list[walk->list_at]);
	walk->asking = asking;
	walk->type = type;
	walk->name_n = span_copy(name, walk->name, sizeof(walk->name));
}

static enum dns_type address_type(const struct spf_walk *walk)
{
	return ip_is_v4(&walk->values.ip) ? DNS_A : DNS_AAAA;
}

static void match(struct spf_walk *walk, const struct spf_term *term)
{
	spf_term_text(walk, term, walk->result.term);
	spf_end(walk, term->verdict);
}

/* What is not known came of a look-up: another try may tell. */
static void gap(struct spf_walk *walk, const char *why)
{
	walk->has_failed = true;
	spf_maybe(walk, &walk->term, why);
}

static bool is_within(const struct spf_walk *walk, const struct ip *ip)
{
	bool is_v4 = ip_is_v4(&walk->values.ip);
	struct ip_net net = {.base = *ip,
		.bits = (uint8_t)(is_v4 ? walk->term.bits4 + BITS_V4 : walk->term.bits6)};
	spf_net_mask(&net);
	return ip_is_v4(ip) == is_v4 && ip_net_has(&net, &walk->values.ip);
}

/* ---- answers ---- */

static bool answer_matches(const struct spf_walk *walk, const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->n && answer->result == DNS_FOUND; i++) {
		if (is_within(walk, &answer->rr[i].ip))
			return true;
	}
	return false;
}

static void address_answered(struct spf_walk *walk, const struct dns_answer *answer)
{
	if (answer_matches(walk, answer))
		match(walk, &walk->term);
	else if (answer->is_cut)
		gap(walk, "it has more addresses than fit");
}

/* The next of the listed names, if there is one. */
static bool list_next(struct spf_walk *walk, enum spf_asking asking)
{
	if (++walk->list_at >= walk->list_n)
		return false;
	ask_listed(walk, asking, address_type(walk));
	return true;
}

static void list_begin(struct spf_walk *walk, enum spf_asking asking)
{
	walk->list_at = 0;
	if (walk->list_n)
		ask_listed(walk, asking, address_type(walk));
}

/* "MX 0 ." says that there is none (RFC 7505). */
static void mx_answered(struct spf_walk *walk, const struct dns_answer *answer)
{
	walk->list_n = 0;
	if (answer->result != DNS_FOUND)
		return;
	if (answer->n > SPF_MX_MAX || answer->is_cut) {
		char term[SPF_TEXT_SIZE];
		spf_term_text(walk, &walk->term, term);
		spf_error(walk, SPF_PERMERROR, "more than %d MX records: %.200s", SPF_MX_MAX, term);
		return;
	}
	for (size_t i = 0; i < answer->n; i++) {
		if (!span_equal(answer->rr[i].name, SPAN(".")))
			span_copy(answer->rr[i].name, walk->list[walk->list_n++], DNS_NAME_SIZE);
	}
	list_begin(walk, SPF_ASK_MX_ADDRESS);
}

static void mx_address_answered(struct spf_walk *walk, const struct dns_answer *answer)
{
	if (answer_matches(walk, answer)) {
		match(walk, &walk->term);
		return;
	}
	walk->has_gap = walk->has_gap || answer->is_cut;
	if (!list_next(walk, SPF_ASK_MX_ADDRESS) && walk->has_gap)
		gap(walk, "it has more addresses than fit");
}

/* The name or one below it; both escaped. */
static bool is_below(struct span name, struct span zone)
{
	if (name.n < zone.n)
		return false;
	size_t before = name.n - zone.n;
	return span_equal_nocase(span_make(name.p + before, zone.n), zone) &&
	       (before == 0 || name.p[before - 1] == '.');
}

/* Only names that would match must prove that they are the client's. */
static void ptr_answered(struct spf_walk *walk, const struct dns_answer *answer)
{
	struct span target = span_make(walk->target, walk->target_n);
	walk->list_n = 0;
	for (size_t i = 0; i < answer->n && i < SPF_PTR_MAX && answer->result == DNS_FOUND; i++) {
		if (is_below(answer->rr[i].name, target))
			span_copy(answer->rr[i].name, walk->list[walk->list_n++], DNS_NAME_SIZE);
	}
	list_begin(walk, SPF_ASK_PTR_ADDRESS);
}

/* answer NULL: the look-up failed, and says nothing of the other names. */
static void ptr_address_answered(struct spf_walk *walk, const struct dns_answer *answer)
{
	for (size_t i = 0; answer && answer->result == DNS_FOUND && i < answer->n; i++) {
		if (ip_equal(&answer->rr[i].ip, &walk->values.ip)) {
			match(walk, &walk->term);
			return;
		}
	}
	walk->has_gap = walk->has_gap || !answer || answer->is_cut;
	if (!list_next(walk, SPF_ASK_PTR_ADDRESS) && walk->has_gap)
		gap(walk, "the address of a name could not be looked up");
}

/*
 * A receiver whose look-up for ptr fails goes on as if it did not match (RFC 7208 5.5); that does not tell what
 * others will see. Any other term ends in temperror.
 */
static void look_failed(struct spf_walk *walk, enum spf_asking asking, const char *what)
{
	if (asking == SPF_ASK_PTR) {
		gap(walk, "the name of the address could not be looked up");
		return;
	}
	if (asking == SPF_ASK_PTR_ADDRESS) {
		ptr_address_answered(walk, NULL);
		return;
	}
	spf_error(walk, SPF_TEMPERROR, "%s of %.*s: %s", dns_type_name(walk->type),
		(int)(walk->name_n < 200 ? walk->name_n : 200), walk->name, what);
}

/*
 * RFC 7208 4.6.4 limits the terms that get empty answers: one counts once, however many of the servers of an
 * mx lack an address of the client's family. Names that a ptr leads to are not the domain's fault.
 */
static bool void_is_too_many(
	struct spf_walk *walk, enum spf_asking asking, const struct dns_answer *answer)
{
	if (answer->result == DNS_FOUND || asking == SPF_ASK_PTR_ADDRESS || walk->is_void)
		return false;
	walk->is_void = true;
	if (++walk->result.voids <= SPF_VOIDS_MAX)
		return false;
	spf_error(walk, SPF_PERMERROR, "more than %d look-ups find nothing: %.*s", SPF_VOIDS_MAX,
		(int)(walk->name_n < 200 ? walk->name_n : 200), walk->name);
	return true;
}

void spf_term_answered(
	struct spf_walk *walk, enum spf_asking asking, const struct dns_answer *answer)
{
	if (!answer || answer->result > DNS_NXDOMAIN) {
		look_failed(walk, asking, answer ? dns_result_name(answer->result) : "not asked");
		return;
	}
	if (void_is_too_many(walk, asking, answer))
		return;
	switch (asking) {
	case SPF_ASK_ADDRESS:
		address_answered(walk, answer);
		break;
	case SPF_ASK_EXISTS:
		if (answer->result == DNS_FOUND)
			match(walk, &walk->term);
		break;
	case SPF_ASK_MX:
		mx_answered(walk, answer);
		break;
	case SPF_ASK_MX_ADDRESS:
		mx_address_answered(walk, answer);
		break;
	case SPF_ASK_PTR:
		ptr_answered(walk, answer);
		break;
	case SPF_ASK_PTR_ADDRESS:
		ptr_address_answered(walk, answer);
		break;
	case SPF_ASK_RECORD:
	case SPF_ASK_NOTHING:
		break;
	}
}

/* ---- terms ---- */

static bool may_ask(struct spf_walk *walk)
{
	char term[SPF_TEXT_SIZE];
	if (walk->result.terms < SPF_TERMS_MAX) {
		walk->result.terms++;
		return true;
	}
	spf_term_text(walk, &walk->term, term);
	spf_error(walk, SPF_PERMERROR, "more than %d terms ask: %.200s", SPF_TERMS_MAX, term);
	return false;
}

enum target { TARGET_NAME, TARGET_NONE, TARGET_UNKNOWN };

static enum target target_of(struct spf_walk *walk, struct spf_name *ret)
{
	struct span spec = walk->term.target;
	*ret = spf_top(walk)->domain;
	if (spec.n == 0)
		return TARGET_NAME;
	walk->values.domain = spf_name_span(&spf_top(walk)->domain);
	char letter = spf_depends_on(spec, &walk->values);
	if (letter) {
		char why[SPF_TEXT_SIZE];
		int n = snprintf(why, sizeof(why),
			"it depends on %%{%c}, which only a message tells", letter);
		spf_maybe(walk, &walk->term, n < 0 ? "" : why);
		return TARGET_UNKNOWN;
	}
	return spf_expand(spec, &walk->values, ret) ? TARGET_NAME : TARGET_NONE;
}

static void no_name(struct spf_walk *walk)
{
	char term[SPF_TEXT_SIZE];
	spf_term_text(walk, &walk->term, term);
	spf_error(walk, SPF_PERMERROR, "no domain name: %.200s", term);
}

static void record_is_read(struct spf_walk *walk)
{
	struct spf_name name;
	struct spf_frame *frame = spf_top(walk);
	if (!spf_record_find(frame->terms, SPF_REDIRECT, &walk->term)) {
		spf_end(walk, SPF_NEUTRAL); /* RFC 7208 4.7 */
		return;
	}
	if (!may_ask(walk))
		return;
	enum target target = target_of(walk, &name);
	if (target == TARGET_NAME)
		spf_redirect(walk, &name);
	else if (target == TARGET_NONE)
		no_name(walk);
	else
		spf_end(walk, SPF_UNKNOWN);
}

static void ask_ptr(struct spf_walk *walk, const struct spf_name *name)
{
	char reversed[IP_REVERSED_SIZE], text[IP_REVERSED_SIZE + 16];
	ip_reversed(&walk->values.ip, reversed);
	int n = snprintf(text, sizeof(text), "%s.%s", reversed,
		ip_is_v4(&walk->values.ip) ? "in-addr.arpa" : "ip6.arpa");
	walk->target_n = spf_name_escape(spf_name_span(name), walk->target);
	spf_ask(walk, SPF_ASK_PTR, DNS_PTR, span_make(text, n > 0 ? (size_t)n : 0));
}

static void term_ask(struct spf_walk *walk, const struct spf_name *name)
{
	switch (walk->term.kind) {
	case SPF_INCLUDE:
		spf_include(walk, name, &walk->term);
		break;
	case SPF_A:
		spf_ask(walk, SPF_ASK_ADDRESS, address_type(walk), spf_name_span(name));
		break;
	case SPF_MX:
		spf_ask(walk, SPF_ASK_MX, DNS_MX, spf_name_span(name));
		break;
	case SPF_PTR:
		ask_ptr(walk, name);
		break;
	case SPF_EXISTS: /* of any family, RFC 7208 5.7 */
		spf_ask(walk, SPF_ASK_EXISTS, DNS_A, spf_name_span(name));
		break;
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_OTHER:
		break;
	}
}

/* include, a, mx, ptr, exists. What is no name is found nowhere; only an include must be one. */
static void term_begin(struct spf_walk *walk)
{
	struct spf_name name;
	if (!may_ask(walk))
		return;
	walk->is_void = walk->has_gap = false;
	enum target target = target_of(walk, &name);
	if (target == TARGET_NAME)
		term_ask(walk, &name);
	else if (target == TARGET_NONE && walk->term.kind == SPF_INCLUDE)
		no_name(walk);
}

static bool net_matches(const struct spf_walk *walk, const struct spf_term *term)
{
	return ip_is_v4(&walk->values.ip) == (term->kind == SPF_IP4) &&
	       ip_net_has(&term->net, &walk->values.ip);
}

void spf_step(struct spf_walk *walk)
{
	struct spf_term *term = &walk->term;
	if (spf_term_take(&spf_top(walk)->rest, term) <= 0) {
		record_is_read(walk);
		return;
	}
	switch (term->kind) {
	case SPF_ALL:
		match(walk, term);
		break;
	case SPF_IP4:
	case SPF_IP6:
		if (net_matches(walk, term))
			match(walk, term);
		break;
	case SPF_INCLUDE:
	case SPF_A:
	case SPF_MX:
	case SPF_PTR:
	case SPF_EXISTS:
		term_begin(walk);
		break;
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_OTHER:
		break;
	}
}
