/* SPDX-License-Identifier: ISC */
/*
 * posture_world.h - what is said of egresses, and time, as scripts: what posture.h is tested in.
 *
 * Commands stand between bars; words of a command between blanks:
 *
 *	in css:5 ptr:3 dbl:4?    all inputs of the egress now, by id and severity; ?: not known any more
 *	hear google 12           a receiver's word of so many points
 *	set hold 2h; set ok; unset
 *	+ 10m                    time passes
 *	conf TEXT                another configuration
 *	is hold; is recover 25   how the egress stands
 *	at google throttle       how a receiver there does
 *	says TEXT; warns TEXT    the next event begins so; warns: it is grave
 *	why TEXT                 is in the why of the egress
 *	wall -1h                 the wall clock is set
 *
 * Each event must be told of. The same script is run in several ways, which must not matter: enum way.
 */
#ifndef POLICYD_TEST_POSTURE_WORLD_H
#define POLICYD_TEST_POSTURE_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/posture.h"
#include "policyd/units.h"
#include "suite.h"

enum way {
	WAY_PLAIN,   /* ticks when they are due */
	WAY_LATE,    /* one tick when time has passed */
	WAY_SAVED,   /* saved and loaded after each command */
	WAY_STOPPED, /* saved before time passes, loaded afterwards on another monotonic clock */
	WAYS
};

#define EGRESS "192.0.2.10"

struct world {
	struct postures *p;
	struct config *config;
	struct ip egress;
	struct now now;
	enum way way;
	const char *row;
};

static inline struct config *world_config(const char *text)
{
	char whole[4096];
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(whole, sizeof(whole),
		"listen = ( { address = \"unix:/nowhere/p.sock\"; } );\nposture = { %s };\n", text);
	ck_assert(n > 0 && (size_t)n < sizeof(whole));
	ck_assert_msg(config_parse(span_make(whole, (size_t)n), "t.conf", &config, report) == 0,
		"%s", text);
	config_report_free(report);
	return config;
}

static inline struct world world_new(const char *config, enum way way)
{
	struct world w = {.config = world_config(config),
		.now = {.mono.us = 5 * DAY_US, .wall.us = 20000 * DAY_US},
		.way = way,
		.row = ""};
	ck_assert_int_eq(ip_parse(SPAN(EGRESS), &w.egress), 0);
	w.p = postures_new(w.config, w.now);
	postures_egresses(w.p, &w.egress, 1, w.now);
	return w;
}

static inline void world_free(struct world *w)
{
	postures_free(w->p);
	config_unref(w->config);
}

static inline struct bytes world_saved(struct world *w)
{
	struct bytes saved = {0};
	postures_save(w->p, &saved, w->now);
	ck_assert(!postures_is_dirty(w->p));
	return saved;
}

static inline struct postures *world_loaded(struct world *w, struct bytes saved)
{
	struct postures *p = postures_new(w->config, w->now);
	ck_assert_int_eq(postures_load(p, span_make(saved.p, saved.n), w->now), 0);
	return p;
}

/* Another process; its monotonic clock began a while ago, and events that nobody took are lost. */
static inline void world_restart(struct world *w, int64_t passed_us)
{
	struct bytes saved = world_saved(w);
	postures_free(w->p);
	w->now.wall.us += passed_us;
	w->now.mono.us = 17 * SECOND_US;
	w->p = world_loaded(w, saved);
	postures_egresses(w->p, &w->egress, 1, w->now);
	bytes_free(&saved);
}

static inline void world_same(struct world *w)
{
	struct bytes saved = world_saved(w), again = {0};
	struct postures *p = world_loaded(w, saved);
	postures_save(p, &again, w->now);
	ck_assert_msg(saved.n == again.n && memcmp(saved.p, again.p, saved.n) == 0,
		"%s: not the same after it was loaded", w->row);
	postures_free(p);
	bytes_free(&saved);
	bytes_free(&again);
}

