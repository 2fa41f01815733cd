/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of the engine share; private to it.
 *
 *	engine.c       its life: connections, a new snapshot, time passing
 *	flow.c         one request from question to verdict
 *	cost.c         what a request asks for, and under which names it is counted
 *	message.c      which message a request belongs to
 *	transaction.c  a message: its answers, its end
 *	held.c         what a message has reserved or booked: charge, commit, give back
 *	stage.c        at which stage a message counts for good, by where Postfix asks
 *	sight.c        what speaks for a compromised account, and what the ladder does about it
 *	stance.c       what the standing of its egress means to a request
 *	warmup.c       what a new egress may send
 *	fresh.c        what accounts used since their limits were scaled
 *	judge.c        what the limits say to a request
 *	override.c     the rate that holds for an account
 *	decide.c       from findings to a decision and a verdict
 *	text.c         the words of a verdict
 *	token.c        the header that comes back in complaints
 *	ticket.c       requests that wait for the charge port
 *	resume.c       late answers
 *	effect.c       decisions remembered, effects queued
 *	view.c, top.c  what the desk sees
 *	state.c        what outlives the process
 */
#ifndef POLICYD_ENGINE_INTERNAL_H
#define POLICYD_ENGINE_INTERNAL_H

#include "policyd/engine.h"
#include "policyd/limits.h"
#include "policyd/signals.h"
#include "policyd/table.h"
#include "stance.h"

/* ---- stage.c ---- */

/* A place in Postfix that asks: a listener and a server_port (semantics 9). */
struct hook {
	uint64_t id;
	enum stage latest; /* the latest stage seen from there; STAGE_RCPT at first */
	uint32_t
		misses; /* messages in a row that ended without the stage that should commit them */
	bool warned;
	uint32_t
		sizeless; /* messages that ended without END-OF-MESSAGE, while limits count bytes */
};

/* More places than any Postfix has ports; messages from others are booked at RCPT. */
#define HOOKS_MAX     64
#define HOOK_MISS_MAX 100 /* semantics 9 */
#define HOOK_NONE     UINT32_MAX

/* Both names hashed without a secret: the snapshot keeps them. */
uint64_t hook_name(struct span name);
struct conn;
uint32_t hook_of(struct engine *e, struct conn *conn, struct span server_port);
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
/* Those of a message to three, at RCPT and at its end, need no memory of their own. */
#define ANSWERS_FEW 4
#define KEPT_MAX                                                                                   \
	64 /* different verdicts of a message; later ones repeat the first of their action */

/*
 * What a message holds of one ring of one entry, in cells: reserved, or booked by the commit. 0: it
 * is only remembered where it will be counted (rejected recipients).
 */
struct held {
	struct table_ref entry;
	uint32_t amount;
	uint8_t ring; /* of the message's plan */
	bool pins;    /* its entry, for all that the message holds there */
};

#define HELD_FEW 4
#define HELD_MAX 8192 /* what is charged beyond is booked at once, and stays */

