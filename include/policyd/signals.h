/* SPDX-License-Identifier: ISC */
/*
 * signals.h - how likely it is that somebody else sends in an account's name, in points, with evidence
 * in words; and what is done about it, step by step. Pure: time, places and chance are handed in.
 *
 * Of each account a baseline is learnt: what it does normally, in bounded memory, decaying. It has two
 * layers. What is seen goes to `pending` at once, and settles when it is a day old and the account is
 * calm; what was pending when the ladder held or suspended the account is thrown away, unless the desk
 * says that it was a false positive (semantics 22). Beside it the site learns: which networks and
 * programs its accounts use, whom they write to.
 *
 * Every RCPT is looked at by one function for each row of signal.def. What they find are points that
 * decay and are capped, by signal and by family; their sum is the score. The ladder compares it with
 * the thresholds of the account's class: note, slow, hold, suspend, at most one step up a decision
 * (semantics 20 to 23).
 */
#ifndef POLICYD_SIGNALS_H
#define POLICYD_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/account.h"
#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/config.h"
#include "policyd/geo.h"
#include "policyd/request.h"
#include "policyd/subject.h"

enum signal {
#define SIGNAL(id, name, family, weight, cap, half_life, window, minimum, needs, text) SIGNAL_##id,
#include "policyd/signal.def"
#undef SIGNAL
	SIGNAL_COUNT
};

enum signal_family {
	FAMILY_RECIPIENT, /* whom it writes to, and how many */
	FAMILY_VOLUME,    /* how that lies in time */
	FAMILY_PLACE,     /* from where, with what */
	FAMILY_IDENTITY,  /* as whom */
	FAMILY_STRANGER,  /* new recipients and a strange place together */
	FAMILY_CAMPAIGN,  /* together with others */
	FAMILY_FEEDBACK,  /* what came back */
	FAMILY_COUNT
};

struct signal_row {
	const char *name;
	enum signal_family family;
	double weight, cap;
	int64_t half_life_us, window_us;
	double minimum;
	const char *needs, *text;
};
extern const struct signal_row signal_rows[SIGNAL_COUNT];
/* "recipient", "volume", ... */
const char *signal_family_name(enum signal_family family);
/* True when nothing here finds it by itself: it is told from outside. */
bool signal_is_fed(enum signal signal);
/* SIGNAL_COUNT when no row has that name. */
enum signal signal_of(struct span name);

enum step { STEP_NONE, STEP_NOTE, STEP_SLOW, STEP_HOLD, STEP_SUSPEND, STEP_COUNT };
/* "none", "note", ... */
const char *step_name(enum step step);

/* What all accounts share: what the site knows, campaigns, the brake. */
struct signals;

struct signals_setup {
	/* Random per process; what is saved is hashed by it too, so the key is saved with it. */
	struct siphash_key hash_key;
	/* Goes before it does, for parts count themselves out; campaigns raise others than who asks. */
	struct accounts *accounts;
	const struct config *config; /* the present snapshot: signals_configure() */
};
struct signals *signals_new(const struct signals_setup *setup);
void signals_free(struct signals *s);
void signals_configure(struct signals *s, const struct config *config);

/* The parts of an account (account.h): what is normal, and what speaks against it. load()'s ctx: struct signals. */
extern const struct account_part_row signals_baseline_part;
extern const struct account_part_row signals_score_part;
/* What the ladder did to it still holds, and must not be forgotten where room is scarce. */
bool signals_must_save(const struct account *account, mono_t mono);

/* ---- one request ---- */

/*
 * Soon a recipient of that account is looked at: what will be read of it first is fetched into the
 * cache meanwhile, for with many accounts nothing of it is there. Changes nothing.
 */
void signals_meet(const struct account *account);

/* A recipient that an account asks to write to. */
struct sight {
	const struct request *request; /* sender, helo, client, sasl_method, size; request->geo */
	const struct subject *subject; /* is_relayed: where the client stands says nothing */
	const struct recipient *recipient;
	bool is_first; /* of its message */
	bool is_local; /* of local_domains */
	uint32_t nth;  /* which recipient of its message, from 1 */
	bool was_held; /* its message has had HOLD already */
};

/* What the ladder makes of it. */
struct ladder_says {
	enum step step;  /* now */
	enum step would; /* where observed signals, or an observed ladder, would be */
	enum step was;   /* before */
	double score;
	bool is_suspending; /* it has just come to STEP_SUSPEND: the caller suspends */
	bool is_braked;     /* would be a step higher but for the brake */
	/* What is said at RCPT unless something stronger is: DUNNO, HOLD or DEFER_IF_PERMIT. */
	enum action action;
	mono_t room_at; /* DEFER_IF_PERMIT by slow; 0: nobody can tell */
};

