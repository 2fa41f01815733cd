/* SPDX-License-Identifier: ISC */
/* The names that our addresses have in DNS (RFC 1035 3.5), for lists of domains. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

#define PTR_INTERVAL_US HOUR_US
/* After an answer that told nothing. */
#define PTR_AGAIN_US (5 * MINUTE_US)

/* Nobody else needs to know. */
static bool has_domain_list(const struct egress *e)
{
	for (size_t i = 0; i < e->list_n; i++) {
		const struct blocklist *def = e->list[i].def;
		if (def->is_enabled && (def->subjects & 1u << BLOCKLIST_DOMAIN))
			return true;
	}
	return false;
}

static bool is_asked(const struct own_address *own)
{
	return !own->is_asking && (own->is_configured || ip_is_public(&own->address.ip));
}

mono_t ptr_due(const struct egress *e)
{
	mono_t due = MONO_NEVER;
	if (!has_domain_list(e))
		return due;
	for (size_t i = 0; i < e->own_n; i++) {
		if (is_asked(&e->own[i]))
			due = mono_min(due, e->own[i].ptr_due);
	}
	return due;
}

bool ptr_ask(struct egress *e, struct egress_effect *ret)
{
	if (!is_past(ptr_due(e), e->now.mono))
		return false;
	size_t at = 0;
	while (!is_asked(&e->own[at]) || !is_past(e->own[at].ptr_due, e->now.mono))
		at++;
	struct own_address *own = &e->own[at];
	char reversed[IP_REVERSED_SIZE];
	struct flight *flight = flight_new(e, FLIGHT_PTR, ret);
	flight->ip = own->address.ip;
	own->is_asking = true;
	ip_reversed(&own->address.ip, reversed);
	int n = snprintf(e->name, sizeof(e->name), "%s.%s", reversed,
		ip_is_v4(&own->address.ip) ? "in-addr.arpa" : "ip6.arpa");
	ret->question = (struct dns_question){
		.name = span_make(e->name, n > 0 ? (size_t)n : 0), .type = DNS_PTR};
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* In the order of their letters: a server gives them in another one each time. */
static size_t names_of(const struct dns_answer *answer, char names[DNS_RR_MAX][254])
{
	size_t n = 0;
	for (size_t i = 0; i < answer->n && i < DNS_RR_MAX; i++)
		n += egress_domain(answer->rr[i].name, names[n]);
	qsort(names, n, sizeof(names[0]), by_name);
	return n;
}

/* False: they are the same as before. */
static bool own_set_names(struct own_address *own, const struct dns_answer *answer)
{
	char names[DNS_RR_MAX][254];
	size_t n = answer->result == DNS_FOUND ? names_of(answer, names) : 0, kept = 0;
	bool is_same = true;
	for (size_t i = 0; i < n && kept < PTR_NAMES_MAX; i++) {
		if (kept > 0 && strcmp(names[i], names[kept - 1]) == 0)
			continue;
		if (i > kept)
			memcpy(names[kept], names[i], sizeof(names[kept]));
		is_same = is_same && kept < own->ptr_n && strcmp(names[kept], own->ptr[kept]) == 0;
		kept++;
	}
	if (is_same && kept == own->ptr_n)
		return false;
	for (size_t i = 0; i < own->ptr_n; i++)
		free(own->ptr[i]);
	own->ptr_n = kept;
	for (size_t i = 0; i < kept; i++)
		own->ptr[i] = xstrdup(names[i]);
	return true;
}

void ptr_answered(struct egress *e, const struct ip *ip, const struct dns_answer *answer)
{
	struct own_address *own = own_address_of(e, ip);
	if (!own)
		return;
	bool is_told = answer && answer->result <= DNS_NXDOMAIN;
	int64_t wait_us = is_told ? PTR_INTERVAL_US : PTR_AGAIN_US;
	own->is_asking = false;
	own->ptr_due = mono_after(e->now.mono, wait_us + egress_chance(e, wait_us / 10));
	if (!is_told)
		return;
	/* Laying all names together anew takes a while where there are many. */
	if (!own_set_names(own, answer))
		return;
	e->is_dirty = true;
	subjects_update(e, false);
}
