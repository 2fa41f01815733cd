/* SPDX-License-Identifier: ISC */
/* simulate.h - policyctl simulate: files, progress, and the summary for people around replay.h. */
#ifndef POLICYD_SIMULATE_H
#define POLICYD_SIMULATE_H

#include <jansson.h>

#include "policyd/err.h"

/* args as command.def's row has them. Returns the exit code; other than EX_OK, err says why. */
int simulate_run(const json_t *args, struct errbuf *err);

#endif
