/* SPDX-License-Identifier: ISC */
/*
 * Arguments of a command: the words of a command line as JSON, and JSON held against the grammar.
 * What the values mean is the handlers' business.
 */
#include "policyd/command.h"

#include <errno.h>

#include "policyd/mem.h"

/* ---- which words are the verb ---- */

/* The next word from there that is no option. */
static int word_find(int argc, char *const argv[], int i)
{
	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0)
		i += strcmp(argv[i], "-s") == 0 ? 2 : 1;
	i = i < argc && strcmp(argv[i], "--") == 0 ? i + 1 : i;
	return i < argc ? i : argc;
}

/* Adds the word, which may make a longer verb. False: it cannot become one any more. */
static bool line_add(struct command_line *line, unsigned seen, const char *word)
{
	size_t n = strlen(line->text);
	n += span_copy(span_of(n ? " " : ""), line->text + n, sizeof(line->text) - n);
	span_copy(span_of(word), line->text + n, sizeof(line->text) - n);
	const struct command_row *row = command_find(span_of(line->text));
	if (row || !line->row)
		line->n = seen;
	if (row)
		line->row = row;
	return command_is_group(span_of(line->text));
}

struct command_line command_line_find(int argc, char *const argv[])
{
	struct command_line line = {0};
	int at = word_find(argc, argv, 1);
	for (unsigned seen = 0; at < argc && seen < COMMAND_WORDS_MAX; seen++) {
		line.word[seen] = at;
		if (!line_add(&line, seen + 1, argv[at]))
			break;
		at = word_find(argc, argv, at + 1);
	}
	return line;
}

char **command_line_rest(
	int argc, char *const argv[], const struct command_line *line, size_t *ret_n)
{
	char **word = xcalloc((size_t)argc + 1, sizeof(*word));
	unsigned seen = 0;
	size_t n = 0;
	for (int i = 1; i < argc; i++) {
		if (seen < line->n && i == line->word[seen])
			seen++;
		else if (seen == line->n || strcmp(argv[i], "--") != 0)
			word[n++] = argv[i];
	}
	*ret_n = n;
	return word;
}

/* ---- words as arguments ---- */

/* One reading of a command line: where we are, and what we have. */
struct args_walk {
	const struct command_spec *spec;
	char *const *word;
	size_t n, at;
	size_t positional; /* how many have been taken */
	json_t *args;
	struct errbuf *err;
};

/* As usage writes it: "ACCOUNT", "--for DURATION", "--json". */
static int arg_complain(const struct command_arg *arg, const char *what, struct errbuf *err)
{
	err_set(err, "%.*s%s%.*s %s", (int)arg->option.n, arg->option.p,
		arg->option.n && arg->value.n ? " " : "", (int)arg->value.n, arg->value.p, what);
	return -EINVAL;
}

/* Takes value over, also on failure. */
static int value_store(
	json_t *args, const struct command_arg *arg, json_t *value, struct errbuf *err)
{
	json_t *list = json_object_get(args, arg->name);
	if (!value)
		return arg_complain(arg, "is not valid UTF-8", err);
	if (!arg->is_repeated && list) {
		json_decref(value);
		return arg_complain(arg, "is given twice", err);
	}
	if (!arg->is_repeated) {
		json_object_set_new(args, arg->name, value);
		return 0;
	}
	if (!list) {
		list = json_array();
		json_object_set_new(args, arg->name, list);
	}
	json_array_append_new(list, value);
	return 0;
}

/* Whether word names this option; *ret_value is what follows in the same word, or has NULL. */
static bool is_option(const struct command_arg *arg, struct span word, struct span *ret_value)
{
	if (arg->option.n == 0 || !span_starts(word, arg->option))
		return false;
	struct span rest = span_make(word.p + arg->option.n, word.n - arg->option.n);
	bool is_short = arg->option.n == 2;
	if (rest.n == 0)
		*ret_value = (struct span){0};
	else if (rest.p[0] == '=')
		*ret_value = span_make(rest.p + 1, rest.n - 1);
	else if (is_short && arg->value.n)
		*ret_value = rest;
	else
		return false;
	return true;
}

