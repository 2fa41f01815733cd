/* SPDX-License-Identifier: ISC */
/* Rows of the schema in words. Values in force are dump.c's business. */
#include "manual.h"

#include <string.h>

/* A kind in words; CHOICE lists its words. */
static const char *const kind_texts[VALUE_KINDS] = {
	[VALUE_STRING] = "a string",
	[VALUE_BOOL] = "true or false",
	[VALUE_COUNT] = "a whole number",
	[VALUE_DURATION] = "a duration, as \"90s\" or \"4h\"",
	[VALUE_SIZE] = "a size, as \"10M\"",
	[VALUE_RATE] = "a rate, as \"200/1h\"",
	[VALUE_PERMISSIONS] = "permissions, as \"0660\"",
	[VALUE_CHOICE] = "one of",
	[VALUE_ACTION] = "an action, as \"REJECT\" or \"450 4.7.1 later\"",
	[VALUE_TREATMENT] = "a treatment: pass, slow, shift, ramp, N%, or an action",
	[VALUE_LINES] = "the path of a file of lines",
	[VALUE_SECRET] = "the path of a file that only its owner may read",
	[VALUE_NETS] = "a list of networks",
	[VALUE_STRINGS] = "a list of strings",
	[VALUE_SECTION] = "a group",
	[VALUE_LIST] = "a list of groups",
	[VALUE_LATER] = "of a module that is not built",
};

static const char *quote_of(enum value_kind kind)
{
	return kind == VALUE_COUNT || kind == VALUE_BOOL ? "" : "\"";
}

static void add_bounds(struct text *text, const struct setting_row *row)
{
	if (row->low && row->high)
		text_add(text, ", %s to %s", row->low, row->high);
	else if (row->low || row->high)
		text_add(text, ", at %s %s", row->low ? "least" : "most",
			row->low ? row->low : row->high);
}

/* "one of "auto", "rcpt"; default "auto"; takes effect at a reload" */
static void add_form(struct text *text, const struct schema_section *section, size_t i)
{
	const struct setting_row *row = &section->row[i];
	const struct schema_field *field = &section->field[i];
	const char *quote = quote_of(field->kind);

	text_add(text, "%s", kind_texts[field->kind]);
	for (unsigned j = 0; field->kind == VALUE_CHOICE && j < field->choices->n; j++)
		text_add(text, "%s \"%s\"", j ? "," : "", field->choices->word[j]);
	add_bounds(text, row);
	if (schema_is_required(row))
		text_add(text, "; required");
	else if (row->preset)
		text_add(text, "; default %s%s%s", quote, row->preset, quote);
	else
		text_add(text, "; no default");
	text_add(text, "; takes effect at a %s",
		strcmp(row->reload, "LIVE") == 0 ? "reload" : "restart");
}

/* ---- as comments ---- */

static void defaults_section(struct text *text, const struct schema_section *section)
{
	char path[SCHEMA_PATH_SIZE];

	for (size_t i = 0; i < section->n; i++) {
		text_add(text, "# %s: %s\n#\t", schema_path(section, &section->row[i], path),
			section->row[i].text);
		add_form(text, section, i);
		text_add(text, "\n");
		if (section->field[i].below)
			defaults_section(text, section->field[i].below);
	}
}

void manual_defaults(struct text *text)
{
	defaults_section(text, &schema_top);
}

/* ---- as mdoc ---- */

/* Words of the manual are no requests: a backslash would begin an escape, and so would "." a line. */
static void add_escaped(struct text *text, const char *words)
{
	if (words[0] == '.' || words[0] == '\'')
		text_add(text, "\\&");
	for (const char *at = words; *at; at++) {
		if (*at == '\\')
			text_add(text, "\\e");
		else
			text_add(text, "%c", *at);
	}
	text_add(text, "\n");
}

static void page_row(struct text *text, const struct schema_section *section, size_t i)
{
	struct text form = {0};

	text_add(text, ".It Ic %s\n", section->row[i].name);
	add_escaped(text, section->row[i].text);
	text_add(text, ".br\n");
	add_form(&form, section, i);
	add_escaped(text, form.p);
	text_deinit(&form);
}

static void page_section(struct text *text, const struct schema_section *section)
{
	if (section == &schema_top)
		text_add(text, ".Ss Settings\n");
	else
		text_add(text, ".Ss Settings in %s\n", section->name);
	text_add(text, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < section->n; i++)
		page_row(text, section, i);
	text_add(text, ".El\n");
	for (size_t i = 0; i < section->n; i++) {
		if (section->field[i].below)
			page_section(text, section->field[i].below);
	}
}

void manual_page(struct text *text)
{
	page_section(text, &schema_top);
}
