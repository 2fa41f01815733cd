/* SPDX-License-Identifier: ISC */
/* One packet sent, on a socket of its own, and what it waits for. What comes of it: flow.c. */
#include "internal.h"

static struct span number_key(const dns_attempt *number)
{
	return span_make((const char *)number, sizeof(*number));
}

struct attempt *attempt_find(struct dns *dns, dns_attempt number)
{
	return table_find(dns->attempts, number_key(&number));
}

struct attempt *attempt_open(struct dns *dns, const struct attempt_setup *setup, struct now now)
{
	dns_attempt number = ++dns->attempt_n;
	struct query *query = setup->query;
	struct attempt *attempt = table_add(dns->attempts, number_key(&number), 0);
	attempt->number = number;
	attempt->query = query;
	attempt->server = setup->server;
	attempt->upstream = setup->upstream;
	attempt->is_tcp = setup->is_tcp;
	attempt->due.us = now.mono.us + setup->wait_us;
	/* A probe asks for the root's servers: every resolver has them at hand. */
	attempt->asked = (struct asked){
		.type = query ? query->type : DNS_NS,
		.name = query ? query->name : SPAN("\0"),
		.wants_recursion = query ? query->wants_recursion : true,
		.has_edns = setup->has_edns,
	};
	dns->setup.entropy(dns->setup.entropy_ctx, &attempt->asked.id, sizeof(attempt->asked.id));
	if (query)
		query->attempt = attempt;
	dns->figures.sent++;
	dns->figures.sent_tcp += attempt->is_tcp;
	effect_send(dns, attempt);
	return attempt;
}

void attempt_close(struct dns *dns, struct attempt *attempt)
{
	if (attempt->query)
		attempt->query->attempt = NULL;
	else
		dns->upstream[attempt->upstream].probe = NULL;
	effect_close(dns, attempt->number);
	table_remove(dns->attempts, attempt);
}
