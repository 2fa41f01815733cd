/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of the engine share; private to it.
 *
 *	engine.c       its life: connections, a new snapshot, time passing
 *	flow.c         one request from question to verdict; late answers
 *	transaction.c  a message: found by (peer, instance), its answers, reservations, end
 *	stage.c        at which stage a message counts for good, by where Postfix asks
 *	judge.c        what the limits say to a request
 *	text.c         the words of a verdict
 *	ticket.c       requests that wait for the charge port
 *	effect.c       decisions remembered, effects queued
 *	view.c         what the desk sees
 */
#ifndef POLICYD_ENGINE_INTERNAL_H
#define POLICYD_ENGINE_INTERNAL_H

#include "policyd/engine.h"
#include "policyd/limits.h"
#include "policyd/table.h"

/* ---- stage.c ---- */

/* A place in Postfix that asks: a listener and a server_port (semantics 9). */
struct hook {
	uint64_t id;
	enum stage latest; /* the latest stage seen from there; STAGE_RCPT at first */
	uint32_t
		misses; /* messages in a row that ended without the stage that should commit them */
	bool warned;
};

/* More places than any Postfix has ports; messages from others are booked at RCPT. */
#define HOOKS_MAX     64
#define HOOK_MISS_MAX 100 /* semantics 9 */
#define HOOK_NONE     UINT32_MAX

uint32_t hook_find(struct engine *e, uint64_t listener, struct span server_port);
void hook_saw(struct engine *e, uint32_t hook, enum stage stage);
/* The stage at which a message that opens now is booked. */
enum stage hook_commit_at(const struct engine *e, uint32_t hook);
/* A message ended, with or without having reached its commit stage. */
void hook_ended(struct engine *e, uint32_t hook, bool committed);

/* ---- transaction.c ---- */

/* A verdict of a message: its answers by one rule share it, since they say the same. */
struct kept {
	struct kept *next;
	struct verdict verdict;
};

/* What (stage, recipient) was answered. */
struct answer {
	uint64_t id;
	const struct verdict *verdict; /* of a kept one; NULL: a plain pass */
};

/* More than any smtpd_recipient_limit in use; recipients beyond are judged afresh each time. */
#define ANSWERS_MAX 4096
#define ANSWERS_FEW 2

struct transaction {
	struct table_node node;   /* key: peer (16 bytes), instance */
	struct limits_plan *plan; /* referenced: the rules it began under */
	struct table_ref account;
	uint64_t account_hash; /* of its key: the account itself, also when it was forgotten */
	mono_t opened, lost;
	uint32_t conns; /* connections whose current message this is */
	uint32_t hook;
	uint32_t accepted; /* recipients that may go on */
	enum stage commit_at;
	bool is_pinning;   /* holds the account in memory */
	bool is_nameless;  /* without instance: ends with its one request */
	bool is_booked;    /* charges are booked as they come: commit_at is RCPT, or has passed */
	bool is_committed; /* what was reserved was booked, at committed */
	bool is_diverted;  /* got HOLD or the like: later requests of it pass */
	bool is_refused;   /* at its commit stage: it is no miss of the hook */
	mono_t committed;
	struct named { /* its last decision: [0] enforced, [1] observed */
		char reference[REFERENCE_SIZE];
		char rule[RULE_SIZE];
	} named[2];
	/* Reserved, or booked by the commit, for each ring of the plan; NULL: nothing yet. */
	uint32_t *amount;
	struct kept *kept;
	uint32_t answers_n, answers_size;
	struct answer few[ANSWERS_FEW];
	struct answer *answers; /* few, or a longer array of its own */
};

enum { TRANSACTION_OPEN, TRANSACTION_LAPSED, TRANSACTION_LOST, TRANSACTION_LISTS };

struct transaction_key {
	size_t n;
	char bytes[16 + 256];
};

/* The table's drop: gives back what is reserved, frees what the message owns. */
void transaction_drop(void *ctx, void *entry, bool evicted);
/* The key of a message; an instance is cut at 256 bytes. */
void transaction_key(struct transaction_key *ret, const struct ip *peer, struct span instance);
struct transaction *transaction_open(struct engine *e, const struct transaction_key *key,
	struct account *account, uint32_t hook, struct now now);
/* To the rules of the engine's present plan, after a reload. */
void transaction_replan(struct engine *e, struct transaction *tx);

const struct answer *transaction_answer(const struct transaction *tx, uint64_t id);
void transaction_remember(struct transaction *tx, uint64_t id, const struct verdict *verdict);

/* Applies a granted charge: books it, or reserves it until the commit. */
void transaction_charge(
	struct engine *e, struct transaction *tx, const struct charge *charge, struct now now);
/* Books what is reserved, for count recipients; what was reserved beyond is given back. */
void transaction_commit(struct engine *e, struct transaction *tx, uint32_t count, struct now now);
/* Gives back what is reserved, or what the commit booked; a later commit is checked anew. */
void transaction_release(struct engine *e, struct transaction *tx, struct now now);
void transaction_refund(struct engine *e, struct transaction *tx, struct now now);
/* Gives back a reservation that is older than reserve_max (semantics 10). */
void transaction_lapse(struct engine *e, struct transaction *tx, struct now now);
/* The message is over: committed, or given up. tx is gone afterwards. */
void transaction_end(struct engine *e, struct transaction *tx, struct now now);

