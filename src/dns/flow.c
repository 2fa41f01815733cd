/* SPDX-License-Identifier: ISC */
/*
 * One question from its turn to its end: which server, what became of the attempt, what next. An
 * attempt that brought an answer ends it; anything else leads to the next server, after the last one to
 * the next round, and after the last round to what says most of what went wrong.
 */
#include "internal.h"

#include <stdlib.h>

#include "policyd/mem.h"

#define BACKOFF_US     (250 * MSEC_US) /* before the second round; doubles */
#define BACKOFF_MAX_US (4 * SECOND_US)

uint32_t queries_in_flight(const struct dns *dns)
{
	return (uint32_t)(table_count(dns->queries, LIST_ACTIVE) +
			  table_count(dns->queries, LIST_RESTING));
}

/* From the first server again, as if it had not been asked yet. */
static void progress_reset(struct query *query)
{
	query->round = query->tried = 0;
	query->is_asked = false;
	query->best = DNS_TIMEOUT;
	query->best_server = (struct dns_server){.port = 0};
}

void query_free(struct dns *dns, struct query *query)
{
	if (query->attempt)
		attempt_close(dns, query->attempt);
	free(query->target);
	table_remove(dns->queries, query);
}

/* ---- its end ---- */

static void query_conclude(struct dns *dns, struct query *query, struct reply *reply, mono_t now)
{
	for (struct waiter *waiter = query->first; waiter; waiter = waiter->next) {
		dns_ticket ticket;
		memcpy(&ticket, table_key(waiter).p, sizeof(ticket));
		waiter->query = NULL;
		effect_answer(dns, ticket, reply, false);
	}
	/* Of one server alone, it is its own word only. */
	if (query->server.port == 0)
		cache_put(dns, table_key(query), reply, now);
	reply_unref(reply);
	query_free(dns, query);
}

static void query_fail(struct dns *dns, struct query *query, struct now now)
{
	struct draft *draft = &dns->draft;
	draft->text_n = 0;
	draft->answer = (struct dns_answer){
		.result = query->best,
		.ttl_s = query->best == DNS_TIMEOUT ? TTL_TIMEOUT_S : TTL_FAILED_S,
		.fetched = now.mono,
		.server = query->best_server,
		.canonical = draft_name(draft, query->name),
	};
	query_conclude(dns, query, reply_new(draft, query->type), now.mono);
}

/* ---- its way ---- */

/* From half of it to one and a half, so that questions that failed together part. */
static int64_t jittered(struct dns *dns, int64_t us)
{
	uint64_t number = ++dns->jitter_n;
	uint64_t chance = siphash13(&dns->key, span_make((const char *)&number, sizeof(number)));
	return us / 2 + (int64_t)(chance % (uint64_t)us);
}

static void round_over(struct dns *dns, struct query *query, struct now now)
{
	int64_t wait_us = BACKOFF_US << query->round;
	query->round++;
	query->tried = 0;
	if (query->round >= dns->options.attempts) {
		query_fail(dns, query, now);
		return;
	}
	wait_us = jittered(dns, wait_us < BACKOFF_MAX_US ? wait_us : BACKOFF_MAX_US);
	query->due.us = now.mono.us + wait_us;
	table_move(dns->queries, query, LIST_RESTING);
}

static void query_send(struct dns *dns, struct query *query, uint8_t at, struct now now)
{
	bool is_own = query->server.port != 0;
	bool is_dark = !is_own && upstreams_are_down(dns);
	int64_t wait_us = dns->options.timeout_us;
	if (is_dark && wait_us > SHORT_WAIT_US)
		wait_us = SHORT_WAIT_US;
	query->tried |= (uint8_t)(1u << (is_own ? 0 : at));
	query->is_asked = true;
	(void)attempt_open(dns,
		&(struct attempt_setup){
			.query = query,
			.server = is_own ? query->server : dns->upstream[at].server,
			.upstream = at,
			.is_tcp = dns->options.use_tcp,
			.has_edns = !dns->options.no_edns,
			.wait_us = wait_us,
		},
		now);
}

