/* SPDX-License-Identifier: ISC */
/* Words and ranges of a line. */
#include "words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "policyd/span.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Copies one word down to where it begins, without its quotes. False: a quote is open at the end. */
static bool word_take(char **at)
{
	bool is_quoted = false;
	char *to = *at, *from = *at;
	for (; *from && (is_quoted || !is_blank(*from)); from++) {
		if (*from == '"')
			is_quoted = !is_quoted;
		else
			*to++ = *from;
	}
	*at = *from ? from + 1 : from;
	*to = '\0';
	return !is_quoted;
}

int words_split(char *line, struct words *ret, struct errbuf *err)
{
	char *at = line;
	ret->n = 0;
	for (;;) {
		while (is_blank(*at))
			at++;
		if (*at == '\0' || *at == '#')
			return 0;
		if (ret->n == WORDS_MAX) {
			err_set(err, "more than %d words", WORDS_MAX);
			return -EINVAL;
		}
		ret->word[ret->n++] = at;
		if (!word_take(&at)) {
			err_set(err, "a quote is not closed");
			return -EINVAL;
		}
	}
}

/* ---- ranges ---- */

struct range {
	struct span before, after;
	uint64_t first, last;
};

/* False when the word has no range; braces around anything else are ordinary bytes. */
static bool range_of(const char *word, struct range *ret)
{
	const char *open = strchr(word, '{');
	const char *dots = open ? strstr(open, "..") : NULL;
	const char *shut = dots ? strchr(dots, '}') : NULL;
	if (!shut)
		return false;
	ret->before = span_make(word, (size_t)(open - word));
	ret->after = span_of(shut + 1);
	return span_to_u64(span_make(open + 1, (size_t)(dots - open - 1)), &ret->first) == 0 &&
	       span_to_u64(span_make(dots + 2, (size_t)(shut - dots - 2)), &ret->last) == 0;
}

int words_steps(char *const *word, size_t n, uint32_t *ret_steps, struct errbuf *err)
{
	uint64_t steps = 0;
	for (size_t i = 0; i < n; i++) {
		struct range range;
		if (!range_of(word[i], &range))
			continue;
		if (range.last < range.first || range.last - range.first >= STEPS_MAX) {
			err_set(err, "%s: a range goes up, by at most %d", word[i], STEPS_MAX);
			return -EINVAL;
		}
		uint64_t mine = range.last - range.first + 1;
		if (steps && steps != mine) {
			err_set(err, "%s: the ranges of a line must be of one length", word[i]);
			return -EINVAL;
		}
		steps = mine;
	}
	*ret_steps = steps ? (uint32_t)steps : 1;
	return 0;
}

int word_at(const char *word, uint32_t step, char *buf, size_t size)
{
	struct range range;
	int n = range_of(word, &range)
			? snprintf(buf, size, "%.*s%llu%s", (int)range.before.n, range.before.p,
				  (unsigned long long)(range.first + step), range.after.p)
			: snprintf(buf, size, "%s", word);
	return n < 0 || (size_t)n >= size ? -E2BIG : 0;
}
