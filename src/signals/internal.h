/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of signals share; private to it.
 *
 *	habit.c      a list of what an account uses: networks, programs, senders
 *	known.c      whom it has written to, as fingerprints
 *	baseline.c   what an account does, in two layers; its memory
 *	learn.c      into what is pending; baseline_settle.c: what becomes of that
 *	baseline_normal.c, baseline_recent.c: what is normal, and what it does at present
 *	baseline_save.c, baseline_load.c
 *	site.c, site_save.c: what all accounts have in common
 *	campaign.c   the same recipients or networks from many accounts
 *	signal_*.c   one function a row of signal.def
 *	marks.c      what a request shows; marks_kept.c: what requests showed of late
 *	look.c       one recipient through all of them
 *	score.c      points that decay, capped by signal and family
 *	ladder.c     steps, hysteresis, probation; brake.c
 *	text.c, view.c   for people
 */
#ifndef POLICYD_SIGNALS_INTERNAL_H
#define POLICYD_SIGNALS_INTERNAL_H

#include "policyd/signals.h"

/*
 * Seconds of the monotonic clock: what is learnt needs no finer ones. They begin long before the clock
 * does, for after a reboot most of what is known is older than the clock: always made by second_of().
 */
typedef uint32_t second_t;
#define SECOND_ORIGIN (INT64_C(1) << 30)
static inline second_t second_of(mono_t mono)
{
	int64_t s = mono.us / SECOND_US + SECOND_ORIGIN;
	if (s < 1)
		return 1;
	return s < UINT32_MAX ? (second_t)s : UINT32_MAX;
}

/* As fmin() and fmax(), which are calls because of what is no number: that stands nowhere here. */
static inline double lesser(double a, double b)
{
	return a < b ? a : b;
}
static inline double greater(double a, double b)
{
	return a > b ? a : b;
}

/* So many bytes from there will be read soon. */
#define FETCH_LINE 64
static inline void fetch(const void *p, size_t n)
{
	for (size_t at = 0; at < n; at += FETCH_LINE)
		__builtin_prefetch((const char *)p + at);
}

/* ---- habit.c, known.c, baseline.c: one account ---- */

enum habit {
	HABIT_NETWORK, /* /24, /48 */
	HABIT_NEAR,    /* /20, /36: what lies beside a known network is less strange */
	HABIT_REGION,  /* /16, /32 */
	HABIT_ASN,
	HABIT_COUNTRY,
	HABIT_HELO,  /* its family: digits and such taken out */
	HABIT_LOGIN, /* way of login: SASL method and TLS version */
	HABIT_SENDER,
	HABIT_KINDS
};

/* How well something is known. */
enum known { KNOWN_NOT, KNOWN_PENDING, KNOWN_SETTLED };

struct habit_seen {
	enum known known;
	unsigned uses;        /* messages, saturating */
	second_t first, last; /* first is of its pending life */
};

struct baseline; /* NULL: an account that has shown no life yet */

static inline struct baseline *baseline_of(const struct account *account)
{
	return account->part[PART_BASELINE];
}
/* Makes one unless memory (signals.memory_max) forbids it: NULL then. */
struct baseline *baseline_make(struct signals *s, struct account *account, mono_t mono);

/* Looks only. id: a hash of the network, name, ... with the site's key. */
struct habit_seen baseline_habit(const struct baseline *b, enum habit kind, uint64_t id);
/* The same of all kinds at once, of those whose id is not 0. */
void baseline_habits(
	const struct baseline *b, const uint64_t id[HABIT_KINDS], enum known ret[HABIT_KINDS]);
/* How many different ones were used since then; how many are settled at all. */
unsigned baseline_distinct(const struct baseline *b, enum habit kind, second_t since);
unsigned baseline_settled(const struct baseline *b, enum habit kind);
/* How many were used for the first time since then. */
unsigned baseline_begun(const struct baseline *b, enum habit kind, second_t since);
/* Sum over those that were used since then of how strange they were: of each its most. */
double baseline_strange(const struct baseline *b, enum habit kind, second_t since);
enum known baseline_knows(const struct baseline *b, uint64_t recipient);

