/* SPDX-License-Identifier: ISC */
/*
 * egress_world.h - lists, a resolver with a cache, and time, all made up: what egress.h is tested in.
 *
 *	struct world *w = world_new(text of a configuration);
 *	zone_mode(w, "a.test", ZONE_WORLD);
 *	zone_list(w, "10.2.0.192.a.test", "127.0.0.2");
 *	world_run(w, 3600);
 */
#ifndef POLICYD_TEST_EGRESS_WORLD_H
#define POLICYD_TEST_EGRESS_WORLD_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/egress.h"

enum zone_mode {
	ZONE_OK,
	ZONE_DEAD,      /* no name is there */
	ZONE_WORLD,     /* every name is listed */
	ZONE_PARKED,    /* every name has an address of the web */
	ZONE_REFUSES,   /* 127.255.255.254 */
	ZONE_LOCALHOST, /* 127.0.0.1 */
	ZONE_SERVFAIL,
	ZONE_RCODE, /* REFUSED */
	ZONE_MALFORMED,
	ZONE_TIMEOUT, /* after ten seconds */
	ZONE_SILENT,  /* after twenty minutes, when nobody waits any more */
	ZONE_FULL,    /* the question could not be put */
	ZONE_NODATA,  /* as DEAD, but in another way */
	ZONE_MODES
};

static const char *const zone_mode_names[ZONE_MODES] = {"ok", "dead", "world", "parked", "refuses",
	"localhost", "servfail", "rcode", "malformed", "timeout", "silent", "full", "nodata"};

#define WORLD_NAMES 512
#define WORLD_LOG   4096

struct world_zone {
	char zone[128];
	enum zone_mode mode;
	uint32_t ttl_s, negative_ttl_s;
	char test[3][128]; /* what is listed there, always: 2.0.0.127, test, ::ffff:7f00:2 */
	char test_codes[64];
};

/* What is listed, or has a PTR or TXT. */
struct world_name {
	char name[300];
	enum dns_type type;
	char data[300]; /* codes with blanks between them; or a text */
};

struct world_open {
	egress_ask ask;
	char name[300];
	enum dns_type type;
	int64_t at_us;
	bool is_lost; /* on the way: nobody answers */
};

struct world_cached {
	char name[300];
	enum dns_type type;
	int64_t until_us;
	enum dns_result result;
	char data[300];
};

struct world {
	struct config *config;
	struct egress *e;
	struct now now;
	struct world_zone zone[128];
	size_t zone_n;
	struct world_name name[WORLD_NAMES];
	size_t name_n;
	struct world_open open[EGRESS_IN_FLIGHT_MAX * 4];
	size_t open_n, open_most;
	struct world_cached *cached;
	size_t cached_n;
	bool has_cache; /* a resolver between us and the lists */
	int64_t latency_us;
	enum zone_mode mode; /* of all zones, when not OK: the resolver's own trouble */
	struct dns_server server;
	char elsewhere[300]; /* a name that another resolver answers; or "" */
	char cut[300];       /* a name with more records than there is room for; or "" */
	bool loses_text;     /* TXT is answered with SERVFAIL */
	bool is_cached;      /* answers come from our own cache */
	char *event
		[WORLD_LOG]; /* "egress:192.0.2.10 zen clean -> listed: ..." with "!" before grave ones */
	size_t event_n;
	char *note[WORLD_LOG];
	size_t note_n;
	size_t asked, answered, told_twice;
	bool is_verbose;
	/* Called for each question, before it is answered, and for each answer, before it is told; may be NULL. */
	void (*on_ask)(struct world *w, const struct world_open *open);
	void (*on_answer)(
		struct world *w, const struct world_open *open, const struct dns_answer *answer);
	void *ctx;
};

static inline struct config *world_config(const char *text)
{
	static char whole[131072];
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(whole, sizeof(whole),
		"listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n%s", text);
	assert(n > 0 && (size_t)n < sizeof(whole));
	int r = config_parse(span_make(whole, (size_t)n), "test.conf", &config, report);
	if (r != 0) {
		for (size_t i = 0; i < report->n; i++)
			fprintf(stderr, "%s\n", report->line[i].text);
		abort();
	}
	config_report_free(report);
	return config;
}

