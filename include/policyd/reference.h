/* SPDX-License-Identifier: ISC */
/*
 * reference.h - the short name of a decision that a sender is told and reads to somebody on the
 * telephone. Ten letters and digits of Crockford's base 32 (no I, L, O, U): 50 bits. Source:
 * https://www.crockford.com/base32.html
 */
#ifndef POLICYD_REFERENCE_H
#define POLICYD_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/span.h"

#define REFERENCE_LENGTH 10
#define REFERENCE_SIZE   12 /* 10 letters and digits, NUL, and a spare to show what is too long */

/* Writes the low 50 bits, highest first, and NUL. */
void reference_format(uint64_t bits, char buf[REFERENCE_SIZE]);

/*
 * What a person typed, in the form that reference_format() writes: upper case, without blanks and
 * '-', O read as 0, I and L as 1. Writes NUL after it and returns its length, REFERENCE_LENGTH when
 * it may be a reference; what is longer is cut at one more. Bytes that stand in no reference are
 * kept.
 */
size_t reference_normalise(struct span typed, char buf[REFERENCE_SIZE]);

#endif
