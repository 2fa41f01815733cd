/* SPDX-License-Identifier: ISC */
/*
 * What all accounts have in common: which networks and programs they use, whom they write to, what
 * they do while they are young. Only what has settled comes here.
 */
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"
#include "site.h"

/* Before its accounts have taught it better. */
#define NOVELTY_FIRST .35
#define NOVELTY_N     200.0
/* Halved beyond it, so that it follows. */
#define NOVELTY_N_MAX 2000.0
/* What nobody has come to use in so long is no more. */
#define USE_LIFE_DAYS 400

static void site_init(struct site *site)
{
	site->novel = NOVELTY_FIRST * NOVELTY_N;
	site->judged = NOVELTY_N;
}

struct site *site_new(void)
{
	struct site *site = xcalloc(1, sizeof(*site));
	site_init(site);
	return site;
}

void site_clear(struct site *site)
{
	memset(site, 0, sizeof(*site));
	site_init(site);
}

void site_free(struct site *site)
{
	free(site);
}

size_t site_bytes(const struct site *site)
{
	return sizeof(*site);
}

/* Spreads over all bits what of a keyed hash was kept. */
static uint64_t spread(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* ---- uses ---- */

/* The hash of a habit as its entry keeps it: 32 bits, and its kind. */
static uint64_t use_hash(enum habit kind, uint64_t id)
{
	return spread((id >> 32) | (uint64_t)(kind + 1) << 32);
}

static uint32_t use_id(uint64_t hash)
{
	uint32_t id = (uint32_t)(hash >> 32);
	return id ? id : 1;
}

static size_t use_set(uint64_t hash)
{
	return (size_t)(hash % (USES_MAX / USES_WAYS)) * USES_WAYS;
}

static const struct site_use *use_find(const struct site *site, uint64_t hash)
{
	const struct site_use *set = &site->use[use_set(hash)];
	for (unsigned i = 0; i < USES_WAYS; i++) {
		if (set[i].id == use_id(hash))
			return &set[i];
	}
	return NULL;
}

unsigned site_uses(const struct site *site, enum habit kind, uint64_t id)
{
	const struct site_use *use = use_find(site, use_hash(kind, id));
	return use ? use->accounts : 0;
}

static uint16_t day_of(second_t now)
{
	return (uint16_t)(now / 86400);
}

/* The place to give away: a free one, one that nobody came to in a year, or the least used. */
static struct site_use *use_victim(struct site_use *set, uint16_t today)
{
	struct site_use *found = &set[0];
	for (unsigned i = 0; i < USES_WAYS; i++) {
		uint16_t age = (uint16_t)(today - set[i].day);
		if (set[i].id == 0 || (age > USE_LIFE_DAYS && age < 0x8000))
			return &set[i];
		if (set[i].accounts < found->accounts ||
			(set[i].accounts == found->accounts &&
				(uint16_t)(today - found->day) < age))
			found = &set[i];
	}
	return found;
}

void site_settled(struct site *site, enum habit kind, uint64_t id, second_t now)
{
	uint64_t hash = use_hash(kind, id);
	struct site_use *set = &site->use[use_set(hash)], *use = NULL;
	for (unsigned i = 0; i < USES_WAYS; i++) {
		if (set[i].id == use_id(hash))
			use = &set[i];
	}
	if (!use) {
		use = use_victim(set, day_of(now));
		*use = (struct site_use){.id = use_id(hash)};
	}
	if (use->accounts < UINT16_MAX)
		use->accounts++;
	use->day = day_of(now);
}

/* ---- recipients ---- */

struct bloom_place {
	size_t line;
	uint64_t bits; /* six times nine of them */
};

#define BLOOM_HASHES 6

static struct bloom_place bloom_place(uint64_t recipient)
{
	uint64_t hash = spread(recipient >> 32);
	return (struct bloom_place){
		.line = (size_t)(hash % (BLOOM_WORDS / BLOOM_LINE_WORDS)) * BLOOM_LINE_WORDS,
		.bits = spread(hash),
	};
}

static bool bloom_has(const struct bloom *bloom, struct bloom_place place)
{
	const uint64_t *line = &bloom->word[place.line];
	for (unsigned i = 0; i < BLOOM_HASHES; i++, place.bits >>= 9) {
		if (!(line[place.bits >> 6 & 7] >> (place.bits & 63) & 1))
			return false;
	}
	return true;
}

bool site_knows(const struct site *site, uint64_t recipient)
{
	struct bloom_place place = bloom_place(recipient);
	return bloom_has(&site->bloom[site->young], place) ||
	       bloom_has(&site->bloom[!site->young], place);
}

void site_fetch(const struct site *site, uint64_t recipient)
{
	__builtin_prefetch(&site->bloom[site->young].word[bloom_place(recipient).line], 1);
}

/* When half of the bits are set, a stranger is taken for known once in 64 times. */
static void bloom_rotate(struct site *site, second_t now)
{
	struct bloom *young = &site->bloom[site->young];
	bool is_old = now > young->since && now - young->since > BLOOM_LIFE_S;
	if (young->since && !is_old && young->set < BLOOM_WORDS * 64 / 2)
		return;
	if (young->since) {
		site->young = !site->young;
		young = &site->bloom[site->young];
		memset(young, 0, sizeof(*young));
	}
	young->since = now;
}

void site_met(struct site *site, uint64_t recipient, mono_t mono)
{
	struct bloom_place place = bloom_place(recipient);
	bloom_rotate(site, second_of(mono));
	struct bloom *young = &site->bloom[site->young];
	uint64_t *line = &young->word[place.line];
	if (bloom_has(young, place))
		return;
	for (unsigned i = 0; i < BLOOM_HASHES; i++, place.bits >>= 9) {
		uint64_t bit = UINT64_C(1) << (place.bits & 63);
		uint64_t *word = &line[place.bits >> 6 & 7];
		young->set += !(*word & bit);
		*word |= bit;
	}
}

/* ---- the young ---- */

double site_novelty(const struct site *site)
{
	return site->novel / site->judged;
}

void site_learn_novelty(struct site *site, double new_recipients, double recipients)
{
	site->novel += new_recipients;
	site->judged += recipients;
	while (site->judged > NOVELTY_N_MAX) {
		site->novel /= 2;
		site->judged /= 2;
	}
}

second_t site_since(const struct site *site)
{
	return site->since;
}

void site_begin(struct site *site, mono_t mono)
{
	if (site->since == 0)
		site->since = second_of(mono);
}