static inline void world_pass(struct world *w, int64_t us)
{
	mono_t end = mono_after(w->now.mono, us);
	while (w->way == WAY_PLAIN && postures_due(w->p).us <= end.us) {
		int64_t step_us = postures_due(w->p).us - w->now.mono.us;
		ck_assert_msg(step_us > 0, "%s: it is due, and was at the last tick", w->row);
		w->now.mono.us += step_us;
		w->now.wall.us += step_us;
		postures_tick(w->p, w->now);
	}
	int64_t left_us = end.us - w->now.mono.us;
	w->now.mono = end;
	w->now.wall.us += left_us;
	postures_tick(w->p, w->now);
}

/* ---- commands ---- */

static inline int64_t duration_of(struct span text)
{
	int64_t us;
	struct errbuf err;
	bool is_back = span_starts(text, SPAN("-"));
	struct span rest = is_back ? span_make(text.p + 1, text.n - 1) : text;
	ck_assert_msg(duration_parse(rest, &us, &err) == 0, "%.*s", (int)text.n, text.p);
	return is_back ? -us : us;
}

static inline double points_of(struct span text)
{
	char buf[32];
	(void)span_copy(text, buf, sizeof(buf));
	return strtod(buf, NULL);
}

static inline void do_in(struct world *w, struct span rest)
{
	struct posture_input input[100];
	char id[100][32], why[100][64];
	size_t n = 0;
	for (struct span word = span_word(&rest); word.n > 0; word = span_word(&rest), n++) {
		bool is_unknown = word.p[word.n - 1] == '?';
		ptrdiff_t colon = span_rfind(word, ':');
		ck_assert(n < 100 && colon > 0);
		(void)span_copy(span_make(word.p, (size_t)colon), id[n], sizeof(id[n]));
		snprintf(why[n], sizeof(why[n]), "%s says so", id[n]);
		input[n] = (struct posture_input){.id = id[n],
			.why = why[n],
			.severity = (uint8_t)(word.p[colon + 1] - '0'),
			.is_unknown = is_unknown};
	}
	postures_inputs(w->p, &w->egress, input, n, w->now);
}

static inline void do_hear(struct world *w, struct span rest)
{
	struct span provider = span_word(&rest), points = span_word(&rest);
	postures_signal(w->p,
		&(struct receiver_signal){.egress = w->egress,
			.provider = provider,
			.kind = SPAN("reputation"),
			.weight = points_of(points),
			.text = SPAN("421 4.7.28")},
		w->now);
}

static inline void do_set(struct world *w, struct span rest)
{
	struct span posture = span_word(&rest), time = span_word(&rest);
	struct posture_order order = {.posture = posture_of_name(posture),
		.until = WALL_NEVER,
		.author = SPAN("root (uid 0)"),
		.reason = SPAN("I know better")};
	ck_assert_uint_lt(order.posture, POSTURE_COUNT);
	if (time.n > 0)
		order.until.us = w->now.wall.us + duration_of(time);
	postures_set(w->p, &w->egress, &order, w->now);
}

static inline void do_unset(struct world *w, struct span rest)
{
	(void)rest;
	postures_unset(w->p, &w->egress, w->now);
}

static inline void do_pass(struct world *w, struct span rest)
{
	if (w->way == WAY_STOPPED)
		world_restart(w, duration_of(rest));
	else
		world_pass(w, duration_of(rest));
}

static inline void do_conf(struct world *w, struct span rest)
{
	char text[1024];
	(void)span_copy(rest, text, sizeof(text));
	config_unref(w->config);
	w->config = world_config(text);
	postures_configure(w->p, w->config, w->now);
	ck_assert(postures_due(w->p).us <= w->now.mono.us);
	postures_tick(w->p, w->now);
}

static inline void do_wall(struct world *w, struct span rest)
{
	w->now.wall.us += duration_of(rest);
	postures_tick(w->p, w->now);
}

static inline struct posture_view world_view(struct world *w, struct span provider)
{
	struct posture_view view = {0}, found = {.posture = POSTURE_OK, .share = 100};
	for (size_t i = 0; postures_at(w->p, i, w->now, &view); i++) {
		if (ip_equal(&view.egress, &w->egress) &&
			span_equal(provider, span_of(view.provider)))
			found = view;
	}
	return found;
}

