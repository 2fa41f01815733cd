/* SPDX-License-Identifier: ISC */
/* standing.h - what the desk has ordered for an entry; private to account. */
#ifndef POLICYD_ACCOUNT_STANDING_H
#define POLICYD_ACCOUNT_STANDING_H

#include "policyd/account.h"

/* Each makes the standing when there is none (NULL). */
struct standing *standing_suspend(
	struct standing *standing, const struct policy_event *event, struct now now);
struct standing *standing_set(
	struct standing *standing, const struct policy_event *event, struct now now);
/* What is left, NULL when that is nothing: a suspension ended, an override ended. */
struct standing *standing_release(struct standing *standing);
struct standing *standing_unset(struct standing *standing, struct span limit);
/* Forgets what is over; NULL when nothing is left. */
struct standing *standing_expire(struct standing *standing, mono_t mono);
void standing_free(struct standing *standing);

#endif
