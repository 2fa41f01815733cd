/* SPDX-License-Identifier: ISC */
/*
 * subject.h - who is this, and under which names is it counted? From a request to the account it is
 * charged to, its class, and the keys of limits (semantics 1 to 6), all in one canonical form.
 *
 * Every name is an entry of the one table of accounts: "login:alice@example.org" sends, and
 * "to_domain:example.net" is only counted by.
 *
 *	struct subject subject;
 *	if (!subject_of(&request, config, &subject))
 *		return DUNNO;
 *	struct key_input input = {&request, config, &subject, NULL};
 *	struct account_name name;
 *	if (key_name_of(limit->key, &input, &name))
 *		count under name.key
 */
#ifndef POLICYD_SUBJECT_H
#define POLICYD_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/address.h"
#include "policyd/config.h"
#include "policyd/err.h"
#include "policyd/request.h"
#include "policyd/span.h"

/* Kinds of names; each has a list of the account table, with a quota of its own. */
enum account_kind {
#define KIND(id, word, sends, share, text) ACCOUNT_##id,
#include "policyd/kind.def"
#undef KIND
	ACCOUNT_KINDS
};

struct kind_row {
	const char *word; /* "login:" */
	size_t word_n;
	bool sends;       /* an account; else a name that limits count by */
	unsigned share;   /* of accounts_max: one in so many */
	const char *text; /* for people: "login" */
};
extern const struct kind_row kind_rows[ACCOUNT_KINDS];

/* The kind that a text begins with the word of; ACCOUNT_KINDS when it begins with none. */
enum account_kind kind_of_key(struct span key);

/* Longest canonical key: an account and a domain ("pair:"). */
#define ACCOUNT_KEY_MAX 600

struct account_name {
	enum account_kind kind;
	size_t n;
	/* "login:alice@example.org", NUL-terminated too; may hold any byte. */
	char key[ACCOUNT_KEY_MAX + 1];
};
static inline struct span account_name_key(const struct account_name *name)
{
	return span_make(name->key, name->n);
}

/* Who asks: what a message has in common. */
struct subject {
	struct account_name name;
	unsigned class;      /* of config->classes */
	bool is_null_sender; /* of a trusted client without login */
	bool is_relayed;     /* from relay_networks: where the client stands says nothing */
};

/*
 * True when the request is outbound (semantics 1); *ret is then filled, else untouched. A login comes
 * first, then a listed certificate, relay_networks, trusted_networks.
 */
bool subject_of(const struct request *request, const struct config *config, struct subject *ret);

/* What one recipient is. */
struct recipient {
	bool is_local;  /* its domain is one of ours, or it has none */
	bool is_exempt; /* its local part is one of exempt_recipients, in whatever domain */
	size_t domain_n;
	char domain[ADDRESS_DOMAIN_MAX +
		    1]; /* canonical, NUL-terminated too; "" when it has none */
};
static inline struct span recipient_domain(const struct recipient *recipient)
{
	return span_make(recipient->domain, recipient->domain_n);
}

/*
 * The domain is that of the mail's way: what Postfix would read as a route through a domain of ours
 * ("user%example.net@example.org", "example.net!user") goes to the other one.
 */
void recipient_of(
	const struct request *request, const struct config *config, struct recipient *ret);

/*
 * The name that a limit of that key counts a request under. recipient: of that request, NULL where
 * it has none (then keys with a recipient have no name). False: there is none (a null sender has no
 * domain, DATA has no recipient), and the limit does not apply; *ret is then untouched.
 */
struct key_input {
	const struct request *request;
	const struct config *config;
	const struct subject *subject;
	const struct recipient *recipient;
};
bool key_name_of(enum key key, const struct key_input *input, struct account_name *ret);
/* The kind of its names; for KEY_ACCOUNT that of logins, whatever kind an account is of. */
enum account_kind key_kind(enum key key);
/* True when the key's name changes from recipient to recipient within a message. */
bool key_has_recipient(enum key key);

/*
 * What a person typed: a bare login, "@example.org" for a domain's overrides, or a kind's word and
 * the name ("addr:192.0.2.1"). Aliases are followed. 0, or -EINVAL: empty, a control byte, or no
 * address, network or domain where one belongs; err says which and what would do.
 */
MUST_CHECK int subject_parse(struct span typed, const struct config *config,
	struct account_name *ret, struct errbuf *err);

/*
 * For people: a login bare, others with their kind. What is shown names the same when it is typed.
 * Points into key.
 */
struct span subject_shown(struct span key);

/*
 * The domain in a name: of an address behind its '@', of a domain's kinds the whole, of a pair that
 * of its account; else an empty span. Points into key.
 */
struct span subject_domain(struct span key);

#endif
