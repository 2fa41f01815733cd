/* SPDX-License-Identifier: ISC */
/* Words to values. The words themselves are rows of choice.def and action.def. */
#include "choice.h"

#include <errno.h>
#include <stdio.h>

#include "diag.h"
#include "policyd/suggest.h"

/* Actions that a reply may say but that make no sense for a setting. */
static const struct ban {
	const char *path;
	enum action action;
	const char *why;
} bans[] = {
	{"limits.action", ACTION_DUNNO,
		"would let everything pass: write mode = \"observe\" instead"},
	{"limits.action", ACTION_PREPEND, "needs an argument, which a limit does not have"},
	{"limits.action", ACTION_FILTER, "needs an argument, which a limit does not have"},
	{"limits.action", ACTION_REDIRECT, "needs an argument, which a limit does not have"},
	{"suspension.action", ACTION_DUNNO, "would let a suspended account send"},
	{"suspension.action", ACTION_PREPEND, "would let a suspended account send"},
	{"suspension.action", ACTION_FILTER, "would let a suspended account send"},
	{"suspension.action", ACTION_REDIRECT, "would send a suspended account's mail elsewhere"},
	{"suspension.action", ACTION_DISCARD, "would lose mail without a word"},
};

/* Why the value is not taken at path, or NULL when it is. Bans speak of actions only. */
static const char *ban_of(const char *path, unsigned value)
{
	for (size_t i = 0; i < sizeof(bans) / sizeof(bans[0]); i++) {
		if (strcmp(bans[i].path, path) == 0 && (unsigned)bans[i].action == value)
			return bans[i].why;
	}
	return NULL;
}

/* All words that are taken at path, with commas. */
static void words_list(const struct choice_set *set, const char *path, struct errbuf *ret)
{
	size_t used = 0;

	ret->text[0] = '\0';
	for (unsigned i = 0; i < set->n; i++) {
		int n;

		if (ban_of(path, i))
			continue;
		n = snprintf(ret->text + used, sizeof(ret->text) - used, "%s\"%s\"",
			used ? ", " : "", set->word[i]);
		if (n < 0 || (size_t)n >= sizeof(ret->text) - used)
			return;
		used += (size_t)n;
	}
}

static void choice_explain(
	const struct choice_set *set, const char *path, struct span word, struct errbuf *err)
{
	struct suggestion best = {0};
	char hint[SUGGEST_TEXT_SIZE];
	struct errbuf words;

	for (unsigned i = 0; i < set->n; i++) {
		if (!ban_of(path, i))
			suggest_offer(word, set->word[i], &best);
	}
	words_list(set, path, &words);
	/* A precision, so that gcc sees that it fits. */
	err_set(err, "write one of %.400s%s", words.text, suggest_text(&best, hint));
}

int choice_parse(const struct choice_set *set, const char *path, struct span word, unsigned *ret,
	struct errbuf *err)
{
	for (unsigned i = 0; i < set->n; i++) {
		const char *why;

		if (!span_equal_nocase(word, span_of(set->word[i])))
			continue;
		why = ban_of(path, i);
		if (!why) {
			*ret = i;
			return 0;
		}
		struct errbuf words;
		words_list(set, path, &words);
		err_set(err, "this %s; write one of %.300s", why, words.text);
		return -EINVAL;
	}
	choice_explain(set, path, word, err);
	return -EINVAL;
}
