/* SPDX-License-Identifier: ISC */
/*
 * A baseline's life and memory, and what can be looked up in it. How it learns is learn.c's, how that
 * becomes normal baseline_settle.c's, what normal is baseline_normal.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "policyd/mem.h"

/* ---- memory ---- */

#define PENDING_KNOWN_BYTES (sizeof(uint32_t) + sizeof(uint16_t))

static size_t pending_bytes(const struct pending *pending)
{
	return pending ? sizeof(*pending) + pending->known_size * PENDING_KNOWN_BYTES : 0;
}

size_t baseline_bytes(const struct baseline *b)
{
	if (!b)
		return 0;
	return sizeof(*b) + habits_bytes(b->habits) + known_bytes(b->known) +
	       pending_bytes(b->pending) + (b->hours ? HOURS_BYTES : 0);
}

bool baseline_may_grow(const struct baseline *b)
{
	return b->signals->bytes < b->signals->config->signals.memory_max;
}

void baseline_recount(struct baseline *b, size_t before)
{
	size_t after = baseline_bytes(b);
	b->signals->bytes += after - before;
	b->signals->baseline_bytes += after - before;
}

struct baseline *baseline_new(struct signals *s, mono_t mono)
{
	/* With what it soon will have. */
	if (s->bytes + BASELINE_BYTES_USUAL > s->config->signals.memory_max)
		return NULL;
	struct baseline *b = xcalloc(1, sizeof(*b));
	b->signals = s;
	b->since = second_of(mono);
	b->message_high = 1;
	s->baselines++;
	baseline_recount(b, 0);
	return b;
}

void baseline_free(void *part)
{
	struct baseline *b = part;
	size_t bytes = baseline_bytes(b);
	b->signals->baselines--;
	b->signals->bytes -= bytes;
	b->signals->baseline_bytes -= bytes;
	free(b->habits);
	free(b->known);
	free(b->pending);
	free(b->hours);
	free(b);
}

struct baseline *baseline_make(struct signals *s, struct account *account, mono_t mono)
{
	if (!account->part[PART_BASELINE])
		account->part[PART_BASELINE] = baseline_new(s, mono);
	return baseline_of(account);
}

/* ---- what is pending ---- */

struct pending *pending_make(struct baseline *b)
{
	if (!b->pending)
		b->pending = xcalloc(1, sizeof(*b->pending));
	return b->pending;
}

/* Ids first, then hours: a look runs through the ids alone. */
static uint32_t *ids_of(const struct pending *pending)
{
	return (uint32_t *)(uintptr_t)&pending->known[0];
}

static uint16_t *hours_of(const struct pending *pending)
{
	return (uint16_t *)(uintptr_t)&pending->known[pending->known_size];
}

uint32_t pending_id(const struct pending *pending, unsigned i)
{
	return ids_of(pending)[i];
}

uint16_t pending_hour(const struct pending *pending, unsigned i)
{
	return hours_of(pending)[i];
}

bool pending_has(const struct pending *pending, uint32_t id)
{
	unsigned found = 0;
	for (unsigned i = 0; pending && i < pending->known_n; i++)
		found |= ids_of(pending)[i] == id;
	return found;
}

void pending_drop_known(struct pending *pending, unsigned n)
{
	unsigned rest = pending->known_n - n;
	memmove(ids_of(pending), ids_of(pending) + n, rest * sizeof(uint32_t));
	memmove(hours_of(pending), hours_of(pending) + n, rest * sizeof(uint16_t));
	pending->known_n = (uint16_t)rest;
}

static void pending_resize(struct baseline *b, unsigned size)
{
	struct pending *next = xcalloc(1, sizeof(*next) + size * PENDING_KNOWN_BYTES);
	memcpy(next, b->pending, sizeof(*next));
	next->known_size = (uint16_t)size;
	memcpy(ids_of(next), ids_of(b->pending), next->known_n * sizeof(uint32_t));
	memcpy(hours_of(next), hours_of(b->pending), next->known_n * sizeof(uint16_t));
	free(b->pending);
	b->pending = next;
}

static void pending_grow(struct baseline *b)
{
	unsigned was = b->pending->known_size, size = was + was / 2 + 4;
	pending_resize(b, size < PENDING_KNOWN_MAX ? size : PENDING_KNOWN_MAX);
}

void pending_shrink(struct baseline *b)
{
	unsigned n = b->pending->known_n;
	if (b->pending->known_size > 2 * n + 8)
		pending_resize(b, n + 4);
}

