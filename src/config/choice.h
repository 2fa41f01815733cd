/* SPDX-License-Identifier: ISC */
/* choice.h - settings whose value is one of a few words. */
#ifndef POLICYD_CONFIG_CHOICE_H
#define POLICYD_CONFIG_CHOICE_H

#include "schema.h"

/* The value of a word, case ignored. 0, or -EINVAL with the words and the nearest of them. */
MUST_CHECK int choice_parse(
	const struct choice_set *set, struct span word, unsigned *ret, struct errbuf *err);

#endif
