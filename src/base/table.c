/* SPDX-License-Identifier: ISC */
/*
 * The bounded keyed table: open addressing with linear probing over 8-byte slots, entries in chunks
 * that never move, lists by index. What an entry means, and what hangs on it, is not known here.
 *
 * Growth: when the slots are three quarters full a second, larger array is made and each later call
 * carries over a few slots; meanwhile a look-up tries the new array, then the old one. In the old
 * array removed and carried slots become graves, so that its probe chains stay whole; the new one
 * closes gaps by shifting back and knows no graves.
 */
#include "policyd/table.h"

#include <assert.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/slab.h"

#define NONE          UINT32_MAX
#define CHUNK_ENTRIES 1024u
#define SLOTS_MIN     64u
#define CARRY         32u /* slots a call: growth doubles, so 3 would do; 32 ends it sooner */
#define EVICT         32u /* entries a call: a smaller maximum is reached in steps, not in one */

struct slot {
	uint32_t tag;   /* upper half of the hash */
	uint32_t place; /* entry index + 1; 0: free; GRAVE: was used (old array only) */
};
#define GRAVE UINT32_MAX

struct slots {
	struct slot *slot;
	uint32_t mask; /* size - 1; the size is a power of two */
	uint32_t used;
};

struct list {
	uint32_t oldest, youngest;
	uint32_t max;
	size_t count;
	uint64_t evictions;
};

struct table {
	struct table_setup setup;
	struct slots now, old; /* old.slot is NULL unless the table is growing */
	uint32_t carried;      /* slots of old already looked at */
	char **chunk;
	uint32_t chunks;
	uint32_t entries; /* places ever used */
	uint32_t free;    /* head of the list of free places, by next */
	struct slab *keys;
	struct list list[TABLE_LISTS_MAX];
};

static struct table_node *node_at(const struct table *t, uint32_t index)
{
	char *chunk = t->chunk[index / CHUNK_ENTRIES];
	return (struct table_node *)(void *)(chunk +
					     (index % CHUNK_ENTRIES) * t->setup.entry_bytes);
}

static struct slots slots_new(uint32_t size)
{
	return (struct slots){.slot = xcalloc(size, sizeof(struct slot)), .mask = size - 1};
}

struct table *table_new(const struct table_setup *setup)
{
	assert(setup->entry_bytes >= sizeof(struct table_node));
	assert(setup->lists >= 1 && setup->lists <= TABLE_LISTS_MAX);
	struct table *t = xcalloc(1, sizeof(*t));
	t->setup = *setup;
	t->setup.entry_bytes = (setup->entry_bytes + 7) & ~(size_t)7;
	t->now = slots_new(SLOTS_MIN);
	t->free = NONE;
	t->keys = slab_new();
	for (unsigned i = 0; i < TABLE_LISTS_MAX; i++)
		t->list[i] = (struct list){.oldest = NONE, .youngest = NONE, .max = setup->max[i]};
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->entries; i++) {
		struct table_node *node = node_at(t, i);
		if (!node->used)
			continue;
		if (t->setup.drop)
			t->setup.drop(t->setup.ctx, node, false);
		slab_give(t->keys, node->key, node->key_n);
	}
	for (uint32_t i = 0; i < t->chunks; i++)
		free(t->chunk[i]);
	free(t->chunk);
	free(t->now.slot);
	free(t->old.slot);
	slab_unref(t->keys);
	free(t);
}

/* ---- slots ---- */

static void slots_put(struct slots *s, uint64_t hash, uint32_t index)
{
	uint32_t at = (uint32_t)hash & s->mask;
	while (s->slot[at].place)
		at = (at + 1) & s->mask;
	s->slot[at] = (struct slot){.tag = (uint32_t)(hash >> 32), .place = index + 1};
	s->used++;
}