/* The next server, the next round, or the end. */
static void query_go_on(struct dns *dns, struct query *query, struct now now)
{
	uint8_t at = UPSTREAM_NONE;
	bool is_over = query->tried != 0;
	if (query->server.port == 0) {
		/* With nobody there, one try is what it gets: else work piles up. */
		if (query->is_asked && upstreams_are_down(dns)) {
			query_fail(dns, query, now);
			return;
		}
		at = upstream_choose(dns, query);
		is_over = at == UPSTREAM_NONE;
	}
	if (is_over)
		round_over(dns, query, now);
	else
		query_send(dns, query, at, now);
}

void queries_start(struct dns *dns, struct now now)
{
	struct query *query;
	while (queries_in_flight(dns) < dns->options.in_flight_max &&
		(query = table_oldest(dns->queries, LIST_QUEUED))) {
		table_move(dns->queries, query, LIST_ACTIVE);
		progress_reset(query);
		/* When all are down, others than the first are tried too. */
		if ((dns->options.rotate && !query->in_order) || upstreams_are_down(dns))
			query->first_server = dns->turn++ % DNS_SERVERS_MAX;
		query_go_on(dns, query, now);
	}
}

void query_restart(struct dns *dns, struct query *query)
{
	if (query->attempt)
		attempt_close(dns, query->attempt);
	progress_reset(query);
	query->due = dns->now;
	/* Who walks the list must not meet it again at its end. */
	if (query->node.list != LIST_RESTING)
		table_move(dns->queries, query, LIST_RESTING);
}

void queries_wake(struct dns *dns, struct now now)
{
	struct query *next;
	for (struct query *it = table_oldest(dns->queries, LIST_RESTING); it; it = next) {
		next = table_younger(dns->queries, it);
		if (it->due.us > now.mono.us)
			continue;
		table_move(dns->queries, it, LIST_ACTIVE);
		query_go_on(dns, it, now);
	}
}

/* ---- what became of an attempt ---- */

/* The more it says of the name's own state, the better: smaller is better. */
static const int rank[] = {
	[DNS_SERVFAIL] = 0,
	[DNS_REFUSED] = 1,
	[DNS_MALFORMED] = 2,
	[DNS_TIMEOUT] = 3,
};

static void attempt_failed(
	struct dns *dns, struct attempt *attempt, enum dns_result result, struct now now)
{
	struct query *query = attempt->query;
	if (rank[result] < rank[query->best]) {
		query->best = result;
		query->best_server = attempt->server;
	}
	attempt_close(dns, attempt);
	query_go_on(dns, query, now);
}

void attempt_timed_out(struct dns *dns, struct attempt *attempt, struct now now)
{
	upstream_silent(dns, attempt, now);
	if (attempt->query)
		attempt_failed(dns, attempt, DNS_TIMEOUT, now);
	/* A probe waits for its next time anyway. */
	else
		attempt_close(dns, attempt);
}

void dns_failed(struct dns *dns, dns_attempt attempt, struct now now)
{
	struct attempt *it = attempt_find(dns, attempt);
	dns->now = now.mono;
	if (!it)
		return;
	attempt_timed_out(dns, it, now);
	queries_start(dns, now);
}

void dns_unsent(struct dns *dns, dns_attempt attempt, struct now now)
{
	struct attempt *it = attempt_find(dns, attempt);
	dns->now = now.mono;
	if (!it)
		return;
	if (it->query)
		attempt_failed(dns, it, DNS_TIMEOUT, now);
	else
		attempt_close(dns, it);
	queries_start(dns, now);
}

/* The same server once more, by TCP or without EDNS. */
static void attempt_again(
	struct dns *dns, struct attempt *attempt, bool is_tcp, bool has_edns, struct now now)
{
	struct attempt_setup setup = {
		.query = attempt->query,
		.server = attempt->server,
		.upstream = attempt->upstream,
		.is_tcp = is_tcp,
		.has_edns = has_edns,
		.wait_us = dns->options.timeout_us,
	};
	attempt_close(dns, attempt);
	(void)attempt_open(dns, &setup, now);
}

static bool is_without_edns(const struct packet *packet, const struct attempt *attempt)
{
	return attempt->asked.has_edns &&
	       (packet->rcode == RCODE_FORMERR || packet->rcode == RCODE_NOTIMP ||
		       packet->rcode == RCODE_BADVERS);
}

