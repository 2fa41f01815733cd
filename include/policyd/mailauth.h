/* SPDX-License-Identifier: ISC */
/*
 * mailauth.h - DKIM keys and DMARC policies as they stand in DNS, and what a message says of its
 * signatures: text in, what is right and wrong with it out. Pure.
 */
#ifndef POLICYD_MAILAUTH_H
#define POLICYD_MAILAUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/dns.h"
#include "policyd/span.h"

#define MAILAUTH_TEXT_SIZE 256

/* ---- DKIM, RFC 6376 3.6.1, RFC 8301, RFC 8463 ---- */

enum dkim_fault {
	DKIM_FINE,
	DKIM_WARN, /* weak or testing: receivers still take it */
	DKIM_BAD   /* receivers do not: revoked, too short, sha1 only, not for mail, unreadable */
};
struct dkim_key {
	enum dkim_fault fault;
	char algorithm[16];                     /* "rsa", "ed25519"; as given when it is another */
	unsigned bits;                          /* of an RSA modulus, 256 of ed25519; 0: unknown */
	bool is_revoked, is_testing, is_strict; /* p= empty; t=y; t=s */
	char why[MAILAUTH_TEXT_SIZE];           /* the worst of what is wrong, in words; "" */
};
/* txt: one TXT record, its strings joined. */
void dkim_key_parse(struct span txt, struct dkim_key *ret);

/* What a message says: a DKIM-Signature field's d= and s=. RFC 6376 3.5. */
#define DKIM_SIGNATURES_MAX 16
struct dkim_signature {
	char domain[254], selector[254], algorithm[32];
};
/*
 * What a receiver says it found: one result of an Authentication-Results field, RFC 8601 2.2. Anybody may have
 * written it; the topmost are of the last receiver. All of it is printable ASCII.
 */
#define AUTH_RESULTS_MAX 24
struct auth_result {
	char server[64];            /* as it calls itself; "" */
	char method[8], result[16]; /* "spf", "dkim", "dmarc"; "pass", "fail", ... */
	char detail[200];           /* what stands behind that: "smtp.mailfrom=example.org" */
};
/*
 * Of the header of a message as it was received elsewhere (folded fields, LF or CRLF); at most
 * DKIM_SIGNATURES_MAX. Also the domain of From (the first address; "" when it cannot be read).
 */
struct message_auth {
	size_t signatures;
	struct dkim_signature signature[DKIM_SIGNATURES_MAX];
	size_t results;
	struct auth_result result[AUTH_RESULTS_MAX];
	char from_domain[254];
	char return_path_domain[254]; /* Return-Path; "" */
};
#define MESSAGE_HEADER_MAX (256 * 1024) /* what is beyond is not looked at */
void message_auth_parse(struct span message, struct message_auth *ret);
/* The next field that message_auth_parse() looks at, off the front of *rest, folds and all; false: no more. */
bool message_auth_field(struct span *rest, struct span *ret);

/*
 * Whether a signature's d= speaks for the From domain (RFC 9989 4.4, 4.10). organisational: of the From domain,
 * "" where it is not known; then what is not below one another and shares a suffix is unknown.
 */
enum dkim_alignment {
	ALIGNED_UNKNOWN,
	ALIGNED_STRICT,  /* the same */
	ALIGNED_RELAXED, /* of one organisation */
	ALIGNED_NOT
};
enum dkim_alignment dkim_aligned(const char *domain, const char *from, const char *organisational);
const char *dkim_alignment_name(enum dkim_alignment alignment);

/* ---- DMARC, RFC 9989 (7489 where it is the same) ---- */

struct dmarc_record {
	bool is_valid;
	char policy[16], subdomain_policy[16], missing_policy[16]; /* p, sp, np; "" */
	char psd;                                                  /* 'y', 'n', 'u' */
	bool is_testing;                                           /* t=y */
	bool is_strict_dkim, is_strict_spf;                        /* adkim=s, aspf=s */
	bool has_reports;                                          /* rua */
	char why[MAILAUTH_TEXT_SIZE];                              /* what is wrong with it; "" */
};
/* False: the text is no DMARC record at all (does not begin with v=DMARC1). */
bool dmarc_parse(struct span txt, struct dmarc_record *ret);

/*
 * The tree walk of RFC 9989 4.10: which names to ask for _dmarc, from the domain up, at most 8 (of more
 * than 8 labels: the name, then its last 7), and what they come to. One question at a time, as spf.h.
 */
#define DMARC_QUERIES_MAX 8
struct dmarc_walk;
struct dmarc_walk *dmarc_new(struct span domain);
void dmarc_free(struct dmarc_walk *walk);
bool dmarc_question(struct dmarc_walk *walk, struct dns_question *ret);
void dmarc_answered(struct dmarc_walk *walk, const struct dns_answer *answer);
struct dmarc_result {
	bool is_unknown; /* a look-up failed before it could be told */
	bool has_record; /* the one that holds for the domain */
	char at[254];    /* where it stands: "example.org" */
	char crowd[254]; /* the first name that has several, which is as none; "" */
	char organisational[254];
	struct dmarc_record record;
	unsigned records; /* at that name; more than one is none (RFC 9989 4.10) */
	char why[MAILAUTH_TEXT_SIZE];
};
void dmarc_result(const struct dmarc_walk *walk, struct dmarc_result *ret);

#endif
