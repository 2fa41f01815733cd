/* SPDX-License-Identifier: ISC */
/*
 * The table of commands, and their grammar as arguments. What a command does is its handler's
 * business, who may call it the server's; words and JSON are read by args.c.
 */
#include "policyd/command.h"

#include <errno.h>

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

/* ---- verbs of several words ---- */

bool command_in_group(const struct command_row *row, struct span group)
{
	return group.n && span_starts(span_of(row->verb), group) && row->verb[group.n] == ' ';
}

bool command_is_group(struct span words)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (command_in_group(&command_rows[i], words))
			return true;
	}
	return false;
}

/* ---- what was meant ---- */

#define TYPED_SHOWN 60

/* The first words of what was typed that are a group, as many as there are; or empty. */
static struct span group_of(struct span typed)
{
	struct span rest = typed, group = SPAN("");
	for (struct span word = span_word(&rest); word.n; word = span_word(&rest)) {
		struct span words = span_make(typed.p, (size_t)(word.p + word.n - typed.p));
		if (!command_is_group(words))
			break;
		group = words;
	}
	return group;
}

/* The word of a text that follows its first n bytes. */
static struct span word_behind(struct span text, size_t n)
{
	struct span rest = span_make(text.p + n, text.n - n);
	return span_word(&rest);
}

/* "set, unset, list": the words that follow a group, each once. */
#define GROUP_TEXT_SIZE 128
static const char *group_text(struct span group, char buf[GROUP_TEXT_SIZE])
{
	struct span before = SPAN("");
	size_t n = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (!command_in_group(&command_rows[i], group))
			continue;
		struct span word = word_behind(span_of(command_rows[i].verb), group.n);
		if (span_equal(word, before))
			continue;
		if (n)
			n += span_copy(SPAN(", "), buf + n, GROUP_TEXT_SIZE - n);
		n += span_copy(word, buf + n, GROUP_TEXT_SIZE - n);
		before = word;
	}
	return buf;
}

/*
 * Where the first words are right, the word behind them is looked at; else the first words alone,
 * for what follows may be right as it is.
 */
void command_suggest(struct span typed, char ret[SUGGEST_TEXT_SIZE])
{
	struct suggestion best = {0};
	char word[SUGGEST_TEXT_SIZE];
	typed = span_trim(typed);
	struct span group = group_of(typed), wanted = word_behind(typed, group.n);
	ret[0] = '\0';
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		struct span verb = span_of(command_rows[i].verb);
		if (group.n && !command_in_group(&command_rows[i], group))
			continue;
		struct span known = word_behind(verb, group.n);
		struct span shown = span_make(verb.p, (size_t)(known.p + known.n - verb.p));
		struct suggestion before = best;
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
	char near[SUGGEST_TEXT_SIZE], buf[GROUP_TEXT_SIZE];
	typed = span_trim(typed);
	struct span group = group_of(typed);
	const char *members = group_text(group, buf);
	int shown = (int)(typed.n < TYPED_SHOWN ? typed.n : TYPED_SHOWN);
	command_suggest(typed, near);
	if (group.n && group.n == typed.n)
		err_set(err, "%.*s needs one of %s", shown, typed.p, members);
	else if (near[0])
		err_set(err, "unknown verb \"%.*s\"; did you mean \"%s\"?", shown, typed.p, near);
	else if (group.n && command_find(group))
		err_set(err, "unknown verb \"%.*s\": %.*s stands alone or with one of %s", shown,
			typed.p, (int)group.n, group.p, members);
	else if (group.n)
		err_set(err, "unknown verb \"%.*s\": %.*s needs one of %s", shown, typed.p,
			(int)group.n, group.p, members);
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
