/* SPDX-License-Identifier: ISC */
/* Suspension and overrides of one entry. Which entry, and where it stands, is account.c's. */
#include "standing.h"

#include <stdlib.h>

#include "policyd/mem.h"

/* When it ends on the clock that is never set. */
static mono_t ends_of(const struct policy_event *event, struct now now)
{
	if (event->until.us == WALL_NEVER.us)
		return MONO_NEVER;
	int64_t left = event->until.us - now.wall.us, whole = event->until.us - event->at.us;
	if (left > whole)
		left = whole;
	return (mono_t){.us = left > 0 ? now.mono.us + left : now.mono.us};
}

static struct standing *made(struct standing *standing)
{
	return standing ? standing : xcalloc(1, sizeof(*standing));
}

static void suspension_clear(struct standing *standing)
{
	free(standing->reason);
	free(standing->author);
	standing->reason = standing->author = NULL;
	standing->ends.us = 0;
}

static void override_free(struct override *override)
{
	free(override->limit);
	free(override->reason);
	free(override->author);
	free(override);
}

static struct standing *unless_empty(struct standing *standing)
{
	if (standing->ends.us || standing->overrides)
		return standing;
	standing_free(standing);
	return NULL;
}

struct standing *standing_suspend(
	struct standing *standing, const struct policy_event *event, struct now now)
{
	standing = made(standing);
	suspension_clear(standing);
	standing->since = event->at;
	standing->until = event->until;
	standing->ends = ends_of(event, now);
	standing->event = event->id;
	standing->reason = xstrndup(event->reason.p, event->reason.n);
	standing->author = xstrndup(event->author.p, event->author.n);
	return standing;
}

struct standing *standing_release(struct standing *standing)
{
	suspension_clear(standing);
	return unless_empty(standing);
}

static struct override **override_seek(struct standing *standing, struct span limit)
{
	struct override **at = &standing->overrides;
	while (*at && !span_equal(span_of((*at)->limit), limit))
		at = &(*at)->next;
	return at;
}

static void override_drop(struct override **at)
{
	struct override *gone = *at;
	*at = gone->next;
	override_free(gone);
}

struct standing *standing_set(
	struct standing *standing, const struct policy_event *event, struct now now)
{
	standing = made(standing);
	struct override **at = override_seek(standing, event->limit);
	if (*at)
		override_drop(at);
	struct override *override = xmalloc(sizeof(*override));
	*override = (struct override){
		.next = standing->overrides,
		.limit = xstrndup(event->limit.p, event->limit.n),
		.rate = event->rate,
		.since = event->at,
		.until = event->until,
		.ends = ends_of(event, now),
		.event = event->id,
		.reason = xstrndup(event->reason.p, event->reason.n),
		.author = xstrndup(event->author.p, event->author.n),
	};
	standing->overrides = override;
	return standing;
}

struct standing *standing_unset(struct standing *standing, struct span limit)
{
	struct override **at = override_seek(standing, limit);
	if (*at)
		override_drop(at);
	return unless_empty(standing);
}

const struct override *standing_override(
	const struct standing *orders, const char *limit, mono_t mono)
{
	const struct override *at = orders ? orders->overrides : NULL;
	while (at && (at->ends.us <= mono.us || strcmp(at->limit, limit) != 0))
		at = at->next;
	return at;
}

struct standing *standing_expire(struct standing *standing, mono_t mono)
{
	if (standing->ends.us && standing->ends.us <= mono.us)
		suspension_clear(standing);
	for (struct override **at = &standing->overrides; *at;) {
		if ((*at)->ends.us <= mono.us)
			override_drop(at);
		else
			at = &(*at)->next;
	}
	return unless_empty(standing);
}

void standing_free(struct standing *standing)
{
	suspension_clear(standing);
	while (standing->overrides)
		override_drop(&standing->overrides);
	free(standing);
}
