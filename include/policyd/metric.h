/* SPDX-License-Identifier: ISC */
/*
 * metric.h - counters and gauges, one row each in metric.def. The registry is a plain array that
 * only the loop thread writes.
 */
#ifndef POLICYD_METRIC_H
#define POLICYD_METRIC_H

#include <stdint.h>

enum metric {
#define METRIC(id, kind, name, labels, help) METRIC_##id,
#include "policyd/metric.def"
#undef METRIC
	METRIC_COUNT
};

enum metric_kind { METRIC_KIND_counter, METRIC_KIND_gauge };

struct metric_row {
	const char *name;   /* as exposed, "policyd_..." */
	const char *labels; /* "kind=\"held\"", or "" */
	const char *help;
	enum metric_kind kind;
};

extern const struct metric_row metric_rows[METRIC_COUNT];
extern uint64_t metric_values[METRIC_COUNT];

static inline void metric_add(enum metric m, uint64_t n)
{
	metric_values[m] += n;
}

static inline void metric_set(enum metric m, uint64_t value)
{
	metric_values[m] = value;
}

static inline uint64_t metric_get(enum metric m)
{
	return metric_values[m];
}

/*
 * All of them in the text format of Prometheus (0.0.4: # HELP and # TYPE once a name, a line each),
 * for free().
 */
char *metric_render(void);

#endif
