/* SPDX-License-Identifier: ISC */
/* Foreign bytes as JSON strings. Rows and their names are read.c's. */
#include "store_private.h"

#include <stdlib.h>

#include "policyd/mem.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD in UTF-8 */

/*
 * The well-formed sequences of RFC 3629 section 4: the first byte, the second, and how many follow
 * it. The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF.
 */
static const struct sequence {
	uint8_t first_low, first_high, second_low, second_high;
	size_t n;
} sequences[] = {
	{0xC2, 0xDF, 0x80, 0xBF, 2},
	{0xE0, 0xE0, 0xA0, 0xBF, 3},
	{0xE1, 0xEC, 0x80, 0xBF, 3},
	{0xED, 0xED, 0x80, 0x9F, 3},
	{0xEE, 0xEF, 0x80, 0xBF, 3},
	{0xF0, 0xF0, 0x90, 0xBF, 4},
	{0xF1, 0xF3, 0x80, 0xBF, 4},
	{0xF4, 0xF4, 0x80, 0x8F, 4},
};

static bool fits(const struct sequence *row, const uint8_t *p, size_t n)
{
	if (n < row->n || p[0] < row->first_low || p[0] > row->first_high)
		return false;
	if (p[1] < row->second_low || p[1] > row->second_high)
		return false;
	for (size_t i = 2; i < row->n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return false;
	}
	return true;
}

/* The length of the character that n bytes begin with, 0 when they begin with none. */
static size_t character_bytes(const uint8_t *p, size_t n)
{
	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		if (fits(&sequences[i], p, n))
			return sequences[i].n;
	}
	return 0;
}

json_t *json_of_bytes(struct span bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	char *text = xmalloc(bytes.n * (sizeof(REPLACEMENT) - 1) + 1);
	size_t n = 0;
	json_t *ret;

	for (size_t i = 0; i < bytes.n;) {
		size_t character = character_bytes(p + i, bytes.n - i);

		if (character > 0) {
			memcpy(text + n, p + i, character);
			n += character;
			i += character;
		} else {
			memcpy(text + n, REPLACEMENT, sizeof(REPLACEMENT) - 1);
			n += sizeof(REPLACEMENT) - 1;
			i++;
		}
	}
	ret = json_stringn(text, n);
	free(text);
	return ret;
}
