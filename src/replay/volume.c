/* SPDX-License-Identifier: ISC */
/*
 * How much accounts send in an hour or a day, as a histogram, and which limit would have left nearly
 * all of them alone.
 */
#include "summary.h"

/* With fewer accounts the hundredth of them is one person's habit. */
#define ACCOUNTS_MIN 20
/* Nobody is served by a limit below this. */
#define SUGGESTED_MIN 20

static size_t cell_of(uint64_t number)
{
	if (number < VOLUME_EXACT)
		return (size_t)number;
	unsigned bits = 63 - (unsigned)__builtin_clzll(number);
	return VOLUME_EXACT + (bits - 10) * 32 + (size_t)(number >> (bits - 5) & 31);
}

/* The largest number of a cell. */
static uint64_t cell_top(size_t cell)
{
	if (cell < VOLUME_EXACT)
		return cell;
	unsigned bits = (unsigned)(cell - VOLUME_EXACT) / 32 + 10;
	uint64_t step = (cell - VOLUME_EXACT) % 32;
	return ((32 + step + 1) << (bits - 5)) - 1;
}

void volume_put(struct volume *volume, uint64_t number)
{
	volume->n++;
	volume->cell[cell_of(number)]++;
	if (number > volume->max)
		volume->max = number;
}

bool volume_add(struct volume *volume, struct volume_count *count, int64_t slot, uint32_t n)
{
	/* A clock that goes back a little counts for the present one. */
	bool is_new = count->n == 0 || slot > count->slot;
	if (is_new && count->n)
		volume_put(volume, count->n);
	if (is_new) {
		count->slot = slot;
		count->n = 0;
	}
	count->n = count->n > UINT32_MAX - n ? UINT32_MAX : count->n + n;
	if (count->n > count->most)
		count->most = count->n;
	return is_new;
}

uint64_t volume_percentile(const struct volume *volume, unsigned percent)
{
	uint64_t wanted = (volume->n * percent + 99) / 100, seen = 0;
	for (size_t i = 0; i < VOLUME_CELLS && volume->n; i++) {
		seen += volume->cell[i];
		if (seen >= wanted && seen)
			return cell_top(i) < volume->max ? cell_top(i) : volume->max;
	}
	return 0;
}

uint64_t volume_above(const struct volume *volume, uint64_t number)
{
	uint64_t above = 0;
	for (size_t i = cell_of(number) + 1; i < VOLUME_CELLS; i++)
		above += volume->cell[i];
	return above;
}

/* As people would write it: 20, 25 ... 100, 110 ... 200, 250 ... */
static uint64_t rounded_up(uint64_t number)
{
	uint64_t unit = 5;
	for (bool is_five = true; number > unit * 20; is_five = !is_five)
		unit *= is_five ? 2 : 5;
	return (number + unit - 1) / unit * unit;
}

void volume_tell(const struct volume *all, const struct volume *most, struct replay_volume *ret)
{
	ret->n = all->n;
	ret->p50 = volume_percentile(all, 50);
	ret->p99 = volume_percentile(all, 99);
	ret->max = all->max;
	ret->accounts = most->n;
	ret->most_p50 = volume_percentile(most, 50);
	ret->most_p99 = volume_percentile(most, 99);
	if (most->n < ACCOUNTS_MIN)
		return;
	/* A little above what was seen: the next busy day will be a little busier. */
	ret->suggested = rounded_up(ret->most_p99 + ret->most_p99 / 5);
	if (ret->suggested < SUGGESTED_MIN)
		ret->suggested = SUGGESTED_MIN;
	ret->above = volume_above(most, ret->suggested);
}
