/* SPDX-License-Identifier: ISC */
/*
 * baseline.h - how what is learnt of one account lies in memory; private to habit.c, known.c and
 * baseline*.c.
 *
 * One struct of fixed size, and four blocks that are made when there is something for them: habits,
 * known recipients, hours of the week, and what is pending. Each block has a maximum; all of them at
 * theirs stay below BASELINE_BYTES_MAX.
 */
#ifndef POLICYD_SIGNALS_BASELINE_H
#define POLICYD_SIGNALS_BASELINE_H

#include "internal.h"

#define BASELINE_BYTES_MAX   8192
#define BASELINE_BYTES_USUAL 512
#define DAY_S                86400
#define HOUR_S               3600

/* What is kept of a hash; its upper half, for tables take the lower. */
static inline uint32_t id_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/*
 * Times of what is pending: hours, rounded up so that nothing settles before it is a day old, and cut
 * to 15 bits, which is enough for what is younger than three years.
 */
#define HOUR_MASK 0x7fffu
static inline uint16_t hour_up(second_t s)
{
	return (uint16_t)((s / HOUR_S + (s % HOUR_S != 0)) & HOUR_MASK);
}
/* Hours from then to now. */
static inline unsigned hours_since(uint16_t hour, second_t now)
{
	unsigned hours = (now / HOUR_S - hour) & HOUR_MASK;
	return hours > HOUR_MASK / 2 ? 0 : hours; /* it is ahead by what was rounded up */
}

/* The same with what was rounded up, negative before now; what is further ahead makes no sense. */
static inline int hours_ahead(uint16_t hour, second_t now)
{
	unsigned ahead = (hour - now / HOUR_S) & HOUR_MASK;
	if (ahead > HOUR_MASK / 2)
		return (int)ahead - (int)(HOUR_MASK + 1);
	return ahead ? 1 : 0;
}

/* ---- habit.c ---- */

#define HABIT_USES_MAX 127
#define STRANGE_MAX    15
struct habit_entry {
	uint32_t id;
	second_t last;
	uint16_t hour; /* of its first use while it is pending; then of the strangest of late */
	uint16_t kind : 4;
	uint16_t is_pending : 1;
	uint16_t strange : 4; /* of STRANGE_MAX: how strange the place was, at most */
	uint16_t uses : 7;    /* saturates */
};
struct habits {
	uint8_t n, size;
	struct habit_entry entry[];
};
static inline size_t habits_bytes_of(unsigned size)
{
	return sizeof(struct habits) + size * sizeof(struct habit_entry);
}
static inline size_t habits_bytes(const struct habits *habits)
{
	return habits ? habits_bytes_of(habits->size) : 0;
}
struct habit_entry *habits_find(const struct habits *habits, enum habit kind, uint64_t id);
/* Of each kind the one with that id; NULL: there is none, or the id is 0. */
void habits_find_all(const struct habits *habits, const uint64_t id[HABIT_KINDS],
	struct habit_entry *ret[HABIT_KINDS]);
/* Finds or makes (pending, used now). One that is new may replace an older one. */
struct habit_entry *habits_use(struct habits **habits, enum habit kind, uint64_t id, second_t now);
/* Settled ones have fewer places than all: the settled ones never leave none for new ones. */
void habits_settle(struct habits *habits, struct habit_entry *entry);
void habits_remove(struct habits *habits, struct habit_entry *entry);
/* As it was saved. False: there are too many of that kind. */
bool habits_put(struct habits **habits, const struct habit_entry *entry);

/* ---- known.c ---- */

/* Two generations of fingerprints, each an open-addressed set: when the young one is full or old, it
 * takes the place of the old one. */
#define KNOWN_SLOTS_MIN 16
#define KNOWN_SLOTS_MAX 896
#define KNOWN_LIFE_S    (90 * DAY_S)
struct known_set {
	uint16_t size[2]; /* slots: young, old (0: none) */
	uint16_t n[2];
	second_t since;  /* when the young one began */
	uint16_t slot[]; /* 0: free; the young ones first */
};
enum known_in { KNOWN_IN_NONE, KNOWN_IN_OLD, KNOWN_IN_YOUNG };
static inline size_t known_bytes_of(unsigned slots)
{
	return sizeof(struct known_set) + slots * sizeof(uint16_t);
}
static inline size_t known_bytes(const struct known_set *set)
{
	return set ? known_bytes_of((unsigned)set->size[0] + set->size[1]) : 0;
}
void known_fetch(const struct known_set *set, uint32_t id);
enum known_in known_find(const struct known_set *set, uint32_t id);
/* may_grow: there is memory for a larger set; without it older ones are forgotten instead. */
void known_add(struct known_set **set, uint32_t id, second_t now, bool may_grow);
/* As it was saved: a generation of so many slots (set NULL: makes one); NULL: no set has such. */
struct known_set *known_sized(
	struct known_set *set, unsigned generation, unsigned slots, unsigned n);