void pending_add(struct baseline *b, uint32_t id, uint16_t hour_and_bit)
{
	struct pending *pending = pending_make(b);
	bool is_full = pending->known_n == pending->known_size;
	if (is_full && pending->known_size < PENDING_KNOWN_MAX && baseline_may_grow(b))
		pending_grow(b);
	pending = b->pending;
	if (pending->known_size == 0)
		return;
	/* Half of it at a time, so that a flood costs little each time. */
	if (pending->known_n == pending->known_size)
		pending_drop_known(pending, pending->known_n / 2u);
	ids_of(pending)[pending->known_n] = id;
	hours_of(pending)[pending->known_n] = hour_and_bit;
	pending->known_n++;
}

/* ---- looking ---- */

/* Of blocks without a fixed size: as much as most accounts have of it. */
#define FETCH_BYTES 128

static void block_fetch(const void *block, size_t n)
{
	if (block)
		fetch(block, n);
}

void baseline_fetch(const struct baseline *b)
{
	if (!b)
		return;
	block_fetch(b->habits, FETCH_BYTES);
	block_fetch(b->pending, FETCH_BYTES);
	block_fetch(b->known, sizeof(*b->known));
	block_fetch(b->hours, HOURS_BYTES);
}

void baseline_fetch_known(const struct baseline *b, uint64_t recipient)
{
	if (b)
		known_fetch(b->known, id_of(recipient));
}

struct habit_seen baseline_habit(const struct baseline *b, enum habit kind, uint64_t id)
{
	const struct habit_entry *entry = b ? habits_find(b->habits, kind, id) : NULL;
	if (!entry)
		return (struct habit_seen){.known = KNOWN_NOT};
	struct habit_seen seen = {
		.known = entry->is_pending ? KNOWN_PENDING : KNOWN_SETTLED,
		.uses = entry->uses,
		.last = entry->last,
	};
	unsigned age_s = hours_since(entry->hour, entry->last) * HOUR_S;
	if (entry->is_pending)
		seen.first = entry->last > age_s ? entry->last - age_s : 1;
	return seen;
}

void baseline_habits(
	const struct baseline *b, const uint64_t id[HABIT_KINDS], enum known ret[HABIT_KINDS])
{
	const struct habits *habits = b ? b->habits : NULL;
	const struct habit_entry *entry = habits ? habits->entry : NULL;
	const struct habit_entry *end = habits ? entry + habits->n : NULL;
	memset(ret, 0, HABIT_KINDS * sizeof(ret[0]));
	for (; entry < end; entry++) {
		unsigned kind = entry->kind;
		if (entry->id == id_of(id[kind]) && id[kind])
			ret[kind] = entry->is_pending ? KNOWN_PENDING : KNOWN_SETTLED;
	}
}

unsigned baseline_distinct(const struct baseline *b, enum habit kind, second_t since)
{
	const struct habits *habits = b ? b->habits : NULL;
	unsigned n = 0;
	for (unsigned i = 0; habits && i < habits->n; i++)
		n += habits->entry[i].kind == kind && habits->entry[i].last >= since;
	return n;
}

unsigned baseline_begun(const struct baseline *b, enum habit kind, second_t since)
{
	const struct habits *habits = b ? b->habits : NULL;
	unsigned n = 0;
	for (unsigned i = 0; habits && i < habits->n; i++) {
		const struct habit_entry *entry = &habits->entry[i];
		unsigned age_s = hours_since(entry->hour, entry->last) * HOUR_S;
		n += entry->kind == kind && entry->is_pending && entry->last >= since + age_s;
	}
	return n;
}

unsigned baseline_settled(const struct baseline *b, enum habit kind)
{
	const struct habits *habits = b ? b->habits : NULL;
	unsigned n = 0;
	for (unsigned i = 0; habits && i < habits->n; i++)
		n += habits->entry[i].kind == kind && !habits->entry[i].is_pending;
	return n;
}

/* What has settled may be used from strange places, and from known ones later. */
static bool is_strange_since(const struct habit_entry *entry, second_t since)
{
	if (entry->last < since)
		return false;
	return entry->is_pending ||
	       hours_since(entry->hour, entry->last) <= (entry->last - since) / HOUR_S;
}

double baseline_strange(const struct baseline *b, enum habit kind, second_t since)
{
	const struct habits *habits = b ? b->habits : NULL;
	const struct habit_entry *entry = habits ? habits->entry : NULL;
	const struct habit_entry *end = habits ? entry + habits->n : NULL;
	unsigned sum = 0;
	for (; entry < end; entry++) {
		/* Few are: that is asked first. */
		if (entry->strange && entry->kind == kind && is_strange_since(entry, since))
			sum += entry->strange;
	}
	return (double)sum / STRANGE_MAX;
}

enum known baseline_knows(const struct baseline *b, uint64_t recipient)
{
	if (!b)
		return KNOWN_NOT;
	if (known_find(b->known, id_of(recipient)) != KNOWN_IN_NONE)
		return KNOWN_SETTLED;
	return pending_has(b->pending, id_of(recipient)) ? KNOWN_PENDING : KNOWN_NOT;
}
