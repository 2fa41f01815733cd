/* SPDX-License-Identifier: ISC */
/* choice.h - settings whose value is one of a few words. */
#ifndef POLICYD_CONFIG_CHOICE_H
#define POLICYD_CONFIG_CHOICE_H

#include "schema.h"

/*
 * The value of a word, case ignored. path (as schema_path() gives it) decides which words make
 * sense there. 0, or -EINVAL with the words, the nearest of them, or why this one is none.
 */
MUST_CHECK int choice_parse(const struct choice_set *set, const char *path, struct span word,
	unsigned *ret, struct errbuf *err);

#endif
