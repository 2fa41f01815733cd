/* SPDX-License-Identifier: ISC */
/* Words to values. The words themselves are rows of choice.def. */
#include "choice.h"

#include <errno.h>
#include <stdio.h>

#include "policyd/suggest.h"

/* All words, with commas. */
static void words_list(const struct choice_set *set, struct errbuf *ret)
{
	size_t used = 0;

	ret->text[0] = '\0';
	for (unsigned i = 0; i < set->n; i++) {
		int n = snprintf(ret->text + used, sizeof(ret->text) - used, "%s\"%s\"",
			used ? ", " : "", set->word[i]);

		if (n < 0 || (size_t)n >= sizeof(ret->text) - used)
			return;
		used += (size_t)n;
	}
}

int choice_parse(const struct choice_set *set, struct span word, unsigned *ret, struct errbuf *err)
{
	struct suggestion best = {0};
	char hint[SUGGEST_TEXT_SIZE];
	struct errbuf words;

	for (unsigned i = 0; i < set->n; i++) {
		if (span_equal_nocase(word, span_of(set->word[i]))) {
			*ret = i;
			return 0;
		}
		suggest_offer(word, set->word[i], &best);
	}
	words_list(set, &words);
	/* A precision, so that gcc sees that it fits. */
	err_set(err, "write one of %.400s%s", words.text, suggest_text(&best, hint));
	return -EINVAL;
}
