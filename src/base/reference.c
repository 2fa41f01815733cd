/* SPDX-License-Identifier: ISC */
/*
 * The written form of references. Where their bits come from is the engine's business, whether one
 * exists is the store's.
 */
#include "policyd/reference.h"

#define BITS_A_LETTER 5

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void reference_format(uint64_t bits, char buf[REFERENCE_SIZE])
{
	for (size_t i = REFERENCE_LENGTH; i-- > 0; bits >>= BITS_A_LETTER)
		buf[i] = letters[bits & (sizeof(letters) - 2)];
	buf[REFERENCE_LENGTH] = '\0';
}

/* In the writing of reference_format(), or the byte itself when it stands in no reference. */
static char letter_of(char c)
{
	static const char alike[][2] = {{'o', '0'}, {'i', '1'}, {'l', '1'}};
	const char lower = ascii_lower(c);

	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++) {
		if (lower == alike[i][0])
			return alike[i][1];
	}
	for (size_t i = 0; i < sizeof(letters) - 1; i++) {
		if (lower == ascii_lower(letters[i]))
			return letters[i];
	}
	return c;
}

size_t reference_normalise(struct span typed, char buf[REFERENCE_SIZE])
{
	static const struct span dropped = {.p = " \t\r\n-", .n = 5};
	size_t n = 0;

	for (size_t i = 0; i < typed.n && n < REFERENCE_SIZE - 1; i++) {
		if (!memchr(dropped.p, typed.p[i], dropped.n))
			buf[n++] = letter_of(typed.p[i]);
	}
	buf[n] = '\0';
	return n;
}
