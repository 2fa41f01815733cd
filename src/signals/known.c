/* SPDX-License-Identifier: ISC */
/*
 * Whom an account has written to, as fingerprints of 16 bits: of n that are known, one stranger in
 * 65536 / n is taken for known too, which is 2 % when both generations are as full as they get.
 */
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "policyd/mem.h"

enum { YOUNG, OLD };

static uint16_t print_of(uint32_t id)
{
	uint16_t print = (uint16_t)(id >> 16);
	return print ? print : 1;
}

/* Sizes are no powers of two, so that little is left empty: a print has its place by its share. */
static unsigned slot_at(uint16_t print, unsigned i, unsigned size)
{
	unsigned at = (print * size >> 16) + i;
	return at < size ? at : at - size;
}

static unsigned most_of(unsigned slots)
{
	return slots - slots / 8;
}

/* How far the one at a slot is from its place. */
static unsigned away(uint16_t print, unsigned at, unsigned size)
{
	unsigned home = slot_at(print, 0, size);
	return at >= home ? at - home : at + size - home;
}

/* Nobody is nearer to his place than who comes after him: a look ends early, however full it is. */
static bool slots_have(const uint16_t *slot, unsigned size, uint16_t print)
{
	for (unsigned i = 0; i < size; i++) {
		unsigned at = slot_at(print, i, size);
		if (slot[at] == print)
			return true;
		if (slot[at] == 0 || away(slot[at], at, size) < i)
			return false;
	}
	return false;
}

static void slots_put(uint16_t *slot, unsigned size, uint16_t print)
{
	unsigned at = slot_at(print, 0, size);
	for (unsigned i = 0, passed = 0; passed < size; i++, passed++) {
		uint16_t here = slot[at];
		unsigned far = here ? away(here, at, size) : 0;
		if (here == 0 || far < i) {
			slot[at] = print;
			print = here;
			i = far;
		}
		if (here == 0)
			return;
		at = at + 1 < size ? at + 1 : 0;
	}
}

enum known_in known_find(const struct known_set *set, uint32_t id)
{
	uint16_t print = print_of(id);
	if (!set)
		return KNOWN_IN_NONE;
	if (slots_have(set->slot, set->size[YOUNG], print))
		return KNOWN_IN_YOUNG;
	if (slots_have(set->slot + set->size[YOUNG], set->size[OLD], print))
		return KNOWN_IN_OLD;
	return KNOWN_IN_NONE;
}

/* The lines of memory in which a look begins. */
void known_fetch(const struct known_set *set, uint32_t id)
{
	uint16_t print = print_of(id);
	if (!set)
		return;
	__builtin_prefetch(&set->slot[slot_at(print, 0, set->size[YOUNG])]);
	if (set->size[OLD])
		__builtin_prefetch(
			&set->slot[set->size[YOUNG] + slot_at(print, 0, set->size[OLD])]);
}

/* An empty young one beside the old one. */
static struct known_set *set_new(unsigned young, unsigned old, second_t now)
{
	struct known_set *set = xcalloc(1, known_bytes_of(young + old));
	set->size[YOUNG] = (uint16_t)young;
	set->size[OLD] = (uint16_t)old;
	set->since = now;
	return set;
}

static struct known_set *rotated(struct known_set *set, second_t now)
{
	struct known_set *next = set_new(KNOWN_SLOTS_MIN, set->size[YOUNG], now);
	next->n[OLD] = set->n[YOUNG];
	memcpy(next->slot + KNOWN_SLOTS_MIN, set->slot, set->size[YOUNG] * sizeof(uint16_t));
	free(set);
	return next;
}

static struct known_set *grown(struct known_set *set)
{
	unsigned size = set->size[YOUNG], more = (size / 4 + 7) & ~7u;
	unsigned larger = size + more < KNOWN_SLOTS_MAX ? size + more : KNOWN_SLOTS_MAX;
	struct known_set *next = set_new(larger, set->size[OLD], set->since);
	next->n[YOUNG] = set->n[YOUNG];
	next->n[OLD] = set->n[OLD];
	for (unsigned i = 0; i < size; i++) {
		if (set->slot[i])
			slots_put(next->slot, larger, set->slot[i]);
	}
	memcpy(next->slot + next->size[YOUNG], set->slot + size, set->size[OLD] * sizeof(uint16_t));
	free(set);
	return next;
}

/* Makes room for one more. */
static void make_room(struct known_set **set, second_t now, bool may_grow)
{
	if (!*set)
		*set = set_new(KNOWN_SLOTS_MIN, 0, now);
	else if (now > (*set)->since && now - (*set)->since > KNOWN_LIFE_S)
		*set = rotated(*set, now);
	unsigned size = (*set)->size[YOUNG];
	if ((*set)->n[YOUNG] < most_of(size))
		return;
	*set = size < KNOWN_SLOTS_MAX && may_grow ? grown(*set) : rotated(*set, now);
}

void known_add(struct known_set **set, uint32_t id, second_t now, bool may_grow)
{
	if (known_find(*set, id) == KNOWN_IN_YOUNG)
		return;
	if (!*set && !may_grow)
		return;
	make_room(set, now, may_grow);
	slots_put((*set)->slot, (*set)->size[YOUNG], print_of(id));
	(*set)->n[YOUNG]++;
}

static bool is_slots(unsigned slots)
{
	return slots >= KNOWN_SLOTS_MIN && slots <= KNOWN_SLOTS_MAX;
}

struct known_set *known_sized(
	struct known_set *set, unsigned generation, unsigned slots, unsigned n)
{
	bool is_none = generation == OLD && slots == 0 && n == 0;
	if ((!is_slots(slots) && !is_none) || n > most_of(slots))
		return NULL;
	if (generation == YOUNG)
		return set_new(slots, 0, 0);
	set = xrealloc(set, 1, known_bytes_of((unsigned)set->size[YOUNG] + slots));
	memset(set->slot + set->size[YOUNG], 0, slots * sizeof(uint16_t));
	set->size[OLD] = (uint16_t)slots;
	return set;
}

void known_put(struct known_set *set, unsigned generation, unsigned print)
{
	uint16_t *slot = set->slot + (generation == OLD ? set->size[YOUNG] : 0);
	if (print == 0 || print > UINT16_MAX ||
		slots_have(slot, set->size[generation], (uint16_t)print))
		return;
	slots_put(slot, set->size[generation], (uint16_t)print);
	set->n[generation]++;
}
