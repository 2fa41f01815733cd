/* SPDX-License-Identifier: ISC */
/*
 * Ring arithmetic: how much is used, book, refund, reserve, when room returns. Which rule asks, and
 * what happens when there is no room, is not known here.
 */
#include <assert.h>

#include "rings.h"

bool ring_view(const struct rings *rings, uint32_t ring, struct ring_view *ret)
{
	if (!rings || rings->layout->offset[ring] == RING_NONE)
		return false;
	const struct ring_layout *layout = rings->layout;
	ret->shape = &layout->plan->ring[ring];
	ret->cell_bytes = layout->is_wide ? 4 : ret->shape->cell_bytes;
	/* Views of what is const only read. */
	ret->head = (struct ring_head *)((uintptr_t)rings->data + layout->offset[ring]);
	return true;
}

uint32_t ring_cell_get(const struct ring_view *view, uint32_t bucket)
{
	uint32_t at = bucket % (view->shape->buckets + 1);
	uint16_t half;
	uint32_t word;
	switch (view->cell_bytes) {
	case 1:
		return view->head->cell[at];
	case 2:
		memcpy(&half, view->head->cell + (size_t)at * 2, 2);
		return half;
	default:
		memcpy(&word, view->head->cell + (size_t)at * 4, 4);
		return word;
	}
}

void ring_cell_set(const struct ring_view *view, uint32_t bucket, uint64_t value)
{
	uint32_t at = bucket % (view->shape->buckets + 1);
	uint16_t half = value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
	uint32_t word = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
	switch (view->cell_bytes) {
	case 1:
		view->head->cell[at] = value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
		break;
	case 2:
		memcpy(view->head->cell + (size_t)at * 2, &half, 2);
		break;
	default:
		memcpy(view->head->cell + (size_t)at * 4, &word, 4);
		break;
	}
}

uint32_t ring_bucket(const struct ring_shape *shape, mono_t mono)
{
	return (uint32_t)(mono.us / shape->bucket_us);
}

/* A clock that went back (a replay out of order) counts as standing still. */
uint32_t bucket_now(const struct ring_view *view, mono_t mono)
{
	uint32_t now = ring_bucket(view->shape, mono);
	return now > view->head->newest ? now : view->head->newest;
}

uint32_t bucket_oldest(const struct ring_shape *shape, uint32_t now)
{
	return now > shape->buckets ? now - shape->buckets : 0;
}

/* From the bucket at a place on, n of them without a wrap. One loop a width, each as short as can be. */
static uint64_t cells_sum(const struct ring_view *view, uint32_t at, uint32_t n)
{
	const uint8_t *cell = view->head->cell + (size_t)at * view->cell_bytes;
	uint64_t sum = 0;
	uint16_t half;
	uint32_t word;
	switch (view->cell_bytes) {
	case 1:
		for (size_t i = 0; i < n; i++)
			sum += cell[i];
		break;
	case 2:
		for (size_t i = 0; i < n; i++) {
			memcpy(&half, cell + i * 2, 2);
			sum += half;
		}
		break;
	default:
		for (size_t i = 0; i < n; i++) {
			memcpy(&word, cell + i * 4, 4);
			sum += word;
		}
		break;
	}
	return sum;
}

