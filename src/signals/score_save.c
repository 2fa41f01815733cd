/* SPDX-License-Identifier: ISC */
/*
 * The score part in a snapshot. Rows are named, for their order may change; times are seconds of the
 * monotonic clock, moved when they are read.
 */
#include <math.h>
#include <string.h>

#include "judging.h"

#define FORMAT 1
enum record { RECORD_STATE = 1, RECORD_TRACK, RECORD_POINTS, RECORD_SLOW, RECORD_LATELY };

/* ---- save ---- */

/* As it is in memory: after a restart decisions are the same. */
static void put(struct bytes *out, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	bytes_number(out, bits);
}

static void save_state(const struct score *score, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_STATE);
	bytes_number(out, FORMAT);
	bytes_number(out, score->at);
	put(out, score->surprise);
	put(out, score->strange);
	put(out, score->fan_before);
	put(out, score->fan_news);
	bytes_number(out, score->forgiven);
	bytes_number(out, score->held);
	bytes_number(out, score->class);
	bytes_number(out, score->counted);
	bytes_end(out, mark);
}

static void save_track(const struct score *score, enum walk walk, struct bytes *out)
{
	const struct track *track = &score->track[walk];
	size_t mark = bytes_begin(out, RECORD_TRACK);
	bytes_number(out, walk);
	bytes_number(out, track->step);
	bytes_number(out, track->since);
	bytes_number(out, track->seen);
	bytes_number(out, track->under);
	bytes_number(out, track->probation);
	bytes_number(out, track->until);
	put(out, track->pardon);
	bytes_end(out, mark);
}

static void save_points(const struct points *points, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_POINTS);
	bytes_span(out, span_of(signal_rows[points->signal].name));
	bytes_number(out, points->at);
	put(out, points->points);
	put(out, points->n);
	put(out, points->m);
	put(out, points->b);
	bytes_end(out, mark);
}

static void save_slow(const struct window *slow, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_SLOW);
	window_save(slow, out);
	bytes_end(out, mark);
}

static void save_lately(const struct score *score, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_LATELY);
	bytes_number(out, score->fan_trapped);
	bytes_number(out, score->lately_at);
	for (unsigned i = 0; i < LATELY; i++)
		bytes_number(out, score->lately[i]);
	bytes_end(out, mark);
}

static void part_save(const void *part, struct bytes *out, mono_t mono)
{
	const struct score *score = part;
	if (score_is_idle(score, second_of(mono)))
		return;
	save_state(score, out);
	for (enum walk walk = WALK_REAL; walk < WALKS; walk++)
		save_track(score, walk, out);
	for (unsigned i = 0; i < score->n; i++)
		save_points(&score->points[i], out);
	save_lately(score, out);
	if (score->slow.cell_s)
		save_slow(&score->slow, out);
}

bool signals_must_save(const struct account *account, mono_t mono)
{
	const struct score *score = account->part[PART_SCORE];
	second_t now = second_of(mono);
	if (!score)
		return false;
	const struct track *real = &score->track[WALK_REAL];
	return real->step != STEP_NONE || real->probation > now || score->forgiven > now;
}

/* ---- load ---- */

static second_t get_time(struct reader *in, int64_t shift_us)
{
	return second_shifted(reader_number(in), shift_us);
}

/* What is no number that could have been saved is 0. */
static float get(struct reader *in, double most)
{
	uint32_t bits = (uint32_t)reader_number(in);
	float value;
	memcpy(&value, &bits, sizeof(value));
	return isfinite(value) && value > 0 ? (float)fmin((double)value, most) : 0;
}

static uint16_t get_short(struct reader *in)
{
	uint64_t n = reader_number(in);
	return n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
}

#define SUM_MAX 1000.0

static bool load_state(struct score *score, struct reader *in, int64_t shift_us)
{
	if (reader_number(in) != FORMAT)
		return false;
	score->at = get_time(in, shift_us);
	score->surprise = get(in, SUM_MAX);
	score->strange = get(in, SUM_MAX);
	score->fan_before = get(in, SUM_MAX);
	score->fan_news = get(in, UINT32_MAX);
	score->forgiven = get_time(in, shift_us);
	score->held = get_short(in);
	score->class = (uint32_t)reader_number(in);
	score->counted = get_time(in, shift_us);
	return !in->is_bad;
}

static void load_track(struct score *score, struct reader *in, int64_t shift_us)
{
	uint64_t walk = reader_number(in), step = reader_number(in);
	struct track track = {.step = (uint8_t)(step & 0xff)};
	track.since = get_time(in, shift_us);
	track.seen = get_time(in, shift_us);
	track.under = get_time(in, shift_us);
	track.probation = get_time(in, shift_us);
	track.until = get_time(in, shift_us);
	track.pardon = get(in, SUM_MAX);
	if (in->is_bad || walk >= WALKS || step >= STEP_COUNT)
		return;
	struct track *to = &score->track[walk];
	if (walk == WALK_REAL)
		ladder_move(score->signals, (enum step)to->step, (enum step)track.step);
	*to = track;
}

static void load_points(
	struct signals *s, struct account *account, struct reader *in, int64_t shift_us)
{
	enum signal signal = signal_of(reader_span(in));
	second_t at = get_time(in, shift_us);
	double most = signal < SIGNAL_COUNT ? signal_rows[signal].cap : 0;
	double points = (double)get(in, most);
	struct finding_of found = {.n = (double)get(in, 1e12)};
	found.m = (double)get(in, 1e12);
	found.b = (double)get(in, 1e12);
	if (in->is_bad || signal == SIGNAL_COUNT)
		return;
	found.units = points / signal_rows[signal].weight;
	score_join(s, account, signal, JOIN_LEVEL, &found, at);
}

static void load_lately(struct score *score, struct reader *in)
{
	score->fan_trapped = reader_number(in) == 1;
	score->lately_at = (uint8_t)(reader_number(in) % LATELY);
	for (unsigned i = 0; i < LATELY; i++)
		score->lately[i] = get_short(in);
}

static void part_load(void *ctx, struct account *account, struct reader *in, int64_t shift_us)
{
	struct signals *s = ctx;
	struct reader record;
	unsigned type;
	if (!s || !reader_record(in, &type, &record) || type != RECORD_STATE)
		return;
	struct score *score = score_make(s, account);
	if (!load_state(score, &record, shift_us))
		return;
	while (reader_record(in, &type, &record)) {
		if (type == RECORD_TRACK)
			load_track(score, &record, shift_us);
		else if (type == RECORD_POINTS)
			load_points(s, account, &record, shift_us);
		else if (type == RECORD_SLOW)
			(void)window_load(&score->slow, &record, shift_us);
		else if (type == RECORD_LATELY)
			load_lately(score, &record);
	}
}

/* ---- the part ---- */

static bool part_idle(const void *part, mono_t mono)
{
	return score_is_idle(part, second_of(mono));
}

/* Steps stay: whoever wants those gone releases the account. */
static void part_reset(void *part)
{
	struct score *score = part;
	score_clear(score);
	score->slow = (struct window){0};
}

const struct account_part_row signals_score_part = {
	.name = "score",
	.id = 3,
	.free = score_free,
	.is_idle = part_idle,
	.reset = part_reset,
	.save = part_save,
	.load = part_load,
};
