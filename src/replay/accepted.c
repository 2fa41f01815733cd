/* SPDX-License-Identifier: ISC */
/*
 * Who was written to: a bounce or a complaint counts only if that recipient of that message was let
 * through. Two generations of fingerprints; a new one begins every three days, or when it is full, and
 * the one before the last is forgotten. So something is remembered for three to six days in bounded
 * memory. Two that look alike are one in 10^13.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"
#include "policyd/siphash.h"

#define GENERATION_US (3 * DAY_US)
/* Places of a generation, a power of two; three quarters of them are used. */
#define PLACES_MIN 1024
#define PLACES_MAX (4u << 20)

struct generation {
	uint64_t *place; /* 0: free */
	size_t places, n;
};

struct accepted {
	struct generation young, old;
	wall_t since; /* of the young one */
	uint64_t lost;
};

struct accepted *accepted_new(void)
{
	return xcalloc(1, sizeof(struct accepted));
}

void accepted_free(struct accepted *a)
{
	if (!a)
		return;
	free(a->young.place);
	free(a->old.place);
	free(a);
}

uint64_t accepted_lost(const struct accepted *a)
{
	return a->lost;
}

/* recipient empty: the message. */
static uint64_t fingerprint(struct span instance, struct span recipient)
{
	static const struct siphash_key of_instance = {UINT64_C(0x6163636570746564), 1};
	struct siphash_key of_recipient = {siphash13(&of_instance, instance), 2};
	uint64_t print = siphash13(&of_recipient, recipient);
	return print ? print : 1;
}

/* Where it stands, or would. There is always a free place. */
static uint64_t *place_of(const struct generation *g, uint64_t print)
{
	size_t at = print & (g->places - 1);
	while (g->place[at] && g->place[at] != print)
		at = (at + 1) & (g->places - 1);
	return &g->place[at];
}

static bool generation_has(const struct generation *g, uint64_t print)
{
	return g->places && *place_of(g, print) == print;
}

static void grow(struct generation *g)
{
	struct generation wider = {.places = g->places ? g->places * 2 : PLACES_MIN, .n = g->n};
	wider.place = xcalloc(wider.places, sizeof(*wider.place));
	for (size_t i = 0; i < g->places; i++) {
		if (g->place[i])
			*place_of(&wider, g->place[i]) = g->place[i];
	}
	free(g->place);
	*g = wider;
}

static void rotate(struct accepted *a, wall_t at)
{
	if (at.us - a->since.us < GENERATION_US)
		a->lost += a->old.n;
	free(a->old.place);
	a->old = a->young;
	a->young = (struct generation){0};
	a->since = at;
}

static void remember(struct accepted *a, uint64_t print, wall_t at)
{
	struct generation *g = &a->young;
	if (at.us - a->since.us >= GENERATION_US ||
		(g->places == PLACES_MAX && g->n >= PLACES_MAX / 4 * 3))
		rotate(a, at);
	if (g->n >= g->places / 4 * 3)
		grow(g);
	uint64_t *place = place_of(g, print);
	g->n += *place == 0;
	*place = print;
}

/* HOLD, DISCARD and REDIRECT take all recipients of a message, and so does what is said at DATA. */
static bool stops_message(enum stage stage, enum action action)
{
	bool is_whole = stage == STAGE_DATA || stage == STAGE_EOM;
	return action == ACTION_HOLD || action == ACTION_DISCARD || action == ACTION_REDIRECT ||
	       (is_whole && !action_rows[action].accepts);
}

void accepted_note(struct accepted *a, const struct request *request, enum action action, wall_t at)
{
	if (stops_message(request->stage, action))
		remember(a, fingerprint(request->instance, SPAN("")), at);
	else if (request->stage == STAGE_RCPT && action_rows[action].accepts)
		remember(a, fingerprint(request->instance, request->recipient), at);
}

static bool has(const struct accepted *a, uint64_t print)
{
	return generation_has(&a->young, print) || generation_has(&a->old, print);
}

bool accepted_has(const struct accepted *a, struct span instance, struct span recipient)
{
	return recipient.n && has(a, fingerprint(instance, recipient)) &&
	       !has(a, fingerprint(instance, SPAN("")));
}