static uint32_t booked(const struct ring_view *view, uint32_t now)
{
	uint32_t oldest = bucket_oldest(view->shape, now), size = view->shape->buckets + 1;
	if (oldest > view->head->newest)
		return 0;
	uint32_t n = view->head->newest - oldest + 1, at = oldest % size;
	uint32_t tail = size - at < n ? size - at : n;
	uint64_t sum = cells_sum(view, at, tail) + cells_sum(view, 0, n - tail);
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

uint32_t ring_used(const struct rings *rings, uint32_t ring, mono_t mono)
{
	struct ring_view view;
	if (!ring_view(rings, ring, &view))
		return 0;
	uint32_t sum = booked(&view, bucket_now(&view, mono)), reserved = view.head->reserved;
	return sum > UINT32_MAX - reserved ? UINT32_MAX : sum + reserved;
}

struct ring_mark ring_mark(const struct rings *rings, uint32_t ring, mono_t mono)
{
	struct ring_view view;
	struct ring_mark mark = {0};
	if (!ring_view(rings, ring, &view))
		return mark;
	mark.bucket = bucket_now(&view, mono);
	/* Of later buckets there is nothing yet. */
	if (view.head->newest == mark.bucket)
		mark.units = ring_units(view.shape, ring_cell_get(&view, mark.bucket));
	return mark;
}

/* What of a bucket came before the mark, in cells. */
static uint32_t before_mark(
	const struct ring_view *view, uint32_t bucket, const struct ring_mark *mark)
{
	uint32_t cell = ring_cell_get(view, bucket);
	if (bucket > mark->bucket)
		return 0;
	uint64_t marked = mark->units >> view->shape->shift;
	return bucket < mark->bucket || marked > cell ? cell : (uint32_t)marked;
}

uint32_t ring_used_since(
	const struct rings *rings, uint32_t ring, const struct ring_mark *mark, mono_t mono)
{
	struct ring_view view;
	uint32_t used = ring_used(rings, ring, mono), before = 0;
	if (!ring_view(rings, ring, &view))
		return used;
	uint32_t newest = view.head->newest < mark->bucket ? view.head->newest : mark->bucket;
	for (uint32_t b = bucket_oldest(view.shape, bucket_now(&view, mono)); b <= newest; b++)
		before += before_mark(&view, b, mark);
	return used > before ? used - before : 0;
}

uint32_t ring_reserved(const struct rings *rings, uint32_t ring)
{
	struct ring_view view;
	return ring_view(rings, ring, &view) ? view.head->reserved : 0;
}

/* Makes now the newest bucket; those between were empty. */
static void advance(const struct ring_view *view, uint32_t now)
{
	uint32_t first = view->head->newest + 1;
	if (now - view->head->newest > view->shape->buckets)
		first = now - view->shape->buckets;
	for (uint32_t b = first; b <= now; b++)
		ring_cell_set(view, b, 0);
	view->head->newest = now;
}

void ring_book(struct rings *rings, uint32_t ring, uint32_t n, mono_t mono)
{
	struct ring_view view;
	if (!ring_view(rings, ring, &view))
		return;
	uint32_t now = bucket_now(&view, mono);
	if (now > view.head->newest)
		advance(&view, now);
	ring_cell_set(&view, now, (uint64_t)ring_cell_get(&view, now) + n);
}

void ring_refund(struct rings *rings, uint32_t ring, uint32_t n, mono_t booked_at)
{
	struct ring_view view;
	if (!ring_view(rings, ring, &view))
		return;
	uint32_t bucket = ring_bucket(view.shape, booked_at), newest = view.head->newest;
	if (bucket > newest || bucket < bucket_oldest(view.shape, newest))
		return;
	uint32_t cell = ring_cell_get(&view, bucket);
	ring_cell_set(&view, bucket, cell > n ? cell - n : 0);
}

void ring_reserve(struct rings *rings, uint32_t ring, uint32_t n)
{
	struct ring_view view;
	if (!ring_view(rings, ring, &view))
		return;
	uint32_t reserved = view.head->reserved;
	view.head->reserved = reserved > UINT32_MAX - n ? UINT32_MAX : reserved + n;
}

void ring_unreserve(struct rings *rings, uint32_t ring, uint32_t n)
{
	struct ring_view view;
	if (!ring_view(rings, ring, &view))
		return;
	uint32_t reserved = view.head->reserved;
	view.head->reserved = reserved > n ? reserved - n : 0;
}

mono_t ring_room_at(const struct rings *rings, uint32_t ring, const struct ring_ask *ask)
{
	struct ring_view view;
	uint64_t need = ask->cost;
	need += ask->since ? ring_used_since(rings, ring, ask->since, ask->mono)
			   : ring_used(rings, ring, ask->mono);
	if (need <= ask->limit)
		return ask->mono;
	if (ask->cost > ask->limit || !ring_view(rings, ring, &view))
		return MONO_NEVER;
	const struct ring_shape *shape = view.shape;
	uint32_t now = bucket_now(&view, ask->mono);
	for (uint32_t b = bucket_oldest(shape, now); b <= view.head->newest; b++) {
		need -= ring_cell_get(&view, b);
		need += ask->since ? before_mark(&view, b, ask->since) : 0;
		if (need <= ask->limit)
			return (mono_t){.us = ((int64_t)b + shape->buckets + 1) * shape->bucket_us};
	}
	return MONO_NEVER;
}

bool ring_is_idle(const struct ring_view *view, mono_t mono)
{
	return view->head->reserved == 0 && booked(view, bucket_now(view, mono)) == 0;
}
