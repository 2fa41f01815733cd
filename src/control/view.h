/* SPDX-License-Identifier: ISC */
/* view.h - what the engine knows, as JSON. */
#ifndef POLICYD_CONTROL_VIEW_H
#define POLICYD_CONTROL_VIEW_H

#include <jansson.h>

#include "policyd/engine.h"

/* An account's key as people type it. */
json_t *view_account(struct span key);
/* The store's rows name accounts by their keys: puts what people type in their place. */
void view_rename_accounts(json_t *rows);
/* {"until","since","reason","by","event"}, or null. */
json_t *view_standing(const struct standing *standing);
/* One row of explain. */
json_t *view_limit(const struct engine_limit_view *limit, struct now now);
/* All limits of an account. */
json_t *view_limits(const struct engine_account_view *view, struct now now);
/* One row of why. */
json_t *view_decision(const struct decision *decision);

#endif
