/* SPDX-License-Identifier: ISC */
/*
 * address.h - mail addresses and domains in one canonical form, so that case, a trailing dot or an
 * IDN spelling make no second account. What is canonical stays as it is when it is normalised again.
 */
#ifndef POLICYD_ADDRESS_H
#define POLICYD_ADDRESS_H

#include <stddef.h>

#include "policyd/span.h"

/* Longest canonical form. A longer one keeps its first 200 bytes and ends in a hash of the whole. */
#define ADDRESS_MAX 320 /* local part 64, '@', domain 255: RFC 5321 4.5.3.1 */
/* The same for a domain alone, in presentation form (RFC 1035 2.3.4). */
#define ADDRESS_DOMAIN_MAX 255

/*
 * Writes an address in canonical form to buf (at least ADDRESS_MAX bytes) and returns its length:
 * split at the last '@', local part in ASCII lower case, domain as lower-case A-label without its
 * trailing dot (design 5). What is no valid IDN stays as its bytes, lower-cased. Without '@' it is a
 * bare name; login_domain (may be NULL) is then appended.
 */
size_t address_normalise(struct span address, const char *login_domain, char *buf);

/* True when that changes nothing, seen at a glance: false may be wrong. */
bool address_is_plain(struct span address);

/* The same for a domain alone; buf holds at least ADDRESS_DOMAIN_MAX bytes. */
size_t domain_normalise(struct span domain, char *buf);

/* What stands behind the last '@', or an empty span. */
struct span address_domain(struct span address);

/*
 * A local part without its extension, which begins at the first byte of delimiters (NULL: none). As
 * in Postfix: what begins with a delimiter has no extension, and where '-' is one, mailer-daemon,
 * double-bounce, owner-* and *-request stay whole. local is in lower case.
 */
struct span address_without_extension(struct span local, const char *delimiters);

#endif
