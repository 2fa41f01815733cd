/* SPDX-License-Identifier: ISC */
/*
 * event.h - a durable change as a value (libevent has the plain name, struct event). A command
 * commits it, then applies it, then acknowledges.
 */
#ifndef POLICYD_EVENT_H
#define POLICYD_EVENT_H

#include <stdint.h>

#include "policyd/clock.h"
#include "policyd/err.h"
#include "policyd/span.h"
#include "policyd/units.h"

enum event_kind {
#define EVENT(id, name, text) EVENT_##id,
#include "policyd/event.def"
#undef EVENT
	EVENT_COUNT
};

struct event_row {
	const char *name;
	const char *text;
};
extern const struct event_row event_rows[EVENT_COUNT];
/* 0 or -ENOENT. */
MUST_CHECK int event_kind_of(struct span name, enum event_kind *ret);

/* Longest texts of an event, in bytes; longer input is refused where it comes in. */
#define EVENT_ACCOUNT_MAX 330
#define EVENT_REASON_MAX  500
#define EVENT_AUTHOR_MAX  100

/* What the desk found out about an account that it releases. */
#define VERDICT_FALSE_POSITIVE "false-positive"
#define VERDICT_CONFIRMED      "confirmed"
/* Who did what policyd does by itself. */
#define AUTHOR_SELF "policyd"

struct policy_event {
	enum event_kind kind;
	int64_t id; /* the store's number; 0 before it is stored */
	wall_t at;
	struct span account; /* canonical key, "login:alice@example.org", or "domain:example.org" */
	wall_t until;        /* end of a suspension or override; WALL_NEVER: permanent */
	/*
	 * OVERRIDE_*: the limit's name. RELEASE: a verdict (VERDICT_* below), or empty: none. SIGNAL:
	 * its name, or its name and how many, "complaints 3". LADDER: the step, "hold"; behind it
	 * " (observe)" where it changed nothing.
	 */
	struct span limit;
	struct rate rate; /* OVERRIDE_SET */
	struct span reason;
	struct span author; /* "root (uid 0)" */
};

#endif
