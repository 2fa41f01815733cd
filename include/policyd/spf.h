/* SPDX-License-Identifier: ISC */
/*
 * spf.h - does the SPF record of a domain let one of our addresses send for it? RFC 7208, for our own
 * house: macros, ten terms that ask, two void look-ups, and an answer that says when it is not known.
 * Pure: it says what to ask; one question at a time.
 *
 *	walk = spf_new(&(struct spf_query){ip, sender, helo})
 *	while (spf_question(walk, &question))     valid until the answer
 *		spf_answered(walk, answer)        NULL: it could not be asked
 *	spf_result(walk, &result)
 */
#ifndef POLICYD_SPF_H
#define POLICYD_SPF_H

#include <stdbool.h>

#include "policyd/addr.h"
#include "policyd/dns.h"
#include "policyd/span.h"

/* RFC 7208 2.6. */
enum spf_verdict {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR, /* not known: a look-up failed */
	SPF_PERMERROR,
	SPF_UNKNOWN, /* it depends on what only a message tells: a macro of a real local part or client name */
	SPF_VERDICTS
};
const char *spf_verdict_name(enum spf_verdict verdict);

/* Bounds beside those of the RFC. */
#define SPF_RECORD_MAX 4096
#define SPF_DEPTH_MAX  10
#define SPF_TERMS_MAX  10 /* that ask, RFC 7208 4.6.4 */
#define SPF_VOIDS_MAX  2
#define SPF_MX_MAX     10
#define SPF_PTR_MAX    10
#define SPF_TEXT_SIZE  256

struct spf_query {
	struct ip ip;
	struct span domain; /* whose record */
	struct span local;  /* %{l}; empty: "postmaster", and what depends on it is unknown */
	struct span helo;   /* %{h}; may be empty */
};
struct spf_walk;
/* Copies what it is given. */
struct spf_walk *spf_new(const struct spf_query *query);
void spf_free(struct spf_walk *walk);
/* The next thing to ask; false: it is over. The question's name is the walk's. */
bool spf_question(struct spf_walk *walk, struct dns_question *ret);
void spf_answered(struct spf_walk *walk, const struct dns_answer *answer);

struct spf_result {
	enum spf_verdict verdict;
	unsigned terms, voids;           /* used */
	char record[SPF_RECORD_MAX + 1]; /* the domain's own; "": none */
	char term
		[SPF_TEXT_SIZE]; /* that decided, with its domain: "ip4:192.0.2.0/24 of _spf.example.org"; "" */
	char why[SPF_TEXT_SIZE]; /* of an error or of unknown, in words; "" */
};
/* Only when it is over. */
void spf_result(const struct spf_walk *walk, struct spf_result *ret);

/* True for a TXT that is an SPF record (RFC 7208 4.5). */
bool spf_is_record(struct span txt);

#endif