struct transaction {
	struct table_node node;   /* key: peer (16 bytes), instance */
	struct limits_plan *plan; /* referenced: the rules it began under */
	struct table_ref account; /* pinned */
	mono_t opened, lost;
	uint32_t conns; /* connections whose current message this is */
	uint32_t hook;
	uint32_t accepted;         /* recipients that may go on */
	uint32_t counted;          /* of those, the ones that count (semantics 6) */
	uint32_t external;         /* of those accepted */
	uint32_t external_counted; /* of those, the ones that count */
	uint32_t exempt;           /* of those accepted: abuse and postmaster of our own */
	uint32_t seen;             /* recipients that the signals were shown */
	uint64_t bytes;            /* as last told; 0: unknown */
	enum stage commit_at;
	bool is_nameless;  /* without instance: ends with its one request */
	bool is_booked;    /* charges are booked as they come: commit_at is RCPT, or has passed */
	bool is_committed; /* what was reserved was booked, at committed */
	bool is_diverted;  /* got HOLD or the like: later requests of it pass */
	bool is_held;      /* got HOLD */
	bool is_refused;   /* at its commit stage: it is no miss of the hook */
	mono_t committed;
	struct named { /* its last decision: [0] enforced, [1] observed */
		char reference[REFERENCE_SIZE];
		char rule[RULE_SIZE];
	} named[2];
	struct decision *at_data; /* PREPEND or FILTER, which wait for DATA; or NULL */
	uint32_t held_n, held_size;
	struct held *held; /* held_few, or a longer array of its own */
	struct held held_few[HELD_FEW];
	struct kept *kept;
	uint32_t kept_n;
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

/* ---- held.c ---- */

/* Applies a granted charge: books it, or reserves it until the commit. */
void transaction_charge(
	struct engine *e, struct transaction *tx, const struct charge *charge, struct now now);
/* True when the message has been counted there already. */
bool transaction_holds(const struct transaction *tx, struct table_ref entry, uint32_t ring);
/* Holds that much without reserving it anew: from a snapshot. */
void transaction_hold(struct engine *e, struct transaction *tx, struct table_ref entry,
	uint32_t ring, uint32_t n);
/* Books what is reserved, for count recipients; what was reserved beyond is given back. */
void transaction_commit(struct engine *e, struct transaction *tx, uint32_t count, struct now now);
/* Gives back what is reserved, or what the commit booked; a later commit is checked anew. */
void transaction_release(struct engine *e, struct transaction *tx, struct now now);
void transaction_refund(struct engine *e, struct transaction *tx, struct now now);
/* Gives back a reservation that is older than reserve_max (semantics 10). */
void transaction_lapse(struct engine *e, struct transaction *tx, struct now now);
/* Lets go of the entries, and frees the list itself. */
void transaction_held_free(struct engine *e, struct transaction *tx);
/* A reset has forgotten what the commit booked there: nothing is to be taken back from it. */
void transaction_forget(struct transaction *tx, struct table_ref entry);
/* What is held, under the rings of another plan. */
void transaction_held_replan(
	struct engine *e, struct transaction *tx, const struct limits_plan *plan);

/* The message is over: committed, or given up. tx is gone afterwards. */
void transaction_end(struct engine *e, struct transaction *tx, struct now now);

/* ---- cost.c ---- */

/* In units. What is looked at is at least what is charged: SIZE may refuse before it counts. */
struct cost {
	uint64_t look[UNIT_COUNT];
	uint64_t charge[UNIT_COUNT];
};

/* One question about a message, while it is on its way to an answer. */
struct asked {
	enum stage stage;
	uint64_t answer_id;  /* of (stage, recipient), for transaction_remember */
	uint32_t recipients; /* recipient_count */
	uint64_t bytes;      /* size */
	unsigned class;
	/* What the message has more of when this passes. */
	uint32_t accepts, counts, externals, externals_counted, exempts;
	bool is_free; /* an exempt recipient of our own: neither limits nor a suspension hold it */
	bool is_favour; /* an exempt recipient elsewhere: charged to that ring alone if there is room */
	struct cost cost;
	struct table_ref place[KEY_COUNT]; /* the entries it is counted under; zero: none */
	unsigned unknown; /* bit k: a name that nothing was counted under yet; it has no entry */
	bool is_looked;   /* the signals were shown this recipient */
	struct table_ref warm;    /* where a new egress counts it; zero: it does not */
	uint64_t slow_generation; /* it counts as slowed, under that posture; 0: it does not */
	uint64_t new_id; /* of account and recipient, where new ones are limited; 0: they are not */
};

struct call;
struct conn;
/* Fills pending.asked: needs subject, account, tx. */
void asked_fill(struct call *c);
/* The entries of its names; only what is let through makes any for names that have none. */
void asked_places_find(struct call *c);
void asked_places_make(struct call *c);
/* Repetitions of a question have the same. */
uint64_t answer_id(const struct call *c);

/* ---- override.c ---- */

/* Who may have other rates: looked up once for a request. */
struct override_scope {
	const struct config *config;
	struct span account, account_domain, sender_domain; /* keys: the last two "domain:..." */
	const struct standing *orders, *domain_orders, *sender_domain_orders;
	struct now now;
	bool is_any;  /* any of the configuration's, or given at run time */
	bool is_wide; /* given at run time: its N is not the plan's */
	char room[2][ADDRESS_MAX + 16];
};
void override_scope(struct engine *e, const struct account *account, const struct account *from,
	struct now now, struct override_scope *ret);
/* What holds in place of the limit's rate. */
struct override_found {
	struct rate rate;
	const struct override *override;
	const struct config_override *config_override;
};
void override_find(const struct override_scope *scope, const struct config_limit *limit,
	struct override_found *ret);

/* ---- judge.c ---- */

/* A rule without room, and how it stands. */
struct finding {
	const struct limit_rule *rule; /* NULL: none */
	struct config_action action;
	uint64_t used, limit; /* in its unit */
	mono_t room_at;
	bool is_too_large;      /* by itself: waiting does not help */
	bool is_scaled;         /* to a share of its rate, by the standing of the egress */
	struct table_ref entry; /* whose ring it is; zero for a cap */
};

/* What the rules say to a question, and what is to be charged if the message goes on. */
struct judgement {
	struct finding acts;  /* the strongest enforced rule without room */
	struct finding would; /* the first observe rule without room */
	unsigned items;
	struct charge_item item[RINGS_MAX];
	bool is_favour; /* let through at no cost: neither a recipient nor a message to the rules */
};

/* stance: of a request; NULL: the limits are what they are. */
void judge(struct engine *e, const struct transaction *tx, const struct asked *asked,
	const struct stance *stance, struct now now, struct judgement *ret);
/* True while lost state is being counted anew. */
bool is_emergency(const struct engine *e, mono_t mono);

/* ---- text.c ---- */

/* The words of a verdict, from a decision whose other fields are filled, into its text. */
void text_limit(struct decision *d, const struct config *config, const struct finding *finding,
	struct span who);
void text_standing(
	struct decision *d, const struct config *config, const struct standing *standing);
/* What it found stays with us: whoever reads the reply may be the spammer. */
void text_ladder(struct decision *d, const struct config *config);
/* For a sender who has done nothing: what stands badly is ours. */
void text_stance(struct decision *d, const struct config *config, const struct stance *stance);

/* ---- token.c ---- */

/* True when messages get a token; the argument of PREPEND to buf. */
bool token_format(const struct config *config, struct span account, struct span instance,
	char buf[VERDICT_TEXT_MAX + 1]);

/* ---- ticket.c ---- */

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
	bool has_decision;        /* it is to be published when the verdict is */
	bool is_ladder;           /* the verdict is the ladder's */
	struct charge charge;
};

