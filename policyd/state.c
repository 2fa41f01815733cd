/* SPDX-License-Identifier: ISC */
/*
 * Writing the counters while the daemon runs. A pass over the table is cut into slices, each too
 * short to be felt by who waits for an answer; a disk that is slow makes the pass longer, not the
 * slices.
 */
#include "state.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/policy_server.h"
#include "policyd/snapshot.h"

#define SLICE_US    MSEC_US
#define PAUSE_US    (4 * MSEC_US)
#define PLACES      500 /* of the table between two looks at the clock */
#define BLOCK_BYTES ((size_t)64 * 1024)
#define BUSY_US     (100 * MSEC_US) /* until the next try when the disk is not done with the last */
#define FINISH_US   (5 * SECOND_US)
#define POLL_MS     100

struct state {
	struct state_use use;
	struct errbuf lost; /* why; empty when it was not */
	char boot_id[64];
	struct snapshots *snapshots;
	struct event *timer, *collect;
	int64_t age_max_us;

	enum { STATE_RESTING, STATE_SAVING, STATE_COMMITTING } phase;
	bool is_read;  /* saving: all is read, the last block may still wait for the disk */
	bool is_brief; /* this pass, or the next: there was no room for what was learnt */
	struct engine_save save;
	struct bytes block;
	uint64_t bytes;                  /* of this pass */
	struct now began;                /* this pass, or the last */
	int64_t took_us;                 /* the last good one */
	uint64_t began_with, saved_with; /* changes(): then, and what is on disk */
	uint64_t changes;                /* beside those that metrics count */

	wall_t saved_at;
	uint64_t saved_bytes;
	bool saved_is_brief;
	bool is_failing;
	struct errbuf error; /* when failing, or when what was learnt did not fit */
	bool is_stuck;       /* the disk did not answer at the stop */
};

/* Something that grows with all that is worth saving. */
static uint64_t changes(const struct state *state)
{
	return state->changes + metric_get(METRIC_REQUESTS_OUTBOUND) + metric_get(METRIC_REFUNDS) +
	       metric_get(METRIC_RESERVATIONS_LAPSED);
}

static bool is_saved(const struct state *state)
{
	return changes(state) == state->saved_with;
}

static void arm(const struct state *state, int64_t us)
{
	struct timeval wait = {.tv_sec = us / SECOND_US, .tv_usec = us % SECOND_US};
	event_add(state->timer, &wait);
}

/*
 * Two thirds of the age: the rest is for the pass itself and for the disk. Where they take more, it
 * begins so much earlier.
 */
static void arm_next(const struct state *state)
{
	int64_t after_us = state->age_max_us / 3 * 2;
	if (after_us > state->age_max_us - 2 * state->took_us)
		after_us = state->age_max_us - 2 * state->took_us;
	int64_t due_us = state->began.mono.us + after_us - clock_now().mono.us;
	arm(state, due_us > BUSY_US ? due_us : BUSY_US);
}

/* ---- what becomes of it ---- */

static void failed(struct state *state, const char *error)
{
	char since[WALL_TEXT_SIZE] = "";
	err_set(&state->error, "%s", error);
	if (state->is_failing)
		return;
	state->is_failing = true;
	if (state->saved_at.us)
		wall_format(state->saved_at, since);
	log_event(LEVEL_ERROR, "snapshot failing", F_STR("error", error),
		F_STR("effect", "mail is judged on; after a crash the counters would be those of "
				"saved_at"),
		F_STR("saved_at", since));
}

/* Counters come first: where there is no room for more, they are saved without what was learnt. */
static bool leaves_out(struct state *state, int result, const char *error)
{
	if ((result != -ENOSPC && result != -EDQUOT) || state->is_brief)
		return false;
	if (!state->saved_is_brief)
		log_event(LEVEL_WARNING, "no room for what was learnt", F_STR("error", error),
			F_STR("effect",
				"counters and steps are saved; after a restart the accounts' "
				"habits would be learnt anew"));
	err_set(&state->error, "%s", error);
	state->is_brief = true;
	return true;
}

