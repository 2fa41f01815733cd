/* SPDX-License-Identifier: ISC */
/* egress_dump.h - all that is seen of a struct egress, as text to compare; and restarts. */
#ifndef POLICYD_TEST_EGRESS_DUMP_H
#define POLICYD_TEST_EGRESS_DUMP_H

#include <stdarg.h>

#include "egress_world.h"
#include "policyd/mem.h"

struct dump {
	char *text;
	size_t n, size;
};

static inline void dump_add(struct dump *dump, const char *format, ...) PRINTF_LIKE(2, 3);

static inline void dump_add(struct dump *dump, const char *format, ...)
{
	va_list args;
	if (dump->size - dump->n < 2048) {
		dump->size = dump->size ? 2 * dump->size : 16384;
		dump->text = xrealloc(dump->text, dump->size, 1);
	}
	va_start(args, format);
	int n = vsnprintf(dump->text + dump->n, dump->size - dump->n, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < dump->size - dump->n);
	dump->n += (size_t)n;
}

static inline bool dump_listing(void *ctx, const struct listing *l)
{
	struct dump *dump = ctx;
	dump_add(dump,
		"%s (%s) %s: %s/%s severity %u kind %d score %d why \"%s\" txt \"%s\" since %lld "
		"looked %lld looks %u of %u, %u clean, codes",
		l->subject, l->subject_why, l->list->name, verdict_state_name(l->verdict),
		verdict_state_name(l->seen), l->severity, (int)l->kind, l->score, l->why, l->text,
		(long long)l->since.us, (long long)l->looked.us, l->listed_looks, l->looks,
		l->clean_looks);
	for (size_t i = 0; i < l->code_n; i++)
		dump_add(dump, " %u.%u.%u.%u", l->code[i][0], l->code[i][1], l->code[i][2],
			l->code[i][3]);
	dump_add(dump, "\n");
	return true;
}

static inline bool dump_list(void *ctx, const struct list_view *v)
{
	dump_add(ctx, "%s %s since %lld tested %lld \"%s\"\n", v->list->name,
		list_state_name(v->state), (long long)v->since.us, (long long)v->tested.us, v->why);
	return true;
}

/* For free(). */
static inline char *dump_of(const struct egress *e, struct now now)
{
	struct dump dump = {0};
	const struct egress_address *address;
	char ip[IP_TEXT_SIZE];
	dump_add(&dump, "%s\n", egress_addresses_note(e));
	for (size_t i = 0; (address = egress_address_at(e, i)); i++)
		dump_add(&dump, "%s %s %s %s\n", ip_format(&address->ip, ip), address->helo,
			address->transport, address->origin);
	egress_listings(e, now, dump_listing, &dump);
	egress_lists(e, now, dump_list, &dump);
	return dump.text;
}

/* The same in a new process: saved, thrown away, loaded seconds later. Questions that are open are lost. */
static inline void world_restart(struct world *w, double seconds)
{
	struct bytes saved = {0};
	egress_save(w->e, &saved, w->now);
	egress_free(w->e);
	w->open_n = 0;
	/* Another boot: the monotonic clock begins anew. */
	w->now.wall.us += (int64_t)(seconds * 1e6);
	w->now.mono.us = 5 * SECOND_US;
	w->e = egress_new(&(struct egress_setup){.config = w->config, .seed = {3, 4}}, w->now);
	int r = egress_load(w->e, span_make(saved.p, saved.n), w->now);
	assert(r == 0);
	bytes_free(&saved);
}

#endif
