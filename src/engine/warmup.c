/* SPDX-License-Identifier: ISC */
/*
 * A new address of ours sends little at first, and each day at most twice of what it sent the day before, to
 * each provider (posture.h has the table). Days are those of the wall clock, from the configured first one on.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "policyd/mem.h"

/* Addresses by providers that are warmed up at once; the one that was used least recently goes. */
#define WARM_MAX 4096

struct warm {
	struct table_node node; /* key: the address, and the provider's name */
	uint32_t day;           /* since its first */
	uint64_t sent[2];       /* that day, and the day before */
	uint64_t bounced[2];
};

#define WARM_KEY_MAX (sizeof(struct ip) + ADDRESS_DOMAIN_MAX)
static struct span warm_key(const struct ip *ip, struct span provider, char buf[WARM_KEY_MAX])
{
	size_t n = provider.n < ADDRESS_DOMAIN_MAX ? provider.n : ADDRESS_DOMAIN_MAX;
	memcpy(buf, ip->byte, sizeof(ip->byte));
	if (n)
		memcpy(buf + sizeof(ip->byte), provider.p, n);
	return span_make(buf, sizeof(ip->byte) + n);
}

static struct warm *warm_of(struct engine *e, struct span key, uint32_t day)
{
	if (!e->warm)
		e->warm = table_new(&(struct table_setup){
			.entry_bytes = sizeof(struct warm),
			.lists = 1,
			.max = {WARM_MAX},
			.hash_key = e->key,
		});
	struct warm *warm = table_find(e->warm, key);
	if (!warm) {
		warm = table_add(e->warm, key, 0);
		warm->day = day;
	}
	table_touch(e->warm, warm);
	if (day <= warm->day)
		return warm;
	bool is_next = day == warm->day + 1;
	warm->sent[1] = is_next ? warm->sent[0] : 0;
	warm->bounced[1] = is_next ? warm->bounced[0] : 0;
	warm->sent[0] = warm->bounced[0] = 0;
	warm->day = day;
	return warm;
}

/* While too much comes back it goes no further up than where it was. */
static uint64_t cap_of(const struct warm *warm)
{
	uint64_t cap = warmup_cap(warm->day, warm->sent[1]);
	bool is_paused = warmup_is_paused(
		warm->sent[0] + warm->sent[1], warm->bounced[0] + warm->bounced[1]);
	uint64_t before = warm->sent[1] > warmup_table(0) ? warm->sent[1] : warmup_table(0);
	return is_paused && before < cap ? before : cap;
}

/* NULL: the address is not new. */
static struct warm *warm_at(struct engine *e, size_t egress, struct span domain, wall_t wall)
{
	wall_t since = e->egress_since[egress];
	int64_t passed_us = wall.us - since.us;
	char buf[WARM_KEY_MAX];
	if (since.us == WALL_NEVER.us || passed_us < 0 || passed_us >= WARMUP_DAYS * DAY_US)
		return NULL;
	struct span provider = config_provider_of(e->plan->snapshot, domain);
	return warm_of(e, warm_key(&e->egress[egress].stands.egress, provider, buf),
		(uint32_t)(passed_us / DAY_US));
}

void engine_bounced(
	struct engine *e, const struct ip *egress, struct span domain, uint32_t n, struct now now)
{
	for (size_t i = 0; i < e->egresses; i++) {
		const struct posture_view *stands = &e->egress[i].stands;
		if (stands->provider[0] || !ip_equal(&stands->egress, egress))
			continue;
		struct warm *warm = warm_at(e, i, domain, now.wall);
		if (warm)
			warm->bounced[0] += n;
		return;
	}
}

void warmup_take(struct call *c, size_t egress, struct stance *ret)
{
	static const struct config_action put_off = {.action = ACTION_DEFER_IF_PERMIT};
	struct engine *e = c->e;
	struct warm *warm = warm_at(e, egress, recipient_domain(&c->recipient), c->now.wall);
	if (!warm)
		return;
	c->pending.asked.warm = table_ref_of(warm);
	uint64_t cap = cap_of(warm);
	/* What its standing asks for goes before: there is no more to be sent from it then. */
	if (warm->sent[0] < cap || ret->treat == TREAT_ACTION)
		return;
	*ret = (struct stance){.treat = TREAT_ACTION,
		.is_observed = e->plan->snapshot->posture.mode == MODE_OBSERVE,
		.action = &put_off,
		.view = &e->egress[egress].stands,
		.warm_cap = cap};
}

void warmup_granted(struct call *c)
{
	struct warm *warm = c->e->warm ? table_get(c->e->warm, c->pending.asked.warm) : NULL;
	if (warm)
		warm->sent[0]++;
}

void warmup_configure(struct engine *e)
{
	size_t n = e->egresses ? e->egresses : 1;
	e->egress_since = xrealloc(e->egress_since, n, sizeof(*e->egress_since));
	e->is_any_new = false;
	for (size_t i = 0; i < e->egresses; i++) {
		e->egress_since[i] = config_warm_up(e->plan->snapshot, &e->egress[i].stands.egress);
		e->is_any_new = e->is_any_new || e->egress_since[i].us != WALL_NEVER.us;
	}
}

/* ---- in a snapshot ---- */

void warmup_save(const struct engine *e, struct bytes *out)
{
	const struct warm *warm = e->warm ? table_oldest(e->warm, 0) : NULL;
	for (; warm; warm = table_younger(e->warm, warm)) {
		bytes_span(out, table_key(warm));
		bytes_number(out, warm->day);
		for (int i = 0; i < 2; i++) {
			bytes_number(out, warm->sent[i]);
			bytes_number(out, warm->bounced[i]);
		}
	}
}

bool warmup_load(struct engine *e, struct reader *in)
{
	while (in->n && !in->is_bad) {
		struct span key = reader_span(in);
		uint64_t day = reader_number(in), sent[2], bounced[2];
		for (int i = 0; i < 2; i++) {
			sent[i] = reader_number(in);
			bounced[i] = reader_number(in);
		}
		if (in->is_bad || key.n < sizeof(struct ip) || key.n > WARM_KEY_MAX ||
			day >= WARMUP_DAYS)
			return false;
		struct warm *warm = warm_of(e, key, (uint32_t)day);
		memcpy(warm->sent, sent, sizeof(sent));
		memcpy(warm->bounced, bounced, sizeof(bounced));
	}
	return !in->is_bad;
}
