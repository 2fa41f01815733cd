/* SPDX-License-Identifier: ISC */
/*
 * The table of commands, and their grammar as arguments. What a command does is its handler's
 * business, who may call it the server's; words and JSON are read by args.c.
 */
#include "policyd/command.h"

#include <errno.h>

#define ROW(v, r, p, g, c, h)                                                                      \
	[COMMAND_##v] = {.verb = #v,                                                               \
		.right = RIGHT_##r,                                                                \
		.place = PLACE_##p,                                                                \
		.grammar = (g),                                                                    \
		.columns = (c),                                                                    \
		.help = (h)},

const struct command_row command_rows[COMMAND_COUNT] = {
#define COMMAND ROW
#include "policyd/command.def"
#undef COMMAND
};
#undef ROW

const struct command_row *command_find(struct span verb)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (span_equal(span_of(command_rows[i].verb), verb))
			return &command_rows[i];
	}
	return NULL;
}

const char *command_right_name(enum command_right right)
{
	static const char *const names[] = {
		[RIGHT_VIEW] = "view", [RIGHT_DESK] = "desk", [RIGHT_ADMIN] = "admin"};
	return names[right];
}

/* Longer words are no slip of the finger; also bounds the row below. */
#define VERB_MAX 24

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, one row at a time. Both at most VERB_MAX. */
static size_t edit_distance(struct span a, struct span b)
{
	size_t row[VERB_MAX + 1];
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t above = row[j];
			size_t swap = diagonal + (ascii_lower(a.p[i - 1]) != b.p[j - 1]);
			row[j] = min_size(swap, min_size(above, row[j - 1]) + 1);
			diagonal = above;
		}
	}
	return row[b.n];
}

const struct command_row *command_suggest(struct span verb)
{
	const struct command_row *best = NULL;
	size_t best_distance = 3; /* two slips in a word of five letters are still a slip */
	if (verb.n == 0 || verb.n > VERB_MAX)
		return NULL;
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		struct span known = span_of(command_rows[i].verb);
		if (verb.n >= 3 && span_starts(known, verb))
			return &command_rows[i];
		size_t distance = edit_distance(verb, known);
		if (distance < best_distance && distance < known.n - 1) {
			best = &command_rows[i];
			best_distance = distance;
		}
	}
	return best;
}

static struct span word_take(struct span *rest)
{
	size_t n = 0;
	*rest = span_trim(*rest);
	while (n < rest->n && rest->p[n] != ' ')
		n++;
	struct span word = span_make(rest->p, n);
	*rest = span_make(rest->p + n, rest->n - n);
	return word;
}

static bool was_suffix_cut(struct span *word, struct span suffix)
{
	if (!span_ends(*word, suffix))
		return false;
	word->n -= suffix.n;
	return true;
}

static bool was_prefix_cut(struct span *word, struct span prefix)
{
	if (!span_starts(*word, prefix))
		return false;
	*word = span_make(word->p + prefix.n, word->n - prefix.n);
	return true;
}

/*
 * Gives the argument its JSON name: the option without dashes, or the positional's word, in lower
 * case.
 */
static int arg_finish(struct command_arg *arg, struct command_arg *ret)
{
	struct span word = arg->option.n ? arg->option : arg->value;
	while (was_prefix_cut(&word, SPAN("-")))
		;
	if (word.n == 0 || word.n >= sizeof(arg->name))
		return -EINVAL;
	for (size_t i = 0; i < word.n; i++)
		arg->name[i] = ascii_lower(word.p[i]);
	*ret = *arg;
	return 0;
}

static int arg_take(struct span *rest, struct command_arg *ret)
{
	struct command_arg arg = {.value = word_take(rest)};
	bool is_optional = was_prefix_cut(&arg.value, SPAN("["));
	if (span_starts(arg.value, SPAN("-"))) {
		arg.option = arg.value;
		if (is_optional && was_suffix_cut(&arg.option, SPAN("]"))) {
			arg.value = SPAN("");
			return arg_finish(&arg, ret);
		}
		arg.value = word_take(rest);
	}
	arg.is_repeated = was_suffix_cut(&arg.value, SPAN("..."));
	arg.is_required = !is_optional;
	if (is_optional != was_suffix_cut(&arg.value, SPAN("]")) || arg.value.n == 0)
		return -EINVAL;
	return arg_finish(&arg, ret);
}

int command_spec_add(struct command_spec *spec, const char *grammar)
{
	struct span rest = span_trim(span_of(grammar));
	while (rest.n) {
		struct command_arg arg;
		if (spec->n == COMMAND_ARGS_MAX || arg_take(&rest, &arg) != 0)
			return -EINVAL;
		spec->arg[spec->n++] = arg;
		rest = span_trim(rest);
	}
	return 0;
}
