/* SPDX-License-Identifier: ISC */
/* The metric registry. Who may see it, and over which way, is not decided here. */
#include "policyd/metric.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

uint64_t metric_values[METRIC_COUNT];

const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC(id, metric_kind, metric_name, metric_labels, metric_help)                           \
	[METRIC_##id] = {                                                                          \
		.name = metric_name,                                                               \
		.labels = metric_labels,                                                           \
		.help = metric_help,                                                               \
		.kind = METRIC_KIND_##metric_kind,                                                 \
	},
#include "policyd/metric.def"
#undef METRIC
};

static const char *const kind_words[] = {
	[METRIC_KIND_counter] = "counter", [METRIC_KIND_gauge] = "gauge"};

/* Rows of one name stand together (a test says so), and share help and kind. */
static bool begins_name(unsigned i)
{
	return i == 0 || strcmp(metric_rows[i].name, metric_rows[i - 1].name) != 0;
}

static void row_print(FILE *out, unsigned i)
{
	const struct metric_row *row = &metric_rows[i];
	bool has_labels = row->labels[0] != '\0';
	if (begins_name(i))
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
			kind_words[row->kind]);
	fprintf(out, "%s%s%s%s %" PRIu64 "\n", row->name, has_labels ? "{" : "", row->labels,
		has_labels ? "}" : "", metric_values[i]);
}

char *metric_render(void)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	assert(out);
	for (unsigned i = 0; i < METRIC_COUNT; i++)
		row_print(out, i);
	int closed = fclose(out);
	assert(closed == 0 && text);
	return text;
}
