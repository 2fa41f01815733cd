/* SPDX-License-Identifier: ISC */
/*
 * Our resolvers: which of them is believed to answer. One that was silent three times in a row is down:
 * asked last, and probed until anything comes from it.
 */
#include "internal.h"

void upstreams_set(struct dns *dns)
{
	for (size_t i = 0; i < DNS_SERVERS_MAX; i++) {
		if (dns->upstream[i].probe)
			attempt_close(dns, dns->upstream[i].probe);
		dns->upstream[i] = (struct upstream){.server = dns->options.server[i]};
	}
}

size_t upstreams_down(const struct dns *dns)
{
	size_t n = 0;
	for (size_t i = 0; i < dns->options.server_n; i++)
		n += dns->upstream[i].is_down;
	return n;
}

bool upstreams_are_down(const struct dns *dns)
{
	return upstreams_down(dns) == dns->options.server_n;
}

uint8_t upstream_choose(const struct dns *dns, const struct query *query)
{
	size_t n = dns->options.server_n;
	uint8_t down = UPSTREAM_NONE;
	for (size_t i = 0; i < n; i++) {
		uint8_t at = (uint8_t)((query->first_server + i) % n);
		if (query->tried & 1u << at)
			continue;
		if (!dns->upstream[at].is_down)
			return at;
		if (down == UPSTREAM_NONE)
			down = at;
	}
	return down;
}

void upstream_heard(struct dns *dns, uint8_t at)
{
	if (at == UPSTREAM_NONE)
		return;
	struct upstream *upstream = &dns->upstream[at];
	upstream->silent = 0;
	upstream->is_down = false;
	if (upstream->probe)
		attempt_close(dns, upstream->probe);
}

void upstream_silent(struct dns *dns, const struct attempt *attempt, struct now now)
{
	/* It spoke by UDP: that its TCP is shut does not make it dead. */
	if (attempt->upstream == UPSTREAM_NONE || (attempt->is_tcp && !dns->options.use_tcp))
		return;
	struct upstream *upstream = &dns->upstream[attempt->upstream];
	if (upstream->silent < SILENT_MAX)
		upstream->silent++;
	if (upstream->is_down || upstream->silent < SILENT_MAX)
		return;
	upstream->is_down = true;
	upstream->probe_at.us = now.mono.us + PROBE_US;
}

static void upstream_probe(struct dns *dns, uint8_t at, struct now now)
{
	struct upstream *upstream = &dns->upstream[at];
	upstream->probe = attempt_open(dns,
		&(struct attempt_setup){
			.server = upstream->server,
			.upstream = at,
			.is_tcp = dns->options.use_tcp,
			/* Without EDNS anything that speaks DNS has an answer. */
			.has_edns = false,
			.wait_us = PROBE_US,
		},
		now);
	upstream->probe_at.us = now.mono.us + PROBE_US;
}

void upstreams_tick(struct dns *dns, struct now now)
{
	for (size_t at = 0; at < dns->options.server_n; at++) {
		struct upstream *upstream = &dns->upstream[at];
		if (!upstream->is_down || upstream->probe_at.us > now.mono.us)
			continue;
		if (upstream->probe)
			attempt_close(dns, upstream->probe);
		upstream_probe(dns, (uint8_t)at, now);
	}
}

mono_t upstreams_due(const struct dns *dns)
{
	mono_t due = MONO_NEVER;
	for (size_t i = 0; i < dns->options.server_n; i++) {
		if (dns->upstream[i].is_down)
			due = mono_min(due, dns->upstream[i].probe_at);
	}
	return due;
}

bool dns_server_is_up(const struct dns *dns, size_t i, struct dns_server *ret)
{
	*ret = dns->upstream[i].server;
	return !dns->upstream[i].is_down;
}