static inline void is_so(struct world *w, struct span provider, struct span rest)
{
	struct posture_view view = world_view(w, provider);
	struct span posture = span_word(&rest), share = span_word(&rest);
	ck_assert_msg(span_equal(posture, span_of(posture_name(view.posture))),
		"%s: it is %s (%s), not %.*s", w->row, posture_name(view.posture), view.why,
		(int)posture.n, posture.p);
	uint64_t percent = 100;
	if (share.n > 0)
		ck_assert_int_eq(span_to_u64(share, &percent), 0);
	ck_assert_msg(view.share == percent, "%s: it is %u %%, not %u %%", w->row, view.share,
		(unsigned)percent);
}

static inline void do_is(struct world *w, struct span rest)
{
	is_so(w, (struct span){0}, rest);
}

static inline void do_at(struct world *w, struct span rest)
{
	struct span provider = span_word(&rest);
	is_so(w, provider, rest);
}

static inline void do_why(struct world *w, struct span rest)
{
	char text[POSTURE_TEXT_SIZE];
	struct posture_view view = world_view(w, (struct span){0});
	(void)span_copy(rest, text, sizeof(text));
	ck_assert_msg(strstr(view.why, text) != NULL, "%s: the why is \"%s\", without \"%s\"",
		w->row, view.why, text);
}

static inline void event_is(struct world *w, struct span text, bool is_grave)
{
	struct posture_effect effect;
	ck_assert_msg(postures_effect(w->p, &effect), "%s: no event, but \"%.*s\" is due", w->row,
		(int)text.n, text.p);
	ck_assert_msg(span_starts(effect.event.reason, text), "%s: the event is \"%.*s\"", w->row,
		(int)effect.event.reason.n, effect.event.reason.p);
	ck_assert_msg(effect.is_grave == is_grave, "%s: \"%.*s\" is%s grave", w->row, (int)text.n,
		text.p, is_grave ? " not" : "");
	ck_assert(span_equal(effect.event.account, SPAN("egress:" EGRESS)));
	ck_assert_int_eq(effect.event.kind, EVENT_POSTURE);
	ck_assert_int_le(effect.event.at.us, w->now.wall.us);
}

static inline void do_says(struct world *w, struct span rest)
{
	event_is(w, rest, false);
}

static inline void do_warns(struct world *w, struct span rest)
{
	event_is(w, rest, true);
}

static const struct {
	const char *word;
	void (*does)(struct world *w, struct span rest);
	bool looks; /* changes nothing; does not lose events when the world is saved behind it */
} commands[] = {
	{"in", do_in, false},
	{"hear", do_hear, false},
	{"set", do_set, false},
	{"unset", do_unset, false},
	{"+", do_pass, false},
	{"conf", do_conf, false},
	{"wall", do_wall, false},
	{"is", do_is, true},
	{"at", do_at, true},
	{"why", do_why, true},
	{"says", do_says, true},
	{"warns", do_warns, true},
};

/* Before anything happens all events must have been told of. */
static inline void world_silent(struct world *w, struct span command)
{
	struct posture_effect effect;
	if (postures_effect(w->p, &effect))
		ck_abort_msg("%s: before \"%.*s\" there is an event \"%.*s\"", w->row,
			(int)command.n, command.p, (int)effect.event.reason.n,
			effect.event.reason.p);
}

static inline void world_command(struct world *w, struct span command)
{
	struct span rest = command, word = span_word(&rest);
	rest = span_trim(rest);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!span_equal(word, span_of(commands[i].word)))
			continue;
		if (!commands[i].looks) {
			world_silent(w, command);
			if (w->way == WAY_SAVED)
				world_restart(w, 0);
		}
		commands[i].does(w, rest);
		return;
	}
	ck_abort_msg("no command: %.*s", (int)command.n, command.p);
}

static inline void world_script(struct world *w, const char *script)
{
	for (const char *p = script; *p;) {
		size_t n = strcspn(p, "|");
		world_command(w, span_trim(span_make(p, n)));
		p += n + (p[n] == '|');
	}
	world_silent(w, SPAN("the end"));
	world_same(w);
}

#endif
