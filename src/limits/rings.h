/* SPDX-License-Identifier: ISC */
/*
 * rings.h - how rings lie in an entry's memory; private to limits.
 *
 * One block an entry: struct rings, then for each ring of its layout a struct ring_head and its
 * cells. The bucket with number b lives in cell b % (buckets + 1); cells of buckets between the
 * newest and now are stale and are cleared when the ring advances.
 */
#ifndef POLICYD_LIMITS_RINGS_H
#define POLICYD_LIMITS_RINGS_H

#include "policyd/limits.h"

/* Which rings, and where. Belongs to its plan. */
struct ring_layout {
	struct ring_layout *next;
	struct limits_plan *plan;
	uint64_t set;
	bool is_wide;
	uint32_t bytes;             /* of the whole block */
	uint32_t offset[RINGS_MAX]; /* of its struct ring_head; RING_NONE: not there */
};

struct ring_head {
	uint32_t newest; /* number of the newest bucket: monotonic time / bucket_us */
	uint32_t reserved;
	uint8_t cell[]; /* (buckets + 1) * cell_bytes */
};

struct rings {
	struct ring_layout *layout; /* whose plan is referenced */
	uint8_t data[];
};

/* A ring in memory: its head, and how to read it. */
struct ring_view {
	const struct ring_shape *shape;
	struct ring_head *head;
	uint8_t cell_bytes;
};
/* False: the rings are NULL, or do not have it. */
bool ring_view(const struct rings *rings, uint32_t ring, struct ring_view *ret);

uint32_t ring_cell_get(const struct ring_view *view, uint32_t bucket);
/* Saturates at the largest value of a cell. */
void ring_cell_set(const struct ring_view *view, uint32_t bucket, uint64_t value);

uint32_t ring_bucket(const struct ring_shape *shape, mono_t mono);
/* Nothing booked that still counts, and nothing reserved. */
bool ring_is_idle(const struct ring_view *view, mono_t mono);
/* The oldest bucket that still counts when now is the current one. */
uint32_t bucket_oldest(const struct ring_shape *shape, uint32_t now);
uint32_t bucket_now(const struct ring_view *view, mono_t mono);

/* The layout of a plan with that set; made when there is none yet. */
struct ring_layout *layout_of(struct limits_plan *plan, uint64_t set, bool wide);

#endif
