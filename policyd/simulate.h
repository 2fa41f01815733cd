/* SPDX-License-Identifier: ISC */
/* simulate.h - policyctl simulate: files, progress, and the summary for people around replay.h. */
#ifndef POLICYD_SIMULATE_H
#define POLICYD_SIMULATE_H

#include <jansson.h>

#include "policyd/err.h"

/*
 * args as command.def's row has them. ret_data NULL: prints the summary; else it is the caller's to
 * print. Returns the exit code; other than EX_OK, err says why.
 */
int simulate_run(const json_t *args, json_t **ret_data, struct errbuf *err);

#endif
