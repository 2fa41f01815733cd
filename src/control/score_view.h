/* SPDX-License-Identifier: ISC */
/* score_view.h - what speaks against an account, and where it stands on the ladder, as JSON. */
#ifndef POLICYD_CONTROL_SCORE_VIEW_H
#define POLICYD_CONTROL_SCORE_VIEW_H

#include <jansson.h>

#include "policyd/engine.h"

/* One decimal: what is behind it is decay. */
json_t *score_json(double score);
/*
 * Adds to the answer of show: "score", "step", what comes next, and the lists "evidence" and "normal".
 */
void score_view_story(json_t *answer, const struct signals_view *view, struct now now);
/* Of explain: which rule of the ladder holds for it, and where it stands. */
json_t *score_view_rule(const struct signals_view *view, const struct config *config);
/* "new-recipients: 9 of the last 12 ...": what speaks most against it, or null. */
json_t *score_view_top(const struct signals_view *view);
/* What status says of the ladder as a whole. */
json_t *score_view_status(const struct signals_figures *figures, const struct config *config);
/* "enforce", "observe" or "off", by the whole and by signals.tune. */
const char *score_view_mode(const struct config *config, enum signal signal);
/* In percent of what is shipped. */
unsigned score_view_weight(const struct config *config, enum signal signal);

/* True when release has something to take back: points alone do nothing, and go by themselves. */
bool score_is_flagged(const struct signals_view *view);

#endif
