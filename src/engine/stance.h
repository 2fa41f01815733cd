/* SPDX-License-Identifier: ISC */
/* stance.h - what the standing of our addresses means to requests: stance.c, warmup.c, fresh.c. Private. */
#ifndef POLICYD_ENGINE_STANCE_H
#define POLICYD_ENGINE_STANCE_H

#include "policyd/engine.h"
#include "policyd/limits.h"
#include "policyd/table.h"
#include "policyd/window.h"

struct call;

/* ---- stance.c ---- */

/* What the standing of the egress makes of one recipient. */
struct stance {
	enum treat treat;                   /* TREAT_PASS: nothing */
	bool is_observed;                   /* it is told, and changes nothing */
	unsigned share;                     /* percent of limits, of TREAT_SHARE */
	const struct config_action *action; /* of TREAT_ACTION */
	const char *transport;              /* of TREAT_SHIFT: where it stands well */
	const struct posture_view *view;    /* why; NULL: all is well */
	uint64_t warm_cap; /* it is new, and may send so many a day; 0: that is not why */
};
void stance_of(struct call *c, struct stance *ret);
/* True when it is slowed and has used up what it may; when there is room, or 0. */
bool stance_is_slow(const struct call *c, mono_t *ret_room_at);
/* Counts what was let through while it is slowed. */
void stance_granted(struct call *c);
/* The address that the mail of a request leaves from: its number in e->egress, or e->egresses. */
size_t stance_egress(const struct call *c);

/* ---- warmup.c ---- */

/* Puts off what is more than a new address may send to the recipient's provider. */
void warmup_take(struct call *c, size_t egress, struct stance *ret);
void warmup_granted(struct call *c);
/* Other addresses, or another configuration. */
void warmup_configure(struct engine *e);
void warmup_save(const struct engine *e, struct bytes *out);
bool warmup_load(struct engine *e, struct reader *in);

/* ---- fresh.c ---- */

/* What an account used before its limits were scaled, so that it begins afresh (semantics 27). */
#define FRESH_RINGS 8
struct fresh {
	struct table_node node; /* key: the account's */
	uint64_t generation;    /* of the posture */
	struct window slow;
	unsigned n;
	struct fresh_mark { /* rings are found again by these */
		enum unit unit;
		int64_t window_us;
		struct ring_mark mark;
	} mark[FRESH_RINGS];
};
/* The account's, begun anew when it is of another generation. */
struct fresh *fresh_of(struct engine *e, const struct account *account, uint64_t generation);
/* The mark of a ring, set at the first look; NULL: it has too many, and all counts. */
const struct ring_mark *fresh_mark(struct fresh *fresh, const struct rings *rings,
	const struct ring_shape *shape, uint32_t ring, mono_t mono);
/* One after the other, as table_next(). */
const struct fresh *fresh_next(const struct engine *e, uint32_t *cursor, size_t *places);
void fresh_save(const struct fresh *fresh, struct bytes *out);
bool fresh_load(struct engine *e, struct reader *in, int64_t shift_us);

#endif
