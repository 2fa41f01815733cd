/* SPDX-License-Identifier: ISC */
/*
 * From a snapshot's rules to rings: which rules share one, how wide its cells are, where it lies;
 * and accounts made under an older plan laid out anew. The arithmetic of a ring is in ring.c.
 */
#include <assert.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/siphash.h"
#include "rings.h"

static uint32_t observe_tag(const struct config_limit *limit)
{
	static const struct siphash_key no_secret = {0};
	if (limit->mode != MODE_OBSERVE)
		return 0;
	return (uint32_t)siphash24(&no_secret, span_of(limit->name)) | 1;
}

static bool shape_same(const struct ring_shape *a, const struct ring_shape *b)
{
	return a->unit == b->unit && a->window_us == b->window_us && a->observe == b->observe;
}

/* design 6: 12 sub-buckets up to 2 hours, 24 above. Rounded up, so that they cover the window. */
static struct ring_shape shape_for(const struct config_limit *limit)
{
	uint32_t buckets = limit->rate.window_us <= 2 * HOUR_US ? 12 : 24;
	return (struct ring_shape){
		.unit = limit->unit,
		.window_us = limit->rate.window_us,
		.observe = observe_tag(limit),
		.buckets = buckets,
		.bucket_us = (limit->rate.window_us + buckets - 1) / buckets,
		.largest = limit->rate.n,
	};
}

static uint8_t cell_bytes_for(uint32_t n)
{
	if (n <= UINT8_MAX)
		return 1;
	return n <= UINT16_MAX ? 2 : 4;
}

static uint32_t plan_ring(struct limits_plan *plan, const struct config_limit *limit)
{
	struct ring_shape shape = shape_for(limit);
	for (uint32_t i = 0; i < plan->rings; i++) {
		if (!shape_same(&plan->ring[i], &shape))
			continue;
		if (plan->ring[i].largest < shape.largest)
			plan->ring[i].largest = shape.largest;
		return i;
	}
	plan->ring[plan->rings] = shape;
	return (uint32_t)plan->rings++;
}

uint32_t limits_find_ring(const struct limits_plan *plan, const struct ring_shape *shape)
{
	for (uint32_t i = 0; i < plan->rings; i++) {
		if (shape_same(&plan->ring[i], shape))
			return i;
	}
	return RING_NONE;
}

static void plan_offsets(struct limits_plan *plan, const struct limits_plan *before)
{
	uint32_t at = 0;
	for (size_t i = 0; i < plan->rings; i++) {
		struct ring_shape *shape = &plan->ring[i];
		uint32_t was = before ? limits_find_ring(before, shape) : RING_NONE;
		shape->cell_bytes = cell_bytes_for(shape->largest);
		if (was != RING_NONE && before->ring[was].cell_bytes > shape->cell_bytes)
			shape->cell_bytes = before->ring[was].cell_bytes;
		shape->offset = at;
		at += (uint32_t)sizeof(struct ring_head) + (shape->buckets + 1) * shape->cell_bytes;
		at = (at + 3) & ~3u;
	}
	plan->block_bytes = (uint32_t)sizeof(struct rings) + at;
}

struct limits_plan *limits_plan_new(struct config *config, const struct limits_plan *before)
{
	struct limits_plan *plan = xcalloc(1, sizeof(*plan));
	plan->refs = 1;
	plan->snapshot = config_ref(config);
	plan->rule = xcalloc(config->limits_n, sizeof(*plan->rule));
	plan->ring = xcalloc(config->limits_n, sizeof(*plan->ring));
	for (size_t i = 0; i < config->limits_n; i++) {
		const struct config_limit *limit = &config->limits[i];
		struct limit_rule *rule = &plan->rule[plan->rules++];
		rule->config = limit;
		rule->is_unlimited = limit->rate.n == RATE_UNLIMITED;
		if (!rule->is_unlimited)
			rule->ring = plan_ring(plan, limit);
	}
	plan_offsets(plan, before);
	return plan;
}

struct limits_plan *limits_plan_ref(struct limits_plan *plan)
{
	plan->refs++;
	return plan;
}

void limits_plan_unref(struct limits_plan *plan)
{
	if (!plan || --plan->refs)
		return;
	free(plan->rule);
	free(plan->ring);
	config_unref(plan->snapshot);
	free(plan);
}

static void ring_copy(const struct ring_shape *to_shape, struct ring_head *to,
	const struct ring_shape *from_shape, const struct ring_head *from)
{
	to->newest = from->newest;
	to->reserved = from->reserved;
	for (uint32_t i = 0; i <= to_shape->buckets && i <= from->newest; i++) {
		uint32_t bucket = from->newest - i;
		ring_cell_set(to_shape, to, bucket, ring_cell_get(from_shape, from, bucket));
	}
}

static void rings_free(void *part)
{
	struct rings *rings = part;
	limits_plan_unref(rings->plan);
	free(rings);
}

static struct rings *rings_new(struct limits_plan *plan, const struct rings *old)
{
	struct rings *rings = xcalloc(1, plan->block_bytes);
	/* The account keeps the plan alive: its memory means nothing without it. */
	rings->plan = limits_plan_ref(plan);
	for (uint32_t i = 0; old && i < plan->rings; i++) {
		uint32_t was = limits_find_ring(old->plan, &plan->ring[i]);
		if (was == RING_NONE)
			continue;
		const struct ring_shape *shape = &old->plan->ring[was];
		ring_copy(&plan->ring[i], ring_head_of_mutable(rings, &plan->ring[i]), shape,
			ring_head_of(old, shape));
	}
	return rings;
}

struct rings *limits_rings(struct limits_plan *plan, struct account *account)
{
	struct rings *rings = account->part[PART_RINGS];
	if (rings && rings->plan == plan)
		return rings;
	account->part[PART_RINGS] = rings_new(plan, rings);
	if (rings)
		rings_free(rings);
	return account->part[PART_RINGS];
}

const struct rings *limits_rings_peek(const struct limits_plan *plan, const struct account *account)
{
	const struct rings *rings = account->part[PART_RINGS];
	return rings && rings->plan == plan ? rings : NULL;
}

static bool rings_are_idle(const void *part, mono_t mono)
{
	const struct rings *rings = part;
	for (size_t i = 0; i < rings->plan->rings; i++) {
		const struct ring_shape *shape = &rings->plan->ring[i];
		if (!ring_is_idle(shape, ring_head_of(rings, shape), mono))
			return false;
	}
	return true;
}

const struct account_part_row limits_part = {
	.name = "rings",
	.free = rings_free,
	.is_idle = rings_are_idle,
};