/* ---- judge.c ---- */

/* What is asked of the limits at once. */
struct cost {
	uint32_t messages, recipients;
};

/* A rule without room, and how it stands. */
struct finding {
	const struct limit_rule *rule; /* NULL: none */
	uint32_t used;
	mono_t room_at;
};

/* What the rules say to a cost, and what is to be charged if the message goes on. */
struct judgement {
	struct finding acts;  /* the strongest enforced rule without room */
	struct finding would; /* the first observe rule without room */
	unsigned items;
	struct charge_item item[CONFIG_LIMITS_MAX];
};

void judge(struct limits_plan *plan, struct account *account, struct cost cost, mono_t mono,
	struct judgement *ret);

/* ---- text.c ---- */

/* The words of a verdict, from a decision whose other fields are filled, into its text. */
void text_limit(struct decision *d, const struct config *config, const struct limit_rule *rule);
void text_standing(
	struct decision *d, const struct config *config, const struct standing *standing);

/* ---- ticket.c ---- */

/* One question about a message, while it is on its way to an answer. */
struct asked {
	enum stage stage;
	uint64_t answer_id;  /* of (stage, recipient), for transaction_remember */
	uint32_t recipients; /* recipient_count */
	struct cost cost;
};

/*
 * It holds what the answer will need, and no pointer to anything that may go: the message and its
 * account by ref (the account pinned), the rules by reference.
 */
struct ticket {
	struct table_node node; /* key: the charge's id */
	struct table_ref transaction;
	struct table_ref account;
	engine_conn conn; /* 0: lost meanwhile */
	mono_t due;
	struct limits_plan *plan; /* referenced */
	struct asked asked;
	struct verdict verdict;   /* if it is granted */
	struct decision decision; /* of that verdict, or what is known so far of another */
	bool is_first;            /* that decision is its rule's first in the message */
	struct charge charge;
};

/* The table's drop: unpins, unrefs. */
void ticket_drop(void *ctx, void *entry, bool evicted);
/* A copy of what is pending, to be found by the charge's id. */
struct ticket *ticket_new(struct engine *e, const struct ticket *pending, struct now now);
struct ticket *ticket_find(struct engine *e, uint64_t id);

/* ---- effect.c ---- */

#define DECISIONS_MAX 4096 /* in memory; about 6 MB when all are used */
#define EFFECTS_MAX   1024 /* decisions and notes that wait; replies are as many as connections */
#define KEEP_SLOTS    4096
#define KEEP_A_MINUTE 60 /* decisions of one account that go to the store in a minute */

struct queued {
	struct queued *next;
	struct effect effect; /* decision is found by number when it is fetched */
	uint64_t decision;
	struct verdict verdict; /* REPLY */
	char note[300];         /* NOTE */
};

struct keep_slot {
	uint32_t minute;
	uint32_t n;
};

/* What is known of a decision from the request alone; the rest is zero. */
void decision_fill(struct decision *d, const struct request *request, const struct account *account,
	struct now now);
/* Names a decision: the rule, and a reference, the same for one rule throughout a message. */
bool decision_refer(struct engine *e, struct transaction *tx, const char *rule, struct decision *d);
/* Copies it into memory and queues the effect. is_first: not a repetition within its message. */
void decision_publish(struct engine *e, const struct decision *d, bool is_first);
void effect_reply(struct engine *e, engine_conn conn, const struct verdict *verdict);
void effect_note(struct engine *e, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- flow.c ---- */

/* The reason in a word where it is no limit's name. */
#define RULE_SUSPENDED "suspended"

/* Decides locally what has waited too long (or all of it), as effects. */
void tickets_expire(struct engine *e, struct now now, bool all);

/* ---- engine.c ---- */

/* Ends messages whose connection was lost too long ago; lapses reservations (semantics 7, 10). */
void messages_expire(struct engine *e, struct now now);

struct conn {
	struct table_ref transaction;
	struct table_ref ticket;
	uint64_t listener;
	struct ip peer; /* zero: this host, by whatever socket */
	bool is_used;
	engine_conn next_free;
};

struct engine {
	struct limits_plan *plan;
	const struct charge_port *charge;
	struct siphash_key key;
	struct now now; /* of the call under way, for what the tables drop meanwhile */
	struct accounts *accounts;
	struct table *transactions;
	struct table *tickets;
	struct conn *conn; /* [0] is no connection */
	uint32_t conns;
	engine_conn conn_free;
	uint64_t next_charge;
	uint64_t next_nameless; /* requests without instance */
	mono_t sweep_due;
	struct hook hook[HOOKS_MAX];
	uint32_t hooks;
	struct decision *decision; /* a ring of DECISIONS_MAX, allocated at the first one */
	uint64_t decisions;        /* ever made */
	uint64_t references;       /* ever given out */
	struct queued *queue, **queue_end;
	uint32_t queue_n;
	struct queued *fetched; /* what the last effect points to */
	struct keep_slot keep[KEEP_SLOTS];
};

#endif
