/* SPDX-License-Identifier: ISC */
/*
 * At which stage a message counts for good (semantics 9). policyd cannot know in which restriction
 * lists it stands, so it learns: until a later stage is seen from a place, RCPT is all there will
 * be, and what was accepted there is booked at once. What booking means is in transaction.c.
 */
#include "internal.h"

uint64_t hook_name(struct span name)
{
	static const struct siphash_key no_secret = {0};
	return siphash24(&no_secret, name);
}

static uint32_t hook_find(struct engine *e, uint64_t listener, struct span server_port)
{
	/* Not symmetric: a port that is called like a listener is still another place. */
	uint64_t id = hook_name(server_port) * UINT64_C(0x9e3779b97f4a7c15) ^ listener;
	for (uint32_t i = 0; i < e->hooks; i++) {
		if (e->hook[i].id == id)
			return i;
	}
	if (e->hooks == HOOKS_MAX)
		return HOOK_NONE;
	e->hook[e->hooks] = (struct hook){.id = id, .latest = STAGE_RCPT};
	return e->hooks++;
}

/* A connection is that of one smtpd, which mostly serves one port. */
uint32_t hook_of(struct engine *e, struct conn *conn, struct span server_port)
{
	uint64_t port = 0;
	if (server_port.n > sizeof(port))
		return hook_find(e, conn->listener, server_port);
	if (server_port.n)
		memcpy(&port, server_port.p, server_port.n);
	/* New places come until there are too many: then none is remembered as such. */
	if (port == 0 || port != conn->port || conn->hook == HOOK_NONE) {
		conn->port = port;
		conn->hook = hook_find(e, conn->listener, server_port);
	}
	return conn->hook;
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

/* Limits on bytes that never see a size: after a hundred messages it is no accident. */
static void tell_bytes(struct engine *e, struct hook *h)
{
	if (h->latest >= STAGE_EOM || !e->plan->needs_size || h->sizeless > HOOK_MISS_MAX)
		return;
	if (++h->sizeless == HOOK_MISS_MAX)
		effect_note(e,
			"limits of unit bytes count nothing for mail from one place: Postfix does "
			"not ask at END-OF-MESSAGE there; add check_policy_service to "
			"smtpd_end_of_data_restrictions");
}

void hook_ended(struct engine *e, uint32_t hook, bool committed)
{
	if (hook == HOOK_NONE)
		return;
	struct hook *h = &e->hook[hook];
	if (committed) {
		h->misses = 0;
		h->warned = false;
		tell_bytes(e, h);
		return;
	}
	if (h->misses < HOOK_MISS_MAX)
		h->misses++;
	if (h->misses < HOOK_MISS_MAX)
		return;
	/* Nothing would ever be charged: the hook was taken out, or commit_at is wrong. */
	enum stage missed = hook_commit_at(e, hook);
	if (stage_configured(e) != STAGE_UNKNOWN)
		missed = stage_configured(e);
	h->latest = STAGE_RCPT;
	if (h->warned)
		return;
	h->warned = true;
	effect_note(e,
		"the last %d messages from one place never came to %s: they are counted at RCPT "
		"now; is check_policy_service still in smtpd_%s_restrictions?",
		HOOK_MISS_MAX, stage_name(missed), missed == STAGE_DATA ? "data" : "end_of_data");
}
