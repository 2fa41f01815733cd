/* SPDX-License-Identifier: ISC */
/*
 * Clients of accounts on lists that are asked about them: a hint for whoever weighs signals, never waited
 * for. Remembering one costs nothing; what is asked of it is asked later, and slowly.
 */
#include <stdlib.h>

#include "internal.h"

/* Together 1024, and so many questions a second. */
#define KNOWN_MAX   896
#define WAITING_MAX 128
#define PACE_US     (SECOND_US / 20)
/* How long a round over the lists is good. */
#define LISTED_KEEP_US  HOUR_US
#define CLEAN_KEEP_US   (15 * MINUTE_US)
#define UNKNOWN_KEEP_US (5 * MINUTE_US)

enum client_place { PLACE_KNOWN, PLACE_WAITING };

struct table *clients_new(const struct siphash_key *hash_key)
{
	return table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct client),
		.lists = 2,
		.max = {[PLACE_KNOWN] = KNOWN_MAX, [PLACE_WAITING] = WAITING_MAX},
		.hash_key = *hash_key,
	});
}

static struct span key_of(const struct ip *ip)
{
	return span_make((const char *)ip->byte, sizeof(ip->byte));
}

/* ---- seen ---- */

/* Who comes when no place is left to wait in comes again: those that wait would never get to the end. */
static void round_begin(struct egress *e, struct client *client)
{
	if (client->node.list != PLACE_WAITING &&
		table_count(e->clients, PLACE_WAITING) >= WAITING_MAX) {
		e->clients_put_off++;
		return;
	}
	client->is_asking = client->is_partial = false;
	client->cursor = client->asked = 0;
	client->next = (struct client_found){0};
	table_move(e->clients, client, PLACE_WAITING);
}

void egress_client_seen(struct egress *e, const struct ip *ip, struct span account, struct now now)
{
	if (e->client_lists == 0 || !ip_is_public(ip))
		return;
	e->now = now;
	struct client *client = table_find(e->clients, key_of(ip));
	if (!client) {
		client = table_add(e->clients, key_of(ip), PLACE_KNOWN);
		client->ip = *ip;
		client->until = now.mono;
	}
	(void)span_copy(account, client->account, sizeof(client->account));
	if (client->node.list == PLACE_WAITING)
		return;
	if (is_past(client->until, now.mono))
		round_begin(e, client);
	else
		table_touch(e->clients, client);
}

/* ---- asked ---- */

static bool is_for(const struct list *list, const struct ip *ip)
{
	enum blocklist_subject kind = ip_is_v4(ip) ? BLOCKLIST_IPV4 : BLOCKLIST_IPV6;
	return list->def->is_enabled && list->def->clients && (list->def->subjects & 1u << kind);
}

static void round_end(struct egress *e, struct client *client)
{
	int64_t keep_us = CLEAN_KEEP_US;
	client->worst = client->next;
	client->state = SEEN_CLEAN;
	if (client->worst.codes.n > 0) {
		client->state = SEEN_LISTED;
		keep_us = LISTED_KEEP_US;
	} else if (client->is_partial || client->asked == 0) {
		client->state = SEEN_UNKNOWN;
		keep_us = UNKNOWN_KEEP_US;
	}
	if (client->asked > 0)
		client->looked = e->now.wall;
	client->until = mono_after(e->now.mono, keep_us);
	table_move(e->clients, client, PLACE_KNOWN);
}

/* To the next list that can say something; at the end of them the round is over. */
static bool round_go_on(struct egress *e, struct client *client)
{
	for (; client->cursor < e->list_n; client->cursor++) {
		const struct list *list = &e->list[client->cursor];
		if (!is_for(list, &client->ip))
			continue;
		if (list->state == LIST_OK)
			return true;
		client->is_partial = true;
	}
	round_end(e, client);
	return false;
}

/* Of those that wait the first that has no open question. */
static struct client *client_next(const struct egress *e)
{
	struct client *client = table_oldest(e->clients, PLACE_WAITING);
	while (client && client->is_asking)
		client = table_younger(e->clients, client);
	return client;
}

mono_t clients_due(const struct egress *e)
{
	return client_next(e) ? e->client_at : MONO_NEVER;
}

