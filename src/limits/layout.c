/* SPDX-License-Identifier: ISC */
/*
 * Where rings lie in an entry's memory, and how an entry comes from one layout to another without
 * forgetting what was counted. The arithmetic of a ring is in ring.c.
 */
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/slab.h"
#include "rings.h"

static struct ring_layout *layout_new(struct limits_plan *plan, uint64_t set, bool wide)
{
	struct ring_layout *layout = xcalloc(1, sizeof(*layout));
	uint32_t at = 0;
	*layout = (struct ring_layout){
		.next = plan->layouts, .plan = plan, .set = set, .is_wide = wide};
	for (uint32_t i = 0; i < RINGS_MAX; i++) {
		layout->offset[i] = RING_NONE;
		if (!(set >> i & 1))
			continue;
		const struct ring_shape *shape = &plan->ring[i];
		layout->offset[i] = at;
		at += (uint32_t)sizeof(struct ring_head) +
		      (shape->buckets + 1) * (wide ? 4 : shape->cell_bytes);
		at = (at + 3) & ~3u;
	}
	layout->bytes = (uint32_t)sizeof(struct rings) + at;
	plan->layouts = layout;
	return layout;
}

/* As many as there are sets of rules that occur together: classes, each with few additions. */
struct ring_layout *layout_of(struct limits_plan *plan, uint64_t set, bool wide)
{
	struct ring_layout *layout = plan->layouts;
	while (layout && (layout->set != set || layout->is_wide != wide))
		layout = layout->next;
	return layout ? layout : layout_new(plan, set, wide);
}

/* What was counted finer or coarser, in the cells of another shape; rounded up. */
static uint64_t cells_rescaled(
	uint32_t cells, const struct ring_shape *from, const struct ring_shape *to)
{
	uint64_t units = ring_units(from, cells);
	return (units + (UINT64_C(1) << to->shift) - 1) >> to->shift;
}

static void ring_copy(const struct ring_view *to, const struct ring_view *from)
{
	uint64_t reserved = cells_rescaled(from->head->reserved, from->shape, to->shape);
	to->head->newest = from->head->newest;
	to->head->reserved = reserved > UINT32_MAX ? UINT32_MAX : (uint32_t)reserved;
	for (uint32_t i = 0; i <= to->shape->buckets && i <= from->head->newest; i++) {
		uint32_t bucket = from->head->newest - i;
		uint32_t cell = ring_cell_get(from, bucket);
		ring_cell_set(to, bucket, cells_rescaled(cell, from->shape, to->shape));
	}
}

static void rings_free(void *part)
{
	struct rings *rings = part;
	struct limits_plan *plan = rings->layout->plan;
	slab_give(plan->slab, rings, rings->layout->bytes);
	limits_plan_unref(plan);
}

/* What the rings that an entry has are in a plan, perhaps another one. */
static uint64_t set_in_plan(const struct limits_plan *plan, const struct rings *rings)
{
	const struct ring_layout *layout = rings->layout;
	uint64_t set = 0;
	if (layout->plan == plan)
		return layout->set;
	for (uint32_t i = 0; i < layout->plan->rings; i++) {
		uint32_t at = layout->set >> i & 1 ? limits_find_ring(plan, &layout->plan->ring[i])
						   : RING_NONE;
		if (at != RING_NONE)
			set |= UINT64_C(1) << at;
	}
	return set;
}

static struct rings *rings_new(struct ring_layout *layout, const struct rings *old)
{
	struct ring_view to, from;
	struct rings *rings = slab_take(layout->plan->slab, layout->bytes);
	/* The entry keeps the plan alive: its memory means nothing without it. */
	rings->layout = layout;
	limits_plan_ref(layout->plan);
	for (uint32_t i = 0; old && i < layout->plan->rings; i++) {
		const struct limits_plan *before = old->layout->plan;
		uint32_t was = before == layout->plan
				       ? i
				       : limits_find_ring(before, &layout->plan->ring[i]);
		if (was != RING_NONE && ring_view(rings, i, &to) && ring_view(old, was, &from))
			ring_copy(&to, &from);
	}
	return rings;
}

struct rings *limits_rings(struct limits_plan *plan, struct account *entry, uint64_t set, bool wide)
{
	struct rings *rings = entry->part[PART_RINGS];
	if (rings) {
		const struct ring_layout *layout = rings->layout;
		bool is_enough = !(set & ~layout->set) && (layout->is_wide || !wide);
		if (layout->plan == plan && is_enough)
			return rings;
		set |= set_in_plan(plan, rings);
		wide = wide || layout->is_wide;
	}
	entry->part[PART_RINGS] = rings_new(layout_of(plan, set, wide), rings);
	if (rings)
		rings_free(rings);
	return entry->part[PART_RINGS];
}

uint64_t limits_rings_set(const struct rings *rings)
{
	return rings->layout->set;
}

const struct rings *limits_rings_peek(const struct limits_plan *plan, const struct account *entry)
{
	const struct rings *rings = entry->part[PART_RINGS];
	return rings && rings->layout->plan == plan ? rings : NULL;
}

static bool rings_are_idle(const void *part, mono_t mono)
{
	const struct rings *rings = part;
	struct ring_view view;
	for (uint32_t i = 0; i < rings->layout->plan->rings; i++) {
		if (ring_view(rings, i, &view) && !ring_is_idle(&view, mono))
			return false;
	}
	return true;
}