/*
 * Looks at one recipient (not at repetitions, nor at exempt ones, nor while suspended), learns it, and
 * moves the ladder. reason: when a step up was taken, why, in words.
 */
#define LADDER_REASON_MAX 300
void signals_rcpt(struct signals *s, struct account *account, const struct sight *sight,
	struct now now, struct ladder_says *ret, char reason[LADDER_REASON_MAX + 1]);
/* Where it stands, nothing changed: for requests that carry no new recipient. */
void signals_peek(const struct signals *s, const struct account *account, unsigned class,
	struct now now, struct ladder_says *ret);
/* Recipients on a day on which it sends much; 0: too little is known of it. */
double signals_usual(const struct account *account);
/* And what an external recipient of a message to come would be told, if it showed nothing new. */
void signals_next(const struct signals *s, const struct account *account, unsigned class,
	struct now now, struct ladder_says *ret);
/* That recipient was let through (slow counts it), or its message held by the ladder. */
void signals_passed(
	struct signals *s, struct account *account, const struct sight *sight, struct now now);
void signals_held(struct signals *s, struct account *account, struct now now);
/* A message was committed: recipients asked about, and those left; bytes 0: unknown. */
void signals_message(struct signals *s, struct account *account, uint32_t asked, uint32_t accepted,
	uint64_t bytes, struct now now);

/* True when the account has written to that address before: settled or pending. */
bool signals_knows(const struct signals *s, const struct account *account, struct span recipient);

/* ---- from outside ---- */

/* The log follower, complaint intake, policyctl signal add: n of what the row counts. */
void signals_feed(
	struct signals *s, struct account *account, enum signal signal, double n, struct now now);
/* What the desk decided. account may be NULL: never seen. */
void signals_apply(struct signals *s, struct account *account, const struct policy_event *event,
	struct now now);

/* ---- for people ---- */

#define SIGNALS_LINES_MAX 40
#define SIGNALS_TEXT_MAX  200
struct signals_view {
	double score;
	enum step step, would;
	bool acts; /* the ladder of its class does: else what would be is what is told of */
	mono_t step_since;
	mono_t down_at;               /* if nothing more happens; MONO_NEVER: it is at none */
	mono_t probation_until;       /* 0: none */
	mono_t forgiven_until;        /* thresholds are raised until; 0: not */
	double threshold[STEP_COUNT]; /* in force for this account */
	char thresholds_say
		[SIGNALS_TEXT_MAX];    /* why those are not the configured ones; "" they are */
	char capped[SIGNALS_TEXT_MAX]; /* families whose points do not all count; "" all do */
	size_t evidence_n;
	struct signals_evidence {
		enum signal signal;
		double points; /* now, after caps */
		bool is_observed;
		mono_t at;
		char text[SIGNALS_TEXT_MAX];
	} evidence[SIGNAL_COUNT]; /* most points first */
	size_t normal_n;
	struct signals_normal {
		const char *name;
		char text[SIGNALS_TEXT_MAX];
	} normal[SIGNALS_LINES_MAX]; /* what is normal for this account */
	char next[SIGNALS_TEXT_MAX]; /* what would happen next */
	size_t bytes;                /* of memory for this account */
};
void signals_view(const struct signals *s, const struct account *account, unsigned class,
	struct now now, struct signals_view *ret);
double signals_score(const struct signals *s, const struct account *account, mono_t mono);

struct signals_figures {
	size_t baselines, scored; /* accounts with such a part */
	size_t bytes;             /* of all parts, and of what the site knows */
	size_t baseline_bytes;    /* of all baselines */
	size_t at_step[STEP_COUNT];
	uint64_t steps_up[STEP_COUNT]; /* ever, by the step reached */
	uint64_t braked, campaigns;
	bool is_braking;
};
void signals_figures(const struct signals *s, struct signals_figures *ret);

/* Of memory for one account: both parts; 0: nothing is learnt of it. */
size_t signals_bytes(const struct account *account);

/* ---- in a snapshot: what the site knows (accounts save their own parts) ---- */

/* Calls with *part from 0 until false; each adds at most some 64 KiB to out. */
bool signals_save(const struct signals *s, unsigned *part, struct bytes *out, mono_t mono);
/* False: makes no sense; then it is as if there were none. */
bool signals_load(struct signals *s, struct reader *in, int64_t shift_us);

#endif
