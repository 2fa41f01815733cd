/* SPDX-License-Identifier: ISC */
/* check.h - rules over several settings. Those of a single one are rows of rule.c. */
#ifndef POLICYD_CONFIG_CHECK_H
#define POLICYD_CONFIG_CHECK_H

#include "diag.h"
#include "schema.h"

/* One element of a list, as soon as it is read. seen: rows of its section that the file has, by number. */
void check_element(struct diag *diag, const struct schema_section *section, const void *element,
	uint64_t seen);

/* What must differ between elements and sections, and what does not go together. */
void check_config(struct diag *diag, const struct config *config);
/* The parts of it. */
void check_limits(struct diag *diag, const struct config *config);
void check_classes(struct diag *diag, const struct config *config);
/* signals, ladder, and those of classes. */
void check_signals(struct diag *diag, const struct config *config);
/* posture. */
void check_posture(struct diag *diag, const struct config *config);
/* egress and dns. */
void check_world(struct diag *diag, const struct config *config);

/* What is worth a word when all sources were read: judged after everything else. */
void check_whole(struct diag *diag, const struct config *config);

#endif
