/* SPDX-License-Identifier: ISC */
/*
 * Answers as tables and as "key: value". What may be printed of foreign text is decided in
 * render_text.c; which columns there are stands in command.def.
 */
#include "policyd/render.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

#define COLUMNS_MAX 24
#define INDENT      2
#define INDENT_MAX  16 /* what is nested deeper stays JSON */
#define GAP         2  /* between columns */
#define CUT_MIN     16 /* a column is not cut below it */
#define NAME_MIN    39 /* nor one that tells rows apart: an IPv6 address fits */
#define WRAP_MIN    20 /* nor are the lines of a block broken below it */

struct column {
	char key[32];
	struct span title;
	bool is_right;    /* "r": aligned there */
	size_t cut_min;   /* "c" or "n", a name: how far it may be cut; 0: not at all */
	bool is_optional; /* "o": may be left out then, and where it is empty */
	bool is_wrapped;  /* "w": goes on below itself, being the last */
	bool is_block;    /* "b": each row is a block, however wide the screen is */
	bool is_gone;
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
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
	struct span shown = span_of(text);
	/* For people 40 is as good as 40.0. */
	if (json_is_real(value) && span_ends(shown, SPAN(".0")))
		shown.n -= 2;
	struct cell cell = cell_of_text(shown);
	free(text);
	return cell;
}

/* Words with commas between them; other lists are JSON. */
static struct cell cell_of_list(const json_t *list)
{
	size_t i, n = 0;
	const json_t *value;
	char *text = NULL;
	FILE *out = open_memstream(&text, &n);
	json_array_foreach(list, i, value)
	{
		if (out)
			fprintf(out, "%s%s", i ? ", " : "", json_string_value(value));
	}
	if (out)
		(void)fclose(out);
	struct cell cell = cell_of_text(span_make(text, n));
	free(text);
	return cell;
}

static bool has_words_alone(const json_t *list)
{
	size_t i;
	const json_t *value;
	json_array_foreach(list, i, value)
	{
		if (!json_is_string(value))
			return false;
	}
	return json_is_array(list);
}

static struct cell cell_of(const json_t *value)
{
	if (has_words_alone(value))
		return cell_of_list(value);
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

/* "open_messages" as people write it. */
static struct cell label_of(struct span key)
{
	struct cell cell = cell_of_text(key);
	for (char *p = cell.text; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
	return cell;
}

/* ---- columns ---- */

/* "key=Title" or "key=Title:rcnowb". */
static struct column column_of(struct span word)
{
	const char *equals = memchr(word.p, '=', word.n);
	size_t key_n = equals ? (size_t)(equals - word.p) : word.n;
	size_t from = equals ? key_n + 1 : 0;
	struct column column = {.title = span_make(word.p + from, word.n - from)};
	ptrdiff_t colon = span_rfind(column.title, ':');
	for (size_t i = colon < 0 ? column.title.n : (size_t)colon; i < column.title.n; i++) {
		column.is_right |= column.title.p[i] == 'r';
		if (column.title.p[i] == 'c' || column.title.p[i] == 'n' ||
			column.title.p[i] == 'w')
			column.cut_min = column.title.p[i] == 'c' ? CUT_MIN : NAME_MIN;
		column.is_optional |= column.title.p[i] == 'o';
		column.is_wrapped |= column.title.p[i] == 'w';
		column.is_block |= column.title.p[i] == 'b';
	}
	if (colon >= 0)
		column.title.n = (size_t)colon;
	span_copy(span_make(word.p, key_n), column.key, sizeof(column.key));
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
			*cell = i == 0 ? label_of(column->title)
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
	size_t owed = 0, at = 0;
	for (size_t j = 0; j < table->columns; j++) {
		bool is_too_wide = cell[j].width > table->width[j];
		size_t pad = is_too_wide ? 0 : table->width[j] - cell[j].width;
		bool is_right = table->column[j].is_right;
		if (table->column[j].is_gone)
			continue;
		blanks_print(table->render, owed + (is_right ? pad : 0));
		if (is_too_wide) {
			render_wrap(table->render->out, cell[j].text, at, table->render->width);
			return;
		}
		at += table->width[j] + GAP;
		if (row == 0)
			bold_print(table->render, cell[j].text);
		else
			fprintf(table->render->out, "%s", cell[j].text);
		owed = GAP + (is_right ? 0 : pad);
	}
	fprintf(table->render->out, "\n");
}

static bool is_empty(const struct cell *cell)
{
	return strcmp(cell->text, "-") == 0;
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
	size_t screen = table->render->width, indent = widest + GAP;
	for (size_t j = 0; j < table->columns; j++) {
		if (table->column[j].is_optional && is_empty(&cell[j]))
			continue;
		bold_print(table->render, title[j].text);
		blanks_print(table->render, indent - title[j].width);
		if (screen < indent + WRAP_MIN)
			fprintf(table->render->out, "%s\n", cell[j].text);
		else
			render_wrap(table->render->out, cell[j].text, indent, screen);
	}
}

static bool is_column_empty(const struct table *table, size_t j)
{
	for (size_t i = 1; i <= table->rows; i++) {
		if (!is_empty(&table->cell[i * table->columns + j]))
			return false;
	}
	return true;
}

/* By how much the columns that are left are too wide, when those that may be cut are. */
static size_t excess(const struct table *table, bool is_cut)
{
	size_t width = 0;
	for (size_t j = 0; j < table->columns; j++) {
		const struct column *column = &table->column[j];
		size_t own = table->width[j];
		if (column->is_gone)
			continue;
		if (is_cut && column->cut_min && own > column->cut_min)
			own = column->cut_min;
		width += own + (width ? GAP : 0);
	}
	size_t screen = table->render->width;
	return screen && width > screen ? width - screen : 0;
}

static void column_cut(struct table *table, size_t j, size_t width)
{
	for (size_t i = 0; i <= table->rows && !table->column[j].is_wrapped; i++) {
		struct cell *cell = &table->cell[i * table->columns + j];
		if (cell->width > width)
			cell->width = render_cut(cell->text, width);
	}
	table->width[j] = width;
}

/* Leaves out and cuts what may be, no more than it must. False: the screen is too narrow anyhow. */
static bool was_fitted(struct table *table)
{
	for (size_t j = 0; j < table->columns; j++)
		table->column[j].is_gone =
			table->column[j].is_optional && is_column_empty(table, j);
	for (size_t j = table->columns; j > 0 && excess(table, true); j--)
		table->column[j - 1].is_gone |= table->column[j - 1].is_optional;
	if (excess(table, true))
		return false;
	/* What stands at the left tells the rows apart: it is cut last. */
	for (size_t j = table->columns; j-- > 0;) {
		size_t width = table->width[j], over = excess(table, false);
		size_t least = table->column[j].cut_min;
		if (over && least && width > least)
			column_cut(table, j, over > width - least ? least : width - over);
	}
	return true;
}

static bool has_blocks(const struct table *table)
{
	bool is_block = false;
	for (size_t j = 0; j < table->columns; j++)
		is_block |= table->column[j].is_block;
	return is_block;
}

static void table_print(struct table *table)
{
	bool is_fit = !has_blocks(table) && was_fitted(table);
	for (size_t i = is_fit ? 0 : 1; i <= table->rows; i++) {
		if (is_fit)
			line_print(table, i);
		else
			block_print(table, i);
	}
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
		struct cell label = label_of(span_of(key));
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
		struct cell label = label_of(span_of(key));
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
		struct cell label = label_of(span_of(key));
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
