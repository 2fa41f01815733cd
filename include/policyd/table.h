/* SPDX-License-Identifier: ISC */
/*
 * table.h - the bounded keyed table: the only home of state that grows with foreign input.
 *
 * An entry is a caller's struct that begins with a struct table_node. It stays at one address until
 * it is removed, and stands on exactly one of the table's lists, oldest first. A list has a
 * maximum: adding to a full one evicts its oldest entry (after telling the owner), so that one kind
 * of key can never crowd out another. Growth is incremental: no single call moves more than a few
 * slots.
 *
 *	struct thing { struct table_node node; int value; };
 *	struct table *t = table_new(&(struct table_setup){
 *		.entry_bytes = sizeof(struct thing), .lists = 1, .max = {1000},
 *		.hash_key = random_key });
 *	struct thing *it = table_find(t, SPAN("name"));
 *	if (!it)
 *		it = table_add(t, SPAN("name"), 0);
 *	table_touch(t, it);
 */
#ifndef POLICYD_TABLE_H
#define POLICYD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/siphash.h"
#include "policyd/span.h"

#define TABLE_LISTS_MAX 16
#define TABLE_KEY_MAX   1024 /* bytes; longer keys are a caller's mistake */

/* The head of every entry; callers read key and list, write owner, and touch nothing else. */
struct table_node {
	uint64_t hash;
	char *key; /* owned by the table, key_n bytes */
	uint32_t index;
	uint32_t prev, next;
	uint32_t generation; /* counts the lives of this place */
	uint16_t key_n;
	uint8_t list;
	uint8_t used;
	uint32_t owner; /* the caller's own, where there would be a gap otherwise; 0 at first */
};

/* Names an entry without holding a pointer: a removed entry is not found by its old ref. Zero is
 * none. */
struct table_ref {
	uint32_t index;
	uint32_t generation;
};

struct table_setup {
	size_t entry_bytes;            /* at least sizeof(struct table_node) */
	unsigned lists;                /* 1 to TABLE_LISTS_MAX */
	uint32_t max[TABLE_LISTS_MAX]; /* entries a list may hold; 0: the list never evicts */
	struct siphash_key hash_key;   /* random per process */
	/* Called before an evicted or removed entry goes; it frees what the entry owns. May be
	 * NULL. */
	void (*drop)(void *ctx, void *entry, bool evicted);
	void *ctx;
};

struct table;

struct table *table_new(const struct table_setup *setup);
/* Drops every entry; NULL is fine. */
void table_free(struct table *t);

void *table_find(struct table *t, struct span key);
/* A new zeroed entry at the young end of list; the key must not be there yet. Never NULL. */
void *table_add(struct table *t, struct span key, unsigned list);
void table_remove(struct table *t, void *entry);
/* To the young end of its own list. */
void table_touch(struct table *t, void *entry);
/* To the young end of another list; a full list evicts its oldest. */
void table_move(struct table *t, void *entry, unsigned list);
/* The oldest entry of a list, or NULL. */
void *table_oldest(const struct table *t, unsigned list);
/* The next younger one on the same list, or NULL. */
void *table_younger(const struct table *t, const void *entry);

struct table_ref table_ref_of(const void *entry);
/* The entry, or NULL when it is gone. */
void *table_get(const struct table *t, struct table_ref ref);

static inline struct span table_key(const void *entry)
{
	const struct table_node *node = entry;
	return span_make(node->key, node->key_n);
}

/*
 * Walks all entries in no order: start with *cursor = 0, ends with NULL. Entries may be added or
 * removed between two calls; those present throughout are seen once. Places of entries that went
 * are passed over, one by one: at most *places are looked at, and counted down, so that a call
 * takes no longer than its caller grants. NULL with *places == 0: not at the end yet. places NULL:
 * no bound.
 */
void *table_next(const struct table *t, uint32_t *cursor, size_t *places);

/* A list that holds more is brought down by what is added to it, a few entries at a time. */
void table_set_max(struct table *t, unsigned list, uint32_t max);
size_t table_count(const struct table *t, unsigned list);
uint64_t table_evictions(const struct table *t, unsigned list);
/* Bytes held for slots, entries and keys (what entries own beside is not known here). */
size_t table_bytes(const struct table *t);

#endif
