/* SPDX-License-Identifier: ISC */
/*
 * subject.h - who is this? From a request to the account it is charged to (semantics 1, 2), with
 * the account's name in one canonical form, so that case, a trailing dot or an IDN spelling make no
 * second account.
 */
#ifndef POLICYD_SUBJECT_H
#define POLICYD_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/addr.h"
#include "policyd/config.h"
#include "policyd/request.h"
#include "policyd/span.h"

/* Kinds of account; the order is that of the account table's lists. */
enum account_kind { ACCOUNT_LOGIN, ACCOUNT_CERT, ACCOUNT_ADDR, ACCOUNT_KINDS };

/* Longest canonical key. A longer name keeps its first 256 bytes and ends in a hash of the whole.
 */
#define ACCOUNT_KEY_MAX 330

struct account_name {
	enum account_kind kind;
	size_t n;
	char key[ACCOUNT_KEY_MAX +
		 1]; /* "login:alice@example.org", NUL-terminated too; may hold any byte */
};

/*
 * Writes an address in canonical form to buf (at least ACCOUNT_KEY_MAX bytes) and returns its
 * length: split at the last '@', local part in ASCII lower case, domain as lower-case A-label
 * without its trailing dot (design 5). What is no valid IDN stays as its bytes, lower-cased.
 * Without '@' it is a bare name; login_domain (may be NULL) is then appended.
 */
size_t address_normalise(struct span address, const char *login_domain, char *buf);

/* True when the request is outbound (semantics 1); *ret then names its account, else is untouched.
 */
bool subject_of(
	const struct request *request, const struct config *config, struct account_name *ret);

/*
 * What a person typed: a bare login, or "login:", "cert:", "addr:" and the name. 0, or -EINVAL:
 * empty, too long, a control byte, or an address that is none; err says which.
 */
MUST_CHECK int subject_parse(struct span typed, const struct config *config,
	struct account_name *ret, struct errbuf *err);

/* For people: a login bare, others with their kind. Points into key. */
struct span subject_shown(struct span key);

#endif
