/* SPDX-License-Identifier: ISC */
/* manual.h - what the schema tells people about settings. */
#ifndef POLICYD_CONFIG_MANUAL_H
#define POLICYD_CONFIG_MANUAL_H

#include "show.h"

/* Every setting as a comment of a configuration file. */
void manual_defaults(struct text *text);
/* The same for an mdoc(7) page: a subsection for each group. */
void manual_page(struct text *text);

#endif
