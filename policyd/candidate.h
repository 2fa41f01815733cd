/* SPDX-License-Identifier: ISC */
/* candidate.h - a configuration from its files, checked as far as this machine can tell. */
#ifndef POLICYD_CANDIDATE_H
#define POLICYD_CANDIDATE_H

#include "policyd/config.h"

/*
 * As config_load(), and an error for each action that the Postfix of this machine could not carry
 * out. May take seconds (postconf is asked), on any thread.
 */
MUST_CHECK int candidate_load(const char *path, struct config **ret, struct config_report *report);

#endif
