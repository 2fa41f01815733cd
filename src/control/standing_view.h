/* SPDX-License-Identifier: ISC */
/* standing_view.h - how we stand, and what was done about it, as JSON rows. What is not looked at is null. */
#ifndef POLICYD_CONTROL_STANDING_VIEW_H
#define POLICYD_CONTROL_STANDING_VIEW_H

#include <jansson.h>

#include "policyd/audit.h"
#include "policyd/control.h"
#include "policyd/culprit.h"
#include "policyd/ledger.h"
#include "policyd/posture.h"

/* More findings than these nobody reads: the worst are kept. */
#define FINDINGS_SHOWN_MAX 200

/* Of each egress, and of its providers that do not stand well; of subject alone when there is one. */
json_t *standing_view_postures(
	const struct control_setup *setup, struct span subject, struct now now);
/* What is not as it should be, failures first; *ret_left_out (may be NULL): how many more there are. */
json_t *standing_view_findings(const struct control_setup *setup, struct span subject,
	struct now now, size_t *ret_left_out);
json_t *standing_view_finding(const struct audit_finding *finding, struct now now);
/* Removals that are under way, were refused or came to nothing; all of them: what the ledger has. */
json_t *standing_view_removals(
	const struct control_setup *setup, struct span subject, bool all, struct now now);
json_t *standing_view_fall(const struct fall *fall, struct now now);
json_t *standing_view_culprit(const struct control_setup *setup, const struct fall *fall,
	const struct culprit *culprit, struct now now);
/* True when the account is suspended now. */
bool standing_is_suspended(const struct control_setup *setup, const char *key, struct now now);
/* "policyctl suspend alice --reason '...'", as a shell takes it. */
json_t *standing_view_suspend(const struct fall *fall, const char *key);
/* A text as one word of a shell's command: people copy what they are shown. */
json_t *standing_view_word(const char *text);
/* What goes into summary: postures that are not ok, listings that came back, failures at home. */
void standing_say(
	json_t *summary, const json_t *postures, const json_t *findings, const json_t *removals);
/* What policy never sees, as a sentence. */
extern const char standing_unseen[];

#endif