/* True when the code says that this server has no answer. */
static bool is_failure(unsigned rcode, enum dns_result *ret)
{
	switch (rcode) {
	case RCODE_NOERROR:
	case RCODE_NXDOMAIN:
		return false;
	case RCODE_REFUSED:
	case RCODE_NOTAUTH:
	case RCODE_NOTIMP:
		*ret = DNS_REFUSED;
		return true;
	default:
		*ret = DNS_SERVFAIL;
		return true;
	}
}

/* The chain goes on elsewhere: ask for that name, from the first server on. */
static void query_follow(
	struct dns *dns, struct attempt *attempt, const struct chain *chain, struct now now)
{
	struct query *query = attempt->query;
	attempt_close(dns, attempt);
	if (!query->target)
		query->target = xmalloc(sizeof(*query->target));
	*query->target = chain->name;
	query->name = name_span(query->target);
	query->links = (uint8_t)chain->links;
	query->chain_ttl_s = chain->ttl_s;
	progress_reset(query);
	query_go_on(dns, query, now);
}

static void answer_judge(
	struct dns *dns, struct attempt *attempt, const struct packet *packet, struct now now)
{
	struct query *query = attempt->query;
	struct chain chain = {.links = query->links, .ttl_s = query->chain_ttl_s};
	enum reading reading = READ_BAD;
	if (name_of_wire(query->name, &chain.name) == 0)
		reading = answer_read(packet, &attempt->asked, &chain, &dns->draft);
	switch (reading) {
	case READ_ANSWER:
		dns->draft.answer.fetched = now.mono;
		dns->draft.answer.server = attempt->server;
		query_conclude(dns, query, reply_new(&dns->draft, query->type), now.mono);
		return;
	case READ_GO_ON:
		query_follow(dns, attempt, &chain, now);
		return;
	case READ_ENDLESS:
		/* Not this server's fault: another would say the same. */
		query->best = DNS_MALFORMED;
		query->best_server = attempt->server;
		query_fail(dns, query, now);
		return;
	case READ_LAME:
		attempt_failed(dns, attempt, DNS_REFUSED, now);
		return;
	case READ_BAD:
		break;
	}
	attempt_failed(dns, attempt, DNS_MALFORMED, now);
}

/* What the code alone says: without EDNS then, or that this server has no answer. False: neither. */
static bool code_judge(
	struct dns *dns, struct attempt *attempt, const struct packet *packet, struct now now)
{
	enum dns_result result;
	if (is_without_edns(packet, attempt)) {
		attempt_again(dns, attempt, attempt->is_tcp, false, now);
		return true;
	}
	if (is_failure(packet->rcode, &result)) {
		attempt_failed(dns, attempt, result, now);
		return true;
	}
	return false;
}

static void packet_judge(
	struct dns *dns, struct attempt *attempt, struct packet *packet, struct now now)
{
	if (code_judge(dns, attempt, packet, now))
		return;
	/* Before the rest is read: it may have been cut anywhere. */
	if (packet->is_truncated && !attempt->is_tcp) {
		attempt_again(dns, attempt, true, attempt->asked.has_edns, now);
		return;
	}
	if (packet->is_truncated || packet_open(packet) < 0) {
		attempt_failed(dns, attempt, DNS_MALFORMED, now);
		return;
	}
	/* Now with the upper bits of the code, which stand in OPT. */
	if (!code_judge(dns, attempt, packet, now))
		answer_judge(dns, attempt, packet, now);
}

void dns_received(struct dns *dns, dns_attempt attempt, struct span wire, struct now now)
{
	struct attempt *it = attempt_find(dns, attempt);
	struct packet packet;
	dns->now = now.mono;
	/* Late, for one that is closed. */
	if (!it)
		return;
	if (!packet_match(wire, &it->asked, &packet)) {
		dns->figures.mismatched++;
		return;
	}
	bool is_probe = it->query == NULL;
	upstream_heard(dns, it->upstream);
	/* It did what it was sent for, and is closed. */
	if (is_probe)
		return;
	packet_judge(dns, it, &packet, now);
	queries_start(dns, now);
}