static void worked(struct state *state)
{
	metric_add(METRIC_SNAPSHOTS, 1);
	state->saved_with = state->began_with;
	state->saved_at = state->began.wall;
	state->saved_bytes = state->bytes;
	state->took_us = clock_now().mono.us - state->began.mono.us;
	store_note_snapshot(state->use.store);
	if (state->is_failing)
		log_event(LEVEL_NOTICE, "snapshot works again", F_INT("bytes", state->bytes));
	else if (state->saved_is_brief && !state->is_brief)
		log_event(LEVEL_NOTICE, "room for what was learnt again",
			F_INT("bytes", state->bytes));
	state->is_failing = false;
	state->saved_is_brief = state->is_brief;
	metric_set(METRIC_SNAPSHOT_BRIEF, state->is_brief);
}

static void on_committed(void *ctx, int result, const char *error)
{
	struct state *state = ctx;
	state->phase = STATE_RESTING;
	if (leaves_out(state, result, error)) {
		arm(state, BUSY_US);
		return;
	}
	if (result == 0) {
		worked(state);
	} else {
		metric_add(METRIC_SNAPSHOT_ERRORS, 1);
		failed(state, error);
	}
	/* The next one may find room again. */
	state->is_brief = false;
	arm_next(state);
}

/* ---- a pass ---- */

/* False: the disk is not done with the one before. */
static bool pass_begin(struct state *state)
{
	if (!snapshot_begin(state->snapshots))
		return false;
	state->phase = STATE_SAVING;
	state->is_read = false;
	state->save = (struct engine_save){0};
	state->block.n = 0;
	state->bytes = 0;
	state->began = clock_now();
	state->began_with = changes(state);
	return true;
}

static void pass_abort(struct state *state)
{
	snapshot_abort(state->snapshots);
	state->phase = STATE_RESTING;
}

/* False: too much is waiting for the disk. */
static bool block_hand_over(struct state *state)
{
	size_t n = state->block.n;
	if (n == 0 || (n < BLOCK_BYTES && !state->is_read))
		return true;
	if (!snapshot_block(state->snapshots, &state->block))
		return false;
	state->bytes += n;
	return true;
}

static void step(struct state *state, struct now now)
{
	struct engine_save_input input = {
		.boot_id = span_of(state->boot_id),
		.places = PLACES,
		.bytes = BLOCK_BYTES,
		.is_brief = state->is_brief,
	};
	state->is_read = engine_save_step(state->use.engine, &state->save, &input, now,
				 &state->block) == SAVE_DONE;
}

