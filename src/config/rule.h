/* SPDX-License-Identifier: ISC */
/*
 * rule.h - what single settings demand of their text beyond their type: a path is absolute, a
 * domain looks like one. One row a setting; rules over several settings are in check.h.
 */
#ifndef POLICYD_CONFIG_RULE_H
#define POLICYD_CONFIG_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/addr.h"
#include "policyd/clock.h"
#include "policyd/err.h"
#include "policyd/span.h"

enum rule_result { RULE_WARNS = 1 };

/* path as schema_path() gives it. 0; -EINVAL; RULE_WARNS: taken, but err has something to say. */
MUST_CHECK int rule_check(const char *path, struct span text, struct errbuf *err);

/* Names of limits, classes and the like; RULE_SIZE of verdict.h has room for it. */
#define RULE_NAME_MAX 40

/*
 * The same for the content of a secret's file at path. No hint shows any of it. 0 or -EINVAL.
 */
MUST_CHECK int rule_check_secret(
	const char *setting, struct span content, const char *path, struct errbuf *err);

/* Labels of letters, digits, '-', '_' and bytes beyond ASCII, with dots between them. */
bool rule_is_domain(struct span text);
/* Letters, digits, '_', '.' and '-': a name of ours, or a transport's. */
bool rule_is_word(struct span text);
/* A header field's name (RFC 5322 2.2). */
bool rule_is_field_name(struct span text);

/*
 * "2026-12-31" (to the end of that day) or "2026-12-31T18:00:00Z", in UTC. 0 or -EINVAL with a hint.
 */
MUST_CHECK int rule_until_parse(struct span text, wall_t *ret, struct errbuf *err);

/* A listen address, taken apart: a unix path, or an address and port. */
struct rule_address {
	struct span path; /* empty for inet */
	struct ip ip;
	uint16_t port;
};
/* "unix:/path", "inet:192.0.2.1:port" or "inet:[2001:db8::1]:port". 0 or -EINVAL with a hint. */
MUST_CHECK int rule_address_parse(struct span text, struct rule_address *ret, struct errbuf *err);

#endif
