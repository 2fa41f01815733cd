/* SPDX-License-Identifier: ISC */
/* The resolver's life, questions in and out, deadlines, figures. How one is asked: flow.c. */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

#define TIMEOUT_US (5 * SECOND_US)
#define ATTEMPTS   2

/* Nothing in them may make a question wait for ever, or not at all. */
static struct dns_options options_sound(const struct dns_options *options)
{
	struct dns_options sound = *options;
	if (sound.server_n > DNS_SERVERS_MAX)
		sound.server_n = DNS_SERVERS_MAX;
	if (sound.server_n == 0) {
		sound.server_n = 1;
		sound.server[0] = (struct dns_server){.port = DNS_PORT};
		memcpy(sound.server[0].ip.byte + 10, "\xff\xff\x7f\0\0\1", 6);
	}
	if (sound.timeout_us <= 0)
		sound.timeout_us = TIMEOUT_US;
	if (sound.attempts == 0)
		sound.attempts = ATTEMPTS;
	if (sound.in_flight_max == 0)
		sound.in_flight_max = 1;
	return sound;
}

struct dns *dns_new(const struct dns_setup *setup)
{
	struct dns *dns = xcalloc(1, sizeof(*dns));
	dns->setup = *setup;
	dns->options = options_sound(&setup->options);
	dns->key = (struct siphash_key){.k0 = setup->seed[0], .k1 = setup->seed[1]};
	dns->effects_end = &dns->effects;
	struct table_setup table = {.hash_key = dns->key, .lists = 1};
	table.entry_bytes = sizeof(struct waiter);
	dns->waiters = table_new(&table);
	table.entry_bytes = sizeof(struct attempt);
	dns->attempts = table_new(&table);
	table.entry_bytes = sizeof(struct query);
	table.lists = QUERY_LISTS;
	dns->queries = table_new(&table);
	cache_new(dns);
	upstreams_set(dns);
	return dns;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	for (unsigned list = 0; list < QUERY_LISTS; list++) {
		struct query *query;
		while ((query = table_oldest(dns->queries, list)))
			query_free(dns, query);
	}
	effects_free(dns);
	table_free(dns->queries);
	table_free(dns->attempts);
	table_free(dns->waiters);
	table_free(dns->cache);
	free(dns);
}

static bool servers_equal(const struct dns_options *a, const struct dns_options *b)
{
	if (a->server_n != b->server_n)
		return false;
	for (size_t i = 0; i < a->server_n; i++) {
		if (!dns_server_equal(&a->server[i], &b->server[i]))
			return false;
	}
	return true;
}

/* Those that wait for our resolvers begin anew; one server's own question has nothing to do with it. */
static void queries_restart(struct dns *dns, unsigned list)
{
	struct query *next;
	for (struct query *it = table_oldest(dns->queries, list); it; it = next) {
		next = table_younger(dns->queries, it);
		if (it->server.port == 0)
			query_restart(dns, it);
	}
}

void dns_configure(struct dns *dns, const struct dns_options *options)
{
	struct dns_options sound = options_sound(options);
	bool is_same = servers_equal(&dns->options, &sound);
	dns->options = sound;
	if (is_same && sound.cache_max) {
		table_set_max(dns->cache, 0, sound.cache_max);
		return;
	}
	cache_new(dns);
	if (is_same)
		return;
	/* Resting ones first: those that flew join them. */
	queries_restart(dns, LIST_RESTING);
	queries_restart(dns, LIST_ACTIVE);
	upstreams_set(dns);
}

/* ---- questions ---- */

#define SERVER_KEY_BYTES (sizeof(struct ip) + sizeof(uint16_t) + sizeof(uint32_t))
#define KEY_HEAD_BYTES   (sizeof(uint16_t) + 1 + SERVER_KEY_BYTES)

/* Equal keys, equal questions; the name stands last. Returns where it begins. */
static size_t query_key(const struct dns_question *question, const struct name *name,
	char key[KEY_HEAD_BYTES + NAME_WIRE_MAX], struct span *ret)
{
	const struct dns_server none = {.port = 0};
	const struct dns_server *server = question->server ? question->server : &none;
	uint16_t type = (uint16_t)question->type;
	char *at = key;
	at = mempcpy(at, &type, sizeof(type));
	*at++ = !question->server || question->wants_recursion;
	at = mempcpy(at, &server->ip, sizeof(server->ip));
	at = mempcpy(at, &server->port, sizeof(server->port));
	at = mempcpy(at, &server->scope, sizeof(server->scope));
	memcpy(at, name->wire, name->n);
	*ret = span_make(key, (size_t)(at - key) + name->n);
	return (size_t)(at - key);
}

