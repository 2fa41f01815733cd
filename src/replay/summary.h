/* SPDX-License-Identifier: ISC */
/* summary.h - who was hit by what, and how often, while a replay runs; private to replay. */
#ifndef POLICYD_REPLAY_SUMMARY_H
#define POLICYD_REPLAY_SUMMARY_H

#include "policyd/replay.h"

struct tally;

/*
 * summary is filled as decisions come in, and completed by tally_finish(), which frees the tally.
 */
struct tally *tally_new(struct replay_summary *summary);
void tally_decision(struct tally *t, const struct decision *d);
void tally_finish(struct tally *t);

#endif
