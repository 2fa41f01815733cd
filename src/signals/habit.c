/* SPDX-License-Identifier: ISC */
/*
 * A list of what an account uses: networks, programs, senders. Each kind has its places; of these a part
 * is for settled ones only up to a point, so that a stranger who comes from everywhere can neither push
 * out what is normal nor go uncounted because all places are taken.
 */
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "policyd/mem.h"

#define FIRST_SIZE 4

static const struct habit_room {
	uint8_t all, settled;
} habit_room[HABIT_KINDS] = {
	[HABIT_NETWORK] = {24, 16},
	[HABIT_NEAR] = {16, 12},
	[HABIT_REGION] = {12, 8},
	[HABIT_ASN] = {12, 8},
	[HABIT_COUNTRY] = {12, 8},
	[HABIT_HELO] = {12, 8},
	[HABIT_LOGIN] = {6, 4},
	[HABIT_SENDER] = {16, 12},
};
#define HABITS_MAX (24 + 16 + 12 + 12 + 12 + 12 + 6 + 16)

void habits_find_all(const struct habits *habits, const uint64_t id[HABIT_KINDS],
	struct habit_entry *ret[HABIT_KINDS])
{
	const struct habit_entry *entry = habits ? habits->entry : NULL;
	const struct habit_entry *end = habits ? entry + habits->n : NULL;
	for (unsigned kind = 0; kind < HABIT_KINDS; kind++)
		ret[kind] = NULL;
	for (; entry < end; entry++) {
		unsigned kind = entry->kind;
		if (entry->id == id_of(id[kind]) && id[kind])
			ret[kind] = (struct habit_entry *)(uintptr_t)entry;
	}
}

struct habit_entry *habits_find(const struct habits *habits, enum habit kind, uint64_t id)
{
	uint32_t short_id = id_of(id);
	for (unsigned i = 0; habits && i < habits->n; i++) {
		const struct habit_entry *entry = &habits->entry[i];
		if (entry->id == short_id && entry->kind == kind)
			return (struct habit_entry *)(uintptr_t)entry;
	}
	return NULL;
}

static unsigned count(const struct habits *habits, enum habit kind, bool settled_only)
{
	unsigned n = 0;
	for (unsigned i = 0; i < habits->n; i++) {
		const struct habit_entry *entry = &habits->entry[i];
		n += entry->kind == kind && !(settled_only && entry->is_pending);
	}
	return n;
}

/* The one of its kind, and pending or not, that was not used for longest. */
static struct habit_entry *oldest(struct habits *habits, enum habit kind, bool is_pending)
{
	struct habit_entry *found = NULL;
	for (unsigned i = 0; i < habits->n; i++) {
		struct habit_entry *entry = &habits->entry[i];
		if (entry->kind != kind || entry->is_pending != is_pending)
			continue;
		if (!found || entry->last < found->last)
			found = entry;
	}
	return found;
}

void habits_remove(struct habits *habits, struct habit_entry *entry)
{
	size_t after = (size_t)(&habits->entry[habits->n] - (entry + 1));
	memmove(entry, entry + 1, after * sizeof(*entry));
	habits->n--;
}

static struct habit_entry *append(struct habits **habits)
{
	struct habits *h = *habits;
	if (!h || h->n == h->size) {
		unsigned size = h ? h->size + 4u : FIRST_SIZE;
		h = xrealloc(h, 1, habits_bytes_of(size < HABITS_MAX ? size : HABITS_MAX));
		if (!*habits)
			h->n = 0;
		h->size = (uint8_t)(size < HABITS_MAX ? size : HABITS_MAX);
		*habits = h;
	}
	return &h->entry[h->n++];
}

struct habit_entry *habits_use(struct habits **habits, enum habit kind, uint64_t id, second_t now)
{
	struct habit_entry *entry = habits_find(*habits, kind, id);
	if (entry)
		return entry;
	if (*habits && count(*habits, kind, false) >= habit_room[kind].all) {
		entry = oldest(*habits, kind, true);
		habits_remove(*habits, entry ? entry : oldest(*habits, kind, false));
	}
	entry = append(habits);
	*entry = (struct habit_entry){
		.id = id_of(id),
		.last = now,
		.hour = hour_up(now),
		.kind = kind & 15u,
		.is_pending = 1,
	};
	return entry;
}

void habits_settle(struct habits *habits, struct habit_entry *entry)
{
	enum habit kind = (enum habit)entry->kind;
	entry->is_pending = 0;
	entry->strange = 0;
	if (count(habits, kind, true) > habit_room[kind].settled)
		habits_remove(habits, oldest(habits, kind, false));
}

bool habits_put(struct habits **habits, const struct habit_entry *entry)
{
	enum habit kind = (enum habit)entry->kind;
	if (kind >= HABIT_KINDS)
		return false;
	const struct habit_room *room = &habit_room[kind];
	if (*habits && (count(*habits, kind, false) >= room->all ||
			       (!entry->is_pending && count(*habits, kind, true) >= room->settled)))
		return false;
	*append(habits) = *entry;
	return true;
}
