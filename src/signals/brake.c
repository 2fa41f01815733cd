/* SPDX-License-Identifier: ISC */
/*
 * The brake (semantics 21): what would hold or suspend a large part of all accounts at once is more
 * likely a mistake of ours (a broken database, a state that was lost) than an attack.
 *
 * How many accounts were active in the last day needs no memory of which: each is counted at its first
 * message of a day, which its own baseline tells. Of the present day and the one before the larger
 * counts; early in a day that is yesterday.
 */
#include <stdlib.h>

#include "judging.h"
#include "policyd/mem.h"

#define DAY_S 86400u

struct brake {
	struct window acted; /* accounts held or suspended by the ladder itself */
	second_t seen;       /* the last message */
	uint32_t day;        /* of it */
	uint32_t active[2];  /* accounts: today, and the day before */
};

struct brake *brake_new(void)
{
	return xcalloc(1, sizeof(struct brake));
}

void brake_free(struct brake *brake)
{
	free(brake);
}

void brake_saw(struct brake *brake, const struct account *account, second_t last, second_t now)
{
	uint32_t day = now / DAY_S;
	brake->seen = now;
	if (day > brake->day) {
		brake->active[1] = day == brake->day + 1 ? brake->active[0] : 0;
		brake->active[0] = 0;
		brake->day = day;
	}
	/* Where there is no room for a baseline, nobody knows whether it was counted. */
	if (baseline_of(account) && (last == 0 || last / DAY_S < day))
		brake->active[0]++;
}

bool brake_is_on(const struct signals *s, second_t now)
{
	const struct config_ladder *ladder = &s->config->ladder;
	const struct brake *brake = s->brake;
	uint32_t active = brake->active[0] > brake->active[1] ? brake->active[0] : brake->active[1];
	if (ladder->max_auto.n == RATE_UNLIMITED)
		return false;
	uint64_t acted = window_sum(&brake->acted, ladder->max_auto.window_us, now);
	return acted >= ladder->max_auto.n &&
	       acted * 100 >= (uint64_t)active * ladder->max_auto_percent;
}

/* It is one of those in the window already: it touches no further account. */
static bool is_counted(const struct rate *rate, const struct score *score, second_t now)
{
	return score->counted && now < second_after(score->counted, rate->window_us);
}

bool brake_allows(const struct signals *s, struct score *score, second_t now)
{
	const struct rate *rate = &s->config->ladder.max_auto;
	if (rate->n == RATE_UNLIMITED || is_counted(rate, score, now))
		return true;
	if (brake_is_on(s, now))
		return false;
	window_count(&s->brake->acted, rate->window_us, now);
	score->counted = now;
	return true;
}

bool brake_was_on(const struct signals *s)
{
	return brake_is_on(s, s->brake->seen);
}

/* ---- in a snapshot ---- */

void brake_save(const struct brake *brake, struct bytes *out)
{
	bytes_number(out, brake->seen);
	bytes_number(out, brake->active[0]);
	bytes_number(out, brake->active[1]);
	if (brake->acted.cell_s)
		window_save(&brake->acted, out);
}

static uint32_t active_load(struct reader *in)
{
	uint64_t n = reader_number(in);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Days begin when they do on this clock: who sent earlier today may have done so yesterday now. */
bool brake_load(struct brake *brake, struct reader *in, int64_t shift_us)
{
	struct brake loaded = {.seen = second_shifted(reader_number(in), shift_us)};
	loaded.day = loaded.seen / DAY_S;
	loaded.active[0] = active_load(in);
	loaded.active[1] = active_load(in);
	if (in->is_bad || (in->n && !window_load(&loaded.acted, in, shift_us)))
		return false;
	*brake = loaded;
	return true;
}
