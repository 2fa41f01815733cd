/* SPDX-License-Identifier: ISC */
/*
 * command.h - the verbs of policyctl as values: the rows of command.def, and what their grammar
 * says.
 *
 * The grammar is written once, as people read it ("ACCOUNT [--for DURATION] --reason TEXT"). From
 * that one string come the usage line, the parser of a command line and the check of a request that
 * came over the control socket, so they cannot differ:
 *
 *	row = command_find(SPAN("override set"));
 *	command_spec_add(&spec, row->grammar);
 *	r = command_args_parse(&spec, argc, argv, &args, &err);  words -> {"account":"alice"}
 *	r = command_args_check(&spec, args, &checked, &err);     none missing, none unknown
 */
#ifndef POLICYD_COMMAND_H
#define POLICYD_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "policyd/err.h"
#include "policyd/span.h"
#include "policyd/suggest.h"

/* Each right includes those before it. */
enum command_right { RIGHT_VIEW, RIGHT_DESK, RIGHT_ADMIN };
/* DAEMON: asked over the control socket; SLOW: that, and it tells how far it is; LOCAL: policyctl. */
enum command_place { PLACE_DAEMON, PLACE_SLOW, PLACE_LOCAL };

enum command {
#define COMMAND(id, verb, right, place, grammar, columns, help) COMMAND_##id,
#include "policyd/command.def"
#undef COMMAND
	COMMAND_COUNT
};

struct command_row {
	const char *verb;
	enum command_right right;
	enum command_place place;
	const char *grammar;
	const char *columns;
	const char *help;
};
extern const struct command_row command_rows[COMMAND_COUNT];

/* The row of a whole verb ("override set"), or NULL. Verbs are lower case, one blank between words. */
const struct command_row *command_find(struct span verb);
/* True when the row's verb begins with these words and has more: "egress lists test" with "egress". */
bool command_in_group(const struct command_row *row, struct span group);
/* True when they are the first words of a longer verb. They may be a verb as well ("egress"). */
bool command_is_group(struct span words);
/* The verb that may have been meant, or its first words; "" when nothing is near. */
void command_suggest(struct span typed, char ret[SUGGEST_TEXT_SIZE]);
/* What is wrong with a text that is no verb, and what may have been meant, as one sentence. */
void command_complain(struct span typed, struct errbuf *err);
const char *command_right_name(enum command_right right);

/* Which words of a command line are the verb: the longest that they begin with. */
#define COMMAND_WORDS_MAX 3
struct command_line {
	const struct command_row *row; /* NULL: they begin with none */
	unsigned n; /* words of the verb, or what was typed in its place; 0: none */
	int word[COMMAND_WORDS_MAX]; /* where they stand in argv */
	char text
		[128]; /* what was looked at, with blanks: the verb and perhaps the word behind it */
};
/* Options before and between its words are passed over; -s is the one that has a value. */
struct command_line command_line_find(int argc, char *const argv[]);
/* All words but the verb (and a "--" that stood before it), for free(); they stay argv's. */
char **command_line_rest(
	int argc, char *const argv[], const struct command_line *line, size_t *ret_n);

/* One argument, as the grammar has it. Spans point into the grammar. */
struct command_arg {
	char name[24];      /* in JSON: "account", "for" */
	struct span option; /* "--for"; empty for a positional argument */
	struct span value;  /* "DURATION", what usage calls the value; empty for a flag */
	bool is_required;
	bool is_repeated; /* its JSON value is an array of strings */
};

#define COMMAND_ARGS_MAX 16
struct command_spec {
	size_t n;
	struct command_arg arg[COMMAND_ARGS_MAX];
};

/*
 * Adds what a grammar says to a spec that began as zero; grammar outlives it. 0, or -EINVAL when it
 * is none (all rows of the table are; a test says so).
 */
MUST_CHECK int command_spec_add(struct command_spec *spec, const char *grammar);

/*
 * Reads the words after a verb: options before, between and after positional arguments,
 * "--x=value", "-xvalue", "--" ends options. *ret is a new object of strings (arrays of strings for
 * what may be repeated, true for flags). 0, or -EINVAL. What is missing is not asked for here: see
 * command_args_check.
 */
MUST_CHECK int command_args_parse(const struct command_spec *spec, size_t n, char *const word[],
	json_t **ret, struct errbuf *err);

/*
 * Checks arguments by name, from command_args_parse() or from outside: all that must be there are,
 * no others are. *ret is a new object in the form command_args_parse() gives: numbers become text,
 * null is absent. args may be NULL or any JSON value. 0, or -EINVAL.
 */
MUST_CHECK int command_args_check(
	const struct command_spec *spec, const json_t *args, json_t **ret, struct errbuf *err);

#endif
