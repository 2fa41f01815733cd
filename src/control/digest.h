/* SPDX-License-Identifier: ISC */
/*
 * digest.h - all listings at a glance: the worst rows first, what they come to in sentences, and as
 * the exit code of a monitoring plug-in (semantics 28).
 */
#ifndef POLICYD_CONTROL_DIGEST_H
#define POLICYD_CONTROL_DIGEST_H

#include <jansson.h>

#include "policyd/control.h"
#include "policyd/egress.h"

/* More rows than these nobody reads, and the loop would stand still over them. */
#define DIGEST_ROWS_MAX 1000

struct digest_query {
	const struct control_setup *setup;
	egress_check check;  /* as that check saw it; 0: the verdicts */
	struct span subject; /* as it is shown; empty: all */
	bool is_one_list;    /* the check asked one list: what that does not take is not missing */
	struct now now;
};

enum digest_status { DIGEST_OK, DIGEST_WARNING, DIGEST_CRITICAL, DIGEST_UNKNOWN };
/* "OK", "WARNING" ... */
const char *digest_status_name(enum digest_status status);

/* What was found; deinit frees what was not taken over (and set to NULL). */
struct digest {
	json_t *listings; /* worst first, at most DIGEST_ROWS_MAX */
	json_t *summary;  /* sentences */
	json_t *headline; /* what status rests on */
	json_t *lists_not_ok;
	size_t left_out;           /* rows, the least important */
	enum digest_status status; /* its value is the exit code */
};

void digest_make(const struct digest_query *query, struct digest *ret);
void digest_deinit(struct digest *digest);

#endif
