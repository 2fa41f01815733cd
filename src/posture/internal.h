/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of postures share, and nobody else.
 *
 * A station is one egress. What speaks of it are causes (inputs, by id) and receivers (providers, in points);
 * both come to a demand, and a standing is what follows from demands over time. The station as a whole has a
 * standing, and each receiver has one.
 *
 * Nothing happens between two moments of station_next(), so station_walk() goes from one to the next, each at
 * the time at which it was due: a tick that comes late, after a restart or a suspend, finds what would have
 * been.
 */
#ifndef POLICYD_POSTURE_INTERNAL_H
#define POLICYD_POSTURE_INTERNAL_H

#include "policyd/egress.h"
#include "policyd/posture.h"

#define STATIONS_MAX  EGRESS_ADDRESSES_MAX
#define RAMP_MAX      16
#define CHANGES_MAX   1000
#define PROVIDER_SIZE 64
#define SEVERITY_MAX  5
/* So many receivers that ask for a posture ask for it everywhere. */
#define RECEIVERS_ALL 3
/* An egress that is away for so long is no egress any more; an interface that flaps loses no posture. */
#define AWAY_MAX_US DAY_US
/* Points beyond so many times receiver_hold do not count: one blast would be held against us for days. */
#define POINTS_CEILING 10.0
/* A receiver with less has been silent for long. */
#define POINTS_NONE 0.01

/* One input. */
struct cause {
	char id[POSTURE_ID_SIZE];
	char why[POSTURE_TEXT_SIZE];
	uint8_t severity; /* 0: it was never known to be there */
	bool is_unknown;
	bool is_over;         /* unknown for too long: it counts as nothing */
	mono_t unknown_since; /* when is_unknown */
};

/* What is asked for at present. */
struct demand {
	enum posture level; /* OK, WATCH, THROTTLE or HOLD */
	enum posture known; /* as much of it as is known */
	const char *why;    /* of the worst; "" */
	const struct cause
		*over; /* what was not known for so long that it has just ended; or NULL */
};

struct standing {
	enum posture posture;
	unsigned step;  /* of the ramp, at RECOVER */
	unsigned share; /* percent */
	mono_t begun;   /* of the posture, or of the step */
	wall_t since;   /* the same for people */
	mono_t calm;    /* since when nothing asks for it; MONO_NEVER: something does */
	uint64_t generation;
	char why[POSTURE_TEXT_SIZE]; /* how it came to this */
};

struct receiver {
	char name[PROVIDER_SIZE];
	double points; /* at `at` */
	mono_t at;
	mono_t heard;
	enum posture level; /* what the points ask for */
	char why[POSTURE_TEXT_SIZE];
	struct standing standing;
};

/* What a person set. */
struct person {
	bool is_set;
	mono_t end; /* MONO_NEVER: it is given up some day */
	wall_t until;
	char author[EVENT_AUTHOR_MAX + 1];
	char reason[EVENT_REASON_MAX + 1];
};

struct station {
	struct ip ip;
	mono_t away; /* since when it is no egress; MONO_NEVER: it is one */
	struct standing whole;
	struct person person;
	struct cause *cause;
	size_t cause_n;
	struct receiver *receiver[POSTURE_PROVIDERS_MAX]; /* by name */
	size_t receiver_n;
	mono_t walked; /* what was due until then has happened */
	mono_t due;
};

/* An event that nobody has taken yet. */
struct change {
	struct change *next;
	wall_t at, until;
	char *account, *limit, *reason, *author;
	bool is_grave;
};

struct postures {
	struct config *config;
	unsigned ramp[RAMP_MAX];
	size_t ramp_n;
	struct station
		*station[STATIONS_MAX]; /* in the order of the egresses; those that are away last */
	size_t station_n;
	uint64_t generation; /* the last one given */
	struct change *change, **change_end, *given;
	size_t change_n;
	uint64_t dropped; /* changes that nobody took in time */
	bool is_dirty, has_moved;
	struct now now; /* of the last call: mono and wall belong together */
};

/* ---- name.c ---- */

