/* SPDX-License-Identifier: ISC */
/*
 * egress.h - how the world sees our sending addresses: which lists name them, and which lists can be
 * believed. Pure: it says what to ask (effects) and judges the answers; time and chance come in.
 *
 * A list is believed only while its test points (RFC 5782) are right through the same resolver in the same
 * cycle. What one answer says is an observation; a verdict is N of M observations, each of them fetched after
 * the one before had run out (semantics 25). What is not renewed becomes unknown (26). Unknown is never
 * clean and never listed.
 *
 *	egress_tick(e, now) at egress_due(e)
 *	while (egress_effect(e, &effect)) ...        ASK: dns, EVENT: store and log, NOTE: log
 *	egress_answered(e, effect.ask, answer, now)  exactly once for each ASK
 */
#ifndef POLICYD_EGRESS_H
#define POLICYD_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/addr.h"
#include "policyd/blocklist.h"
#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/config.h"
#include "policyd/dns.h"
#include "policyd/event.h"

struct egress;

struct egress_setup {
	struct config *config; /* a reference is taken */
	uint64_t seed[2];
};
struct egress *egress_new(const struct egress_setup *setup, struct now now);
void egress_free(struct egress *e);
/* A new snapshot; what is known of lists and subjects that stay, stays. */
void egress_configure(struct egress *e, struct config *config, struct now now);

/* ---- our addresses ---- */

#define EGRESS_ADDRESSES_MAX 64
#define EGRESS_DOMAINS_MAX   256

struct egress_address {
	struct ip ip;
	char helo[254];     /* "": not known */
	char transport[64]; /* "": not known */
	char origin
		[64]; /* where it is from: "egress.addresses", "smtp_bind_address", "interface eth0", "who_am_i" */
};
/*
 * What "auto" came to: takes the place of what was found before; those of the configuration stay beside
 * it. note: why nothing, or not all, was found, or "".
 */
void egress_addresses_found(struct egress *e, const struct egress_address *found, size_t n,
	const char *note, struct now now);
/* The i-th, or NULL behind the last. Valid until the next call that changes something. */
const struct egress_address *egress_address_at(const struct egress *e, size_t i);
const char *egress_addresses_note(const struct egress *e);

/* ---- the flow ---- */

void egress_tick(struct egress *e, struct now now);
/* When egress_tick() has something to do; MONO_NEVER: never. */
mono_t egress_due(const struct egress *e);
/* So many requests were charged since the last call: lists are asked earlier (egress.check_after). */
void egress_traffic(struct egress *e, uint64_t messages, struct now now);

typedef uint64_t egress_ask;
/* answer NULL: it could not be asked (the queue is full). Unknown numbers are fine. */
void egress_answered(
	struct egress *e, egress_ask ask, const struct dns_answer *answer, struct now now);

enum egress_effect_kind {
	EGRESS_ASK,   /* put the question; at most EGRESS_IN_FLIGHT_MAX are open */
	EGRESS_EVENT, /* a verdict or a list's state has changed: store, log */
	EGRESS_NOTE   /* a line for the log */
};
#define EGRESS_IN_FLIGHT_MAX 64
struct egress_effect {
	enum egress_effect_kind kind;
	egress_ask ask;
	struct dns_question question; /* ASK; its name holds a list's key: not for logs */
	/* EVENT; spans until the next call. account: "egress:192.0.2.10", "domain:example.org" or "blocklist:zen" */
	struct policy_event event;
	bool is_grave; /* EVENT: worth a warning (a listing, a loss of state, a list that is not OK) */
	const char *note; /* NOTE; until the next call */
};
bool egress_effect(struct egress *e, struct egress_effect *ret);

/* ---- looking now ---- */

typedef uint32_t egress_check; /* 0: none */
struct egress_check_query {
	struct span subject; /* an address or domain of ours; empty: all */
	struct span list;    /* empty: all that are enabled */
	bool only_tests;     /* only the test points of list, which need not be enabled */
};
#define EGRESS_CHECKS_MAX 16
/*
 * Begins to look, whatever was due. *ret names it. 0; -ENOENT: no such subject or list (err says what
 * there is); -EAGAIN: EGRESS_CHECKS_MAX are under way. What has not been answered when deadline comes is
 * unknown. The end of it is kept until egress_check_drop(), or an hour.
 */
MUST_CHECK int egress_check_begin(struct egress *e, const struct egress_check_query *query,
	mono_t deadline, struct now now, egress_check *ret, struct errbuf *err);
struct egress_check_state {
	size_t done, total; /* questions, test points included */
	bool is_over;
};
/* False: there is no such check. */
bool egress_check_state(const struct egress *e, egress_check id, struct egress_check_state *ret);
void egress_check_drop(struct egress *e, egress_check id);

/* ---- what is known ---- */

enum verdict_state { SEEN_UNKNOWN, SEEN_CLEAN, SEEN_LISTED };
const char *verdict_state_name(enum verdict_state state); /* "unknown", "clean", "listed" */