void known_put(struct known_set *set, unsigned generation, unsigned print);

/* ---- baseline.c ---- */

/* Values of struct recent that fade; the highs of the first ones are learnt. */
enum fading { FADING_NEW, FADING_HOUR, FADING_DAY, FADING_ALL, PEAKS, FADING_ODD = PEAKS, FADINGS };

/* What it did since a message that began it, for a day or until it is calm: may become normal. */
struct bucket {
	second_t start; /* 0: none */
	uint32_t hours; /* bit n: sent in the nth hour of the week after week_hour */
	uint8_t week_hour;
	uint8_t hours_n; /* in which it sent */
	uint16_t days, networks, sizes;
	uint32_t messages, recipients, hour_high, day_high;
	float news; /* sum of newness */
	float peak[PEAKS];
	float log_sum, log_squares; /* of ln(bytes) */
};

/* Recipients in this span of time and in the one before. */
struct tally {
	second_t start; /* 0: none yet */
	uint32_t n[2];
};

#define PENDING_KNOWN_MAX  320
#define PENDING_DOMAIN_BIT 0x8000u
struct pending {
	struct bucket bucket;
	struct tally hour, day;
	uint16_t known_n, known_size;
	uint32_t known[]; /* known_size ids, then as many hours of 2 bytes */
};

#define HOURS_OF_WEEK 168
#define HOURS_BYTES   (HOURS_OF_WEEK / 2)
unsigned hour_of_week(wall_t wall);
static inline unsigned hours_at(const uint8_t *hours, unsigned at)
{
	return hours[at / 2] >> (at % 2 * 4) & 15u;
}
unsigned hours_sum(const uint8_t *hours);
struct baseline {
	struct signals *signals; /* where it is counted */
	struct habits *habits;
	struct known_set *known;
	struct pending *pending;
	uint8_t *hours;      /* a nibble for each hour of the week: weeks in which it sent then */
	uint16_t hours_sum;  /* of them */
	second_t since;      /* made */
	second_t last_sent;  /* 0: never */
	second_t settled;    /* the last bucket that settled began then; 0: none */
	second_t due;        /* something may settle then; 0: nothing is pending */
	second_t woke;       /* came back after so long; 0: never */
	second_t positioned; /* when it was there; 0: never */
	int16_t latitude, longitude;
	uint16_t silent_days;
	uint16_t day;  /* of the wall clock, on which it was seen last */
	uint16_t days; /* settled, saturating */
	bool is_tainted;
	second_t faded; /* as of when recent[] is */
	float recent[FADINGS];
	float messages, recipients;
	float novel, judged; /* newness of so many recipients */
	float peak[PEAKS];
	float hour_mean, hour_high, day_mean, day_high, message_high, networks_high;
	float size_n, size_mean, size_variance;
};

/* Whether too little of it is known to judge it by itself. */
bool baseline_is_young(const struct baseline *b);
/* The account's, counted; NULL when there is no room for it. */
struct baseline *baseline_new(struct signals *s, mono_t mono);
void baseline_free(void *part);
/* Whether signals.memory_max leaves room for more. */
bool baseline_may_grow(const struct baseline *b);
/* Tells the figures that it took so many bytes before. */
void baseline_recount(struct baseline *b, size_t before);
/* Adds a recipient or domain to what is pending, as it was saved or now. */
void pending_add(struct baseline *b, uint32_t id, uint16_t hour_and_bit);
bool pending_has(const struct pending *pending, uint32_t id);
/* The first n. */
void pending_drop_known(struct pending *pending, unsigned n);
/* Gives back memory that a burst has left behind. */
void pending_shrink(struct baseline *b);
struct pending *pending_make(struct baseline *b);
uint32_t pending_id(const struct pending *pending, unsigned i);
uint16_t pending_hour(const struct pending *pending, unsigned i);

/* ---- baseline_recent.c ---- */

void tally_count(struct tally *tally, unsigned span_s, second_t now);
double tally_read(const struct tally *tally, unsigned span_s, second_t now);
void fading_at(const struct baseline *b, second_t now, double ret[FADINGS]);
void fading_add(struct baseline *b, const struct seen *seen);

/* ---- baseline_save.c, baseline_load.c ---- */

#define BASELINE_VERSION 1

/* Records; none is ever given to another. */
enum {
	RECORD_SETTLED = 1,
	RECORD_HABITS,
	RECORD_KNOWN,
	RECORD_HOURS,
	RECORD_BUCKET,
	RECORD_PENDING
};
extern const size_t baseline_floats[];
extern const size_t baseline_floats_n;
void baseline_load(void *ctx, struct account *account, struct reader *in, int64_t shift_us);

#endif
