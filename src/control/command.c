/* SPDX-License-Identifier: ISC */
/*
 * The table of commands, and their grammar as arguments. What a command does is its handler's
 * business, who may call it the server's; words and JSON are read by args.c.
 */
#include "policyd/command.h"

#include <errno.h>

#include "policyd/suggest.h"

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

const struct command_row *command_suggest(struct span verb)
{
	struct suggestion best = {0};
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (verb.n >= 3 && span_starts(span_of(command_rows[i].verb), verb))
			return &command_rows[i];
		suggest_offer(verb, command_rows[i].verb, &best);
	}
	return best.word ? command_find(span_of(best.word)) : NULL;
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
	struct command_arg arg = {.value = span_word(rest)};
	bool is_optional = was_prefix_cut(&arg.value, SPAN("["));
	if (span_starts(arg.value, SPAN("-"))) {
		arg.option = arg.value;
		if (is_optional && was_suffix_cut(&arg.option, SPAN("]"))) {
			arg.value = SPAN("");
			return arg_finish(&arg, ret);
		}
		arg.value = span_word(rest);
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