/* What hangs on it, and a recipient's place in that, will be looked at soon. */
void baseline_fetch(const struct baseline *b);
void baseline_fetch_known(const struct baseline *b, uint64_t recipient);

/* To pending, all at once: what one recipient of a message shows. Before or after it is judged. */
struct seen {
	uint64_t habit[HABIT_KINDS]; /* 0: unknown, or says nothing */
	uint64_t recipient, domain;  /* hashes; both are known afterwards; domain 0: not worth it */
	const struct geo *geo;       /* for its position; NULL: unknown */
	bool is_first;               /* of its message */
	bool is_at_none;             /* the ladder's step: days count only then */
	double newness;              /* of the recipient: 0 it was known, to 1 */
	double strangeness;          /* of the place: 0 known, to 1 */
	double oddity;               /* of place, device, sender, way of login together: 0 to 1 */
	struct now now;
};
void baseline_learn(struct signals *s, struct account *account, const struct seen *seen);
/* A message was committed: recipients asked about; bytes 0: unknown. is_calm: as of baseline_pass(). */
void baseline_message(struct baseline *b, uint32_t recipients, uint64_t bytes, bool is_calm);

/* What is normal. All decay; young says how much is known yet. */
struct normal {
	bool is_young;
	double messages, recipients; /* settled, ever (decayed by months) */
	double judged;               /* recipients that novelty rests on */
	double novelty; /* share of new recipients, with the prior mixed in: .1 to .9 */
	/* Usual highs of struct recent's news, hour_weighed, day_weighed, all; fall slowly. */
	double peak_new, peak_hour, peak_day, peak_all;
	double per_hour_mean, per_hour_high; /* recipients in an hour in which it sends */
	double per_day_mean, per_day_high;
	double per_message_mean, per_message_high;  /* high: of most messages; at least 1 */
	double networks_day_high;                   /* different networks in a day */
	double bytes_log_mean, bytes_log_deviation; /* of ln(bytes); deviation 0: not known yet */
	double hour_share; /* of its hours, those at this hour of the day and beside it; 1: not known */
	unsigned days;     /* on which it sent */
	second_t since;       /* when it was first seen; 0: never */
	second_t last_sent;   /* as of what was learnt last; 0: never */
	second_t woke;        /* when it came back after 21 silent days or more; 0: never */
	unsigned silent_days; /* how many those were */
	bool has_position;
	int16_t latitude, longitude; /* of its last message, as in struct geo */
	second_t position_at;
};
/* What young accounts of this site do is mixed in. b may be NULL. */
void baseline_normal(
	const struct signals *s, const struct baseline *b, struct now now, struct normal *ret);
/* All of it but hour_share, which is left unknown; that is dear, and few ask for it. */
void baseline_usual(const struct signals *s, const struct baseline *b, struct normal *ret);
double baseline_hour_share(const struct baseline *b, wall_t wall);
/* What it does at present, pending included. */
struct recent {
	double hour, day; /* recipients; plainly */
	double news;      /* newness, half of it gone in 6 h; has a ceiling as the next three */
	double odd;       /* oddity of all recipients, alike */
	double hour_weighed, day_weighed; /* known ones count .1; gone by e in an hour, a day */
	double all;                       /* recipients, half of them gone in 6 h */
};
void baseline_recent(const struct baseline *b, mono_t mono, struct recent *ret);
/* A release: what is recent counts half (not hour, day, all, which nothing rests on alone). */
void baseline_halve(struct baseline *b);

/*
 * Once a message. Settles what is a day old if the account is calm (step none, score low); taint: what
 * is pending will be dropped when it is calm again; drop: now. settle: what is pending is normal (a
 * false positive).
 */
