/* SPDX-License-Identifier: ISC */
/* set.h - single settings from the command line: "dotted.path=value". */
#ifndef POLICYD_CONFIG_SET_H
#define POLICYD_CONFIG_SET_H

#include "walk.h"

/* "--set NAME", as the source of assignment is called in messages; registered with diag. */
const char *set_name(struct diag *diag, const char *assignment);

/*
 * Applies one assignment to walk's configuration. The value is libconfig text, or a plain word,
 * which is taken as a string. Lists replace what files gave.
 * origin.file is its name.
 */
void set_apply(struct walk *walk, const char *assignment);

#endif