static int option_take(struct args_walk *walk, struct span word)
{
	const struct command_arg *arg = NULL;
	struct span value = {0};
	for (size_t i = 0; i < walk->spec->n && !arg; i++) {
		if (is_option(&walk->spec->arg[i], word, &value))
			arg = &walk->spec->arg[i];
	}
	if (!arg) {
		err_set(walk->err, "unknown option %.*s", (int)word.n, word.p);
		return -EINVAL;
	}
	if (arg->value.n == 0) {
		if (value.p)
			return arg_complain(arg, "takes no value", walk->err);
		return value_store(walk->args, arg, json_true(), walk->err);
	}
	if (!value.p && walk->at == walk->n)
		return arg_complain(arg, "lacks its value", walk->err);
	if (!value.p)
		value = span_of(walk->word[walk->at++]);
	return value_store(walk->args, arg, json_stringn(value.p, value.n), walk->err);
}

static int positional_take(struct args_walk *walk, struct span word)
{
	size_t seen = 0;
	for (size_t i = 0; i < walk->spec->n; i++) {
		const struct command_arg *arg = &walk->spec->arg[i];
		if (arg->option.n || (!arg->is_repeated && seen++ < walk->positional))
			continue;
		walk->positional++;
		return value_store(walk->args, arg, json_stringn(word.p, word.n), walk->err);
	}
	err_set(walk->err, "one argument too many: %.*s", (int)(word.n < 80 ? word.n : 80), word.p);
	return -EINVAL;
}

int command_args_parse(const struct command_spec *spec, size_t n, char *const word[], json_t **ret,
	struct errbuf *err)
{
	struct args_walk walk = {
		.spec = spec, .word = word, .n = n, .args = json_object(), .err = err};
	bool is_past_options = false;
	int r = 0;
	while (r == 0 && walk.at < n) {
		struct span text = span_of(word[walk.at++]);
		if (!is_past_options && span_equal(text, SPAN("--")))
			is_past_options = true;
		else if (!is_past_options && text.n > 1 && text.p[0] == '-')
			r = option_take(&walk, text);
		else
			r = positional_take(&walk, text);
	}
	if (r == 0)
		*ret = walk.args;
	else
		json_decref(walk.args);
	return r;
}

/* ---- arguments by name ---- */

/* A new reference to the value as text, or NULL when it has no text. */
static json_t *text_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_stringn(json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case JSON_REAL:
		return json_sprintf("%.15g", json_real_value(value));
	case JSON_OBJECT:
	case JSON_ARRAY:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return NULL;
}

static int flag_check(
	const struct command_arg *arg, const json_t *value, json_t *checked, struct errbuf *err)
{
	if (!json_is_boolean(value))
		return arg_complain(arg, "must be true or false", err);
	if (json_is_true(value))
		json_object_set_new(checked, arg->name, json_true());
	return 0;
}

static int arg_check(
	const struct command_arg *arg, const json_t *value, json_t *checked, struct errbuf *err)
{
	if (!value || json_is_null(value))
		return arg->is_required ? arg_complain(arg, "is missing", err) : 0;
	if (arg->value.n == 0)
		return flag_check(arg, value, checked, err);
	bool is_list = arg->is_repeated && json_is_array(value);
	size_t n = is_list ? json_array_size(value) : 1;
	for (size_t i = 0; i < n; i++) {
		json_t *text = text_of(is_list ? json_array_get(value, i) : value);
		if (!text)
			return arg_complain(arg, "must be text", err);
		int r = value_store(checked, arg, text, err);
		if (r != 0)
			return r;
	}
	return 0;
}

static bool is_known(const struct command_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n; i++) {
		if (span_equal(span_of(spec->arg[i].name), span_of(name)))
			return true;
	}
	return false;
}

static int unknown_check(const struct command_spec *spec, const json_t *args, struct errbuf *err)
{
	/* jansson's iterator wants a pointer it could change, and changes nothing. */
	void *at = json_object_iter((json_t *)(uintptr_t)args);
	while (at) {
		const char *name = json_object_iter_key(at);
		if (!is_known(spec, name)) {
			err_set(err, "unknown argument \"%.40s\"", name);
			return -EINVAL;
		}
		at = json_object_iter_next((json_t *)(uintptr_t)args, at);
	}
	return 0;
}

int command_args_check(
	const struct command_spec *spec, const json_t *args, json_t **ret, struct errbuf *err)
{
	if (args && !json_is_null(args) && !json_is_object(args)) {
		err_set(err, "args must be an object");
		return -EINVAL;
	}
	int r = unknown_check(spec, args, err);
	json_t *checked = json_object();
	for (size_t i = 0; r == 0 && i < spec->n; i++)
		r = arg_check(
			&spec->arg[i], json_object_get(args, spec->arg[i].name), checked, err);
	if (r == 0)
		*ret = checked;
	else
		json_decref(checked);
	return r;
}