static void rings_reset(void *part)
{
	struct rings *rings = part;
	struct ring_view view;
	for (uint32_t i = 0; i < rings->layout->plan->rings; i++) {
		if (!ring_view(rings, i, &view))
			continue;
		for (uint32_t b = 0; b <= view.shape->buckets; b++)
			ring_cell_set(&view, b, 0);
	}
}

/* ---- in a snapshot ---- */

/*
 * A ring that matters: its number, its newest bucket, and the cells from there back to the oldest
 * that holds something. What is reserved belongs to messages, which are saved for themselves.
 */
static void ring_save(const struct ring_view *view, uint32_t number, struct bytes *out, mono_t mono)
{
	uint32_t newest = view->head->newest;
	uint32_t oldest = bucket_oldest(view->shape, bucket_now(view, mono)), n = 0;
	for (uint32_t b = oldest; b <= newest; b++) {
		if (ring_cell_get(view, b)) {
			n = newest - b + 1;
			break;
		}
	}
	if (n == 0)
		return;
	bytes_number(out, number);
	bytes_number(out, newest);
	bytes_number(out, n);
	for (uint32_t i = 0; i < n; i++)
		bytes_number(out, ring_cell_get(view, newest - i));
}

static void rings_save(const void *part, struct bytes *out, mono_t mono)
{
	const struct rings *rings = part;
	struct ring_view view;
	for (uint32_t i = 0; i < rings->layout->plan->rings; i++) {
		if (ring_view(rings, i, &view))
			ring_save(&view, i, out, mono);
	}
}

/* Buckets of a clock that stands elsewhere now; rounded up, so that nothing is forgotten early. */
static int64_t buckets_shift(const struct ring_shape *shape, int64_t shift_us)
{
	int64_t n = shift_us / shape->bucket_us;
	return n + (shift_us > n * shape->bucket_us);
}

uint32_t limits_load_cells(const struct limits_load *load, uint64_t number, uint64_t cells)
{
	const struct ring_shape *shape = &load->plan->ring[load->ring[number]];
	uint32_t most = cells < UINT32_MAX ? (uint32_t)cells : UINT32_MAX;
	return ring_cells_up(shape, (uint64_t)most << load->shift[number]);
}

/*
 * What was counted in a bucket. One from before this clock began counts as if in its first bucket, for
 * as long as a window may reach back to it: room returns late then, never early.
 */
static void cell_load(const struct ring_view *view, int64_t bucket, uint64_t cell)
{
	if (bucket + view->shape->buckets < 0)
		return;
	uint32_t at = bucket > 0 ? (uint32_t)bucket : 0;
	uint64_t sum = ring_cell_get(view, at) + (cell < UINT32_MAX ? cell : UINT32_MAX);
	ring_cell_set(view, at, sum);
}

/* Every cell of the record is read, wanted or not; returns their sum: they may come to lie in one. */
static uint64_t ring_load(const struct limits_load *load, uint64_t number,
	const struct ring_view *view, struct reader *in, int64_t shift_us)
{
	uint64_t newest = reader_number(in), n = reader_number(in), sum = 0;
	int64_t moved = newest > UINT32_MAX ? INT64_MAX : (int64_t)newest;
	if (view && moved != INT64_MAX)
		moved += buckets_shift(view->shape, shift_us);
	if (moved > UINT32_MAX)
		view = NULL;
	if (view)
		view->head->newest = moved > 0 ? (uint32_t)moved : 0;
	for (uint64_t i = 0; i < n && !in->is_bad; i++) {
		uint64_t cell = reader_number(in);
		sum = cell > UINT64_MAX - sum ? UINT64_MAX : sum + cell;
		if (view && i <= view->shape->buckets)
			cell_load(view, moved - (int64_t)i, limits_load_cells(load, number, cell));
	}
	return sum;
}

/* is_wide: by an override, an entry may have counted further than the plan's own cells reach. */
static uint64_t loaded_set(const struct limits_load *load, struct reader in, bool *ret_wide)
{
	uint64_t set = 0;
	*ret_wide = false;
	while (in.n && !in.is_bad) {
		uint64_t number = reader_number(&in);
		uint32_t ring = number < load->n ? load->ring[number] : RING_NONE;
		uint64_t sum = ring_load(load, number, NULL, &in, 0);
		if (ring == RING_NONE)
			continue;
		set |= UINT64_C(1) << ring;
		*ret_wide = *ret_wide || sum >> (8 * load->plan->ring[ring].cell_bytes);
	}
	return set;
}

static void rings_load(void *ctx, struct account *entry, struct reader *in, int64_t shift_us)
{
	const struct limits_load *load = ctx;
	struct ring_view view;
	bool is_wide;
	uint64_t set = loaded_set(load, *in, &is_wide);
	struct rings *rings = set ? limits_rings(load->plan, entry, set, is_wide) : NULL;
	while (in->n && !in->is_bad) {
		uint64_t number = reader_number(in);
		uint32_t ring = number < load->n ? load->ring[number] : RING_NONE;
		bool is_known = ring != RING_NONE && ring_view(rings, ring, &view);
		(void)ring_load(load, number, is_known ? &view : NULL, in, shift_us);
	}
}

const struct account_part_row limits_part = {
	.name = "rings",
	.id = 1,
	.free = rings_free,
	.is_idle = rings_are_idle,
	.reset = rings_reset,
	.save = rings_save,
	.load = rings_load,
};