/* Until the disk has enough to do, or the time is over. */
static void slice(struct state *state, int64_t slice_us)
{
	struct now now = clock_now();
	int64_t end_us = now.mono.us + slice_us;
	while (state->phase == STATE_SAVING && now.mono.us < end_us && block_hand_over(state)) {
		if (state->is_read) {
			state->phase = STATE_COMMITTING;
			snapshot_commit(state->snapshots, on_committed, state);
			return;
		}
		step(state, now);
		now = clock_now();
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct state *state = arg;
	(void)fd;
	(void)what;
	if (state->phase == STATE_RESTING && is_saved(state) && !state->is_brief) {
		/* Of a snapshot that is there, the store may have missed to take note. */
		if (state->saved_at.us)
			store_note_snapshot(state->use.store);
		state->began = clock_now();
		arm_next(state);
		return;
	}
	if (state->phase == STATE_RESTING && !pass_begin(state)) {
		arm(state, BUSY_US);
		return;
	}
	slice(state, SLICE_US);
	if (state->phase != STATE_COMMITTING)
		arm(state, PAUSE_US);
}

static void on_collect(evutil_socket_t fd, short what, void *arg)
{
	const struct state *state = arg;
	(void)fd;
	(void)what;
	snapshots_collect(state->snapshots);
}

/* ---- life ---- */

int state_new(struct event_base *base, const struct state_use *use,
	const struct state_loaded *loaded, struct state **ret, struct errbuf *err)
{
	struct snapshots *snapshots;
	int r = snapshots_new(use->directory, &snapshots, err);
	if (r != 0)
		return r;
	struct state *state = xcalloc(1, sizeof(*state));
	state->use = *use;
	state->lost = loaded->lost;
	span_copy(span_of(loaded->boot_id), state->boot_id, sizeof(state->boot_id));
	state->snapshots = snapshots;
	state->began = clock_now();
	state->saved_at = loaded->saved_at;
	state->saved_bytes = loaded->saved_at.us ? loaded->saved_bytes : 0;
	state->saved_with = changes(state);
	/* That it was lost must not be forgotten by a restart. */
	if (loaded->lost.text[0])
		state_changed(state);
	state->timer = evtimer_new(base, on_timer, state);
	state->collect =
		event_new(base, snapshots_fd(snapshots), EV_READ | EV_PERSIST, on_collect, state);
	event_add(state->collect, NULL);
	state_configure(state, engine_config(use->engine));
	*ret = state;
	return 0;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	event_free(state->timer);
	event_free(state->collect);
	/* Its thread is still at it, and would be waited for. */
	if (state->is_stuck)
		return;
	snapshots_free(state->snapshots);
	bytes_free(&state->block);
	free(state);
}

void state_configure(struct state *state, const struct config *config)
{
	state->age_max_us = config->state.snapshot_us;
	if (state->phase == STATE_RESTING)
		arm_next(state);
}

void state_changed(struct state *state)
{
	state->changes++;
}

void state_tick(struct state *state, struct now now)
{
	int64_t age_us = state->saved_at.us ? now.wall.us - state->saved_at.us : 0;
	/* What has not changed is as good as new. */
	if (age_us < 0 || is_saved(state))
		age_us = 0;
	metric_set(METRIC_SNAPSHOT_AGE, (uint64_t)(age_us / SECOND_US));
	if (!is_saved(state) && !state->is_failing &&
		now.mono.us - state->began.mono.us > state->age_max_us)
		failed(state, "the disk has not taken a snapshot in time");
}

void state_describe(const struct state *state, struct control_state *ret)
{
	ret->snapshot_at = state->saved_at;
	ret->snapshot_bytes = state->saved_bytes;
	ret->snapshot_error = state->is_failing ? state->error.text : NULL;
	ret->snapshot_is_brief = state->saved_is_brief;
	ret->lost = state->lost.text[0] ? state->lost.text : NULL;
}

/* ---- the stop ---- */

/* Waits a moment for the disk. False: that was long enough. */
static bool disk_await(const struct state *state, mono_t deadline)
{
	struct pollfd in = {.fd = snapshots_fd(state->snapshots), .events = POLLIN};
	if (poll(&in, 1, POLL_MS) == 1)
		snapshots_collect(state->snapshots);
	return clock_now().mono.us < deadline.us;
}

static bool finish_pass(struct state *state, mono_t deadline)
{
	bool is_early = true;
	while (is_early && !pass_begin(state))
		is_early = disk_await(state, deadline);
	while (is_early && state->phase != STATE_RESTING) {
		slice(state, FINISH_US);
		is_early = disk_await(state, deadline);
	}
	return is_early;
}

/* False: the disk was too slow. */
static bool finish(struct state *state, mono_t deadline)
{
	bool is_early = true;
	/* What it has read so far is old by now. */
	if (state->phase == STATE_SAVING)
		pass_abort(state);
	while (is_early && state->phase == STATE_COMMITTING)
		is_early = disk_await(state, deadline);
	if (is_saved(state))
		return is_early;
	is_early = is_early && finish_pass(state, deadline);
	if (is_early && state->is_brief)
		is_early = finish_pass(state, deadline);
	return state->phase == STATE_RESTING && is_early;
}

void state_finish(struct state *state)
{
	mono_t deadline = {.us = clock_now().mono.us + FINISH_US};
	state->is_stuck = !finish(state, deadline);
	if (state->is_stuck)
		failed(state, "the disk did not take the last snapshot within 5 s of the stop");
	/* What has failed for long was told then; that the end is not on disk is news. */
	else if (!is_saved(state))
		log_event(LEVEL_ERROR, "counters not saved", F_STR("error", state->error.text),
			F_STR("effect", "the next start goes on with the last good snapshot"));
}
