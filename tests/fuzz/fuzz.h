/* SPDX-License-Identifier: ISC */
/*
 * fuzz.h - what all targets share. libFuzzer calls the function with inputs of its own, replay.c
 * with those of a corpus; what must hold is checked by fuzz_check(), what must not happen by the
 * sanitizers.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program also where asserts are compiled out: a finding must be one everywhere. */
#define fuzz_check(holds)                                                                          \
	do {                                                                                       \
		if (!(holds))                                                                      \
			fuzz_fail(__FILE__, __LINE__, #holds);                                     \
	} while (0)

static inline _Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: runtime error: does not hold: %s\n", file, line, what);
	abort();
}

/* A copy of its own, so that a sanitizer sees every byte read beyond its end; for free(). */
static inline char *fuzz_copy(struct span text)
{
	char *copy = malloc(text.n ? text.n : 1);
	fuzz_check(copy != NULL);
	if (text.n)
		memcpy(copy, text.p, text.n);
	return copy;
}

#endif
