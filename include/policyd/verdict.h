/* SPDX-License-Identifier: ISC */
/*
 * verdict.h - the answering side: a verdict in, exactly one reply out. Whatever a text holds, the
 * reply stays one line of printable ASCII that Postfix can carry out (an empty action or a bare
 * code would mean PERMIT; invalid UTF-8 would make Postfix use its default action; observed
 * on 3.7.11).
 */
#ifndef POLICYD_VERDICT_H
#define POLICYD_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/reference.h"
#include "policyd/span.h"

enum action {
#define ACTION(word, strength, accepts, code, argument) ACTION_##word,
#include "policyd/action.def"
#undef ACTION
	ACTION_COUNT
};

struct action_row {
	const char *word;
	int strength;
	bool accepts;
	const char *code;
	bool argument;
};
extern const struct action_row action_rows[ACTION_COUNT];

/* The action of a word, ASCII case ignored. 0 or -ENOENT. */
MUST_CHECK int action_of(struct span word, enum action *ret);

#define RULE_SIZE        44  /* a rule's name has at most 40 bytes */
#define VERDICT_TEXT_MAX 400 /* bytes; Postfix passes any length on, people read this much */

/*
 * What one request gets. Of a plain pass only the action and what the ladder says are set. text has no action word: it
 * begins with the enhanced code where the action has one.
 */
struct verdict {
	enum action action;
	/* What the reply says in place of the action's word, 4NN or 5NN; 0: the word. */
	uint16_t code;
	/* Of the account, for the record; steps are those of signals.h. */
	unsigned char step, would_step; /* as it stands, and if nothing was merely observed */
	double score;
	char rule[RULE_SIZE];           /* the reason in a word, "" for a plain pass */
	char would[RULE_SIZE];          /* the first observe rule that would have refused, or "" */
	char reference[REFERENCE_SIZE]; /* "" for a plain pass */
	char text[VERDICT_TEXT_MAX + 1];
};

/* The reply to a plain pass, for the hot path. */
#define REPLY_DUNNO "action=DUNNO\n\n"
/* "action=", the longest word, a blank, the text, two newlines. */
#define REPLY_MAX (7 + 16 + 1 + VERDICT_TEXT_MAX + 2)

/*
 * Writes "action=WORD TEXT\n\n" and returns its length. Bytes that are not printable ASCII become
 * '?'; text is cut at VERDICT_TEXT_MAX; leading blanks go; an action that needs an argument and has
 * none becomes DUNNO.
 */
size_t reply_format(const struct verdict *verdict, char buf[REPLY_MAX]);

#endif
