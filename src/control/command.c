/* SPDX-License-Identifier: ISC */
/*
 * The table of commands, and their grammar as arguments. What a command does is its handler's
 * business, who may call it the server's; words and JSON are read by args.c.
 */
#include "policyd/command.h"

#include <errno.h>

#include "policyd/suggest.h"

#define ROW(id, v, r, p, g, c, h)                                                                  \
	[COMMAND_##id] = {.verb = (v),                                                             \
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

/* ---- verbs of two words ---- */

bool command_in_group(const struct command_row *row, struct span word)
{
	return word.n && span_starts(span_of(row->verb), word) && row->verb[word.n] == ' ';
}

bool command_is_group(struct span word)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (command_in_group(&command_rows[i], word))
			return true;
	}
	return false;
}

/* ---- what was meant ---- */

#define TYPED_SHOWN 60

/* "set, unset, list" of a group. */
#define GROUP_TEXT_SIZE 128
static const char *group_text(struct span group, char buf[GROUP_TEXT_SIZE])
{
	size_t n = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (!command_in_group(&command_rows[i], group))
			continue;
		if (n)
			n += span_copy(SPAN(", "), buf + n, GROUP_TEXT_SIZE - n);
		n += span_copy(
			span_of(command_rows[i].verb + group.n + 1), buf + n, GROUP_TEXT_SIZE - n);
	}
	return buf;
}

/* One of two words of a verb; the second is empty where there is none. */
static struct span verb_word(struct span verb, bool is_second)
{
	struct span rest = verb, word = span_word(&rest);
	return is_second ? span_trim(rest) : word;
}

/*
 * The verb nearest to it, or "". Where the first word is right, the second ones are looked at; else
 * the first ones alone, for the second may be right as it is.
 */
static void verb_suggest(struct span typed, char ret[SUGGEST_TEXT_SIZE])
{
	struct suggestion best = {0};
	char word[SUGGEST_TEXT_SIZE];
	struct span first = verb_word(typed, false);
	bool is_second = command_is_group(first);
	struct span wanted = verb_word(typed, is_second);
	ret[0] = '\0';
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		struct span verb = span_of(command_rows[i].verb);
		struct span known = verb_word(verb, is_second), shown = is_second ? verb : known;
		struct suggestion before = best;
		if (is_second && !command_in_group(&command_rows[i], first))
			continue;
		if (wanted.n >= 3 && span_starts(known, wanted)) {
			span_copy(shown, ret, SUGGEST_TEXT_SIZE);
			return;
		}
		span_copy(known, word, sizeof(word));
		suggest_offer(wanted, word, &best);
		if (best.word && (!before.word || best.distance < before.distance))
			span_copy(shown, ret, SUGGEST_TEXT_SIZE);
	}
}

void command_complain(struct span typed, struct errbuf *err)
{
	char near[SUGGEST_TEXT_SIZE], group[GROUP_TEXT_SIZE];
	typed = span_trim(typed);
	struct span first = verb_word(typed, false);
	int shown = (int)(typed.n < TYPED_SHOWN ? typed.n : TYPED_SHOWN);
	verb_suggest(typed, near);
	if (command_is_group(typed))
		err_set(err, "%.*s needs one of %s", shown, typed.p, group_text(typed, group));
	else if (near[0])
		err_set(err, "unknown verb \"%.*s\"; did you mean \"%s\"?", shown, typed.p, near);
	else if (command_is_group(first))
		err_set(err, "unknown verb \"%.*s\": %.*s needs one of %s", shown, typed.p,
			(int)first.n, first.p, group_text(first, group));
	else
		err_set(err, "unknown verb \"%.*s\"", shown, typed.p);
}

/* ---- grammar ---- */

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