bool client_ask(struct egress *e, struct egress_effect *ret)
{
	char reversed[IP_REVERSED_SIZE];
	struct client *client;
	if (!is_past(e->client_at, e->now.mono))
		return false;
	while ((client = client_next(e))) {
		if (!round_go_on(e, client))
			continue;
		struct list *list = &e->list[client->cursor];
		ip_reversed(&client->ip, reversed);
		if (!egress_name(e, reversed, list->def)) {
			client->is_partial = true;
			client->cursor++;
			continue;
		}
		struct flight *flight = flight_new(e, FLIGHT_CLIENT, ret);
		flight->client.ref = table_ref_of(client);
		flight->client.list = client->cursor;
		client->is_asking = true;
		e->client_at = mono_after(e->now.mono, PACE_US);
		list->asked++;
		ret->question = (struct dns_question){.name = span_of(e->name), .type = DNS_A};
		return true;
	}
	return false;
}

/* ---- answered ---- */

static bool is_worse(const struct egress *e, size_t at, const struct codes *codes,
	const struct client_found *than)
{
	if (than->codes.n == 0)
		return true;
	struct meaning a = codes_meaning(e->list[at].def, codes);
	struct meaning b = codes_meaning(e->list[than->list].def, &than->codes);
	return a.kind != b.kind ? a.kind < b.kind : a.severity > b.severity;
}

static void client_saw(
	struct egress *e, struct client *client, size_t at, const struct sight *sight)
{
	client->is_asking = false;
	client->cursor++;
	if (sight->kind == SIGHT_LISTED || sight->kind == SIGHT_CLEAN)
		client->asked++;
	else
		client->is_partial = true;
	if (sight->kind == SIGHT_LISTED && is_worse(e, at, &sight->codes, &client->next))
		client->next = (struct client_found){.list = (uint32_t)at, .codes = sight->codes};
	(void)round_go_on(e, client);
}

void client_answered(struct egress *e, const struct flight *flight, const struct dns_answer *answer)
{
	struct sight sight;
	struct list *list = &e->list[flight->client.list];
	struct client *client = table_get(e->clients, flight->client.ref);
	sight_of(list->def, answer, e->now, &sight);
	list->failed += sight.kind >= SIGHT_FAILED;
	/* What our own cache has may be older than what the list's test points have shown since. */
	bool is_trouble = (sight.kind == SIGHT_ERROR && codes_refuse(&sight.codes)) ||
			  sight.kind == SIGHT_OUTSIDE;
	if (is_trouble && !answer->is_cached)
		list_learn_error(e, list, &sight, answer);
	if (client)
		client_saw(e, client, flight->client.list, &sight);
}

/* ---- a new snapshot ---- */

/* False: what is known is of a list that went. */
static bool found_move(struct client_found *found, const size_t *moved)
{
	if (found->codes.n == 0)
		return true;
	size_t to = moved[found->list];
	found->list = (uint32_t)to;
	if (to != LIST_GONE)
		return true;
	*found = (struct client_found){0};
	return false;
}

void clients_remap(struct egress *e, const size_t *moved)
{
	uint32_t cursor = 0;
	struct client *client;
	flights_drop_clients(e);
	while ((client = table_next(e->clients, &cursor, NULL))) {
		if (!found_move(&client->worst, moved)) {
			client->state = SEEN_UNKNOWN;
			client->until = e->now.mono;
		}
		if (client->node.list == PLACE_WAITING)
			round_begin(e, client);
	}
}

/* ---- what is known ---- */

bool client_is_listed(const struct client *client, mono_t now)
{
	return client->state == SEEN_LISTED && !is_past(client->until, now);
}

static void hint_of(
	const struct egress *e, const struct client *client, mono_t now, struct client_hint *ret)
{
	*ret = (struct client_hint){
		.ip = client->ip,
		.account = client->account,
		.looked = client->looked,
		.state = is_past(client->until, now) ? SEEN_UNKNOWN : client->state,
	};
	if (ret->state != SEEN_LISTED)
		return;
	ret->list = e->list[client->worst.list].def;
	ret->code = codes_worst(ret->list, &client->worst.codes);
}

bool egress_client_hint(
	const struct egress *e, const struct ip *ip, struct now now, struct client_hint *ret)
{
	const struct client *client = table_find(e->clients, key_of(ip));
	if (client)
		hint_of(e, client, now.mono, ret);
	return client != NULL;
}

void egress_clients(const struct egress *e, struct now now, egress_each_client *each, void *ctx)
{
	for (unsigned place = 0; place < 2; place++) {
		const struct client *client = table_oldest(e->clients, place);
		for (; client; client = table_younger(e->clients, client)) {
			struct client_hint hint;
			hint_of(e, client, now.mono, &hint);
			if (!each(ctx, &hint))
				return;
		}
	}
}
