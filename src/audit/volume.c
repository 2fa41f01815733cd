/* SPDX-License-Identifier: ISC */
/*
 * Which sender domains are used most, in bounded memory: Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi,
 * ICDT 2005). When there is no room, the least used one gives its place and its count to a new one, and
 * the new one's error is that count; so what is used more than the smallest count is always there, and strangers
 * that come once each cannot push out what is in use. Counts are halved now and then (audit.c).
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

struct entry {
	struct table_node node;
	uint64_t count, error;
	size_t at; /* in the heap */
};

struct volume {
	struct table *table;
	struct entry *heap[VOLUME_MAX]; /* the least count first */
	size_t n;
};

struct volume *audit_volume_new(const struct siphash_key *hash_key)
{
	struct volume *v = xcalloc(1, sizeof(*v));
	v->table = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct entry), .lists = 1, .hash_key = *hash_key});
	return v;
}

void audit_volume_free(struct volume *v)
{
	table_free(v->table);
	free(v);
}

static void heap_set(struct volume *v, size_t at, struct entry *entry)
{
	v->heap[at] = entry;
	entry->at = at;
}

static void heap_down(struct volume *v, size_t at)
{
	struct entry *entry = v->heap[at];
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= v->n)
			break;
		if (child + 1 < v->n && v->heap[child + 1]->count < v->heap[child]->count)
			child++;
		if (v->heap[child]->count >= entry->count)
			break;
		heap_set(v, at, v->heap[child]);
		at = child;
	}
	heap_set(v, at, entry);
}

static void heap_up(struct volume *v, size_t at)
{
	struct entry *entry = v->heap[at];
	while (at > 0 && v->heap[(at - 1) / 2]->count > entry->count) {
		heap_set(v, at, v->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(v, at, entry);
}

static void volume_enter(struct volume *v, struct span domain, uint64_t recipients)
{
	uint64_t error = 0;
	if (v->n == VOLUME_MAX) {
		struct entry *least = v->heap[0];
		error = least->count;
		v->n--;
		if (v->n > 0) {
			heap_set(v, 0, v->heap[v->n]);
			heap_down(v, 0);
		}
		table_remove(v->table, least);
	}
	struct entry *entry = table_add(v->table, domain, 0);
	entry->count = error + recipients;
	entry->error = error;
	heap_set(v, v->n++, entry);
	heap_up(v, v->n - 1);
}

void audit_volume_add(struct volume *v, struct span domain, uint64_t recipients)
{
	struct entry *entry = table_find(v->table, domain);
	if (!entry) {
		volume_enter(v, domain, recipients);
		return;
	}
	entry->count =
		entry->count < UINT64_MAX - recipients ? entry->count + recipients : UINT64_MAX;
	heap_down(v, entry->at);
}

void volume_decay(struct volume *v)
{
	size_t kept = 0;
	for (size_t i = 0; i < v->n; i++) {
		struct entry *entry = v->heap[i];
		entry->count /= 2;
		entry->error /= 2;
		if (entry->count > 0)
			heap_set(v, kept++, entry);
		else
			table_remove(v->table, entry);
	}
	v->n = kept;
	for (size_t i = kept / 2; i-- > 0;)
		heap_down(v, i);
}

size_t volume_n(const struct volume *v)
{
	return v->n;
}

size_t volume_bytes(const struct volume *v)
{
	return sizeof(*v) + table_bytes(v->table);
}

/* The names decide between equal ones, so that it is the same each time. */
static int by_count(const void *left, const void *right)
{
	const struct volume_row *a = left, *b = right;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	size_t n = a->domain.n < b->domain.n ? a->domain.n : b->domain.n;
	int order = memcmp(a->domain.p, b->domain.p, n);
	return order ? order : (a->domain.n > b->domain.n) - (a->domain.n < b->domain.n);
}

size_t volume_rows(const struct volume *v, struct volume_row *row)
{
	for (size_t i = 0; i < v->n; i++)
		row[i] = (struct volume_row){.domain = table_key(v->heap[i]),
			.count = v->heap[i]->count - v->heap[i]->error};
	qsort(row, v->n, sizeof(*row), by_count);
	return v->n;
}
