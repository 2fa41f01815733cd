/* SPDX-License-Identifier: ISC */
/* configuration.h - policyctl config: what the configuration says, without a daemon. */
#ifndef POLICYD_CONFIGURATION_H
#define POLICYD_CONFIGURATION_H

#include <jansson.h>

#include "policyd/config.h"
#include "policyd/err.h"

/* The configuration of the arguments "c" and "set", where a command has those. As config_load(). */
MUST_CHECK int configuration_load(
	const json_t *args, struct config **ret, struct config_report *report);
/* The file that is. Borrowed from args. */
const char *configuration_path(const json_t *args);

/*
 * The verbs. args as command.def's rows have them. *ret_data: {"messages":[..]} of check and of what
 * cannot be shown, else {"text":..}. Returns the exit code; other than EX_OK, err says why.
 */
int configuration_check(const json_t *args, json_t **ret_data, struct errbuf *err);
int configuration_show(const json_t *args, json_t **ret_data, struct errbuf *err);
int configuration_defaults(const json_t *args, json_t **ret_data, struct errbuf *err);

#endif
