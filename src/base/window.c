/* SPDX-License-Identifier: ISC */
/* Which cell is which, and what of them counts. */
#include <string.h>

#include "policyd/window.h"

#include "policyd/clock.h"

static uint32_t cell_of(int64_t window_us)
{
	int64_t s = (window_us / SECOND_US + WINDOW_CELLS - 2) / (WINDOW_CELLS - 1);
	return s < 1 ? 1 : s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

/* As of now, in cells of this width: what was counted in others is as young as can be. */
static struct window window_at(const struct window *w, int64_t window_us, uint32_t now)
{
	uint32_t cell_s = cell_of(window_us), newest = now / cell_s, sum = 0;
	struct window ret = {.cell_s = cell_s, .newest = newest};
	if (w->cell_s == 0)
		return ret;
	if (w->cell_s != cell_s) {
		for (unsigned i = 0; i < WINDOW_CELLS; i++)
			sum += w->cell[i];
		ret.cell[0] = sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
		return ret;
	}
	/* cell[0] is the newest. A clock that ran back changes nothing. */
	uint32_t gone = newest > w->newest ? newest - w->newest : 0;
	if (gone == 0)
		return *w;
	if (gone < WINDOW_CELLS)
		memcpy(ret.cell + gone, w->cell, (WINDOW_CELLS - gone) * sizeof(w->cell[0]));
	return ret;
}

uint32_t window_sum(const struct window *w, int64_t window_us, uint32_t now)
{
	struct window at = window_at(w, window_us, now);
	uint32_t sum = 0;
	for (unsigned i = 0; i < WINDOW_CELLS; i++)
		sum += at.cell[i];
	return sum;
}

void window_count(struct window *w, int64_t window_us, uint32_t now)
{
	*w = window_at(w, window_us, now);
	w->cell[0] = (uint16_t)(w->cell[0] + (w->cell[0] < UINT16_MAX));
}

uint32_t window_room(const struct window *w, const struct rate *rate, uint32_t now)
{
	struct window at = window_at(w, rate->window_us, now);
	uint64_t sum = window_sum(&at, rate->window_us, now);
	if (rate->n == 0)
		return 0;
	if (sum < rate->n)
		return now;
	for (unsigned i = WINDOW_CELLS; i-- > 0;) {
		sum -= at.cell[i];
		/* The cell is forgotten when the one that is thirteen after it begins. */
		if (sum < rate->n)
			return (at.newest - i + WINDOW_CELLS) * at.cell_s;
	}
	return 0;
}

/* ---- in a snapshot ---- */

void window_save(const struct window *w, struct bytes *out)
{
	bytes_number(out, w->cell_s);
	bytes_number(out, w->newest);
	for (unsigned i = 0; i < WINDOW_CELLS; i++)
		bytes_number(out, w->cell[i]);
}

bool window_load(struct window *w, struct reader *in, int64_t shift_us)
{
	uint64_t cell_s = reader_number(in), newest = reader_number(in), cell[WINDOW_CELLS];
	for (unsigned i = 0; i < WINDOW_CELLS; i++)
		cell[i] = reader_number(in);
	if (in->is_bad || cell_s == 0 || cell_s > 31 * 86400 || newest > UINT32_MAX)
		return false;
	/* Rounded up: what was counted counts a little longer. */
	int64_t width = (int64_t)cell_s * SECOND_US;
	int64_t moved = (int64_t)newest + shift_us / width + (shift_us > 0 && shift_us % width);
	*w = (struct window){.cell_s = (uint32_t)cell_s,
		.newest = moved < 0            ? 0
			  : moved < UINT32_MAX ? (uint32_t)moved
					       : UINT32_MAX};
	for (unsigned i = 0; i < WINDOW_CELLS; i++)
		w->cell[i] = cell[i] < UINT16_MAX ? (uint16_t)cell[i] : UINT16_MAX;
	return true;
}
