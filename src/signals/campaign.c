/* SPDX-License-Identifier: ISC */
/*
 * Which accounts did the same thing in a short time: wrote to one recipient, came from one network. Two
 * tables of fixed size; what finds no place replaces what was quiet for longest.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "policyd/mem.h"

#define RECIPIENT_WINDOW_S (48 * 3600)
#define NETWORK_WINDOW_S   (24 * 3600)
#define SLOTS              16384
#define WAYS               4

struct who {
	struct table_ref account;
	second_t at; /* 0: nobody */
};

struct slot {
	uint64_t id;
	second_t last; /* 0: free */
	struct who who[CAMPAIGN_ACCOUNTS];
};

struct campaign {
	struct slot recipient[SLOTS];
	struct slot network[SLOTS];
};

struct campaign *campaign_new(void)
{
	return xcalloc(1, sizeof(struct campaign));
}

void campaign_free(struct campaign *c)
{
	free(c);
}

size_t campaign_bytes(const struct campaign *c)
{
	return sizeof(*c);
}

static struct slot *slot_of(struct slot *table, uint64_t id)
{
	struct slot *set = &table[id % (SLOTS / WAYS) * WAYS];
	struct slot *oldest = set;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].last && set[i].id == id)
			return &set[i];
		if (set[i].last < oldest->last)
			oldest = &set[i];
	}
	*oldest = (struct slot){.id = id};
	return oldest;
}

static bool is_same(struct table_ref a, struct table_ref b)
{
	return a.index == b.index && a.generation == b.generation;
}

/* Its place, or that of who was here longest ago. True: it was not in the window since then. */
static bool slot_mark(struct slot *slot, struct table_ref account, second_t since, second_t now)
{
	struct who *place = &slot->who[0];
	for (unsigned i = 0; i < CAMPAIGN_ACCOUNTS; i++) {
		struct who *who = &slot->who[i];
		if (who->at && is_same(who->account, account)) {
			place = who;
			break;
		}
		if (who->at < place->at)
			place = who;
	}
	bool was_in = place->at && place->at >= since && is_same(place->account, account);
	*place = (struct who){.account = account, .at = now};
	slot->last = now;
	return !was_in;
}

static void slot_tell(struct slot *slot, struct table_ref account, second_t since, second_t now,
	struct campaign_seen *ret)
{
	*ret = (struct campaign_seen){.has_joined = slot_mark(slot, account, since, now)};
	for (unsigned i = 0; i < CAMPAIGN_ACCOUNTS; i++) {
		if (slot->who[i].at && slot->who[i].at >= since)
			ret->account[ret->n++] = slot->who[i].account;
	}
	ret->accounts = (unsigned)ret->n;
}

void campaign_recipient(struct campaign *c, uint64_t recipient, struct table_ref account,
	mono_t mono, struct campaign_seen *ret)
{
	second_t now = second_of(mono);
	slot_tell(slot_of(c->recipient, recipient), account,
		now > RECIPIENT_WINDOW_S ? now - RECIPIENT_WINDOW_S : 1, now, ret);
}

void campaign_network(struct campaign *c, uint64_t network, struct table_ref account, mono_t mono,
	struct campaign_seen *ret)
{
	second_t now = second_of(mono);
	slot_tell(slot_of(c->network, network), account,
		now > NETWORK_WINDOW_S ? now - NETWORK_WINDOW_S : 1, now, ret);
}