static inline struct world *world_new_at(const char *text, uint64_t seed, double start_s)
{
	struct world *w = calloc(1, sizeof(*w));
	assert(w);
	int64_t us = (int64_t)(start_s * 1e6);
	w->now = (struct now){.mono = {.us = us + 1000 * HOUR_US},
		.wall = {.us = us + INT64_C(1800000000) * SECOND_US}};
	w->latency_us = 20 * MSEC_US;
	w->server.port = 53;
	assert(ip_parse(SPAN("127.0.0.1"), &w->server.ip) == 0);
	w->config = world_config(text);
	w->e = egress_new(
		&(struct egress_setup){.config = w->config, .seed = {seed, seed + 1}}, w->now);
	return w;
}

static inline struct world *world_new(const char *text)
{
	return world_new_at(text, 7, 0);
}

static inline void world_log_clear(struct world *w)
{
	for (size_t i = 0; i < w->event_n; i++)
		free(w->event[i]);
	for (size_t i = 0; i < w->note_n; i++)
		free(w->note[i]);
	w->event_n = w->note_n = 0;
}

static inline void world_free(struct world *w)
{
	world_log_clear(w);
	egress_free(w->e);
	config_unref(w->config);
	free(w->cached);
	free(w);
}

static inline void world_configure(struct world *w, const char *text)
{
	struct config *config = world_config(text);
	egress_configure(w->e, config, w->now);
	config_unref(w->config);
	w->config = config;
}

/* ---- what the lists say ---- */

static inline struct world_zone *zone_of(struct world *w, const char *zone)
{
	for (size_t i = 0; i < w->zone_n; i++) {
		if (strcmp(w->zone[i].zone, zone) == 0)
			return &w->zone[i];
	}
	assert(w->zone_n < sizeof(w->zone) / sizeof(w->zone[0]));
	struct world_zone *z = &w->zone[w->zone_n++];
	(void)span_copy(span_of(zone), z->zone, sizeof(z->zone));
	z->ttl_s = 60;
	z->negative_ttl_s = 60;
	snprintf(z->test[0], sizeof(z->test[0]), "2.0.0.127");
	snprintf(z->test[1], sizeof(z->test[1]), "test");
	snprintf(z->test[2], sizeof(z->test[2]), "%s",
		"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0");
	snprintf(z->test_codes, sizeof(z->test_codes), "127.0.0.2");
	return z;
}

static inline void zone_mode(struct world *w, const char *zone, enum zone_mode mode)
{
	zone_of(w, zone)->mode = mode;
}

static inline void name_set(struct world *w, const char *name, enum dns_type type, const char *data)
{
	size_t i = 0;
	while (i < w->name_n && (w->name[i].type != type || strcmp(w->name[i].name, name) != 0))
		i++;
	if (!data) {
		if (i < w->name_n)
			w->name[i] = w->name[--w->name_n];
		return;
	}
	assert(i < WORLD_NAMES);
	if (i == w->name_n)
		w->name_n++;
	w->name[i].type = type;
	snprintf(w->name[i].name, sizeof(w->name[i].name), "%s", name);
	snprintf(w->name[i].data, sizeof(w->name[i].data), "%s", data);
}

/* codes NULL: not any more. */
static inline void zone_list(struct world *w, const char *name, const char *codes)
{
	name_set(w, name, DNS_A, codes);
}

/* ---- answers ---- */

static inline struct world_zone *zone_for(struct world *w, const char *name)
{
	struct world_zone *best = NULL;
	size_t n = strlen(name);
	for (size_t i = 0; i < w->zone_n; i++) {
		size_t z = strlen(w->zone[i].zone);
		if (n > z && strcmp(name + n - z, w->zone[i].zone) == 0 && name[n - z - 1] == '.' &&
			(!best || z > strlen(best->zone)))
			best = &w->zone[i];
	}
	return best;
}

struct world_said {
	bool is_silent, is_unput;
	enum dns_result result;
	char data[300];
	uint32_t ttl_s;
};

static inline bool is_test_name(const struct world_zone *z, const char *name)
{
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(z->test[i]);
		if (strncmp(name, z->test[i], n) == 0 && name[n] == '.' &&
			strcmp(name + n + 1, z->zone) == 0)
			return true;
	}
	return false;
}

