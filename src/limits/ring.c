/* SPDX-License-Identifier: ISC */
/*
 * Ring arithmetic: how much is used, book, refund, reserve, when room returns. Which rule asks, and
 * what happens when there is no room, is not known here.
 */
#include <assert.h>

#include "rings.h"

static const struct ring_shape *shape_of(const struct limits_plan *plan, uint32_t ring)
{
	assert(ring < plan->rings);
	return &plan->ring[ring];
}

uint32_t ring_bucket(const struct ring_shape *shape, mono_t mono)
{
	return (uint32_t)(mono.us / shape->bucket_us);
}

/* A clock that went back (a replay out of order) counts as standing still. */
static uint32_t bucket_now(
	const struct ring_shape *shape, const struct ring_head *head, mono_t mono)
{
	uint32_t now = ring_bucket(shape, mono);
	return now > head->newest ? now : head->newest;
}

/* The oldest bucket that still counts when now is the current one. */
static uint32_t bucket_oldest(const struct ring_shape *shape, uint32_t now)
{
	return now > shape->buckets ? now - shape->buckets : 0;
}

static uint32_t booked(const struct ring_shape *shape, const struct ring_head *head, uint32_t now)
{
	uint64_t sum = 0;
	for (uint32_t b = bucket_oldest(shape, now); b <= head->newest; b++)
		sum += ring_cell_get(shape, head, b);
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

uint32_t ring_used(
	const struct limits_plan *plan, const struct rings *rings, uint32_t ring, mono_t mono)
{
	if (!rings)
		return 0;
	const struct ring_shape *shape = shape_of(plan, ring);
	const struct ring_head *head = ring_head_of(rings, shape);
	uint32_t sum = booked(shape, head, bucket_now(shape, head, mono));
	return sum > UINT32_MAX - head->reserved ? UINT32_MAX : sum + head->reserved;
}

uint32_t ring_reserved(const struct limits_plan *plan, const struct rings *rings, uint32_t ring)
{
	return rings ? ring_head_of(rings, shape_of(plan, ring))->reserved : 0;
}

/* Makes now the newest bucket; those between were empty. */
static void advance(const struct ring_shape *shape, struct ring_head *head, uint32_t now)
{
	uint32_t first = head->newest + 1;
	if (now - head->newest > shape->buckets)
		first = now - shape->buckets;
	for (uint32_t b = first; b <= now; b++)
		ring_cell_set(shape, head, b, 0);
	head->newest = now;
}

void ring_book(
	const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n, mono_t mono)
{
	const struct ring_shape *shape = shape_of(plan, ring);
	struct ring_head *head = ring_head_of_mutable(rings, shape);
	uint32_t now = bucket_now(shape, head, mono);
	if (now > head->newest)
		advance(shape, head, now);
	ring_cell_set(shape, head, now, (uint64_t)ring_cell_get(shape, head, now) + n);
}

void ring_refund(const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n,
	mono_t booked_at)
{
	const struct ring_shape *shape = shape_of(plan, ring);
	uint32_t bucket = ring_bucket(shape, booked_at);
	struct ring_head *head = ring_head_of_mutable(rings, shape);
	if (bucket > head->newest || bucket < bucket_oldest(shape, head->newest))
		return;
	uint32_t cell = ring_cell_get(shape, head, bucket);
	ring_cell_set(shape, head, bucket, cell > n ? cell - n : 0);
}

void ring_reserve(const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n)
{
	struct ring_head *head = ring_head_of_mutable(rings, shape_of(plan, ring));
	head->reserved = head->reserved > UINT32_MAX - n ? UINT32_MAX : head->reserved + n;
}

void ring_unreserve(const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n)
{
	struct ring_head *head = ring_head_of_mutable(rings, shape_of(plan, ring));
	head->reserved = head->reserved > n ? head->reserved - n : 0;
}

mono_t ring_room_at(const struct limits_plan *plan, const struct rings *rings, uint32_t ring,
	const struct ring_ask *ask)
{
	uint64_t need = (uint64_t)ring_used(plan, rings, ring, ask->mono) + ask->cost;
	if (need <= ask->limit)
		return ask->mono;
	if (ask->cost > ask->limit)
		return MONO_NEVER;
	const struct ring_shape *shape = shape_of(plan, ring);
	const struct ring_head *head = ring_head_of(rings, shape);
	uint32_t now = bucket_now(shape, head, ask->mono);
	for (uint32_t b = bucket_oldest(shape, now); b <= head->newest; b++) {
		need -= ring_cell_get(shape, head, b);
		if (need <= ask->limit)
			return (mono_t){.us = ((int64_t)b + shape->buckets + 1) * shape->bucket_us};
	}
	return MONO_NEVER;
}

bool ring_is_idle(const struct ring_shape *shape, const struct ring_head *head, mono_t mono)
{
	return head->reserved == 0 && booked(shape, head, bucket_now(shape, head, mono)) == 0;
}
