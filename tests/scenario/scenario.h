/* SPDX-License-Identifier: ISC */
/*
 * scenario.h - one scenario file on its way through the engine: what its files share.
 *
 *	scenario.c  files, blocks, the report
 *	verb.c      what a line does; what it expects of a verdict is in expect.c
 *	words.c     a line as words
 */
#ifndef POLICYD_TEST_SCENARIO_H
#define POLICYD_TEST_SCENARIO_H

#include "policyd/clock.h"
#include "policyd/engine.h"
#include "words.h"

#define NAME_SIZE      32
#define CONNS_MAX      32
#define REFERENCES_MAX 32
#define NOTES_MAX      8

struct scenario_conn {
	char name[NAME_SIZE]; /* "": this place is free */
	engine_conn id;
	struct request attributes; /* of all its requests; a span with p == NULL is not given */
};

struct scenario {
	const char *path;
	unsigned line;
	char error[1200]; /* what was expected and what came; "" while all is well */
	unsigned checks;  /* made so far */
	/* True: time passes without ticks in between, as it does for simulate. */
	bool is_lazy;
	struct engine *engine; /* NULL until the config block */
	int64_t at_us;         /* since the beginning */
	int64_t wall_step_us;  /* by which the wall clock was set since */
	struct scenario_conn conn[CONNS_MAX];
	struct request attributes; /* of all requests */
	struct {
		char name[NAME_SIZE], reference[REFERENCE_SIZE];
	} reference[REFERENCES_MAX];
	size_t references;
	unsigned decisions; /* published and not yet asked for */
	char note[NOTES_MAX][304];
	size_t notes;
};

/* Sets the error, with file and line before it; always -EINVAL. */
int fail(struct scenario *s, const char *format, ...) PRINTF_LIKE(2, 3);
struct now scenario_now(const struct scenario *s);
/* Fetches what the engine wants done. */
void scenario_effects(struct scenario *s);

/* ---- expect.c ---- */

/* What a verdict should be. A span with p == NULL is not looked at. */
struct expect {
	enum action action;
	struct span rule, would, text, reference;
};
/* From "ACTION [rule NAME] [would NAME] [text TEXT] [reference NAME]". 0 or -EINVAL. */
MUST_CHECK int expect_parse(struct scenario *s, char *const *word, size_t n, struct expect *ret);
/* what: the request, for the message. 0 or -EINVAL. */
MUST_CHECK int expect_check(struct scenario *s, const struct expect *expect,
	const struct verdict *verdict, const char *what);

/* ---- verb.c ---- */

/* Does one line that is neither empty nor a block. 0 or -EINVAL. */
MUST_CHECK int verb_run(struct scenario *s, const struct words *words);

#endif
