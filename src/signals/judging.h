/* SPDX-License-Identifier: ISC */
/*
 * judging.h - the judging side of signals; private to look.c, signal_*.c, score*.c, ladder.c, brake.c,
 * apply.c, text.c and view.c.
 *
 * A request becomes a struct look: what it shows (marks), what is normal, what is known of it. Each
 * row's function looks at that and says what it finds. What is found becomes points of the account's
 * struct score; the ladder walks by their sum.
 */
#ifndef POLICYD_SIGNALS_JUDGING_H
#define POLICYD_SIGNALS_JUDGING_H

#include "internal.h"
#include "policyd/window.h"

/* ---- look.c: one recipient, and all that is known of it ---- */

struct look {
	struct signals *s;
	struct account *account;
	const struct sight *sight;
	struct now now;
	second_t at;
	struct normal normal;
	struct recent recent;                 /* this recipient among it */
	struct seen marks;                    /* what the request shows, as hashes */
	enum known known[HABIT_KINDS];        /* before this request */
	double place, device, sender, method; /* how strange each is: 0 known, to 1 */
	double place_shared; /* how well the site knows a foreign network: 0 to 1 */
	double strangeness;  /* of all four together */
	double newness;      /* of the recipient: 0 known, to 1 */
	bool is_again;       /* it was deferred lately */
	double surprise;     /* of a new one: log of the likelihood ratio */
};
/* What a request shows: hashes of networks, programs, names (marks.c). */
void marks_of(const struct signals *s, const struct sight *sight, struct seen *ret);
/* Its recipient; its habits from what requests showed of late (marks_kept.c), or else made. */
void marks_look_up(const struct signals *s, const struct sight *sight, struct seen *ret);
void marks_make(const struct signals *s, const struct sight *sight, struct seen *ret);
uint64_t mark_recipient(const struct signals *s, struct span recipient);
/* True when the envelope sender is the login's own, or there is none; plainly: at a glance. */
bool marks_plainly_own(const struct sight *sight);
bool marks_own_sender(const struct signals *s, const struct sight *sight);
/* A HELO name without what makes it one machine's; returns its length. */
#define HELO_FAMILY_MAX 128
size_t helo_family(struct span helo, struct span client, char buf[HELO_FAMILY_MAX]);
bool marks_at_home(const struct signals *s, const struct sight *sight);
bool marks_home_country(const struct signals *s, const struct sight *sight);

/* ---- score.c ---- */

/* Points of one row; they stand as of at. */
struct points {
	second_t at;
	float points;
	float n, m, b; /* of the last finding, for its text */
	uint8_t signal;
};

/* A ladder that is walked: the one that acts, and the one of what is observed. */
enum walk { WALK_REAL, WALK_WOULD, WALKS };
struct track {
	uint8_t step;
	second_t since;     /* of the step; 0: never left none */
	second_t seen;      /* when it was walked last */
	second_t under;     /* the score is below what keeps the step since; 0: it is not */
	second_t probation; /* until; 0: none */
	second_t until;     /* STEP_SUSPEND: when it ends; UINT32_MAX: never by itself */
	float pardon; /* the lowest score since a release: that much is forgiven; 0: nothing */
};

#define LATELY 16
struct score {
	struct signals *signals;
	second_t at;      /* as of when surprise and strange stand */
	float surprise;   /* sum of the log likelihood ratios of its recipients */
	float strange;    /* the same, of those in strange circumstances */
	float fan_before; /* of the message under way: points of fan-out when it began */
	float fan_news;   /* its new recipients */
	bool fan_trapped; /* one of them was a trap */
	struct track track[WALKS];
	second_t forgiven; /* thresholds are raised until; 0: not */
	second_t counted;  /* by the brake; 0: never */
	uint16_t held;     /* messages that got HOLD at this step */
	uint32_t class;    /* as it was asked about last: its id, for a reload may move classes */
	struct window slow;
	/* The last recipients that were deferred, shortened: to try again is no evidence. */
	uint16_t lately[LATELY];
	uint8_t lately_at;
	uint8_t n, size;
	struct points *points;
};
void score_free(void *part);
size_t score_bytes(const struct score *score);
/* All its points as of then, and those that are gone removed. */
void score_fade(struct score *score, second_t now);
const struct points *score_points(const struct score *score, enum signal signal);
/* Points of a row at that time, without what the configuration makes of them. */
double points_at(const struct points *points, second_t at);

/* Rows whose number n is a count that fades, and is kept while it has no points yet. */
bool signal_counts(enum signal signal);
double points_count(const struct points *points, second_t at);

/* How what is found joins what is there. */
enum join {
	JOIN_ADD,   /* to it, up to the cap */
	JOIN_LEVEL, /* in its place: it is of a state */
	JOIN_HIGH,  /* in its place if it is more */
};
void score_join(struct signals *s, struct account *account, enum signal signal, enum join join,
	const struct finding_of *found, second_t at);
void score_clear(struct score *score);
void score_halve(struct score *score);
/* True when nothing in it matters any more. */
bool score_is_idle(const struct score *score, second_t at);