static inline void say_name(struct world *w, const struct world_zone *z,
	const struct world_open *open, struct world_said *ret)
{
	ret->result = DNS_NXDOMAIN;
	ret->ttl_s = z ? z->negative_ttl_s : 60;
	if (z && open->type == DNS_A && is_test_name(z, open->name)) {
		ret->result = DNS_FOUND;
		ret->ttl_s = z->ttl_s;
		snprintf(ret->data, sizeof(ret->data), "%s", z->test_codes);
	}
	for (size_t i = 0; i < w->name_n; i++) {
		if (w->name[i].type != open->type || strcmp(w->name[i].name, open->name) != 0)
			continue;
		ret->result = DNS_FOUND;
		ret->ttl_s = z ? z->ttl_s : 60;
		snprintf(ret->data, sizeof(ret->data), "%s", w->name[i].data);
	}
}

static inline void say_mode(enum zone_mode mode, const struct world_zone *z, struct world_said *ret)
{
	static const struct {
		enum dns_result result;
		const char *data;
	} said[ZONE_MODES] = {
		[ZONE_DEAD] = {DNS_NXDOMAIN, ""},
		[ZONE_NODATA] = {DNS_NODATA, ""},
		[ZONE_WORLD] = {DNS_FOUND, "127.0.0.2"},
		[ZONE_PARKED] = {DNS_FOUND, "203.0.113.80"},
		[ZONE_REFUSES] = {DNS_FOUND, "127.255.255.254"},
		[ZONE_LOCALHOST] = {DNS_FOUND, "127.0.0.1"},
		[ZONE_SERVFAIL] = {DNS_SERVFAIL, ""},
		[ZONE_RCODE] = {DNS_REFUSED, ""},
		[ZONE_MALFORMED] = {DNS_MALFORMED, ""},
		[ZONE_TIMEOUT] = {DNS_TIMEOUT, ""},
		[ZONE_SILENT] = {DNS_TIMEOUT, ""},
	};
	ret->is_silent = mode == ZONE_SILENT;
	ret->is_unput = mode == ZONE_FULL;
	ret->result = said[mode].result;
	ret->ttl_s = z ? z->ttl_s : 60;
	snprintf(ret->data, sizeof(ret->data), "%s", said[mode].data ? said[mode].data : "");
}

static inline void say(struct world *w, const struct world_open *open, struct world_said *ret)
{
	struct world_zone *z = zone_for(w, open->name);
	enum zone_mode mode = w->mode != ZONE_OK ? w->mode : z ? z->mode : ZONE_OK;
	*ret = (struct world_said){0};
	if (w->loses_text && open->type == DNS_TXT)
		mode = ZONE_SERVFAIL;
	if (mode == ZONE_OK)
		say_name(w, z, open, ret);
	else
		say_mode(mode, z, ret);
}

/* The resolver's cache: as a list said it then, with what is left of the TTL. */
static inline bool said_before(
	struct world *w, const struct world_open *open, struct world_said *ret)
{
	for (size_t i = 0; i < w->cached_n; i++) {
		struct world_cached *c = &w->cached[i];
		if (c->type != open->type || strcmp(c->name, open->name) != 0)
			continue;
		if (c->until_us <= w->now.mono.us) {
			*c = w->cached[--w->cached_n];
			return false;
		}
		*ret = (struct world_said){.result = c->result,
			.ttl_s = (uint32_t)((c->until_us - w->now.mono.us) / SECOND_US)};
		snprintf(ret->data, sizeof(ret->data), "%s", c->data);
		return true;
	}
	return false;
}

static inline void say_later(
	struct world *w, const struct world_open *open, const struct world_said *said)
{
	if (said->result > DNS_NXDOMAIN || said->is_silent || said->is_unput)
		return;
	w->cached = realloc(w->cached, (w->cached_n + 1) * sizeof(*w->cached));
	assert(w->cached);
	struct world_cached *c = &w->cached[w->cached_n++];
	*c = (struct world_cached){.type = open->type,
		.until_us = w->now.mono.us + (int64_t)said->ttl_s * SECOND_US,
		.result = said->result};
	snprintf(c->name, sizeof(c->name), "%s", open->name);
	snprintf(c->data, sizeof(c->data), "%s", said->data);
}

