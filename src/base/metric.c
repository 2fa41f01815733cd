/* SPDX-License-Identifier: ISC */
/* The metric registry. How the values are shown to the world is not decided here. */
#include "policyd/metric.h"

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
