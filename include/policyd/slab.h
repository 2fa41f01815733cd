/* SPDX-License-Identifier: ISC */
/*
 * slab.h - many small blocks of few sizes without a header each: what malloc() adds to a block is a
 * tenth of what an account takes. A block is freed with the size it was taken with. Memory that was
 * needed once is kept for blocks of the same size; tables with a maximum bound it.
 */
#ifndef POLICYD_SLAB_H
#define POLICYD_SLAB_H

#include <stddef.h>

struct slab;

struct slab *slab_new(void);
struct slab *slab_ref(struct slab *slab);
/* The last one frees the pages; large blocks must have been given back. NULL is fine. */
void slab_unref(struct slab *slab);

/* Aligned for 8 bytes; zeroed. Never NULL. Large ones are malloc()'s. */
void *slab_take(struct slab *slab, size_t bytes);
/* NULL is fine. */
void slab_give(struct slab *slab, void *block, size_t bytes);
/* Bytes of all pages, taken or free; large blocks are not among them. */
size_t slab_bytes(const struct slab *slab);

#endif
