/* SPDX-License-Identifier: ISC */
/*
 * spf_internal.h - what the parts of the SPF walk share.
 *
 *	spf_term.c   a record as terms: what is written
 *	spf_macro.c  a domain-spec as a name: macros
 *	spf.c        one record after another: include, redirect, the end
 *	spf_match.c  one term: what it asks, and whether it matches
 *	spf_text.c   what is told to people
 */
#ifndef POLICYD_SPF_INTERNAL_H
#define POLICYD_SPF_INTERNAL_H

#include "policyd/spf.h"

#define SPF_NAME_MAX  253 /* RFC 7208 4.8 */
#define SPF_LABEL_MAX 63
#define SPF_LOCAL_MAX 255

/* ---- spf_term.c ---- */

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT,
	SPF_EXP,
	SPF_OTHER /* a modifier that nobody knows: ignored, RFC 7208 6 */
};

struct spf_term {
	struct span text; /* as it is written, with its qualifier */
	enum spf_kind kind;
	enum spf_verdict verdict; /* of its qualifier */
	struct span target;       /* domain-spec; empty: the domain itself */
	struct ip_net net;        /* ip4, ip6 */
	uint8_t bits4, bits6;     /* a, mx: of 32 and 128 */
};
/* The next one: 1; 0: there is none; -EINVAL: no term (ret->text says what). */
MUST_CHECK int spf_term_take(struct span *rest, struct spf_term *ret);
/* What stands behind the version. */
struct span spf_record_terms(struct span record);
/* Sound from end to end (RFC 7208 4.6); else *ret is what is wrong. */
bool spf_record_is_sound(struct span record, struct span *ret);
/* Host bits as zero. */
void spf_net_mask(struct ip_net *net);
/* Of the first modifier of that kind. */
bool spf_record_find(struct span record, enum spf_kind kind, struct spf_term *ret);

/* ---- spf_macro.c ---- */

/* A name as bytes with dots between its labels, none at its end. */
struct spf_name {
	size_t n;
	char text[SPF_NAME_MAX + 1];
};
static inline struct span spf_name_span(const struct spf_name *name)
{
	return span_make(name->text, name->n);
}
/* False: a label is empty or too long, or there is none. */
bool spf_name_set(struct span text, struct spf_name *ret);
/* As questions have it: lower case, escaped. */
size_t spf_name_escape(struct span name, char buf[DNS_NAME_SIZE]);

/* What macros stand for. */
struct spf_values {
	struct ip ip;
	struct spf_name sender;  /* %{o} */
	struct span domain;      /* %{d} */
	struct span local, helo; /* empty: only a message tells */
};
bool spf_macros_are_sound(struct span text);
bool spf_domain_spec_is_sound(struct span spec);
/* The macro of spec that only a message tells, or 0. */
char spf_depends_on(struct span spec, const struct spf_values *values);
/* False: what comes out is no name. */
bool spf_expand(struct span spec, const struct spf_values *values, struct spf_name *ret);

/* ---- spf.c ---- */

/* What a question is for. */
enum spf_asking {
	SPF_ASK_NOTHING,
	SPF_ASK_RECORD,
	SPF_ASK_ADDRESS, /* a */
	SPF_ASK_EXISTS,
	SPF_ASK_MX,
	SPF_ASK_MX_ADDRESS,
	SPF_ASK_PTR,
	SPF_ASK_PTR_ADDRESS
};

/* One record that is being read; an include opens the next. */
struct spf_frame {
	struct spf_name domain;
	char *record; /* owned; NULL: not there yet */
	struct span terms, rest;
	struct spf_term include; /* of the one below, that led here */
	unsigned
		maybe; /* verdicts, as bits, that it has if a term matches of which we cannot know */
	bool is_redirected, is_over;
	enum spf_verdict verdict; /* if none of those did */
};

struct spf_walk {
	struct spf_values values;
	char local[SPF_LOCAL_MAX + 1];
	struct spf_name helo;
	struct spf_frame frame[SPF_DEPTH_MAX + 1];
	size_t depth; /* of the one that is read */
	bool is_over;
	enum spf_asking asking;
	enum dns_type type;
	char name[DNS_NAME_SIZE]; /* of the question */
	size_t name_n;
	struct spf_term term; /* that asks */
	char target[DNS_NAME_SIZE];
	size_t target_n;
	/* Names of an MX or PTR answer whose addresses are asked for. */
	char list[SPF_MX_MAX][DNS_NAME_SIZE];
	size_t list_n, list_at;
	bool is_void;    /* the term has been counted among the void ones */
	bool has_gap;    /* one of its look-ups failed without ending the walk */
	bool has_failed; /* what is not known is not known because of that */
	struct spf_result result;
	char maybe_term[SPF_TEXT_SIZE], maybe_why[SPF_TEXT_SIZE];
};

static inline struct spf_frame *spf_top(struct spf_walk *walk)
{
	return &walk->frame[walk->depth];
}
static inline unsigned spf_bit(enum spf_verdict verdict)
{
	return 1u << verdict;
}
/* The record is over, with that verdict. */
void spf_end(struct spf_walk *walk, enum spf_verdict verdict);
/* Goes on with the record of a domain, and comes back; */
void spf_include(struct spf_walk *walk, const struct spf_name *domain, const struct spf_term *term);
/* or in place of the present one. */
void spf_redirect(struct spf_walk *walk, const struct spf_name *domain);

/* ---- spf_match.c ---- */

void spf_ask(struct spf_walk *walk, enum spf_asking asking, enum dns_type type, struct span name);
/* The next term of the record, or its end. */
void spf_step(struct spf_walk *walk);
/* What a term asked for. */
void spf_term_answered(
	struct spf_walk *walk, enum spf_asking asking, const struct dns_answer *answer);

/* ---- spf_text.c ---- */

/* Whatever it holds, as text that can be shown. */
void spf_show(struct span text, char *buf, size_t size);
void spf_term_text(
	const struct spf_walk *walk, const struct spf_term *term, char buf[SPF_TEXT_SIZE]);
/* The record ends in an error; the sentence is printf's. */
void spf_error(struct spf_walk *walk, enum spf_verdict verdict, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* It cannot be known whether the term matches: first of its kind is remembered. */
void spf_maybe(struct spf_walk *walk, const struct spf_term *term, const char *why);

#endif
