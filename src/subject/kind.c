/* SPDX-License-Identifier: ISC */
/* Kinds of names, by their words. What stands behind the word is not looked at here. */
#include "policyd/subject.h"

/* clang-format off */
#define KIND(id, is_word, is_sends, is_share, is_text) \
	[ACCOUNT_##id] = {.word = is_word, .word_n = sizeof(is_word) - 1, .sends = is_sends, \
		.share = is_share, .text = is_text},
/* clang-format on */
const struct kind_row kind_rows[ACCOUNT_KINDS] = {
#include "policyd/kind.def"
};
#undef KIND

enum account_kind kind_of_key(struct span key)
{
	/* The longest word has 12 bytes; most keys are told apart by where their colon is. */
	const char *colon = key.n ? memchr(key.p, ':', key.n < 12 ? key.n : 12) : NULL;
	size_t n = colon ? (size_t)(colon - key.p) + 1 : 0;
	for (int i = 0; n && i < ACCOUNT_KINDS; i++) {
		const struct kind_row *row = &kind_rows[i];
		if (row->word_n == n && memcmp(key.p, row->word, n) == 0)
			return (enum account_kind)i;
	}
	return ACCOUNT_KINDS;
}