static inline size_t world_records(
	const struct world_said *said, enum dns_type type, struct dns_rr rr[DNS_RR_MAX])
{
	size_t n = 0;
	struct span rest = span_of(said->data), word;
	memset(rr, 0, DNS_RR_MAX * sizeof(*rr));
	if (said->result != DNS_FOUND)
		return 0;
	if (type == DNS_TXT) {
		rr[0].text = rest;
		return 1;
	}
	while ((word = span_word(&rest)).n > 0 && n < DNS_RR_MAX) {
		if (type == DNS_A)
			assert(ip_parse(word, &rr[n].ip) == 0);
		else
			rr[n].name = word;
		n++;
	}
	return n;
}

static inline void world_answer(struct world *w, size_t i)
{
	struct world_open open = w->open[i];
	struct world_said said;
	struct dns_rr rr[DNS_RR_MAX];
	if (open.is_lost) {
		said = (struct world_said){.result = DNS_TIMEOUT};
	} else if (!w->has_cache || !said_before(w, &open, &said)) {
		say(w, &open, &said);
		if (w->has_cache)
			say_later(w, &open, &said);
	}
	w->open[i] = w->open[--w->open_n];
	struct dns_answer answer = {
		.result = said.result,
		.ttl_s = said.ttl_s,
		.fetched = w->now.mono,
		.server = w->server,
		.n = world_records(&said, open.type, rr),
		.rr = rr,
	};
	answer.is_cached = w->is_cached;
	answer.is_cut = strcmp(open.name, w->cut) == 0;
	if (strcmp(open.name, w->elsewhere) == 0)
		answer.server.ip.byte[15]++;
	if (said.result == DNS_TIMEOUT)
		answer.server = (struct dns_server){0};
	w->answered++;
	if (w->on_answer)
		w->on_answer(w, &open, &answer);
	if (w->is_verbose)
		fprintf(stderr, "# %lld %s -> %s %s\n", (long long)(w->now.mono.us / 1000000),
			open.name, dns_result_name(said.result), said.data);
	egress_answered(w->e, open.ask, said.is_unput ? NULL : &answer, w->now);
}

/* ---- effects ---- */

static inline void world_ask(struct world *w, const struct egress_effect *effect)
{
	assert(w->open_n < sizeof(w->open) / sizeof(w->open[0]));
	struct world_open *open = &w->open[w->open_n++];
	struct world_said said;
	*open = (struct world_open){.ask = effect->ask, .type = effect->question.type};
	assert(effect->question.name.n <= 253);
	/* Looks go to one resolver. */
	assert(!effect->question.is_fresh || effect->question.in_order);
	(void)span_copy(effect->question.name, open->name, sizeof(open->name));
	say(w, open, &said);
	open->at_us = w->now.mono.us + w->latency_us;
	if (said.is_silent)
		open->at_us = w->now.mono.us + 20 * MINUTE_US;
	if (said.result == DNS_TIMEOUT && !said.is_silent)
		open->at_us = w->now.mono.us + 10 * SECOND_US;
	w->asked++;
	if (w->open_n > w->open_most)
		w->open_most = w->open_n;
	if (w->on_ask)
		w->on_ask(w, open);
}

static inline void world_event(struct world *w, const struct egress_effect *effect)
{
	char text[1200];
	const struct policy_event *event = &effect->event;
	snprintf(text, sizeof(text), "%s%.*s %.*s %.*s", effect->is_grave ? "!" : "",
		(int)event->account.n, event->account.p, (int)event->limit.n, event->limit.p,
		(int)event->reason.n, event->reason.p);
	if (w->event_n > 0 && strcmp(w->event[w->event_n - 1], text) == 0)
		w->told_twice++;
	assert(w->event_n < WORLD_LOG);
	w->event[w->event_n++] = strdup(text);
	if (w->is_verbose)
		fprintf(stderr, "# %lld event %s\n", (long long)(w->now.mono.us / 1000000), text);
}

static inline void world_pump(struct world *w)
{
	struct egress_effect effect;
	while (egress_effect(w->e, &effect)) {
		switch (effect.kind) {
		case EGRESS_ASK:
			world_ask(w, &effect);
			break;
		case EGRESS_EVENT:
			world_event(w, &effect);
			break;
		case EGRESS_NOTE:
			assert(w->note_n < WORLD_LOG);
			w->note[w->note_n++] = strdup(effect.note);
			if (w->is_verbose)
				fprintf(stderr, "# note %s\n", effect.note);
			break;
		}
	}
}

