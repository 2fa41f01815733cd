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

/* Each right includes those before it. */
enum command_right { RIGHT_VIEW, RIGHT_DESK, RIGHT_ADMIN };
enum command_place { PLACE_DAEMON, PLACE_LOCAL };

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

/* The row of a whole verb ("override set"), or NULL. Verbs are lower case. */
const struct command_row *command_find(struct span verb);
/* True when word is the first of the row's two: "override" of "override set". */
bool command_in_group(const struct command_row *row, struct span word);
/* True when it is the first word of any verb of two. */
bool command_is_group(struct span word);
/* What is wrong with a text that is no verb, and what may have been meant, as one sentence. */
void command_complain(struct span typed, struct errbuf *err);
const char *command_right_name(enum command_right right);

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
