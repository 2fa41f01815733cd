/* SPDX-License-Identifier: ISC */
/*
 * maps.h - what is looked up in a snapshot, made when all sources are read: names in canonical form to
 * the classes, accounts, overrides and providers they stand for.
 */
#ifndef POLICYD_CONFIG_MAPS_H
#define POLICYD_CONFIG_MAPS_H

#include "diag.h"
#include "map.h"

/* Lengths of prefixes: 0 to 128. */
#define PREFIXES 129

struct config_maps {
	struct map local;   /* domains of local_domains */
	struct map aliases; /* an account's key to where the key it stands for is stored */
	/* To a number in config->classes. nets: a byte of length and the 16 of the base. */
	struct map accounts, domains, contexts, nets;
	uint8_t bits[PREFIXES]; /* the lengths in nets, longest first */
	size_t bits_n;
	struct map overrides;    /* an account's key or "domain:..." to its first override and 1 */
	uint32_t *override_next; /* the next of the same key and 1, or 0 */
	struct map providers;    /* a domain to where the name is stored */
	struct map traps;        /* an address, or "@" and a domain; canonical */
};

/*
 * Completes config (the classes that are always there, limit_set, egress_at, limit_at, until_at) and
 * makes config->maps. What cannot be, like a name in two classes, is told to diag.
 */
void maps_build(struct diag *diag, struct config *config, wall_t wall);
void maps_free(struct config_maps *maps);

/* An account's key in canonical form: "login:alice@example.org". */
#define ACCOUNT_KEY_SIZE 352 /* the longest kind and ADDRESS_MAX, with room */
struct account_key {
	size_t n;
	char text[ACCOUNT_KEY_SIZE];
};
static inline struct span account_key_span(const struct account_key *key)
{
	return span_make(key->text, key->n);
}
/*
 * What people write for an account: a login, or login:, addr:, cert: or sender: and the name. Aliases
 * are not followed. Needs maps->local. 0, or -EINVAL with a hint.
 */
MUST_CHECK int account_key_of(const struct config *config, struct span typed,
	struct account_key *ret, struct errbuf *err);
/* True when text begins with the word of a kind of account. */
bool account_has_kind(struct span text);
/* The key that a key stands for: itself where it is no alias. */
struct span account_resolve(const struct config *config, struct span key);

/* The parts of maps_build(), in this order. */
void account_build(struct diag *diag, struct config *config);
void class_build(struct diag *diag, struct config *config);
void override_build(struct diag *diag, struct config *config, wall_t wall);
void provider_build(struct diag *diag, struct config *config);
void signal_build(struct config *config);

#endif