/* ---- time ---- */

static inline void world_set(struct world *w, int64_t mono_us)
{
	w->now.wall.us += mono_us - w->now.mono.us;
	w->now.mono.us = mono_us;
}

static inline bool world_answer_due(struct world *w)
{
	for (size_t i = 0; i < w->open_n; i++) {
		if (w->open[i].at_us <= w->now.mono.us) {
			world_answer(w, i);
			return true;
		}
	}
	return false;
}

static inline int64_t world_next(const struct world *w)
{
	int64_t next_us = egress_due(w->e).us;
	for (size_t i = 0; i < w->open_n; i++) {
		if (w->open[i].at_us < next_us)
			next_us = w->open[i].at_us;
	}
	return next_us;
}

static inline void world_step(struct world *w)
{
	while (world_answer_due(w))
		world_pump(w);
	if (egress_due(w->e).us <= w->now.mono.us)
		egress_tick(w->e, w->now);
	world_pump(w);
}

/* Lets seconds pass. */
static inline void world_run(struct world *w, double seconds)
{
	int64_t end_us = w->now.mono.us + (int64_t)(seconds * 1e6);
	unsigned still = 0;
	world_step(w);
	for (;;) {
		int64_t next_us = world_next(w);
		if (next_us > end_us)
			break;
		/* Something that is due and stays so would never end. */
		still = next_us <= w->now.mono.us ? still + 1 : 0;
		assert(still < 10000);
		if (next_us > w->now.mono.us)
			world_set(w, next_us);
		world_step(w);
	}
	world_set(w, end_us);
	world_step(w);
}

/* The process slept. */
static inline void world_sleep(struct world *w, double seconds)
{
	world_set(w, w->now.mono.us + (int64_t)(seconds * 1e6));
}

/* ---- what it came to ---- */

struct world_find {
	const char *subject, *list;
	bool is_found;
	struct listing listing;
	char subject_text[254], text[LISTING_TEXT_SIZE], why[600];
};

static inline bool world_find_each(void *ctx, const struct listing *listing)
{
	struct world_find *find = ctx;
	if (strcmp(listing->subject, find->subject) != 0 ||
		strcmp(listing->list->name, find->list) != 0)
		return true;
	find->is_found = true;
	find->listing = *listing;
	snprintf(find->text, sizeof(find->text), "%s", listing->text);
	snprintf(find->why, sizeof(find->why), "%s", listing->why);
	find->listing.text = find->text;
	find->listing.why = find->why;
	return false;
}

static inline struct world_find world_listing(
	struct world *w, const char *subject, const char *list)
{
	struct world_find find = {.subject = subject, .list = list};
	egress_listings(w->e, w->now, world_find_each, &find);
	return find;
}

static inline const char *world_verdict(struct world *w, const char *subject, const char *list)
{
	struct world_find find = world_listing(w, subject, list);
	return find.is_found ? verdict_state_name(find.listing.verdict) : "nothing";
}

struct world_state_find {
	const char *list;
	struct list_view view;
	char why[300];
};

static inline bool world_state_each(void *ctx, const struct list_view *view)
{
	struct world_state_find *find = ctx;
	if (strcmp(view->list->name, find->list) != 0)
		return true;
	find->view = *view;
	snprintf(find->why, sizeof(find->why), "%s", view->why);
	return false;
}

static inline struct world_state_find world_list(struct world *w, const char *list)
{
	struct world_state_find find = {.list = list};
	egress_lists(w->e, w->now, world_state_each, &find);
	return find;
}

static inline const char *world_state(struct world *w, const char *list)
{
	return list_state_name(world_list(w, list).view.state);
}

/* Events so far that begin with account and list (after "!"), and hold text. */
static inline size_t world_events(const struct world *w, const char *begin, const char *text)
{
	size_t n = 0;
	for (size_t i = 0; i < w->event_n; i++) {
		const char *at = w->event[i] + (w->event[i][0] == '!');
		n += strncmp(at, begin, strlen(begin)) == 0 && strstr(w->event[i], text) != NULL;
	}
	return n;
}

#endif