/* Position of the slot of an entry (by key, or by index when wanted is not NONE), or NONE. */
static uint32_t slots_seek(const struct table *t, const struct slots *s, uint64_t hash,
	struct span key, uint32_t wanted)
{
	if (!s->slot)
		return NONE;
	for (uint32_t at = (uint32_t)hash & s->mask; s->slot[at].place; at = (at + 1) & s->mask) {
		const struct slot *slot = &s->slot[at];
		if (slot->place == GRAVE || slot->tag != (uint32_t)(hash >> 32))
			continue;
		if (wanted != NONE) {
			if (slot->place == wanted + 1)
				return at;
			continue;
		}
		const struct table_node *node = node_at(t, slot->place - 1);
		if (node->hash == hash && span_equal(table_key(node), key))
			return at;
	}
	return NONE;
}

/* Closes the gap at hole by shifting back what would no longer be found. */
static void slots_close_gap(const struct table *t, struct slots *s, uint32_t hole)
{
	for (uint32_t at = (hole + 1) & s->mask; s->slot[at].place; at = (at + 1) & s->mask) {
		uint32_t home = (uint32_t)node_at(t, s->slot[at].place - 1)->hash & s->mask;
		if (((at - home) & s->mask) < ((at - hole) & s->mask))
			continue;
		s->slot[hole] = s->slot[at];
		hole = at;
	}
	s->slot[hole] = (struct slot){0};
	s->used--;
}

static void carry_some(struct table *t)
{
	if (!t->old.slot)
		return;
	for (unsigned i = 0; i < CARRY && t->carried <= t->old.mask; i++, t->carried++) {
		struct slot *slot = &t->old.slot[t->carried];
		if (slot->place == 0 || slot->place == GRAVE)
			continue;
		slots_put(&t->now, node_at(t, slot->place - 1)->hash, slot->place - 1);
		slot->place = GRAVE;
	}
	if (t->carried > t->old.mask) {
		free(t->old.slot);
		t->old = (struct slots){0};
	}
}

static void grow_if_full(struct table *t)
{
	uint32_t size = t->now.mask + 1;
	if (t->old.slot || t->now.used < size / 4 * 3)
		return;
	t->old = t->now;
	t->carried = 0;
	t->now = slots_new(size * 2);
}

/* ---- lists ---- */

static void list_link(struct table *t, struct table_node *node, unsigned list)
{
	struct list *l = &t->list[list];
	node->list = (uint8_t)list;
	node->prev = l->youngest;
	node->next = NONE;
	if (l->youngest == NONE)
		l->oldest = node->index;
	else
		node_at(t, l->youngest)->next = node->index;
	l->youngest = node->index;
	l->count++;
}

static void list_unlink(struct table *t, struct table_node *node)
{
	struct list *l = &t->list[node->list];
	if (node->prev == NONE)
		l->oldest = node->next;
	else
		node_at(t, node->prev)->next = node->next;
	if (node->next == NONE)
		l->youngest = node->prev;
	else
		node_at(t, node->next)->prev = node->prev;
	l->count--;
}

/* ---- entries ---- */

static void entry_remove(struct table *t, struct table_node *node, bool evicted)
{
	if (t->setup.drop)
		t->setup.drop(t->setup.ctx, node, evicted);
	uint32_t at = slots_seek(t, &t->now, node->hash, table_key(node), node->index);
	if (at != NONE) {
		slots_close_gap(t, &t->now, at);
	} else {
		at = slots_seek(t, &t->old, node->hash, table_key(node), node->index);
		assert(at != NONE);
		t->old.slot[at].place = GRAVE;
	}
	list_unlink(t, node);
	slab_give(t->keys, node->key, node->key_n);
	uint32_t index = node->index, generation = node->generation;
	/* The generation outlives the entry, so that refs to it stay dead when the place is used
	 * again. */
	memset(node, 0, t->setup.entry_bytes);
	node->index = index;
	node->generation = generation;
	node->next = t->free;
	t->free = index;
}

static void make_room(struct table *t, unsigned list)
{
	struct list *l = &t->list[list];
	for (unsigned i = 0; i < EVICT && l->max && l->count >= l->max; i++) {
		l->evictions++;
		entry_remove(t, node_at(t, l->oldest), true);
	}
}

