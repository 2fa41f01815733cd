/* SPDX-License-Identifier: ISC */
/* Requests that wait for the charge port. What an answer means is decided in flow.c. */
#include "internal.h"

static struct span id_key(const uint64_t *id)
{
	return span_make((const char *)id, sizeof(*id));
}

struct ticket *ticket_new(struct engine *e, const struct ticket *pending, struct now now)
{
	struct ticket *ticket = table_add(e->tickets, id_key(&pending->charge.id), 0);
	struct table_node node = ticket->node;
	*ticket = *pending;
	ticket->node = node;
	ticket->plan = limits_plan_ref(e->plan);
	ticket->due.us = now.mono.us + e->charge->deadline_us;
	account_pin(e->accounts, account_get(e->accounts, ticket->account));
	return ticket;
}

struct ticket *ticket_find(struct engine *e, uint64_t id)
{
	return table_find(e->tickets, id_key(&id));
}

void ticket_drop(void *ctx, void *entry, bool evicted)
{
	struct engine *e = ctx;
	struct ticket *ticket = entry;
	(void)evicted;
	account_unpin(e->accounts, account_get(e->accounts, ticket->account));
	limits_plan_unref(ticket->plan);
}