enum list_state {
	LIST_UNTESTED, /* not asked yet */
	LIST_OK,       /* both test points are right: the only state that says anything */
	LIST_DEAD,     /* what must be listed is not */
	LIST_WORLD, /* what must not be listed is, or answers are outside of 127/8: hijacked or parked */
	LIST_REFUSED,     /* an error code: our resolver is not welcome */
	LIST_UNREACHABLE, /* no answer, SERVFAIL, REFUSED */
	LIST_STATES
};
const char *list_state_name(enum list_state state); /* "OK", "DEAD", ... "untested" */

#define LISTING_CODES_MAX 16
#define LISTING_TEXT_SIZE 256
struct listing {
	const char *subject;     /* "192.0.2.10", "mail.example.org" */
	const char *subject_why; /* "egress", "helo", "ptr", "local_domains", "egress.domains" */
	bool is_domain;
	const struct blocklist *list;
	/* The verdict, and what the last answer said. */
	enum verdict_state verdict, seen;
	uint8_t code[LISTING_CODES_MAX][4]; /* of the verdict while listed, else of seen */
	size_t code_n;
	/* The worst of the codes: by kind first (behaviour, policy, neighbour), then severity. NULL: none. */
	const struct blocklist_code *worst;
	enum listing_kind kind; /* when listed; behaviour and 3 without codes of its own */
	uint8_t severity;
	int score;        /* of a SCORE code: the last octet; -1: none */
	const char *why;  /* why it is unknown, in words; "" when it is not */
	const char *text; /* the list's TXT, as far as it is printable; "" */
	wall_t since;     /* of the verdict; 0: never */
	wall_t looked;    /* the last answer that told something; 0: never */
	wall_t next;      /* when it is asked next */
	enum list_state list_state;
	unsigned listed_looks, looks, clean_looks; /* of N of M, for people */
};
/* Each listing of the enabled lists, by subject, then list. False from each ends it. */
typedef bool egress_each_listing(void *ctx, const struct listing *listing);
void egress_listings(const struct egress *e, struct now now, egress_each_listing *each, void *ctx);
/* The same as one check saw it: verdict is what was seen. */
void egress_check_listings(const struct egress *e, egress_check id, struct now now,
	egress_each_listing *each, void *ctx);

/* A test point as one check saw it. */
struct check_test {
	const struct blocklist *list;
	const char *label;   /* as it was asked, in front of the zone: "2.0.0.127" */
	bool must_be_listed; /* else it must not be */
	bool is_done;        /* answered */
	bool is_right;       /* answered as it must be */
	const char *answer;  /* in words: "listed: 127.0.0.2", "not listed", "timeout"; "" before */
	enum list_state
		state; /* what all test points come to; LIST_UNTESTED before they are answered */
};
typedef bool egress_each_test(void *ctx, const struct check_test *test);
/* By list, then test point. */
void egress_check_tests(const struct egress *e, egress_check id, egress_each_test *each, void *ctx);

struct list_view {
	const struct blocklist *list;
	enum list_state state;
	wall_t since, tested, next; /* 0: never */
	const char *why;            /* what made it so, in words; "" */
	uint64_t asked, failed;     /* questions since the start, test points included */
};
typedef bool egress_each_list(void *ctx, const struct list_view *view);
/* All that are known, enabled ones first. */
void egress_lists(const struct egress *e, struct now now, egress_each_list *each, void *ctx);

struct egress_figures {
	size_t addresses, domains, lists, records;
	size_t cut; /* names of ours beyond EGRESS_DOMAINS_MAX, which are not looked up */
	size_t listed[LISTING_COUNT]; /* verdicts at present by kind */
	size_t unknown, lists_ok, lists_not_ok, in_flight;
	uint64_t asked, answered, failed;
	uint64_t dropped;         /* events and notes that nobody took in time */
	uint64_t clients_put_off; /* clients that were not looked up, because too many waited */
	size_t clients, clients_listed;
	uint64_t bytes; /* memory */
};
void egress_figures(const struct egress *e, struct egress_figures *ret);

/* ---- clients of accounts, as a hint (blocklists.clients) ---- */

/*
 * A request of account came from ip. Remembers it; what is asked because of it is asked by a later
 * egress_tick(). At most 1024 are remembered; private addresses and lists without clients cost nothing.
 */
void egress_client_seen(struct egress *e, const struct ip *ip, struct span account, struct now now);
struct client_hint {
	struct ip ip;
	const char *account;          /* the last one it was seen with */
	const struct blocklist *list; /* the worst; NULL while not listed */
	const struct blocklist_code *code;
	enum verdict_state state;
	wall_t looked; /* 0: not yet */
};
/* False: nothing is known of it. */
bool egress_client_hint(
	const struct egress *e, const struct ip *ip, struct now now, struct client_hint *ret);
typedef bool egress_each_client(void *ctx, const struct client_hint *hint);
void egress_clients(const struct egress *e, struct now now, egress_each_client *each, void *ctx);

/* ---- what outlives the process ---- */

/* True since something that egress_save() writes has changed, until it is called. */
bool egress_is_dirty(const struct egress *e);
/* Appends everything that is known as one record (TLV, bytes.h). */
void egress_save(struct egress *e, struct bytes *out, struct now now);
/* Takes over what it knows of; what is unknown or damaged is passed over. 0 or -EBADMSG. */
MUST_CHECK int egress_load(struct egress *e, struct span saved, struct now now);

#endif
