/* SPDX-License-Identifier: ISC */
/* set.h - single settings from the command line: "dotted.path=value". */
#ifndef POLICYD_CONFIG_SET_H
#define POLICYD_CONFIG_SET_H

#include "walk.h"

/*
 * Applies one assignment to walk's configuration. The value is libconfig text, or a plain word,
 * which is taken as a string. Lists replace what files gave.
 */
void set_apply(struct walk *walk, const char *assignment);

#endif
