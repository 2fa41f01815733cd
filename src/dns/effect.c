/* SPDX-License-Identifier: ISC */
/* What the rim is to do, in order. An answer whose ticket was cancelled meanwhile is passed over. */
#include "internal.h"

#include <stdlib.h>

#include "policyd/mem.h"

struct queued {
	struct queued *next;
	struct dns_effect effect;
	struct dns_answer answer;
	struct reply *reply;
	size_t bytes;
	char wire[];
};

static struct queued *queue_add(struct dns *dns, enum dns_effect_kind kind, struct span wire)
{
	size_t bytes = sizeof(struct queued) + wire.n;
	struct queued *q = xmalloc(bytes);
	*q = (struct queued){.effect.kind = kind, .bytes = bytes};
	if (wire.n)
		memcpy(q->wire, wire.p, wire.n);
	q->effect.wire = span_make(q->wire, wire.n);
	*dns->effects_end = q;
	dns->effects_end = &q->next;
	dns->effect_bytes += bytes;
	return q;
}

void effect_send(struct dns *dns, const struct attempt *attempt)
{
	size_t n;
	uint8_t *wire = packet_build(&attempt->asked, &n);
	struct queued *q = queue_add(dns, DNS_SEND, span_make((const char *)wire, n));
	q->effect.attempt = attempt->number;
	q->effect.server = attempt->server;
	q->effect.is_tcp = attempt->is_tcp;
	free(wire);
}

void effect_close(struct dns *dns, dns_attempt attempt)
{
	queue_add(dns, DNS_CLOSE, span_make(NULL, 0))->effect.attempt = attempt;
}

void effect_answer(struct dns *dns, dns_ticket ticket, struct reply *reply, bool is_cached)
{
	struct queued *q = queue_add(dns, DNS_ANSWER, span_make(NULL, 0));
	q->reply = reply_ref(reply);
	q->answer = reply->answer;
	q->answer.is_cached = is_cached;
	q->effect.ticket = ticket;
	q->effect.answer = &q->answer;
}

static void queued_free(struct queued *q)
{
	if (q)
		reply_unref(q->reply);
	free(q);
}

static struct queued *queue_take(struct dns *dns)
{
	struct queued *q = dns->effects;
	queued_free(dns->fetched);
	dns->fetched = q;
	if (!q)
		return NULL;
	dns->effects = q->next;
	if (!dns->effects)
		dns->effects_end = &dns->effects;
	dns->effect_bytes -= q->bytes;
	return q;
}

/* Whether somebody still waits for that answer. */
static bool is_wanted(struct dns *dns, const struct queued *q)
{
	if (q->effect.kind != DNS_ANSWER)
		return true;
	dns_ticket ticket = q->effect.ticket;
	struct waiter *waiter =
		table_find(dns->waiters, span_make((const char *)&ticket, sizeof(ticket)));
	if (!waiter)
		return false;
	table_remove(dns->waiters, waiter);
	dns->figures.answers[q->answer.result]++;
	return true;
}

bool dns_effect(struct dns *dns, struct dns_effect *ret)
{
	struct queued *q;
	do
		q = queue_take(dns);
	while (q && !is_wanted(dns, q));
	if (!q)
		return false;
	*ret = q->effect;
	return true;
}

void effects_free(struct dns *dns)
{
	while (queue_take(dns))
		continue;
}
