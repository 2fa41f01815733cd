/* SPDX-License-Identifier: ISC */
#include "standing_event.h"

#include "policyd/log.h"
#include "policyd/metric.h"

void standing_event_log(const struct policy_event *event, const char *what, bool is_grave)
{
	log_event(is_grave ? LEVEL_WARNING : LEVEL_NOTICE, event_rows[event->kind].name,
		F_SPAN("subject", event->account), F_SPAN(what, event->limit),
		F_SPAN("change", event->reason));
}

/* A disk that takes none of it is told of by health.c. */
static void on_stored(void *ctx, int result, int64_t id, const char *error)
{
	(void)ctx;
	(void)result;
	(void)id;
	(void)error;
}

void standing_event_keep(struct store *store, const struct policy_event *event)
{
	if (store_event(store, event, on_stored, NULL) != 0)
		metric_add(METRIC_STORE_ERRORS, 1);
}