void baseline_pass(struct signals *s, struct account *account, bool is_calm, mono_t mono);
void baseline_taint(struct baseline *b);
void baseline_drop(struct baseline *b);
void baseline_settle(struct signals *s, struct account *account, mono_t mono);
size_t baseline_bytes(const struct baseline *b);

/* ---- site.c, campaign.c: all accounts ---- */

struct site;
/* What they are asked for are hashes by the site's key already. */
struct site *site_new(void);
void site_free(struct site *site);
size_t site_bytes(const struct site *site);
/* Settled by how many accounts, about (saturating); kind: NETWORK, ASN, COUNTRY, HELO. */
unsigned site_uses(const struct site *site, enum habit kind, uint64_t id);
void site_settled(struct site *site, enum habit kind, uint64_t id, second_t now);
/* Somebody calm wrote to it: in a rotating Bloom filter. */
bool site_knows(const struct site *site, uint64_t recipient);
void site_met(struct site *site, uint64_t recipient, mono_t mono);
/* One of the two will be called. */
void site_fetch(const struct site *site, uint64_t recipient);
/* What share of a young account's recipients is new: learnt when they settle. */
double site_novelty(const struct site *site);
void site_learn_novelty(struct site *site, double new_recipients, double recipients);
/* When its first account was learnt; 0: not yet. */
second_t site_since(const struct site *site);
void site_begin(struct site *site, mono_t mono);

struct campaign;
struct campaign *campaign_new(void);
void campaign_free(struct campaign *c);
size_t campaign_bytes(const struct campaign *c);
/* Different accounts within the window that did the same, the asking one among them; the latest of them. */
#define CAMPAIGN_ACCOUNTS 8
struct campaign_seen {
	unsigned accounts; /* at most CAMPAIGN_ACCOUNTS */
	bool has_joined;   /* the asking one was not in it before */
	size_t n;
	struct table_ref account[CAMPAIGN_ACCOUNTS];
};
void campaign_recipient(struct campaign *c, uint64_t recipient, struct table_ref account,
	mono_t mono, struct campaign_seen *ret);
void campaign_network(struct campaign *c, uint64_t network, struct table_ref account, mono_t mono,
	struct campaign_seen *ret);

/* ---- score.c: points ---- */

/* The part signals_score_part hangs on accounts that have any. */
struct score;
static inline struct score *score_of(const struct account *account)
{
	return account->part[PART_SCORE];
}
struct score *score_make(struct signals *s, struct account *account);

/* What a function of a row found. */
struct finding_of {
	double units;   /* times the row's weight: points to add */
	double n, m, b; /* numbers of its text */
};
void score_add(struct signals *s, struct account *account, enum signal signal,
	const struct finding_of *found, mono_t mono);
/* After decay and caps; observed: signals in observe mode too. */
double score_sum(const struct signals *s, const struct score *score, bool observed, mono_t mono);

/* ---- marks_kept.c: what requests showed of late ---- */

struct marks_kept;
struct marks_kept *marks_kept_new(void);
void marks_kept_free(struct marks_kept *kept);
/* When the configuration or the key changes, by which all of it is made. */
void marks_kept_clear(struct marks_kept *kept);

/* ---- signals.c ---- */

struct signals {
	struct siphash_key key;
	struct accounts *accounts;
	const struct config *config;
	struct site *site;
	struct campaign *campaign;
	struct marks_kept *kept;
	/* brake.c's, and figures */
	size_t baselines, scored, bytes,
		baseline_bytes; /* bytes: parts alone; site and campaign beside */
	struct brake *brake;
	struct {
		float share; /* of the row's weight and cap: 1 as shipped */
		bool is_observed;
	} tuned[SIGNAL_COUNT];
	uint32_t *class_id; /* of the configuration's classes: hashes of their names */
	uint64_t steps_up[STEP_COUNT], braked, campaigns;
	size_t at_step[STEP_COUNT];
};

#endif
