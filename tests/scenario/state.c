/* SPDX-License-Identifier: ISC */
/* What outlives the process, and what ends it. Blocks stay in memory: their file is the store's. */
#include <errno.h>
#include <stdio.h>

#include "policyd/units.h"
#include "scenario.h"

/* Small, so that all there is takes many steps, and a step ends anywhere. */
#define STEP_PLACES 7
#define BLOCK_BYTES 300

static void boot_id(const struct scenario *s, char buf[16])
{
	if (snprintf(buf, 16, "boot-%u", s->boots) < 0)
		buf[0] = '\0';
}

static void blocks_free(struct scenario_blocks *blocks)
{
	for (size_t i = 0; i < blocks->n; i++)
		bytes_free(&blocks->block[i]);
	blocks->n = 0;
}

static int blocks_save(struct scenario *s)
{
	struct scenario_blocks *blocks = &s->snapshot;
	struct engine_save save = {.cursor = 0};
	enum engine_save_step step = SAVE_MORE;
	char boot[16];
	boot_id(s, boot);
	blocks_free(blocks);
	struct engine_save_input input = {
		.boot_id = span_of(boot), .places = STEP_PLACES, .bytes = BLOCK_BYTES};
	while (step == SAVE_MORE && blocks->n < BLOCKS_MAX) {
		struct bytes *block = &blocks->block[blocks->n];
		*block = (struct bytes){.n = 0};
		step = engine_save_step(s->engine, &save, &input, scenario_now(s), block);
		if (block->n)
			blocks->n++;
		else
			bytes_free(block);
	}
	return step == SAVE_DONE ? 0 : fail(s, "the state does not fit in %d blocks", BLOCKS_MAX);
}

static int blocks_load(struct scenario *s, struct engine_load *load)
{
	const struct scenario_blocks *blocks = &s->snapshot;
	for (size_t i = 0; i < blocks->n; i++) {
		struct span block = span_make(blocks->block[i].p, blocks->block[i].n);
		if (engine_load_block(s->engine, load, block) != 0)
			return fail(s, "block %zu of %zu makes no sense", i + 1, blocks->n);
	}
	return 0;
}

/* What the counters may know of already. */
static bool is_act(const struct policy_event *event)
{
	return event->kind == EVENT_RESET || event->kind == EVENT_RELEASE ||
	       event->kind == EVENT_SIGNAL;
}

/* What the store gives back: first what happened since the snapshot, then what holds. */
static void events_apply(struct scenario *s, wall_t saved_at)
{
	for (int acts = 1; acts >= 0; acts--) {
		for (size_t i = 0; i < s->events; i++) {
			const struct policy_event *event = &s->event[i].event;
			if (is_act(event) == (acts == 1) && !s->event[i].is_over &&
				(!acts || event->at.us >= saved_at.us))
				engine_apply(s->engine, event, scenario_now(s));
		}
	}
}

void state_start(struct scenario *s)
{
	s->engine = engine_new(&(struct engine_setup){
		.config = s->config, .charge = &charge_local, .seed = {1, 2}});
}

/* "[after TIME] [reboot]" */
static int pause_of(struct scenario *s, const struct verb *verb, const struct words *words,
	int64_t *ret_us, bool *ret_reboot)
{
	struct errbuf err;
	bool has_time = words->n > 2 && strcmp(words->word[1], "after") == 0;
	size_t at = has_time ? 3 : 1;
	*ret_us = 0;
	if (has_time && duration_parse(span_of(words->word[2]), ret_us, &err) != 0)
		return fail(s, "%s", err.text);
	*ret_reboot = words->n == at + 1 && strcmp(words->word[at], "reboot") == 0;
	if (words->n != at + *ret_reboot)
		return fail(s, "usage: %s %s", verb->word, verb->usage);
	return 0;
}

/* The engine goes, time passes, another one begins; Postfix connects again to each listener. */
static int begin_anew(struct scenario *s, int64_t pause_us, bool is_reboot)
{
	char boot[16];
	standing_save(s);
	engine_free(s->engine);
	s->at_us += pause_us;
	if (is_reboot) {
		s->boots++;
		s->boot_us = s->at_us;
	}
	boot_id(s, boot);
	state_start(s);
	struct engine_load load = {.boot_id = span_of(boot), .now = scenario_now(s)};
	int r = blocks_load(s, &load);
	events_apply(s, load.saved_at);
	standing_load(s);
	for (size_t i = 0; i < CONNS_MAX; i++) {
		struct scenario_conn *conn = &s->conn[i];
		if (conn->name[0])
			conn->id = engine_conn_open(
				s->engine, conn->listener, conn->has_peer ? &conn->peer : NULL);
	}
	return r;
}

int state_snapshot(struct scenario *s, const struct verb *verb, const struct words *words)
{
	(void)verb;
	(void)words;
	return blocks_save(s);
}

int state_restart(struct scenario *s, const struct verb *verb, const struct words *words)
{
	int64_t us;
	bool is_reboot;
	int r = pause_of(s, verb, words, &us, &is_reboot);
	if (r != 0)
		return r;
	engine_drain(s->engine, scenario_now(s));
	scenario_effects(s);
	r = blocks_save(s);
	return r == 0 ? begin_anew(s, us, is_reboot) : r;
}

int state_crash(struct scenario *s, const struct verb *verb, const struct words *words)
{
	int64_t us;
	bool is_reboot;
	int r = pause_of(s, verb, words, &us, &is_reboot);
	scenario_effects(s);
	return r == 0 ? begin_anew(s, us, is_reboot) : r;
}

int state_lost(struct scenario *s, const struct verb *verb, const struct words *words)
{
	(void)verb;
	(void)words;
	engine_state_lost(s->engine, scenario_now(s));
	return 0;
}

void state_free(struct scenario *s)
{
	standing_end(s);
	engine_free(s->engine);
	config_unref(s->config);
	blocks_free(&s->snapshot);
}
