/* SPDX-License-Identifier: ISC */
/* --set: finds the row by its path and walks a tree of one setting. */
#include "set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/log.h"
#include "policyd/mem.h"
#include "tree.h"

/* Of the path, as the name of the source in messages. */
#define SHOWN_MAX ((size_t)80)

/* A value that can only be meant as a string: nothing in it means anything to libconfig. */
static bool is_plain_word(struct span text)
{
	static const char others[] = "-_./:+@%,";

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool is_alnum =
			(c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
		if (!is_alnum && (c == '\0' || !strchr(others, c)))
			return false;
	}
	return text.n != 0;
}

/* True when value is a word to be put in quotes for a setting of that kind. */
static bool wants_quotes(enum value_kind kind, struct span value)
{
	if (!is_plain_word(value))
		return false;
	if (kind == VALUE_COUNT)
		return !strchr("+-0123456789", value.p[0]);
	if (kind == VALUE_BOOL)
		return !span_equal_nocase(value, SPAN("true")) &&
		       !span_equal_nocase(value, SPAN("false"));
	return true;
}

/* The row that a path names. */
struct target {
	const struct schema_section *section;
	size_t i;
	void *owner;
};

/* False: told. What follows a setting that is not read (LATER) is not looked at. */
static bool target_find(struct walk *walk, struct span path, struct target *ret)
{
	struct target target = {.section = &schema_top, .owner = walk->config};
	const struct config_place place = {.file = walk->origin.file};

	for (;;) {
		const char *dot = path.n ? memchr(path.p, '.', path.n) : NULL;
		struct span name = dot ? span_make(path.p, (size_t)(dot - path.p)) : path;
		ptrdiff_t i = schema_find(target.section, name);
		const struct schema_field *field;

		if (i < 0) {
			walk_unknown(&walk->origin, target.section, place, name);
			return false;
		}
		target.i = (size_t)i;
		field = &target.section->field[i];
		if (!dot || field->kind == VALUE_LATER) {
			*ret = target;
			return true;
		}
		if (field->kind != VALUE_SECTION) {
			diag_error(walk->origin.diag, place,
				"%s is no group with settings of its own: set it whole, %s=%s",
				target.section->row[i].name, target.section->row[i].name,
				value_sample(field->kind));
			return false;
		}
		target.owner = schema_at(field, target.owner);
		target.section = field->below;
		path = span_make(dot + 1, path.n - name.n - 1);
	}
}

static void value_apply(struct walk *walk, const struct target *target, struct span value)
{
	bool quotes = wants_quotes(target->section->field[target->i].kind, value);
	const struct config_place place = {.file = walk->origin.file};
	const config_setting_t *root;
	config_t tree;
	char *text;

	if (asprintf(&text, "value = %s%s%s;", quotes ? "\"" : "", value.p, quotes ? "\"" : "") < 0)
		return;
	if (tree_parse(&walk->origin, span_of(text), &tree) == 0) {
		root = config_root_setting(&tree);
		if (config_setting_length(root) == 1)
			walk_row(walk, target->section, target->i, config_setting_get_elem(root, 0),
				target->owner);
		else
			diag_error(walk->origin.diag, place,
				"one value is expected, as in --set commit_at=\"data\"");
		config_destroy(&tree);
	}
	free(text);
}

/* What stands before the '='. */
static struct span path_of(const char *assignment)
{
	return span_trim(span_make(assignment, strcspn(assignment, "=")));
}

const char *set_name(struct diag *diag, const char *assignment)
{
	struct span path = path_of(assignment);
	char name[sizeof("--set ") + 4 * SHOWN_MAX + 2] = "--set ";
	size_t n = strlen(name);

	log_escape(span_make(path.p, path.n < SHOWN_MAX ? path.n : SHOWN_MAX), name,
		sizeof(name) - 1, &n);
	return diag_file(diag, name);
}

void set_apply(struct walk *walk, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	struct target target;

	walk->origin.is_set = true;
	if (!equals) {
		diag_error(walk->origin.diag, (struct config_place){.file = walk->origin.file},
			"a value is missing: write NAME=VALUE, as in --set commit_at=data");
		return;
	}
	if (!target_find(walk, path_of(assignment), &target))
		return;
	if (target.owner == walk->config)
		walk->seen |= UINT64_C(1) << target.i;
	value_apply(walk, &target, span_of(equals + 1));
}
