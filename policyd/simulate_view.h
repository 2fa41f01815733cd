/* SPDX-License-Identifier: ISC */
/* simulate_view.h - what a replay found: for people, for machines, and how two of them differ. */
#ifndef POLICYD_SIMULATE_VIEW_H
#define POLICYD_SIMULATE_VIEW_H

#include <jansson.h>
#include <stdio.h>

#include "policyd/replay.h"

/* Accounts that a summary tells of, and a report. */
#define VIEW_ACCOUNTS   10
#define REPORT_ACCOUNTS 200

struct view {
	const struct replay_summary *summary;
	double seconds; /* of the processor; 0: not to be told */
	size_t accounts_max;
};
void view_text(FILE *out, const struct view *view);
json_t *view_json(const struct replay_summary *summary);

/* The same stream under two configurations. */
struct view_compare {
	const struct replay_summary *a, *b;
	const char *a_name, *b_name;
};
void view_compare_text(FILE *out, const struct view_compare *compare);
json_t *view_compare_json(const struct view_compare *compare);

#endif
