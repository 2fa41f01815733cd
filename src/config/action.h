/* SPDX-License-Identifier: ISC */
/* action.h - settings whose value is what a reply says: a word of action.def, or 4NN or 5NN. */
#ifndef POLICYD_CONFIG_ACTION_H
#define POLICYD_CONFIG_ACTION_H

#include "policyd/config.h"

#define ACTION_ARGUMENT_MAX 200

/*
 * "REJECT own words", "FILTER slow:", "450 4.7.1 text". path (as schema_path() gives it) decides which
 * make sense there. 0, or -EINVAL with what to write; ret->text is the caller's to free.
 */
MUST_CHECK int action_parse(
	const char *path, struct span text, struct config_action *ret, struct errbuf *err);

/* The text that action_parse() reads as that; for free(). NULL: no action is given. */
char *action_text(const struct config_action *action);

/*
 * "pass", "slow", "shift", "ramp", "N%" (0 to 100), or an action that makes sense there. 0, or -EINVAL with
 * what to write; ret->action.text is the caller's to free.
 */
MUST_CHECK int treatment_parse(
	const char *path, struct span text, struct config_treatment *ret, struct errbuf *err);
/* The text that treatment_parse() reads as that; for free(). NULL: none is given. */
char *treatment_text(const struct config_treatment *treatment);

#endif
