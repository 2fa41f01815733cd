/* SPDX-License-Identifier: ISC */
/* The same lines again and again, as time passes: what somebody does each day, for weeks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"
#include "policyd/units.h"
#include "scenario.h"

#define ROUNDS_MAX 400
#define MARK       "$N"

struct scenario_round {
	struct scenario_round *next;
	char lines[];
};

/* What is remembered of a line points into it, so that each round keeps its own. */
static char *round_lines(struct scenario *s, const char *lines, unsigned number)
{
	char digits[16];
	const char *found;
	int digits_n = snprintf(digits, sizeof(digits), "%u", number);
	size_t n = 0, size = sizeof(struct scenario_round) + strlen(lines) + 1;
	for (found = lines; digits_n > 0 && (found = strstr(found, MARK)); found += strlen(MARK))
		size += (size_t)digits_n;
	struct scenario_round *made = xmalloc(size);
	for (; (found = strstr(lines, MARK)); lines = found + strlen(MARK)) {
		memcpy(made->lines + n, lines, (size_t)(found - lines));
		n += (size_t)(found - lines);
		n += span_copy(span_of(digits), made->lines + n, sizeof(digits));
	}
	memcpy(made->lines + n, lines, strlen(lines) + 1);
	made->next = s->rounds;
	s->rounds = made;
	return made->lines;
}

int repeat_run(struct scenario *s, const struct words *words, const char *lines)
{
	struct errbuf err;
	uint64_t rounds;
	int64_t us;
	unsigned line = s->line;
	if (words->n != 4 || strcmp(words->word[2], "every") != 0 ||
		span_to_u64(span_of(words->word[1]), &rounds) != 0 || rounds > ROUNDS_MAX ||
		duration_parse(span_of(words->word[3]), &us, &err) != 0)
		return fail(s, "usage: repeat N every TIME, N at most %d", ROUNDS_MAX);
	int r = 0;
	for (unsigned i = 1; r == 0 && i <= rounds; i++) {
		int64_t end_us = s->at_us + us;
		s->line = line;
		r = scenario_lines(s, round_lines(s, lines, i));
		if (r == 0)
			r = verb_pass(s, end_us);
	}
	/* What is counted is what comes after all this. */
	s->delivered = 0;
	return r;
}

void repeat_free(struct scenario *s)
{
	while (s->rounds) {
		struct scenario_round *gone = s->rounds;
		s->rounds = gone->next;
		free(gone);
	}
}
