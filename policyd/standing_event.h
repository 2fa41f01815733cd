/* SPDX-License-Identifier: ISC */
/* standing_event.h - what has changed in how we stand: told in the log, kept in the audit trail. */
#ifndef POLICYD_STANDING_EVENT_H
#define POLICYD_STANDING_EVENT_H

#include <stdbool.h>

#include "policyd/event.h"
#include "policyd/store.h"

/* what: the log's word for the event's limit ("list", "check", "provider"). */
void standing_event_log(const struct policy_event *event, const char *what, bool is_grave);
/* Nobody waits for it; the log has it in any case. */
void standing_event_keep(struct store *store, const struct policy_event *event);

#endif
