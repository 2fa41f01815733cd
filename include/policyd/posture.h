/* SPDX-License-Identifier: ISC */
/*
 * posture.h - how we send while the world thinks ill of one of our addresses: a state machine for each egress,
 * and for each provider at an egress. Pure: what speaks of it comes in, with the time; what has changed comes
 * out. What a posture does to whom is the engine's.
 *
 *	ok -> watch -> throttle -> hold       at once, when something asks for it
 *	hold, throttle -> recover             when nothing asks for either any more: a ramp of shares, then ok or watch
 *	watch -> ok
 *
 * Unknown never raises a posture. What asked for it and is not known any more keeps it for posture.unknown_keep,
 * then recover, with an alarm (semantics 26). The posture of an egress is the worst of its findings (27).
 *
 *	postures_inputs(p, &ip, input, n, now)     all that speaks of an address now
 *	postures_signal(p, &signal, now)           a receiver's word, in points that fade
 *	postures_tick(p, now) at postures_due(p)
 *	while (postures_effect(p, &effect)) ...    EVENT: store, log
 */
#ifndef POLICYD_POSTURE_H
#define POLICYD_POSTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/addr.h"
#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/config.h"
#include "policyd/event.h"

/* In the order of how bad they are; recover is between watch and throttle by what it does. */
enum posture {
	POSTURE_OK,
	POSTURE_WATCH,
	POSTURE_RECOVER,
	POSTURE_THROTTLE,
	POSTURE_HOLD,
	POSTURE_COUNT
};
const char *posture_name(enum posture posture);
/* POSTURE_COUNT: none is called so. */
enum posture posture_of_name(struct span name);

struct postures;
struct postures *postures_new(struct config *config, struct now now); /* a reference is taken */
void postures_free(struct postures *p);
void postures_configure(struct postures *p, struct config *config, struct now now);

/* ---- what speaks of an egress ---- */

#define POSTURE_INPUTS_MAX 64 /* of one egress; the worst are kept */
#define POSTURE_TEXT_SIZE  256
#define POSTURE_ID_SIZE    324 /* the name of a list, and one in DNS */
struct posture_input {
	const char *id; /* names it: "listing zen", "audit ptr"; the same from call to call */
	uint8_t severity; /* 5 hold, 4 throttle, 3 watch by default (posture.hold_severity ...); less does nothing */
	bool is_unknown; /* it spoke so, and is not known any more */
	const char *why; /* "Spamhaus CSS: 127.0.0.3, somebody saw spam" */
};
/* All of them; those that were there before and are not any more are over. Unknown addresses are made. */
void postures_inputs(struct postures *p, const struct ip *egress, const struct posture_input *input,
	size_t n, struct now now);
/*
 * Which egresses there are, in their order. Others are not shown any more, and forgotten after a day: an
 * interface that flaps loses no posture.
 */
void postures_egresses(struct postures *p, const struct ip *egress, size_t n, struct now now);

/*
 * A receiver's word about mail from an egress: a reply that speaks of reputation, a bounce rate, a complaint
 * rate. Points add up and are halved every posture.receiver_half_life; at posture.receiver_watch, _throttle and _hold
 * of one provider they ask for that posture with that provider; when three providers or more ask for one, for the
 * egress as a whole.
 */
struct receiver_signal {
	struct ip egress;
	struct span
		provider; /* "google"; of an unknown MX its own domain: it speaks for nobody else */
	struct span kind; /* "reputation", "rate", "bounces", "complaints": stands in the why */
	double weight;    /* points */
	struct span text; /* the reply */
};
#define POSTURE_PROVIDERS_MAX                                                                      \
	64 /* of one egress; the one heard of least recently goes, those that are ok first */
void postures_signal(struct postures *p, const struct receiver_signal *signal, struct now now);

/*
 * A person sets it: policyctl egress posture. It wins over everything; when it ends or is given up, what asks for
 * a posture is looked at again, and from hold or throttle it goes on as if that had been asked for until then.
 */
struct posture_order {
	enum posture posture;
	wall_t until; /* WALL_NEVER: until it is given up */
	struct span author, reason;
};
void postures_set(struct postures *p, const struct ip *egress, const struct posture_order *order,
	struct now now);
void postures_unset(struct postures *p, const struct ip *egress, struct now now);

/* ---- the flow ---- */

void postures_tick(struct postures *p, struct now now);
mono_t postures_due(const struct postures *p);
struct posture_effect {
	struct policy_event
		event; /* EVENT_POSTURE; account "egress:192.0.2.1", limit "google" or "", reason "ok -> hold: ..." */
	bool is_grave;
};
bool postures_effect(struct postures *p, struct posture_effect *ret);

/* ---- how it stands ---- */

struct posture_view {
	struct ip egress;
	char provider[64]; /* "": the egress as a whole */
	enum posture posture;
	unsigned share; /* percent that recover lets through at present; 100 elsewhere */
	wall_t since;   /* of the posture, or of the step of recover */
	uint64_t
		generation; /* another one after each change of posture or share: scaled counting begins afresh */
	wall_t next; /* the next step of the ramp, the end of calm, of unknown_keep, of what was set; 0: none */
	bool is_set;     /* by a person */
	bool is_unknown; /* kept only because nothing is known */
	double points;   /* of a provider */
	char why[POSTURE_TEXT_SIZE];
};
/* The i-th: egresses in order, each followed by its providers that are not ok. False behind the last. */
bool postures_at(const struct postures *p, size_t i, struct now now, struct posture_view *ret);
/* Of one egress as a whole; false: it is not known. */
bool postures_get(const struct postures *p, const struct ip *egress, struct now now,
	struct posture_view *ret);
/* True when it differs from what was so at the last call: the engine is to be told. */
bool postures_moved(struct postures *p);
/* Changes that nobody took in time. */
uint64_t postures_dropped(const struct postures *p);

/* ---- warm-up of a new egress (facts: table of days) ---- */

/* What an egress may send to a provider on its day-th day (0: the first), as published; the last row holds on. */
#define WARMUP_DAYS 16
uint32_t warmup_table(unsigned day);
/* min(table, twice what was sent yesterday), at least the table's first row; 0 cap: none (it is warm). */
uint64_t warmup_cap(unsigned day, uint64_t sent_yesterday);
/* It stands still while more than 3 in 100 bounce, of at least 100. */
bool warmup_is_paused(uint64_t sent, uint64_t bounced);

/* ---- what outlives the process ---- */

bool postures_is_dirty(const struct postures *p);
void postures_save(struct postures *p, struct bytes *out, struct now now);
MUST_CHECK int postures_load(struct postures *p, struct span saved, struct now now);

#endif
