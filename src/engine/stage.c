/* SPDX-License-Identifier: ISC */
/*
 * At which stage a message counts for good (semantics 9). policyd cannot know in which restriction
 * lists it stands, so it learns: until a later stage is seen from a place, RCPT is all there will
 * be, and what was accepted there is booked at once. What booking means is in transaction.c.
 */
#include "internal.h"

uint32_t hook_find(struct engine *e, uint64_t listener, struct span server_port)
{
	uint64_t id = siphash24(&e->key, server_port) ^ listener;
	for (uint32_t i = 0; i < e->hooks; i++) {
		if (e->hook[i].id == id)
			return i;
	}
	if (e->hooks == HOOKS_MAX)
		return HOOK_NONE;
	e->hook[e->hooks] = (struct hook){.id = id, .latest = STAGE_RCPT};
	return e->hooks++;
}

void hook_saw(struct engine *e, uint32_t hook, enum stage stage)
{
	if (hook == HOOK_NONE)
		return;
	struct hook *h = &e->hook[hook];
	if (stage > h->latest) {
		h->latest = stage;
		h->misses = 0;
	}
}

static enum stage stage_configured(const struct engine *e)
{
	static const enum stage stages[COMMIT_COUNT] = {
		[COMMIT_AUTO] = STAGE_UNKNOWN,
		[COMMIT_RCPT] = STAGE_RCPT,
		[COMMIT_DATA] = STAGE_DATA,
		[COMMIT_EOM] = STAGE_EOM,
	};
	return stages[e->plan->snapshot->commit_at];
}

enum stage hook_commit_at(const struct engine *e, uint32_t hook)
{
	enum stage configured = stage_configured(e);
	if (hook == HOOK_NONE)
		return STAGE_RCPT;
	const struct hook *h = &e->hook[hook];
	if (configured == STAGE_UNKNOWN)
		return h->latest;
	return h->misses >= HOOK_MISS_MAX ? STAGE_RCPT : configured;
}

void hook_ended(struct engine *e, uint32_t hook, bool committed)
{
	if (hook == HOOK_NONE)
		return;
	struct hook *h = &e->hook[hook];
	if (committed) {
		h->misses = 0;
		h->warned = false;
		return;
	}
	if (h->misses < HOOK_MISS_MAX)
		h->misses++;
	if (h->misses < HOOK_MISS_MAX || h->warned)
		return;
	/* Nothing would ever be charged: the hook was taken out, or commit_at is wrong. */
	enum stage missed = hook_commit_at(e, hook);
	if (stage_configured(e) != STAGE_UNKNOWN)
		missed = stage_configured(e);
	h->latest = STAGE_RCPT;
	h->warned = true;
	effect_note(e,
		"the last %d messages from one place never came to %s: they are counted at RCPT "
		"now; is check_policy_service still in smtpd_%s_restrictions?",
		HOOK_MISS_MAX, stage_name(missed), missed == STAGE_DATA ? "data" : "end_of_data");
}
