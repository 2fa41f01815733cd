/* SPDX-License-Identifier: ISC */
/* dossier.h - what is gathered of an address for a removal form (handle_dossier.c), and its text (dossier_text.c). */
#ifndef POLICYD_CONTROL_DOSSIER_H
#define POLICYD_CONTROL_DOSSIER_H

#include <jansson.h>

#include "policyd/clock.h"

/* Lists of rows, or of sentences; all but the address are arrays. */
struct dossier {
	json_t *address;  /* {"address","helo"} */
	json_t *reasons;  /* why it is not time to ask: sentences */
	json_t *checks;   /* what policyd cannot see: sentences */
	json_t *listings; /* rows of egress, and "title", "expected" */
	json_t *removals; /* rows of egress delists */
	json_t *falls, *culprits, *findings;
	json_t *actions; /* rows of audit, oldest first */
};

/* The whole as text. */
json_t *dossier_text(const struct dossier *dossier, struct now now);

#endif
