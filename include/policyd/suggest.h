/* SPDX-License-Identifier: ISC */
/* suggest.h - "did you mean": the known word nearest to one that was mistyped. */
#ifndef POLICYD_SUGGEST_H
#define POLICYD_SUGGEST_H

#include <stddef.h>

#include "policyd/span.h"

struct suggestion {
	const char *word; /* NULL: nothing is near */
	size_t distance;
};

/* Takes word for typed if it is nearer than what best holds. Zero is the start. */
void suggest_offer(struct span typed, const char *word, struct suggestion *best);

/* " (did you mean \"word\"?)", or "" when nothing is near. */
#define SUGGEST_TEXT_SIZE 64
const char *suggest_text(const struct suggestion *best, char buf[SUGGEST_TEXT_SIZE]);

#endif