static struct table_node *place_take(struct table *t)
{
	if (t->free != NONE) {
		struct table_node *node = node_at(t, t->free);
		t->free = node->next;
		return node;
	}
	if (t->entries == t->chunks * CHUNK_ENTRIES) {
		t->chunk = xrealloc(t->chunk, t->chunks + 1, sizeof(*t->chunk));
		t->chunk[t->chunks++] = xcalloc(CHUNK_ENTRIES, t->setup.entry_bytes);
	}
	struct table_node *node = node_at(t, t->entries);
	node->index = t->entries++;
	return node;
}

void *table_find(struct table *t, struct span key)
{
	uint64_t hash = siphash13(&t->setup.hash_key, key);
	carry_some(t);
	uint32_t at = slots_seek(t, &t->now, hash, key, NONE);
	if (at != NONE)
		return node_at(t, t->now.slot[at].place - 1);
	at = slots_seek(t, &t->old, hash, key, NONE);
	return at == NONE ? NULL : node_at(t, t->old.slot[at].place - 1);
}

void *table_add(struct table *t, struct span key, unsigned list)
{
	assert(key.n <= TABLE_KEY_MAX && list < t->setup.lists);
	make_room(t, list);
	carry_some(t);
	grow_if_full(t);
	struct table_node *node = place_take(t);
	node->hash = siphash13(&t->setup.hash_key, key);
	node->key = slab_take(t->keys, key.n);
	if (key.n)
		memcpy(node->key, key.p, key.n);
	node->key_n = (uint16_t)key.n;
	node->generation++;
	node->used = 1;
	slots_put(&t->now, node->hash, node->index);
	list_link(t, node, list);
	return node;
}

void table_remove(struct table *t, void *entry)
{
	entry_remove(t, entry, false);
}

void table_touch(struct table *t, void *entry)
{
	struct table_node *node = entry;
	if (node->next == NONE)
		return;
	unsigned list = node->list;
	list_unlink(t, node);
	list_link(t, node, list);
}

void table_move(struct table *t, void *entry, unsigned list)
{
	struct table_node *node = entry;
	assert(list < t->setup.lists);
	list_unlink(t, node);
	make_room(t, list);
	list_link(t, node, list);
}

void *table_oldest(const struct table *t, unsigned list)
{
	uint32_t index = t->list[list].oldest;
	return index == NONE ? NULL : node_at(t, index);
}

void *table_younger(const struct table *t, const void *entry)
{
	const struct table_node *node = entry;
	return node->next == NONE ? NULL : node_at(t, node->next);
}

struct table_ref table_ref_of(const void *entry)
{
	const struct table_node *node = entry;
	return (struct table_ref){.index = node->index, .generation = node->generation};
}

void *table_get(const struct table *t, struct table_ref ref)
{
	if (ref.generation == 0 || ref.index >= t->entries)
		return NULL;
	struct table_node *node = node_at(t, ref.index);
	return node->used && node->generation == ref.generation ? node : NULL;
}

void *table_next(const struct table *t, uint32_t *cursor, size_t *places)
{
	while (*cursor < t->entries && (!places || *places)) {
		if (places)
			--*places;
		struct table_node *node = node_at(t, (*cursor)++);
		if (node->used)
			return node;
	}
	return NULL;
}

void table_set_max(struct table *t, unsigned list, uint32_t max)
{
	t->list[list].max = max;
}

size_t table_count(const struct table *t, unsigned list)
{
	return t->list[list].count;
}

uint64_t table_evictions(const struct table *t, unsigned list)
{
	return t->list[list].evictions;
}

size_t table_bytes(const struct table *t)
{
	size_t slots = t->now.mask + 1 + (t->old.slot ? (size_t)t->old.mask + 1 : 0);
	return slots * sizeof(struct slot) +
	       (size_t)t->chunks * CHUNK_ENTRIES * t->setup.entry_bytes + slab_bytes(t->keys);
}
