/* SPDX-License-Identifier: ISC */
/*
 * Answers remembered: as long as they say, within bounds, and the least used go first. What an answer
 * holds, and its own TTL, stay as they came.
 */
#include "internal.h"

#define POSITIVE_MIN_S 60u
#define POSITIVE_MAX_S 3600u
#define NEGATIVE_MAX_S 900u

struct remembered {
	struct table_node node;
	struct reply *reply;
	mono_t until;
};

static void on_drop(void *ctx, void *entry, bool evicted)
{
	struct dns *dns = ctx;
	struct remembered *it = entry;
	(void)evicted;
	dns->cache_bytes -= it->reply->bytes;
	reply_unref(it->reply);
}

void cache_new(struct dns *dns)
{
	table_free(dns->cache);
	dns->cache = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct remembered),
		.lists = 1,
		.max = {dns->options.cache_max},
		.hash_key = dns->key,
		.drop = on_drop,
		.ctx = dns,
	});
}

/* What came after now: the clock went back, and nothing is known of how long that holds. */
static bool is_valid(const struct remembered *it, mono_t now)
{
	return now.us < it->until.us && now.us >= it->reply->answer.fetched.us;
}

struct reply *cache_find(struct dns *dns, struct span key, mono_t now)
{
	struct remembered *it = table_find(dns->cache, key);
	if (!it)
		return NULL;
	if (!is_valid(it, now)) {
		table_remove(dns->cache, it);
		return NULL;
	}
	table_touch(dns->cache, it);
	return it->reply;
}

static uint32_t seconds_kept(const struct dns_answer *answer)
{
	switch (answer->result) {
	case DNS_FOUND:
		if (answer->ttl_s < POSITIVE_MIN_S)
			return POSITIVE_MIN_S;
		return answer->ttl_s < POSITIVE_MAX_S ? answer->ttl_s : POSITIVE_MAX_S;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return answer->ttl_s < NEGATIVE_MAX_S ? answer->ttl_s : NEGATIVE_MAX_S;
	case DNS_SERVFAIL:
	case DNS_REFUSED:
	case DNS_TIMEOUT:
	case DNS_MALFORMED:
		break;
	}
	return answer->ttl_s;
}

void cache_put(struct dns *dns, struct span key, struct reply *reply, mono_t now)
{
	uint32_t seconds = seconds_kept(&reply->answer);
	struct remembered *it = table_find(dns->cache, key);
	/* That nothing could be learnt now does not make untrue what was. */
	if (it && reply->answer.result > DNS_NXDOMAIN && is_valid(it, now) &&
		it->reply->answer.result <= DNS_NXDOMAIN)
		return;
	if (it)
		table_remove(dns->cache, it);
	/* A table's maximum of 0 would be none. */
	if (seconds == 0 || reply->bytes > CACHE_BYTES_MAX || dns->options.cache_max == 0)
		return;
	it = table_add(dns->cache, key, 0);
	it->reply = reply_ref(reply);
	it->until.us = now.us + seconds * SECOND_US;
	dns->cache_bytes += reply->bytes;
}
