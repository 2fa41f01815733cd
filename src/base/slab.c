/* SPDX-License-Identifier: ISC */
/* Blocks by size, cut from pages. What is in them is not known here. */
#include "policyd/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

#define GRAIN      8
#define LARGE      1024 /* from here on malloc()'s header does not matter */
#define CLASSES    (LARGE / GRAIN)
#define PAGE_BYTES ((size_t)32 * 1024)

struct page {
	struct page *next;
	char bytes[];
};

/* A free block holds the next one of its size. */
struct free_block {
	struct free_block *next;
};

struct slab {
	unsigned refs;
	struct page *pages;
	size_t bytes;
	struct size_class {
		struct free_block *free;
		char *fresh; /* of the newest page: what was never taken */
		size_t left;
	} class[CLASSES];
};

struct slab *slab_new(void)
{
	struct slab *slab = xcalloc(1, sizeof(*slab));
	slab->refs = 1;
	return slab;
}

struct slab *slab_ref(struct slab *slab)
{
	slab->refs++;
	return slab;
}

void slab_unref(struct slab *slab)
{
	if (!slab || --slab->refs)
		return;
	for (struct page *page; (page = slab->pages);) {
		slab->pages = page->next;
		free(page);
	}
	free(slab);
}

static size_t rounded(size_t bytes)
{
	return bytes ? (bytes + GRAIN - 1) / GRAIN * GRAIN : GRAIN;
}

static void page_add(struct slab *slab, struct size_class *class)
{
	struct page *page = xcalloc(1, sizeof(*page) + PAGE_BYTES);
	page->next = slab->pages;
	slab->pages = page;
	slab->bytes += sizeof(*page) + PAGE_BYTES;
	class->fresh = page->bytes;
	class->left = PAGE_BYTES;
}

/* A sanitizer sees what is done to malloc()'s blocks, not to parts of a page. */
#ifdef __SANITIZE_ADDRESS__
static bool is_large(size_t size)
{
	return size > 0;
}
#else
static bool is_large(size_t size)
{
	return size >= LARGE;
}
#endif

void *slab_take(struct slab *slab, size_t bytes)
{
	size_t size = rounded(bytes);
	if (is_large(size))
		return xcalloc(1, bytes);
	struct size_class *class = &slab->class[size / GRAIN];
	struct free_block *block = class->free;
	if (block) {
		class->free = block->next;
		memset(block, 0, size);
		return block;
	}
	if (class->left < size)
		page_add(slab, class);
	void *fresh = class->fresh;
	class->fresh += size;
	class->left -= size;
	return fresh;
}

void slab_give(struct slab *slab, void *block, size_t bytes)
{
	size_t size = rounded(bytes);
	if (!block)
		return;
	if (is_large(size)) {
		free(block);
		return;
	}
	struct size_class *class = &slab->class[size / GRAIN];
	struct free_block *freed = block;
	freed->next = class->free;
	class->free = freed;
}

size_t slab_bytes(const struct slab *slab)
{
	return slab->bytes;
}