struct sums {
	double family[FAMILY_COUNT]; /* capped */
	double score;
	double what, who; /* the two sides of a suspension: what it does, and who does it */
};
void score_sums(const struct signals *s, const struct score *score, bool observed, second_t at,
	struct sums *ret);
/* What a row weighs in this configuration: 1 is as shipped. */
static inline double signal_share(const struct signals *s, enum signal signal)
{
	return (double)s->tuned[signal].share;
}
static inline bool signal_is_observed(const struct signals *s, enum signal signal)
{
	return s->tuned[signal].is_observed;
}

/* ---- ladder.c ---- */

bool ladder_acts(const struct signals *s, unsigned class);
/* Of the ladder whose steps decide what is learnt. */
static inline enum walk walk_main(const struct signals *s, unsigned class)
{
	return ladder_acts(s, class) ? WALK_REAL : WALK_WOULD;
}
struct rung {
	struct signals *s;
	unsigned class;
	second_t at;
};
/* What suspends must speak of both: what is done, and who does it. */
#define LADDER_SIDE_MIN 25.0
/* While nobody is known yet, to write to many new ones does not slow anybody by itself. */
#define LADDER_LEARNING_SHARE 2.5
/* Thresholds after a suspension, and after a false positive. */
#define LADDER_PROBATION_SHARE 0.5
#define LADDER_FORGIVEN_SHARE  1.5
/* What steps are taken by. */
void ladder_sums(
	const struct rung *rung, const struct account *account, enum walk walk, struct sums *ret);
/* score, track: NULL where there is none. */
void ladder_thresholds(const struct rung *rung, const struct score *score,
	const struct track *track, double ret[STEP_COUNT]);
/* What time alone does to a track until then. Points must not have been brought to that time yet. */
void ladder_fall(
	const struct rung *rung, const struct score *score, enum walk walk, struct track *track);
/* What of its points an account that was released is still forgiven: before anything new is found. */
void ladder_pardon(const struct rung *rung, struct score *score);
/* Time: before anything new is found. */
void ladder_cool(const struct rung *rung, struct score *score);
/* Up, as far as one decision goes. True: the brake kept it lower. */
struct ascent {
	bool is_trap;  /* a trap was hit: as far as the score says */
	bool was_held; /* its message has had HOLD: one message suspends nobody */
};
bool ladder_climb(
	const struct rung *rung, struct account *account, enum walk walk, const struct ascent *by);
/* What is said at RCPT. */
void ladder_action(const struct rung *rung, const struct score *score, const struct sight *sight,
	struct ladder_says *ret);
/* It stands at no step at which what it does is not its own. */
bool ladder_lets_learn(const struct rung *rung, const struct score *score);
/* Calm: nothing is going on that should not be learnt. */
bool ladder_is_calm(const struct rung *rung, const struct score *score);
bool ladder_is_learning(const struct signals *s, second_t at);
/* When a track as of now comes down if nothing more happens; 0: it is at none. */
second_t ladder_down_at(const struct rung *rung, const struct score *score, enum walk walk,
	const struct track *track);
/* Figures: an account stands at another step now; it came there by itself. */
void ladder_move(struct signals *s, enum step from, enum step to);
void ladder_count(struct signals *s, enum step from, enum step to);
/* The class that an account was asked about under, or that of all others. */
unsigned class_of_score(const struct signals *s, const struct score *score);

/* ---- brake.c ---- */

struct brake *brake_new(void);
void brake_free(struct brake *brake);
/* The account sends, and that has been learnt; last: when it did before, 0: never. */
void brake_saw(struct brake *brake, const struct account *account, second_t last, second_t now);
/* True when this account may be held or suspended, which is counted: once in the brake's window. */
bool brake_allows(const struct signals *s, struct score *score, second_t now);
void brake_save(const struct brake *brake, struct bytes *out);
bool brake_load(struct brake *brake, struct reader *in, int64_t shift_us);
bool brake_is_on(const struct signals *s, second_t now);
/* As of the last message. */
bool brake_was_on(const struct signals *s);

/* ---- text.c ---- */

void text_signal(const struct points *points, char buf[SIGNALS_TEXT_MAX]);
/* Why the score is what it is: the rows with most points, in words. */
void text_reason(const struct signals *s, const struct score *score, second_t at,
	char reason[LADDER_REASON_MAX + 1]);
/* Rows by their points at that time, most first; returns how many have any. */
size_t text_order(const struct signals *s, const struct score *score, second_t at,
	const struct points *ret[SIGNAL_COUNT]);

static inline mono_t mono_of_second(second_t at)
{
	return (mono_t){.us = ((int64_t)at - SECOND_ORIGIN) * SECOND_US};
}
/* A second of a file's clock; 0 stays: it is no time. */
static inline second_t second_shifted(uint64_t at, int64_t shift_us)
{
	if (at == 0 || at > UINT32_MAX)
		return 0;
	int64_t s = (int64_t)at + shift_us / SECOND_US;
	return s < 1 ? 1 : s < UINT32_MAX ? (second_t)s : UINT32_MAX;
}
static inline second_t second_after(second_t at, int64_t us)
{
	int64_t s = (int64_t)at + us / SECOND_US;
	return s < UINT32_MAX ? (second_t)s : UINT32_MAX;
}

#endif
