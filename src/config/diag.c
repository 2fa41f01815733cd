/* SPDX-License-Identifier: ISC */
/* Messages of loading, and the report they end in. Decides nothing about what is an error. */
#include "diag.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/log.h"
#include "policyd/mem.h"

/* A message is a sentence or two; what quotes foreign text has cut that before. */
#define MESSAGE_SIZE 1024

void diag_deinit(struct diag *diag)
{
	for (size_t i = 0; i < diag->n; i++)
		free(diag->line[i].text);
	free(diag->line);
	for (size_t i = 0; i < diag->files.n && !diag->borrowed; i++)
		free(diag->files.text[i]);
	if (!diag->borrowed)
		free(diag->files.text);
	*diag = (struct diag){0};
}

const char *diag_file(struct diag *diag, const char *name)
{
	struct config_strings *files = &diag->files;

	files->text = xrealloc(files->text, files->n + 1, sizeof(*files->text));
	files->text[files->n] = xstrdup(name);
	return files->text[files->n++];
}

const char *diag_file_of(struct diag *diag, const char *name)
{
	for (size_t i = 0; i < diag->files.n; i++) {
		if (strcmp(diag->files.text[i], name) == 0)
			return diag->files.text[i];
	}
	return diag_file(diag, name);
}

static size_t file_number(const struct diag *diag, const char *file)
{
	size_t i = 0;

	while (i < diag->files.n && diag->files.text[i] != file)
		i++;
	/* Every place points at a name that diag_file() gave. */
	assert(i < diag->files.n);
	return i;
}

static char *message_make(struct config_place place, const char *message)
{
	char *text;
	int n = place.line ? asprintf(&text, "%s:%u: %s", place.file, place.line, message)
			   : asprintf(&text, "%s: %s", place.file, message);

	return n < 0 ? xstrdup(message) : text;
}

static void diag_add(struct diag *diag, struct config_place place, bool error, const char *message)
{
	diag->errors += error;
	if (diag->n >= DIAG_LINES_MAX) {
		diag->dropped++;
		return;
	}
	diag->line = xrealloc(diag->line, diag->n + 1, sizeof(*diag->line));
	diag->line[diag->n] = (struct diag_line){
		.text = message_make(place, message),
		.file = file_number(diag, place.file),
		.line = place.line,
		.seq = diag->n,
		.error = error,
	};
	diag->n++;
}

PRINTF_LIKE(4, 0)
static void diag_format(
	struct diag *diag, struct config_place place, bool error, const char *format, va_list args)
{
	char message[MESSAGE_SIZE];
	int n = vsnprintf(message, sizeof(message), format, args);

	diag_add(diag, place, error, n < 0 ? format : message);
}

void diag_error(struct diag *diag, struct config_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	diag_format(diag, place, true, format, args);
	va_end(args);
}

void diag_warning(struct diag *diag, struct config_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	diag_format(diag, place, false, format, args);
	va_end(args);
}

void diag_wrapped(struct diag *diag, struct config_place place, struct span number, unsigned bits)
{
	size_t n = diag->n;
	char shown[QUOTE_SIZE];

	diag_error(diag, place, "the number %s does not fit into %u bits: write a smaller one",
		diag_quote(number, shown), bits);
	if (diag->n > n)
		diag->line[n].wrapped = true;
}

bool diag_is_wrapped(const struct diag *diag, struct config_place place)
{
	size_t file = file_number(diag, place.file);

	for (size_t i = 0; i < diag->n; i++) {
		const struct diag_line *line = &diag->line[i];

		if (line->wrapped && line->file == file && line->line == place.line)
			return true;
	}
	return false;
}

static int order(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int line_compare(const void *left, const void *right)
{
	const struct diag_line *a = left, *b = right;
	int by_file = order(a->file, b->file);
	int by_line = order(a->line, b->line);

	if (by_file)
		return by_file;
	return by_line ? by_line : order(a->seq, b->seq);
}

static void report_add(struct config_report *report, char *text, bool error)
{
	report->line = xrealloc(report->line, report->n + 1, sizeof(*report->line));
	report->line[report->n++] = (struct config_line){.text = text, .error = error};
}

void diag_deliver(struct diag *diag, struct config_report *report)
{
	char *text;

	if (diag->n)
		qsort(diag->line, diag->n, sizeof(*diag->line), line_compare);
	for (size_t i = 0; i < diag->n; i++)
		report_add(report, diag->line[i].text, diag->line[i].error);
	if (diag->dropped && asprintf(&text, "%s: %zu more messages are not shown",
				     diag->files.text[0], diag->dropped) > 0)
		report_add(report, text, diag->errors != 0);
	report->errors += diag->errors;
	diag->n = 0;
}

const char *diag_place(struct config_place place, char buf[PLACE_SIZE])
{
	int n = place.line ? snprintf(buf, PLACE_SIZE, "%s:%u", place.file, place.line)
			   : snprintf(buf, PLACE_SIZE, "%s", place.file);

	return n < 0 ? place.file : buf;
}

const char *diag_quote(struct span text, char buf[QUOTE_SIZE])
{
	static const char cut_mark[] = "...\"";
	char shown[QUOTE_SIZE];
	/* At worst each byte needs four. */
	size_t fits = (QUOTE_SIZE - 2 - sizeof(cut_mark)) / 4;
	size_t n = 0;
	bool bare;

	if (text.n > fits)
		log_escape(span_make(text.p, fits), shown, sizeof(shown), &n);
	else
		log_escape(text, shown, sizeof(shown), &n);
	bare = n == 0 || shown[0] != '"';
	if (snprintf(buf, QUOTE_SIZE, "%s%.*s%s", bare ? "\"" : "", (int)n - (bare ? 0 : 1), shown,
		    text.n > fits ? cut_mark : "\"") < 0)
		return "";
	return buf;
}

struct config_report *config_report_new(void)
{
	return xcalloc(1, sizeof(struct config_report));
}

void config_report_free(struct config_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->n; i++)
		free(report->line[i].text);
	free(report->line);
	free(report);
}
