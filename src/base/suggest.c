/* SPDX-License-Identifier: ISC */
/* How far two words are apart. Which words are offered is the callers' business. */
#include "policyd/suggest.h"

#include <stdio.h>

/* Longer words are no typing mistakes for ours. */
#define WORD_MAX     40
#define DISTANCE_MAX 3

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's, letters without case; both words are at most WORD_MAX long. */
static size_t distance(struct span a, struct span b)
{
	size_t row[WORD_MAX + 1];

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool same = ascii_lower(a.p[i - 1]) == ascii_lower(b.p[j - 1]);
			size_t next = least(row[j] + 1, row[j - 1] + 1, diagonal + !same);

			diagonal = row[j];
			row[j] = next;
		}
	}
	return row[b.n];
}

void suggest_offer(struct span typed, const char *word, struct suggestion *best)
{
	struct span known = span_of(word);
	size_t longer = typed.n > known.n ? typed.n : known.n;
	size_t d;

	if (typed.n == 0 || longer > WORD_MAX)
		return;
	d = distance(typed, known);
	/* Short words are all near each other: more than half of one must be right. */
	if (d > DISTANCE_MAX || d * 2 > longer || (best->word && d >= best->distance))
		return;
	*best = (struct suggestion){.word = word, .distance = d};
}

const char *suggest_text(const struct suggestion *best, char buf[SUGGEST_TEXT_SIZE])
{
	if (!best->word ||
		snprintf(buf, SUGGEST_TEXT_SIZE, " (did you mean \"%s\"?)", best->word) < 0)
		return "";
	return buf;
}
