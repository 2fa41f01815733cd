/* SPDX-License-Identifier: ISC */
/*
 * map.h - names to numbers: built once, then only looked up. All text lies in one block, so that a list
 * of 200,000 names is freed in a few calls. Places are kept while it is built, for messages.
 */
#ifndef POLICYD_CONFIG_MAP_H
#define POLICYD_CONFIG_MAP_H

#include "policyd/config.h"

struct map_entry {
	uint32_t at; /* of its name in text */
	uint32_t value;
	uint32_t hash; /* spares looking at most names that share a slot, and hashing again */
};

/* Zero is empty. */
struct map {
	char *text; /* names: two bytes of length and the bytes, one after the other */
	size_t text_n, text_room;
	struct map_entry *entry;
	struct config_place *place; /* one for each entry; NULL once sealed */
	size_t n, room;
	uint32_t *slot; /* number of an entry and 1; 0: free */
	size_t slots;   /* a power of two, or 0 */
};

#define MAP_NAME_MAX UINT16_MAX

/*
 * Adds name (at most MAP_NAME_MAX bytes) with value. If it is there already nothing changes, and its
 * entry is returned; else NULL.
 */
const struct map_entry *map_add(
	struct map *map, struct span name, uint32_t value, struct config_place place);
/* NULL when it is not there. Fine on an empty map. */
const struct map_entry *map_find(const struct map *map, struct span name);
/* Where the entry came from; only before map_seal(). */
struct config_place map_place(const struct map *map, const struct map_entry *entry);

/* Keeps a text beside the names; map_text() finds it by what map_store() returned. */
uint32_t map_store(struct map *map, struct span text);
struct span map_text(const struct map *map, uint32_t at);

/* Nothing is added any more: gives back what only building needs. */
void map_seal(struct map *map);
void map_deinit(struct map *map);

#endif
