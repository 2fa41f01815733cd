/* SPDX-License-Identifier: ISC */
/*
 * blocklist.h - the lists to ask, ready for use: what the catalogue says (conf/blocklists.conf, built
 * in, or egress.catalogue) and what the configuration says of the same name, laid together. Made by
 * config_load(), immutable, owned by the snapshot.
 *
 * A list is a DNS zone in the manner of RFC 5782. The meaning of an answer lies in its code, not in its
 * zone: each code has a kind and a severity.
 */
#ifndef POLICYD_BLOCKLIST_H
#define POLICYD_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/config.h"

/* Codes alike: each octet within its bounds; with bits, any of them in the last octet instead. */
struct code_pattern {
	uint8_t low[4], high[4];
	uint8_t bits; /* 0: the last octet has bounds as well */
};
/* "127.0.0.2", "127.0.0.4-7", "127.0.*.3", "127.0.0.&64". 0 or -EINVAL. */
MUST_CHECK int code_pattern_parse(struct span text, struct code_pattern *ret);
bool code_pattern_has(const struct code_pattern *pattern, const uint8_t code[4]);

struct blocklist_code {
	struct code_pattern pattern;
	const char *code; /* as written */
	enum listing_kind kind;
	uint8_t severity;    /* 1 to 5 */
	const char *text;    /* NULL: nothing is said */
	const char *delist;  /* a page, of the list where the code has none of its own; or NULL */
	const char *removal; /* how it ends, likewise; or NULL */
	int64_t removal_us;  /* how long that takes after it was asked for */
};

struct blocklist_error {
	struct code_pattern pattern;
	const char *text; /* or NULL */
};

/* What can be asked of a list. */
enum blocklist_subject { BLOCKLIST_IPV4, BLOCKLIST_IPV6, BLOCKLIST_DOMAIN, BLOCKLIST_SUBJECTS };
const char *blocklist_subject_name(enum blocklist_subject subject);

/*
 * A test point as it is asked: labels to put in front of the zone ("2.0.0.127", "test", "dbltest.com"), in
 * lower case, without a dot at its end.
 */
struct blocklist_test {
	const char *label;
	bool is_listed; /* must be listed; else must not be */
	unsigned
		subjects; /* what it speaks for: bits 1 << BLOCKLIST_x; asked where one of them is asked about */
};

struct blocklist {
	const char *name, *title; /* title: the name where there is none */
	const char *zone;         /* as it may be shown: with <key> for the key */
	const char *zone_asked;   /* the key in its place: never to be shown, logged or stored */
	unsigned subjects;        /* bit 1 << BLOCKLIST_x */
	bool is_enabled;          /* is asked; else only known */
	bool has_key_missing; /* the zone wants a key and there is none; never of one that is asked */
	bool clients;         /* also for clients of accounts, as a hint */
	struct blocklist_code *code;
	size_t code_n; /* 0: every 127/8 answer but errors: behaviour, severity 3 */
	struct blocklist_error
		*error; /* its own; 127.255.255.x, 127.0.0.1 alone and non-127/8 are known to all */
	size_t error_n;
	struct blocklist_test *test; /* at least one that must be listed and one that must not */
	size_t test_n;
	const char *home, *delist, *removal, *note; /* or NULL */
	int64_t removal_us; /* how long a removal takes after it was asked for */
	int64_t interval_us, interval_min_us;
	struct config_place place; /* in policyd.conf, or in the catalogue */
	bool is_own;               /* not of the catalogue */
};

#define BLOCKLISTS_MAX 100 /* lists that are asked; more are an error */

/* The first kind that it is asked about, as a bit: its test points are those that tell a dead list. */
static inline unsigned blocklist_first(const struct blocklist *list)
{
	return list->subjects & -list->subjects;
}

/* All lists that are known, those that are asked first, each part in order. */
const struct blocklist *config_blocklists(const struct config *config, size_t *ret_n);
/* By name, or by zone as it may be shown; NULL: none. */
const struct blocklist *config_blocklist_of(const struct config *config, struct span name);
/* Zones that are no more: the hint for such a zone or name (or one below it), or NULL. */
const char *config_dead_list_of(const struct config *config, struct span zone);

/* The catalogue that is built in, as text (conf/blocklists.conf). */
extern const char blocklist_catalogue[];
extern const size_t blocklist_catalogue_n;

/* What receivers offer to senders (conf/programmes.conf, built in): feedback loops, figures, good words. */
const struct config_programme *config_programmes(const struct config *config, size_t *ret_n);
extern const char programmes_catalogue[];
extern const size_t programmes_catalogue_n;

#endif