/* The table's drop: unpins, unrefs. */
void ticket_drop(void *ctx, void *entry, bool evicted);
/* A copy of what is pending, to be found by the charge's id. */
struct ticket *ticket_new(struct engine *e, const struct ticket *pending, struct now now);
struct ticket *ticket_find(struct engine *e, uint64_t id);

/* ---- effect.c ---- */

#define DECISIONS_MAX 1024 /* in memory; 2 MB when all are used, which a cache can hold */
#define EFFECTS_MAX   1024 /* decisions and notes that wait; replies are as many as connections */
#define EVENTS_MAX    4096 /* with those: a suspension is not lost for a flood of decisions */
#define KEEP_SLOTS    4096
#define KEEP_A_MINUTE 60  /* decisions of one account that go to the store in a minute */
#define KEEP_A_SECOND 100 /* of all accounts */
#define KEEP_BURST    4000

struct queued {
	struct queued *next;
	struct effect effect; /* decision is found by number when it is fetched */
	uint64_t decision;
	struct verdict verdict; /* REPLY; what stands here and below is not there for a DECISION */
	char note[300];         /* NOTE */
	struct policy_event event; /* EVENT: texts lie in event_text */
	char event_text[EVENT_ACCOUNT_MAX + EVENT_REASON_MAX + EVENT_AUTHOR_MAX + RULE_SIZE];
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
/* Copies it; texts longer than event.h allows are cut. */
void effect_event(struct engine *e, const struct policy_event *event, double score);
void effect_note(struct engine *e, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- flow.c, message.c, decide.c, resume.c ---- */

/* The reason in a word where it is no limit's name. */
#define RULE_SUSPENDED "suspended"
#define RULE_TOKEN     "token"
#define RULE_SLOW      "slow"
#define RULE_HOLD      "hold"
#define RULE_POSTURE   "posture"
#define RULE_WARM_UP   "warm-up"

/* One request under way; what a ticket keeps of it when it must wait is in pending. */
struct call {
	struct engine *e;
	const struct request *request; /* NULL when it is long gone */
	struct now now;
	struct subject subject;
	struct recipient recipient; /* at RCPT, once asked_fill() was there */
	struct account *account;
	struct transaction *tx;
	bool was_accepted; /* this very recipient, by an earlier verdict */
	struct ladder_says says;
	struct stance stance;
	struct ticket pending;
};

/* The message of a connection, unless the request begins another one: then it has ended. */
struct transaction *conn_message(
	struct engine *e, struct conn *conn, struct span instance, struct now now);
/* The message of a request: the connection's own (tx), one that another began, or a new one. */
struct transaction *message_of(struct call *c, engine_conn id, struct transaction *tx);

void verdict_pass(struct verdict *verdict);
/* Without the unused rest of the text: this is done for every request. */
void verdict_copy(struct verdict *to, const struct verdict *from);
/* The suspension that holds for this request, or NULL. */
const struct standing *standing_of(const struct call *c);
/* Everything but the charge: pending.verdict, and what is to be charged if it accepts. */
void judge_request(struct call *c);
/* A suspended login at MAIL (semantics 14c). */
void decide_mail(struct call *c, struct verdict *ret);
/* pending.verdict from a finding, as if it had been found at once. */
void decide_finding(struct call *c, const struct finding *finding);

/* After a wait: the class by its name, since a reload may have numbered them anew. */
void class_now(struct call *c);
/* The last step, whoever answered and whenever. The verdict is pending.verdict. */
void conclude(struct call *c, enum charge_answer answer);
/* Decides locally what has waited too long (or all of it), as effects. */
void tickets_expire(struct engine *e, struct now now, bool all);

/* ---- sight.c ---- */

/*
 * Recipients that were refused while they were new: asking again makes them no acquaintances. A place
 * is anybody's, the last one has it.
 */
#define REFUSED_SLOTS 65536

/* True when the account has not written to the recipient yet. *ret_id: see struct asked. */
bool sight_is_new(const struct call *c, uint64_t *ret_id);

/* Shows the signals what is asked, if it is new to them: says, events. Needs pending.asked. */
void sight_take(struct call *c);
/* What the ladder says at present. */
void sight_peek(struct call *c);
/* The part of a verdict that is for the record. */
void sight_tell(const struct call *c, struct verdict *ret);
/* The request was let through; it got HOLD; its message was committed, of so many recipients. */
void sight_granted(struct call *c);
void sight_refused(struct call *c);
void sight_held(struct call *c);
void sight_message(struct engine *e, const struct transaction *tx, uint32_t asked, struct now now);
/* What an event means to the signals. */
void sight_apply(struct engine *e, const struct policy_event *event, struct now now);

/* ---- view.c ---- */

/* The class by name alone; a context or a network would show only in a request. */
unsigned class_of_key(const struct engine *e, struct span key);

/* ---- engine.c ---- */

/* Ends messages whose connection was lost too long ago; lapses reservations (semantics 7, 10). */
void messages_expire(struct engine *e, struct now now);

struct conn {
	struct table_ref transaction;
	struct table_ref ticket;
	uint64_t listener;
	uint64_t port; /* server_port as last seen, when it has 1 to 8 bytes, and its hook */
	uint32_t hook;
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
	struct signals *signals;
	uint64_t *refused; /* new_id of refused recipients; allocated at the first one */
	struct table *transactions;
	struct table *tickets;
	struct conn *conn; /* [0] is no connection */
	uint32_t conns;
	engine_conn conn_free;
	uint64_t next_charge;
	uint64_t next_nameless; /* requests without instance */
	mono_t sweep_due;
	mono_t emergency_until;
	uint64_t configured; /* counts snapshots of the configuration */
	struct engine_egress *egress;
	size_t egresses;
	bool is_any_bad; /* one of them does not stand well */
	bool is_any_new; /* one of them is warmed up */
	wall_t *egress_since;
	struct table *warm;  /* made at the first one */
	struct table *fresh; /* made at the first one */
	struct hook hook[HOOKS_MAX];
	uint32_t hooks;
	struct decision *decision; /* a ring of DECISIONS_MAX, allocated at the first one */
	uint64_t decisions;        /* ever made */
	uint64_t references;       /* ever given out */
	struct queued *queue, **queue_end;
	uint32_t queue_n;
	struct queued *fetched; /* what the last effect points to */
	struct keep_slot keep[KEEP_SLOTS];
	wall_t keep_at; /* when keep_left was last added to */
	uint32_t keep_left;
};

#endif
