/* SPDX-License-Identifier: ISC */
/*
 * zone_help.h - answers out of a few lines "name TYPE value", as a resolver would give them: a name without a
 * line is NXDOMAIN, one without that type NODATA; a value "!SERVFAIL" or "!TIMEOUT" is that failure, "!NULL" no
 * answer at all, "!CUT" says that there are more records than came.
 */
#ifndef POLICYD_TEST_ZONE_HELP_H
#define POLICYD_TEST_ZONE_HELP_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/dns.h"

#define ZONE_VALUE 5000

struct zone_answer {
	struct dns_answer answer;
	struct dns_rr rr[DNS_RR_MAX];
	char value[DNS_RR_MAX][ZONE_VALUE];
	bool is_null;
};

static inline void zone_rr(struct zone_answer *ret, enum dns_type type, struct span value)
{
	size_t at = ret->answer.n;
	ck_assert_uint_lt(at, DNS_RR_MAX);
	struct span copy = span_make(ret->value[at], span_copy(value, ret->value[at], ZONE_VALUE));
	if (type == DNS_A || type == DNS_AAAA)
		ck_assert_int_eq(ip_parse(copy, &ret->rr[at].ip), 0);
	else if (type == DNS_TXT)
		ret->rr[at].text = copy;
	else
		ret->rr[at].name = copy;
	ret->answer.n++;
	ret->answer.result = DNS_FOUND;
}

static inline void zone_line(
	struct zone_answer *ret, struct span line, struct span name, enum dns_type type)
{
	struct span at = span_word(&line), of = span_word(&line), value = span_trim(line);
	if (!span_equal_nocase(at, name))
		return;
	if (ret->answer.result == DNS_NXDOMAIN)
		ret->answer.result = DNS_NODATA;
	if (!span_equal(of, span_of(dns_type_name(type))))
		return;
	if (span_equal(value, SPAN("!SERVFAIL")))
		ret->answer.result = DNS_SERVFAIL;
	else if (span_equal(value, SPAN("!TIMEOUT")))
		ret->answer.result = DNS_TIMEOUT;
	else if (span_equal(value, SPAN("!NULL")))
		ret->is_null = true;
	else if (span_equal(value, SPAN("!CUT")))
		ret->answer.is_cut = true;
	else
		zone_rr(ret, type, value);
}

static inline void zone_read(
	struct zone_answer *ret, const char *zone, const struct dns_question *question)
{
	struct span rest = span_of(zone);
	while (rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;
		zone_line(ret, span_make(rest.p, n), question->name, question->type);
		n += end != NULL;
		rest = span_make(rest.p + n, rest.n - n);
	}
}

/* For free(); what is_null says is for the caller. */
static inline struct zone_answer *zone_ask(
	const char *zone, const char *more, const struct dns_question *question)
{
	struct zone_answer *ret = calloc(1, sizeof(*ret));
	ck_assert_ptr_nonnull(ret);
	ret->answer.result = DNS_NXDOMAIN;
	ret->answer.rr = ret->rr;
	zone_read(ret, zone, question);
	if (more)
		zone_read(ret, more, question);
	return ret;
}

/* What was asked, in order: "TXT example.com, A mail.example.com". */
#define ASKED_SIZE 4096
struct asked {
	unsigned n;
	size_t text_n;
	char text[ASKED_SIZE];
};

static inline void asked_add(struct asked *asked, const struct dns_question *question)
{
	const struct span parts[] = {asked->n ? SPAN(", ") : SPAN(""),
		span_of(dns_type_name(question->type)), SPAN(" "), question->name};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		asked->text_n += span_copy(
			parts[i], asked->text + asked->text_n, ASKED_SIZE - asked->text_n);
	asked->n++;
}

#endif
