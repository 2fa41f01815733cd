/* SPDX-License-Identifier: ISC */
/* The map of names. What they mean, and how many there may be, is its users' business. */
#include "map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

/* Names are the operator's own: nobody chooses them so that they collide. */
#define MIX UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio: odd, and no pattern */

struct span map_text(const struct map *map, uint32_t at)
{
	uint16_t n;

	memcpy(&n, map->text + at, sizeof(n));
	return span_make(map->text + at + sizeof(n), n);
}

uint32_t map_store(struct map *map, struct span text)
{
	uint16_t n = (uint16_t)text.n;
	size_t need = map->text_n + sizeof(n) + text.n;

	/* Bounds on files and lists keep names far below 4 GiB. */
	assert(text.n <= MAP_NAME_MAX && need <= UINT32_MAX);
	if (need > map->text_room) {
		map->text_room = need * 2;
		map->text = xrealloc(map->text, map->text_room, 1);
	}
	memcpy(map->text + map->text_n, &n, sizeof(n));
	if (n)
		memcpy(map->text + map->text_n + sizeof(n), text.p, n);
	uint32_t at = (uint32_t)map->text_n;
	map->text_n = need;
	return at;
}

static uint32_t hash_of(struct span name)
{
	/* Names are the operator's, and nothing is put in later: nobody can make chains long. */
	uint64_t hash = name.n, word;
	size_t i = 0;
	for (; i + sizeof(word) <= name.n; i += sizeof(word)) {
		memcpy(&word, name.p + i, sizeof(word));
		hash = (hash ^ word) * MIX;
		hash ^= hash >> 32;
	}
	word = 0;
	if (i < name.n)
		memcpy(&word, name.p + i, name.n - i);
	hash = (hash ^ word) * MIX;
	return (uint32_t)(hash >> 32) ^ (uint32_t)hash;
}

/* The slot that holds name, or the free one where it would go. There is always a free one. */
static uint32_t *slot_of(const struct map *map, uint32_t hash, struct span name)
{
	for (size_t i = hash & (map->slots - 1);; i = (i + 1) & (map->slots - 1)) {
		uint32_t number = map->slot[i];
		const struct map_entry *entry = number ? &map->entry[number - 1] : NULL;

		if (!entry || (entry->hash == hash && span_equal(map_text(map, entry->at), name)))
			return &map->slot[i];
	}
}

/* No two entries have one name: each goes to the next free slot. */
static void slots_double(struct map *map)
{
	free(map->slot);
	map->slots = map->slots ? map->slots * 2 : 16;
	map->slot = xcalloc(map->slots, sizeof(*map->slot));
	for (size_t i = 0; i < map->n; i++) {
		size_t at = map->entry[i].hash & (map->slots - 1);

		while (map->slot[at])
			at = (at + 1) & (map->slots - 1);
		map->slot[at] = (uint32_t)i + 1;
	}
}

const struct map_entry *map_find(const struct map *map, struct span name)
{
	if (map->n == 0)
		return NULL;
	uint32_t number = *slot_of(map, hash_of(name), name);
	return number ? &map->entry[number - 1] : NULL;
}

const struct map_entry *map_add(
	struct map *map, struct span name, uint32_t value, struct config_place place)
{
	/* At most two thirds are taken: chains stay short. */
	if ((map->n + 1) * 3 > map->slots * 2)
		slots_double(map);
	uint32_t hash = hash_of(name);
	uint32_t *slot = slot_of(map, hash, name);
	if (*slot)
		return &map->entry[*slot - 1];
	if (map->n == map->room) {
		map->room = map->room ? map->room * 2 : 16;
		map->entry = xrealloc(map->entry, map->room, sizeof(*map->entry));
		map->place = xrealloc(map->place, map->room, sizeof(*map->place));
	}
	map->entry[map->n] =
		(struct map_entry){.at = map_store(map, name), .value = value, .hash = hash};
	map->place[map->n] = place;
	*slot = (uint32_t)++map->n;
	return NULL;
}

struct config_place map_place(const struct map *map, const struct map_entry *entry)
{
	return map->place[entry - map->entry];
}

void map_seal(struct map *map)
{
	free(map->place);
	map->place = NULL;
	if (map->n == 0)
		return;
	map->entry = xrealloc(map->entry, map->n, sizeof(*map->entry));
	map->text = xrealloc(map->text, map->text_n, 1);
	map->room = map->n;
	map->text_room = map->text_n;
}

void map_deinit(struct map *map)
{
	free(map->text);
	free(map->entry);
	free(map->place);
	free(map->slot);
	*map = (struct map){0};
}