static bool is_known(enum dns_type type)
{
	return dns_type_name(type)[0] != '?';
}

static struct waiter *waiter_new(struct dns *dns)
{
	dns_ticket ticket = ++dns->ticket_n;
	dns->figures.asked++;
	return table_add(dns->waiters, span_make((const char *)&ticket, sizeof(ticket)), 0);
}

static void waiter_join(struct waiter *waiter, struct query *query)
{
	waiter->query = query;
	waiter->prev = query->last;
	if (query->last)
		query->last->next = waiter;
	else
		query->first = waiter;
	query->last = waiter;
}

static struct query *query_new(
	struct dns *dns, const struct dns_question *question, struct span key, size_t name_at)
{
	struct query *query = table_add(dns->queries, key, LIST_QUEUED);
	query->name = span_make(table_key(query).p + name_at, key.n - name_at);
	query->type = question->type;
	query->chain_ttl_s = TTL_MAX_S;
	query->wants_recursion = !question->server || question->wants_recursion;
	query->in_order = question->in_order;
	if (question->server)
		query->server = *question->server;
	return query;
}

dns_ticket dns_ask(struct dns *dns, const struct dns_question *question, struct now now)
{
	char room[KEY_HEAD_BYTES + NAME_WIRE_MAX];
	struct name name;
	struct span key;
	dns->now = now.mono;
	if (name_of_text(question->name, &name) < 0 || !is_known(question->type) ||
		(question->server && question->server->port == 0))
		return 0;
	if (table_count(dns->waiters, 0) >=
		(size_t)dns->options.queue_max + dns->options.in_flight_max) {
		dns->figures.dropped++;
		return 0;
	}
	size_t name_at = query_key(question, &name, room, &key);
	struct waiter *waiter = waiter_new(dns);
	dns_ticket ticket = dns->ticket_n;
	struct reply *reply = NULL;
	if (!question->is_fresh && !question->server)
		reply = cache_find(dns, key, now.mono);
	if (reply) {
		dns->figures.cached++;
		effect_answer(dns, ticket, reply, true);
		return ticket;
	}
	struct query *query = table_find(dns->queries, key);
	if (query)
		dns->figures.coalesced++;
	else
		query = query_new(dns, question, key, name_at);
	waiter_join(waiter, query);
	queries_start(dns, now);
	return ticket;
}

void dns_cancel(struct dns *dns, dns_ticket ticket)
{
	struct waiter *waiter =
		table_find(dns->waiters, span_make((const char *)&ticket, sizeof(ticket)));
	if (!waiter)
		return;
	struct query *query = waiter->query;
	if (query) {
		*(waiter->prev ? &waiter->prev->next : &query->first) = waiter->next;
		*(waiter->next ? &waiter->next->prev : &query->last) = waiter->prev;
		if (!query->first)
			query_free(dns, query);
	}
	/* One that is answered already is passed over when its effect is taken. */
	table_remove(dns->waiters, waiter);
}

/* ---- time ---- */

void dns_tick(struct dns *dns, struct now now)
{
	struct attempt *next;
	dns->now = now.mono;
	for (struct attempt *it = table_oldest(dns->attempts, 0); it; it = next) {
		next = table_younger(dns->attempts, it);
		if (it->due.us <= now.mono.us)
			attempt_timed_out(dns, it, now);
	}
	queries_wake(dns, now);
	upstreams_tick(dns, now);
	queries_start(dns, now);
}

mono_t dns_due(const struct dns *dns)
{
	mono_t due = upstreams_due(dns);
	for (const struct attempt *it = table_oldest(dns->attempts, 0); it;
		it = table_younger(dns->attempts, it))
		due = mono_min(due, it->due);
	for (const struct query *it = table_oldest(dns->queries, LIST_RESTING); it;
		it = table_younger(dns->queries, it))
		due = mono_min(due, it->due);
	/* A cancelled one made room. */
	if (table_count(dns->queries, LIST_QUEUED) &&
		queries_in_flight(dns) < dns->options.in_flight_max)
		due = mono_min(due, dns->now);
	return due;
}

void dns_figures(const struct dns *dns, struct dns_figures *ret)
{
	*ret = dns->figures;
	ret->in_flight = queries_in_flight(dns);
	ret->queued = table_count(dns->queries, LIST_QUEUED);
	ret->cache_n = table_count(dns->cache, 0);
	ret->bytes = sizeof(*dns) + table_bytes(dns->queries) + table_bytes(dns->waiters) +
		     table_bytes(dns->attempts) + table_bytes(dns->cache) + dns->cache_bytes +
		     dns->effect_bytes;
	ret->server_n = dns->options.server_n;
	ret->down_n = upstreams_down(dns);
}
