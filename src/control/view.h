/* SPDX-License-Identifier: ISC */
/* view.h - what the engine knows, as JSON. */
#ifndef POLICYD_CONTROL_VIEW_H
#define POLICYD_CONTROL_VIEW_H

#include <jansson.h>

#include "policyd/engine.h"

/* An account's key as people type it; a domain's as "@example.org". */
json_t *view_account(struct span key);
/* Rows of the store, in the form the daemon's own have: accounts as people type them ... */
void view_rename_accounts(json_t *rows);
void view_rename_account(json_t *row);
/* ... and "reply" in place of "code". */
void view_rename_codes(json_t *rows);
/* {"until","since","reason","by","event"}, or null. */
json_t *view_standing(const struct standing *standing);
/* "file:line"; "built in" for what stands in no file. */
json_t *view_place(const struct config_place *place);
/* All limits of an account: rows of explain. */
json_t *view_limits(const struct engine_account_view *view, struct now now);
/*
 * The limits that count by that very name, whatever class they are of: an account's by "account",
 * those of "server:" by server.
 */
json_t *view_own_limits(
	const struct engine_account_view *view, const struct config *config, struct now now);
/* Of those, the ones that something is counted in. */
json_t *view_used(
	const struct engine_account_view *view, const struct config *config, struct now now);
/* One row of why. */
json_t *view_decision(const struct decision *decision);

#endif
