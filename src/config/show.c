/* SPDX-License-Identifier: ISC */
/* Values to text: what value.c reads gives the same value again. */
#include "show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "action.h"
#include "policyd/mem.h"

/* Shorter lists stand on one line. */
#define LINE_ELEMENTS 4

void text_add(struct text *text, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n > 0 && text->n + (size_t)n >= text->room) {
		text->room = (text->n + (size_t)n + 1) * 2;
		text->p = xrealloc(text->p, text->room, 1);
	}
	if (n > 0 && vsnprintf(text->p + text->n, (size_t)n + 1, format, again) == n)
		text->n += (size_t)n;
	va_end(again);
}

void text_deinit(struct text *text)
{
	free(text->p);
	*text = (struct text){0};
}

static void indent(struct show *show)
{
	for (unsigned i = 0; i < show->depth; i++)
		text_add(&show->text, "\t");
}

/* A string as libconfig reads it. Control characters never get into a snapshot. */
static void add_quoted(struct text *text, const char *value)
{
	text_add(text, "\"");
	for (const char *at = value; *at; at++)
		text_add(text, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
	text_add(text, "\"");
}

/* Behind an opening bracket. */
static void add_place(struct show *show, const struct config_place *place)
{
	if (show->with_places && place->file) {
		text_add(&show->text, "\t# ");
		for (const char *at = place->file; *at; at++)
			text_add(&show->text, "%c", *at >= 0 && *at < 0x20 ? '?' : *at);
		if (place->line)
			text_add(&show->text, ":%u", place->line);
	}
	text_add(&show->text, "\n");
}

/* ---- values of one line ---- */

/* Appends nothing when there is no value. */
typedef void show_value(struct text *text, const struct schema_field *field, const void *at);

static void show_string(struct text *text, const struct schema_field *field, const void *at)
{
	char *const *value = at;

	(void)field;
	if (*value)
		add_quoted(text, *value);
}

static void show_bool(struct text *text, const struct schema_field *field, const void *at)
{
	const bool *value = at;

	(void)field;
	text_add(text, "%s", *value ? "true" : "false");
}

static void show_count(struct text *text, const struct schema_field *field, const void *at)
{
	const uint32_t *value = at;

	(void)field;
	text_add(text, "%" PRIu32 "%s", *value, *value > INT32_MAX ? "L" : "");
}

static void show_duration(struct text *text, const struct schema_field *field, const void *at)
{
	const int64_t *value = at;
	char buf[DURATION_TEXT_SIZE];

	(void)field;
	add_quoted(text, duration_format(*value, buf));
}

static void show_size(struct text *text, const struct schema_field *field, const void *at)
{
	static const char *const words[] = {"", "k", "M", "G"};
	const uint64_t *value = at;
	uint64_t n = *value;
	size_t unit = 0;

	(void)field;
	while (n && n % 1024 == 0 && unit + 1 < sizeof(words) / sizeof(words[0])) {
		n /= 1024;
		unit++;
	}
	text_add(text, "\"%" PRIu64 "%s\"", n, words[unit]);
}

static void show_rate(struct text *text, const struct schema_field *field, const void *at)
{
	char buf[RATE_TEXT_SIZE];

	(void)field;
	add_quoted(text, rate_format(at, buf));
}

static void show_permissions(struct text *text, const struct schema_field *field, const void *at)
{
	const uint32_t *value = at;

	(void)field;
	text_add(text, "\"0%03" PRIo32 "\"", *value);
}

static void show_choice(struct text *text, const struct schema_field *field, const void *at)
{
	unsigned value;

	memcpy(&value, at, sizeof(value));
	add_quoted(text, field->choices->word[value]);
}

static void show_action(struct text *text, const struct schema_field *field, const void *at)
{
	char *value = action_text(at);

	(void)field;
	if (value)
		add_quoted(text, value);
	free(value);
}

static void show_treatment(struct text *text, const struct schema_field *field, const void *at)
{
	char *value = treatment_text(at);

	(void)field;
	if (value)
		add_quoted(text, value);
	free(value);
}

static void show_lines(struct text *text, const struct schema_field *field, const void *at)
{
	const struct config_lines *lines = at;

	(void)field;
	if (lines->path)
		add_quoted(text, lines->path);
}

static void show_secret(struct text *text, const struct schema_field *field, const void *at)
{
	const struct config_secret *secret = at;

	(void)field;
	if (secret->path)
		add_quoted(text, secret->path);
}

static void show_later(struct text *text, const struct schema_field *field, const void *at)
{
	const bool *is_there = at;

	(void)field;
	if (*is_there)
		text_add(text, "{ }");
}

static show_value *const values[VALUE_KINDS] = {
	[VALUE_STRING] = show_string,
	[VALUE_BOOL] = show_bool,
	[VALUE_COUNT] = show_count,
	[VALUE_DURATION] = show_duration,
	[VALUE_SIZE] = show_size,
	[VALUE_RATE] = show_rate,
	[VALUE_PERMISSIONS] = show_permissions,
	[VALUE_CHOICE] = show_choice,
	[VALUE_ACTION] = show_action,
	[VALUE_TREATMENT] = show_treatment,
	[VALUE_LINES] = show_lines,
	[VALUE_SECRET] = show_secret,
	[VALUE_LATER] = show_later,
};

/* ---- lists and groups ---- */

/* Element i of n, with what parts it from the one before. */
static void element_begin(struct show *show, size_t i, size_t n)
{
	if (n <= LINE_ELEMENTS) {
		text_add(&show->text, "%s", i ? ", " : " ");
		return;
	}
	text_add(&show->text, "%s\n", i ? "," : "");
	indent(show);
	text_add(&show->text, "\t");
}

static void list_end(struct show *show, size_t n)
{
	if (n > LINE_ELEMENTS) {
		text_add(&show->text, "\n");
		indent(show);
		text_add(&show->text, "];\n");
		return;
	}
	text_add(&show->text, " ];\n");
}

static void show_nets(struct show *show, const struct config_nets *nets)
{
	char base[IP_TEXT_SIZE];

	text_add(&show->text, "[");
	for (size_t i = 0; i < nets->n; i++) {
		const struct ip_net *net = &nets->net[i];

		element_begin(show, i, nets->n);
		text_add(&show->text, "\"%s/%u\"", ip_format(&net->base, base),
			net->bits - (ip_is_v4(&net->base) ? 96u : 0u));
	}
	list_end(show, nets->n);
}

static void show_strings(struct show *show, const struct config_strings *strings)
{
	text_add(&show->text, "[");
	for (size_t i = 0; i < strings->n; i++) {
		element_begin(show, i, strings->n);
		add_quoted(&show->text, strings->text[i]);
	}
	list_end(show, strings->n);
}

/* What such a row leaves to the catalogue must not be written: it would go over it when read again. */
static bool is_shown(const struct schema_section *section, size_t i, const void *owner)
{
	const struct config_blocklist *blocklist = owner;

	return section != &schema_blocklist || (blocklist->given >> i & 1);
}

static void show_rows(struct show *show, const struct schema_section *section, const void *owner)
{
	show->depth++;
	for (size_t i = 0; i < section->n; i++) {
		if (is_shown(section, i, owner))
			show_row(show, section, i, owner);
	}
	show->depth--;
}

static void show_section(struct show *show, const struct schema_field *field, const void *at)
{
	text_add(&show->text, "{");
	add_place(show, at);
	show_rows(show, field->below, at);
	indent(show);
	text_add(&show->text, "};\n");
}

static void show_list(struct show *show, const struct schema_field *field, const void *at)
{
	const size_t *n = (const void *)((const char *)at + (field->offset_n - field->offset));
	const char *elements = schema_elements(at);

	text_add(&show->text, "(");
	show->depth++;
	for (size_t i = 0; i < *n; i++) {
		const void *element = elements + i * field->below->bytes;

		text_add(&show->text, i ? ", {" : " {");
		add_place(show, element);
		show_rows(show, field->below, element);
		indent(show);
		text_add(&show->text, "}");
	}
	show->depth--;
	text_add(&show->text, " );\n");
}

/* No value: leaving the setting out says the same. */
static bool is_unset(
	const struct schema_section *section, size_t i, const void *owner, const struct text *value)
{
	const struct schema_field *field = &section->field[i];
	const void *at = (const char *)owner + field->offset;
	const struct config_nets *nets = at;
	const struct config_strings *strings = at;
	const size_t *list_n = (const void *)((const char *)owner + field->offset_n);

	if (values[field->kind])
		return value->n == 0;
	if (schema_is_required(&section->row[i]))
		return false;
	if (section == &schema_top && field->kind == VALUE_LIST && *list_n == 0)
		return !(((const struct config *)owner)->given >> i & 1);
	return (field->kind == VALUE_NETS && nets->n == 0) ||
	       (field->kind == VALUE_STRINGS && strings->n == 0) ||
	       (field->kind == VALUE_LIST && *list_n == 0);
}

static void show_group(struct show *show, const struct schema_field *field, const void *at)
{
	if (field->kind == VALUE_NETS)
		show_nets(show, at);
	if (field->kind == VALUE_STRINGS)
		show_strings(show, at);
	if (field->kind == VALUE_SECTION)
		show_section(show, field, at);
	if (field->kind == VALUE_LIST)
		show_list(show, field, at);
}

void show_row(struct show *show, const struct schema_section *section, size_t i, const void *owner)
{
	const struct schema_field *field = &section->field[i];
	const void *at = (const char *)owner + field->offset;
	struct text value = {0};

	if (values[field->kind])
		values[field->kind](&value, field, at);
	bool unset = is_unset(section, i, owner, &value);
	if (!unset || show->with_unset) {
		indent(show);
		text_add(&show->text, unset ? "# %s is not set\n" : "%s = ", section->row[i].name);
	}
	if (value.n)
		text_add(&show->text, "%s;\n", value.p);
	else if (!unset)
		show_group(show, field, at);
	text_deinit(&value);
}
