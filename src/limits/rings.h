/* SPDX-License-Identifier: ISC */
/*
 * rings.h - how rings lie in an account's memory; private to limits.
 *
 * One block an account: struct rings, then for each ring of the plan a struct ring_head and its
 * cells. The bucket with number b lives in cell b % (buckets + 1); cells of buckets between the
 * newest and now are stale and are cleared when the ring advances.
 */
#ifndef POLICYD_LIMITS_RINGS_H
#define POLICYD_LIMITS_RINGS_H

#include "policyd/limits.h"

struct ring_head {
	uint32_t newest; /* number of the newest bucket: monotonic time / bucket_us */
	uint32_t reserved;
	uint8_t cell[]; /* (buckets + 1) * cell_bytes */
};

struct rings {
	struct limits_plan *plan; /* referenced */
	uint8_t data[];
};

static inline const struct ring_head *ring_head_of(
	const struct rings *rings, const struct ring_shape *shape)
{
	return (const struct ring_head *)(const void *)(rings->data + shape->offset);
}

static inline struct ring_head *ring_head_of_mutable(
	struct rings *rings, const struct ring_shape *shape)
{
	return (struct ring_head *)(void *)(rings->data + shape->offset);
}

static inline uint32_t ring_cell_get(
	const struct ring_shape *shape, const struct ring_head *head, uint32_t bucket)
{
	uint32_t at = bucket % (shape->buckets + 1);
	uint16_t half;
	uint32_t word;
	switch (shape->cell_bytes) {
	case 1:
		return head->cell[at];
	case 2:
		memcpy(&half, head->cell + (size_t)at * 2, 2);
		return half;
	default:
		memcpy(&word, head->cell + (size_t)at * 4, 4);
		return word;
	}
}

/* Saturates at the largest value of a cell. */
static inline void ring_cell_set(
	const struct ring_shape *shape, struct ring_head *head, uint32_t bucket, uint64_t value)
{
	uint32_t at = bucket % (shape->buckets + 1);
	uint16_t half = value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
	uint32_t word = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
	switch (shape->cell_bytes) {
	case 1:
		head->cell[at] = value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
		break;
	case 2:
		memcpy(head->cell + (size_t)at * 2, &half, 2);
		break;
	default:
		memcpy(head->cell + (size_t)at * 4, &word, 4);
		break;
	}
}

uint32_t ring_bucket(const struct ring_shape *shape, mono_t mono);
/* Nothing booked that still counts, and nothing reserved. */
bool ring_is_idle(const struct ring_shape *shape, const struct ring_head *head, mono_t mono);

#endif
