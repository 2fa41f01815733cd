/* SPDX-License-Identifier: ISC */
/* words.h - a line of a scenario as words, and the ranges in them. What a word means is not known here. */
#ifndef POLICYD_TEST_WORDS_H
#define POLICYD_TEST_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/err.h"

#define WORDS_MAX 48
#define STEPS_MAX 10000

struct words {
	size_t n;
	char *word[WORDS_MAX]; /* point into the line */
};

/*
 * Splits at blanks, in place. "..." keeps blanks together and may begin within a word; '#' at the beginning
 * of a word makes the rest a comment. 0, or -EINVAL: an open quote, too many words.
 */
MUST_CHECK int words_split(char *line, struct words *ret, struct errbuf *err);

/*
 * How often a line with these words is to be done: once, or as often as its ranges {A..B} say, which must
 * all be of one length. 0, or -EINVAL.
 */
MUST_CHECK int words_steps(char *const *word, size_t n, uint32_t *ret_steps, struct errbuf *err);

/* The word with its range, if it has one, replaced by the number of that step. 0, or -E2BIG. */
MUST_CHECK int word_at(const char *word, uint32_t step, char *buf, size_t size);

#endif
