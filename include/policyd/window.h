/* SPDX-License-Identifier: ISC */
/*
 * window.h - how many in any stretch of time, in little memory: thirteen counters. A count is as old as its
 * cell's end, so that never more than N pass in any window; some pass up to a twelfth of it later than they
 * might. Times are seconds of one clock that does not run back; zero is no time.
 */
#ifndef POLICYD_WINDOW_H
#define POLICYD_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/bytes.h"
#include "policyd/units.h"

#define WINDOW_CELLS 13 /* twelve of them make the window; what is under way comes beside */
struct window {
	uint32_t cell_s; /* 0: nothing in it */
	uint32_t newest; /* number of the cell under way: time by cell_s */
	uint16_t cell[WINDOW_CELLS];
};
/* At least as many as were counted in the window that ends now, at most those of a thirteenth more. */
uint32_t window_sum(const struct window *w, int64_t window_us, uint32_t now);
void window_count(struct window *w, int64_t window_us, uint32_t now);
/* When there is room for one more below n; 0: never. */
uint32_t window_room(const struct window *w, const struct rate *rate, uint32_t now);
void window_save(const struct window *w, struct bytes *out);
/* False: makes no sense, and w is as it was. */
bool window_load(struct window *w, struct reader *in, int64_t shift_us);

#endif
