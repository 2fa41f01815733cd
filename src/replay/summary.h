/* SPDX-License-Identifier: ISC */
/* summary.h - who was hit by what, and how often, while a replay runs; private to replay. */
#ifndef POLICYD_REPLAY_SUMMARY_H
#define POLICYD_REPLAY_SUMMARY_H

#include "policyd/replay.h"

struct tally;

/*
 * summary is filled as decisions come in, and completed by tally_finish(), which frees the tally.
 */
struct tally *tally_new(struct replay_summary *summary, const struct config *config);
/* An outbound request and what it was answered. */
void tally_request(
	struct tally *t, const struct request *request, const struct verdict *verdict, wall_t at);
void tally_decision(struct tally *t, const struct decision *d);
/* What the engine did by itself: a step of the ladder, of which the last is a suspension. */
void tally_step(struct tally *t, const struct policy_event *event, double score);
/* What somebody ordered: of interest is what the desk found out. */
void tally_command(struct tally *t, const struct policy_event *event);
void tally_finish(struct tally *t);
/* How much memory what was learnt takes. */
void summary_learnt(struct replay_summary *s, struct engine *e);

/* ---- volume.c: how much accounts send in an hour, or a day ---- */

/* Of one account. */
struct volume_count {
	int64_t slot; /* the present hour or day */
	uint32_t n, most;
};

/* Of all: how often which number came, exact below VOLUME_EXACT, then in steps of about 3 %. */
#define VOLUME_EXACT 1024
#define VOLUME_CELLS (VOLUME_EXACT + 32 * 54)
struct volume {
	uint64_t n, max, cell[VOLUME_CELLS];
};
/* One more in that slot; the number of a slot that is over goes to volume. True: the slot is new. */
bool volume_add(struct volume *volume, struct volume_count *count, int64_t slot, uint32_t n);
void volume_put(struct volume *volume, uint64_t number);
/* So that so many percent are not above it. 0 when there are none. */
uint64_t volume_percentile(const struct volume *volume, unsigned percent);
/* all: of slots; most: of each calm account's busiest slot. */
void volume_tell(const struct volume *all, const struct volume *most, struct replay_volume *ret);
uint64_t volume_above(const struct volume *volume, uint64_t number);

#endif