/* Text from elsewhere, cut and without what is not printable ASCII. */
void text_clean(struct span text, char *buf, size_t size);
/* Cut, but not within a letter. */
void text_cut(struct span text, char *buf, size_t size);
static inline enum posture posture_max(enum posture a, enum posture b)
{
	return a > b ? a : b;
}

/* ---- station.c ---- */

struct station *station_find(const struct postures *p, const struct ip *ip);
/* NULL: there is no room. */
struct station *station_made(struct postures *p, const struct ip *ip);
/* Behind all others. */
void station_last(struct postures *p, struct station *station);
void station_free(struct station *station);
/* The i-th goes. */
void station_forget(struct postures *p, size_t i);

/* ---- walk.c: time passes at a station ---- */

/* All that is asked for; why: room for its words. */
struct demand station_demand(
	const struct postures *p, const struct station *station, char why[POSTURE_TEXT_SIZE]);
/* All that was due until p->now has happened. */
void station_walk(struct postures *p, struct station *station);
/* What is asked for has changed: judged at p->now, after station_walk(). */
void station_judge(struct postures *p, struct station *station);

/* ---- cause.c ---- */

void causes_take(
	struct postures *p, struct station *station, const struct posture_input *input, size_t n);
/* Those that were not known for too long are over: the worst of those that are since now, or NULL. */
const struct cause *causes_expire(struct postures *p, struct station *station, mono_t t);
mono_t causes_next(const struct postures *p, const struct station *station);
/* How loud it spoke that is called so, known or not: its severity; 0: it did not, or is over. */
unsigned cause_weight(const struct postures *p, const struct ip *egress, struct span id);
enum posture posture_of_severity(const struct postures *p, unsigned severity);
struct demand causes_demand(const struct postures *p, const struct station *station);

/* ---- receiver.c ---- */

double receiver_points(const struct postures *p, const struct receiver *receiver, mono_t t);
/* Takes the points to t, where they may ask for less. */
void receiver_fade(const struct postures *p, struct receiver *receiver, mono_t t);
mono_t receiver_next(const struct postures *p, const struct receiver *receiver);
/* The one of that name, made if need be; the one that matters least may go for it. */
struct receiver *receiver_made(struct postures *p, struct station *station, struct span name);
void receiver_forget(struct postures *p, struct station *station, size_t i);
double receiver_capped(const struct postures *p, double points);
void receiver_add(struct postures *p, struct receiver *receiver, double weight);
bool receiver_is_idle(const struct postures *p, const struct receiver *receiver, mono_t t);
/* What so many of them ask for that it is asked for everywhere. */
struct demand receivers_demand(const struct station *station, char why[POSTURE_TEXT_SIZE]);

/* ---- standing.c: the state machine ---- */

void standing_init(struct postures *p, struct standing *standing, struct now now);
struct standing_of {
	struct station *station;
	struct receiver *receiver; /* NULL: the egress as a whole */
};
/* is_set: it stays where a person put it; only the ramp goes on. */
void standing_judge(
	struct postures *p, struct standing_of of, const struct demand *demand, mono_t t);
/* What must be asked for so that it stays. */
enum posture floor_of(enum posture posture);
mono_t standing_next(const struct postures *p, const struct standing *standing, bool is_set);
struct standing *standing_at(struct standing_of of);
/* To another posture, without an event. */
void standing_move(struct postures *p, struct standing *standing, enum posture posture, mono_t t);
uint64_t generation_new(struct postures *p);

/* ---- set.c ---- */

mono_t person_end(wall_t until, struct now now);
bool person_is_over(const struct person *person, mono_t t);
void person_drop(struct postures *p, struct station *station, mono_t t, const char *how);

/* ---- change.c ---- */

/* A posture at t; author NULL: policyd itself. */
struct change_new {
	struct standing_of of;
	mono_t t;
	bool is_grave;
	const char *author;
	wall_t until;
	const char *text;
};
void change_add(struct postures *p, const struct change_new *new);
void posture_changes_free(struct postures *p);
/* The point in time on the wall clock. */
wall_t wall_at(const struct postures *p, mono_t t);

#endif
