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
	for (int i = 0; i < ACCOUNT_KINDS; i++) {
		const struct kind_row *row = &kind_rows[i];
		if (span_starts(key, span_make(row->word, row->word_n)))
			return (enum account_kind)i;
	}
	return ACCOUNT_KINDS;
}
