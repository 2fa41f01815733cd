/* SPDX-License-Identifier: ISC */
/*
 * Answers as tables and as "key: value". What may be printed of foreign text is decided in
 * render_text.c; which columns there are stands in command.def.
 */
#include "policyd/render.h"

#include <stdlib.h>

#include "policyd/mem.h"

#define COLUMNS_MAX 24
#define INDENT      2
#define INDENT_MAX  16 /* what is nested deeper stays JSON */
#define GAP         2  /* between columns */

struct column {
	char key[32];
	struct span title;
	bool is_right;
};

struct cell {
	char *text;
	size_t width;
};

struct table {
	const struct render *render;
	struct column column[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
	size_t columns, rows;
	struct cell *cell; /* the first row holds the titles */
};

/* ---- values ---- */

static struct cell cell_of_text(struct span text)
{
	struct cell cell;
	cell.text = render_escape(text.n ? text : SPAN("-"), &cell.width);
	return cell;
}

/* As JSON: numbers, and what is nested too deeply to be shown otherwise. */
static struct cell cell_of_json(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	struct cell cell = cell_of_text(span_of(text));
	free(text);
	return cell;
}

static struct cell cell_of(const json_t *value)
{
	if (json_is_string(value))
		return cell_of_text(span_make(json_string_value(value), json_string_length(value)));
	if (json_is_boolean(value))
		return cell_of_text(json_is_true(value) ? SPAN("yes") : SPAN("no"));
	if (!value || json_is_null(value))
		return cell_of_text(SPAN("-"));
	return cell_of_json(value);
}

static void cell_print(const struct render *render, const json_t *value)
{
	struct cell cell = cell_of(value);
	fprintf(render->out, "%s", cell.text);
	free(cell.text);
}

static void bold_print(const struct render *render, const char *text)
{
	fprintf(render->out, "%s%s%s", render->is_colour ? "\033[1m" : "", text,
		render->is_colour ? "\033[0m" : "");
}

/* fprintf's width counts bytes; a negative number is nothing. */
static void blanks_print(const struct render *render, size_t n)
{
	fprintf(render->out, "%*s", (int)n, "");
}

/* ---- columns ---- */

/* "key=Title" or "key=Title:r". */
static struct column column_of(struct span word)
{
	const char *equals = memchr(word.p, '=', word.n);
	size_t key_n = equals ? (size_t)(equals - word.p) : word.n;
	size_t from = equals ? key_n + 1 : 0;
	struct column column = {
		.title = span_make(word.p + from, word.n - from),
		.is_right = span_ends(word, SPAN(":r")),
	};
	span_copy(span_make(word.p, key_n), column.key, sizeof(column.key));
	if (column.is_right)
		column.title.n -= 2;
	return column;
}

/*
 * The columns that a row of the command table gives for a list; list is empty for the data itself.
 */
static void columns_find(struct table *table, const char *columns, struct span list)
{
	struct span rest = span_of(columns), group = SPAN("");
	while (span_trim(rest).n && table->columns < COLUMNS_MAX) {
		struct span word = span_word(&rest);
		if (span_ends(word, SPAN(":")))
			group = span_make(word.p, word.n - 1);
		else if (span_equal(group, list))
			table->column[table->columns++] = column_of(word);
	}
}

/* Without a row in the command table: whatever the first row has. */
static void columns_guess(struct table *table, const json_t *row)
{
	/* jansson's iterator wants a pointer it could change, and changes nothing. */
	json_t *object = (json_t *)(uintptr_t)row;
	void *at = json_object_iter(object);
	for (; at && table->columns < COLUMNS_MAX; at = json_object_iter_next(object, at)) {
		struct column *column = &table->column[table->columns++];
		column->title = span_of(json_object_iter_key(at));
		column->is_right = json_is_number(json_object_iter_value(at));
		span_copy(column->title, column->key, sizeof(column->key));
	}
}

/* ---- tables ---- */

static void table_fill(struct table *table, const json_t *list)
{
	struct cell *cell = table->cell;
	for (size_t i = 0; i <= table->rows; i++) {
		for (size_t j = 0; j < table->columns; j++, cell++) {
			const struct column *column = &table->column[j];
			*cell = i == 0 ? cell_of_text(column->title)
				       : cell_of(json_object_get(
						 json_array_get(list, i - 1), column->key));
			if (cell->width > table->width[j])
				table->width[j] = cell->width;
		}
	}
}

static void line_print(const struct table *table, size_t row)
{
	const struct cell *cell = table->cell + row * table->columns;
	for (size_t j = 0; j < table->columns; j++) {
		size_t pad = table->width[j] - cell[j].width;
		bool is_last = j + 1 == table->columns;
		if (table->column[j].is_right)
			blanks_print(table->render, pad);
		if (row == 0)
			bold_print(table->render, cell[j].text);
		else
			fprintf(table->render->out, "%s", cell[j].text);
		if (!is_last)
			blanks_print(table->render, GAP + (table->column[j].is_right ? 0 : pad));
	}
	fprintf(table->render->out, "\n");
}

/* For a screen that is too narrow: one block a row, titles at the left. */
static void block_print(const struct table *table, size_t row)
{
	const struct cell *title = table->cell, *cell = table->cell + row * table->columns;
	size_t widest = 0;
	for (size_t j = 0; j < table->columns; j++)
		widest = title[j].width > widest ? title[j].width : widest;
	if (row > 1)
		fprintf(table->render->out, "\n");
	for (size_t j = 0; j < table->columns; j++) {
		bold_print(table->render, title[j].text);
		blanks_print(table->render, widest - title[j].width + GAP);
		fprintf(table->render->out, "%s\n", cell[j].text);
	}
}

static void table_print(const struct table *table)
{
	size_t width = 0;
	for (size_t j = 0; j < table->columns; j++)
		width += table->width[j] + (j ? GAP : 0);
	if (table->render->width && width > table->render->width) {
		for (size_t i = 1; i <= table->rows; i++)
			block_print(table, i);
		return;
	}
	for (size_t i = 0; i <= table->rows; i++)
		line_print(table, i);
}

static void list_print(
	const struct render *render, const char *columns, struct span name, const json_t *list)
{
	struct table table = {.render = render, .rows = json_array_size(list)};
	columns_find(&table, columns, name);
	if (table.columns == 0)
		columns_guess(&table, json_array_get(list, 0));
	table.cell = xcalloc((table.rows + 1) * (table.columns + 1), sizeof(*table.cell));
	table_fill(&table, list);
	table_print(&table);
	for (size_t i = 0; i < (table.rows + 1) * table.columns; i++)
		free(table.cell[i].text);
	free(table.cell);
}

/* ---- objects ---- */

static bool has_rows(const json_t *value)
{
	return json_is_object(json_array_get(value, 0));
}

/* "open_messages" as people write it. */
static struct cell label_of(const char *key)
{
	struct cell cell = cell_of_text(span_of(key));
	for (char *p = cell.text; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
	return cell;
}

/* Sentences, which a comma would not part. */
static bool has_sentences(const json_t *list)
{
	size_t i;
	const json_t *value;
	json_array_foreach(list, i, value)
	{
		const char *text = json_string_value(value);
		if (text && strchr(text, ' '))
			return true;
	}
	return false;
}

/* In one line, or one each. */
static void plain_list_print(const struct render *render, const json_t *list, size_t indent)
{
	size_t i;
	const json_t *value;
	bool is_long = has_sentences(list);
	if (json_array_size(list) == 0)
		fprintf(render->out, "none");
	json_array_foreach(list, i, value)
	{
		if (is_long) {
			fprintf(render->out, "\n");
			blanks_print(render, indent + INDENT);
		} else if (i) {
			fprintf(render->out, ", ");
		}
		cell_print(render, value);
	}
}

/* A text of many lines: as it may be printed, but for the newlines and tabs in it. */
static void text_print(const struct render *render, struct span text)
{
	while (text.n) {
		size_t n = 0;
		while (n < text.n && text.p[n] != '\n' && text.p[n] != '\t')
			n++;
		char *piece = render_escape(span_make(text.p, n), NULL);
		fprintf(render->out, "%s%s", piece, n == text.n ? "\n" : "");
		free(piece);
		if (n < text.n)
			(void)fputc(text.p[n++], render->out);
		text = span_make(text.p + n, text.n - n);
	}
}

/* The text of an answer that is nothing else, or NULL. */
static const json_t *only_text(const json_t *data)
{
	const json_t *text = json_object_get(data, "text");
	return json_object_size(data) == 1 && json_is_string(text) ? text : NULL;
}

/* Lists of rows come afterwards, as tables. */
static size_t labels_width(json_t *object)
{
	const char *key;
	json_t *value;
	size_t widest = 0;
	json_object_foreach(object, key, value)
	{
		struct cell label = label_of(key);
		if (!has_rows(value) && label.width > widest)
			widest = label.width;
		free(label.text);
	}
	return widest;
}

static void object_print(const struct render *render, json_t *object, size_t indent)
{
	const char *key;
	json_t *value;
	size_t widest = labels_width(object);
	json_object_foreach(object, key, value)
	{
		bool is_nested = json_is_object(value) && indent < INDENT_MAX;
		bool is_below = is_nested || has_sentences(value);
		if (has_rows(value))
			continue;
		struct cell label = label_of(key);
		blanks_print(render, indent);
		bold_print(render, label.text);
		fprintf(render->out, ":");
		blanks_print(render, is_below ? 0 : widest - label.width + 1);
		free(label.text);
		if (json_is_array(value))
			plain_list_print(render, value, indent);
		else if (!is_nested)
			cell_print(render, value);
		fprintf(render->out, "\n");
		if (is_nested)
			object_print(render, value, indent + INDENT);
	}
}

static void tables_print(const struct render *render, const char *columns, json_t *object)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		if (!has_rows(value))
			continue;
		struct cell label = label_of(key);
		fprintf(render->out, "\n");
		bold_print(render, label.text);
		fprintf(render->out, ":\n");
		free(label.text);
		list_print(render, columns, span_of(key), value);
	}
}

void render_data(const struct render *render, const char *columns, const json_t *data)
{
	const json_t *text = only_text(data);
	if (text) {
		text_print(render, span_make(json_string_value(text), json_string_length(text)));
	} else if (has_rows(data)) {
		list_print(render, columns, SPAN(""), data);
	} else if (json_is_object(data)) {
		/* jansson's iterator wants a pointer it could change, and changes nothing. */
		json_t *object = (json_t *)(uintptr_t)data;
		object_print(render, object, 0);
		tables_print(render, columns, object);
	} else if (json_is_array(data)) {
		if (json_array_size(data) == 0)
			fprintf(render->out, "There is nothing to show.");
		else
			plain_list_print(render, data, 0);
		fprintf(render->out, "\n");
	} else {
		cell_print(render, data);
		fprintf(render->out, "\n");
	}
}
