/* SPDX-License-Identifier: ISC */
/* The table of events. What an event does to memory and to the database is told elsewhere. */
#include <errno.h>

#include "policyd/event.h"

/* clang-format off */
const struct event_row event_rows[EVENT_COUNT] = {
#define EVENT(id, word, help) [EVENT_##id] = {.name = (word), .text = (help)},
#include "policyd/event.def"
#undef EVENT
};
/* clang-format on */

int event_kind_of(struct span name, enum event_kind *ret)
{
	for (unsigned i = 0; i < EVENT_COUNT; i++) {
		if (span_equal(name, span_of(event_rows[i].name))) {
			*ret = (enum event_kind)i;
			return 0;
		}
	}
	return -ENOENT;
}
