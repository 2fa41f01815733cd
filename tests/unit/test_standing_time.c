/* SPDX-License-Identifier: ISC */
/*
 * How long it takes from the first answer that says we are listed to another posture: the real egress, audit and
 * postures, driven as the daemon drives them, in virtual time; only the DNS is made up. The list's TTL is 60 s, all
 * settings but the lists and addresses are as they come. Three minutes are promised: whatever the moment at which the
 * list changes its mind, however slow answers are (up to the resolver's time-out), and whichever one of them is lost,
 * if not all of that comes together with somebody's look in the minute before.
 */
#include "egress_world.h"
#include "policyd/speaks.h"
#include "random.h"
#include "suite.h"

#define PROMISED_S 180
/* Two tries of five seconds each, as the resolver has it. */
#define TIMEOUT_US (10 * SECOND_US)
#define INTERVAL_S (15 * 60)
#define ME         "192.0.2.10"
#define MY_NAME    "10.2.0.192.a.test"
#define ROUNDS     180 /* one every five seconds of the interval */

static const char config_text[] =
	"egress = { addresses = ( { address = \"192.0.2.10\"; }, { address = \"192.0.2.11\"; } ); "
	"};\n"
	"blocklists = ( { name = \"a\"; zone = \"a.test\"; codes = ( { code = \"127.0.0.2\"; "
	"severity = 5; } ); },\n"
	"	{ name = \"b\"; zone = \"b.test\"; }, { name = \"c\"; zone = \"c.test\"; } );\n";

/* Which answer is lost: the n-th question to the list that is put, or open, when it first says so; and none. */
#define LOST_MAX  16
#define LOST_NONE LOST_MAX

struct round {
	struct world *w;
	struct audit *audit;
	struct postures *p;
	struct chance chance;
	int64_t latency_us; /* at most */
	int64_t looked_us;
	size_t event_n;   /* that were there at the last look */
	bool has_cache;   /* a resolver between us and the lists */
	bool hears;       /* of egress' events at once, as the daemon; else looks in its own time */
	int64_t first_us; /* the first answer that says so; 0: none yet */
	int64_t changed_us; /* the posture; 0: not yet */
	bool is_checked;    /* people look now and then */
	egress_check check;
	unsigned to_lose;
	double flip_s;
};

/* ---- the network ---- */

static bool is_of_list(const struct world_open *open)
{
	size_t n = strlen(open->name);
	return n > 7 && strcmp(open->name + n - 7, ".a.test") == 0;
}

static void lose(struct round *r, struct world_open *open)
{
	if (r->first_us == 0 || r->to_lose == LOST_NONE || !is_of_list(open))
		return;
	if (r->to_lose-- > 0)
		return;
	r->to_lose = LOST_NONE;
	open->is_lost = true;
	open->at_us = r->w->now.mono.us + TIMEOUT_US;
}

static void on_ask(struct world *w, const struct world_open *open)
{
	struct round *r = w->ctx;
	struct world_open *own = &w->open[w->open_n - 1];
	assert(own == open);
	uint32_t most_ms = (uint32_t)(r->latency_us / MSEC_US);
	own->at_us = w->now.mono.us + (1 + chance_below(&r->chance, most_ms)) * MSEC_US;
	lose(r, own);
}

static void on_answer(
	struct world *w, const struct world_open *open, const struct dns_answer *answer)
{
	struct round *r = w->ctx;
	if (r->first_us != 0 || answer->result != DNS_FOUND || strcmp(open->name, MY_NAME) != 0)
		return;
	r->first_us = w->now.mono.us;
	/* Those that are under way can be lost too. */
	for (size_t i = 0; i < w->open_n; i++)
		lose(r, &w->open[i]);
}

/* ---- the daemon ---- */

static void look(struct round *r)
{
	struct posture_effect effect;
	r->looked_us = r->w->now.mono.us;
	r->event_n = r->w->event_n;
	postures_look(r->p, r->w->e, r->audit, r->w->now);
	while (postures_effect(r->p, &effect)) {
		ck_assert(span_equal(effect.event.account, SPAN("egress:" ME)));
		if (r->changed_us == 0)
			r->changed_us = r->w->now.mono.us;
	}
}

/* People look whenever they like, which must not put off what is due. */
static void people_check(struct round *r)
{
	struct errbuf err;
	struct now now = r->w->now;
	if (!r->is_checked || chance_below(&r->chance, 40) > 0)
		return;
	if (r->check)
		egress_check_drop(r->w->e, r->check);
	ck_assert_int_eq(egress_check_begin(r->w->e, &(struct egress_check_query){0},
				 mono_after(now.mono, MINUTE_US), now, &r->check, &err),
		0);
	world_step(r->w);
}

/* One turn of the loop: what is due, or the next second. */
static void turn(struct round *r)
{
	struct world *w = r->w;
	int64_t second_us = (w->now.mono.us / SECOND_US + 1) * SECOND_US;
	int64_t next_us = world_next(w);
	bool is_tick = next_us >= second_us;
	if (is_tick)
		next_us = second_us;
	if (next_us > w->now.mono.us)
		world_set(w, next_us);
	world_step(w);
	if (is_tick)
		people_check(r);
	bool has_heard = r->hears && r->event_n != w->event_n;
	if (has_heard || (is_tick && w->now.mono.us >= r->looked_us + POSTURES_LOOK_US))
		look(r);
	if (postures_due(r->p).us <= w->now.mono.us)
		postures_tick(r->p, w->now);
}

static void run_until(struct round *r, double s)
{
	int64_t end_us = r->w->now.mono.us + (int64_t)(s * SECOND_US);
	while (r->w->now.mono.us < end_us && r->changed_us == 0)
		turn(r);
}

/* From the first answer to the posture, in seconds; the list changes its mind somewhere in an interval. */
static double round_run(struct round *r)
{
	struct world *w = r->w = world_new_at(
		config_text, chance_next(&r->chance), (double)chance_below(&r->chance, 1000));
	w->on_ask = on_ask;
	w->on_answer = on_answer;
	w->ctx = r;
	w->has_cache = r->has_cache;
	zone_of(w, "a.test");
	zone_of(w, "b.test");
	zone_of(w, "c.test");
	r->audit = audit_new(&(struct audit_setup){.config = w->config, .seed = {1, 2}}, w->now);
	r->p = postures_new(w->config, w->now);
	run_until(r, 600 + r->flip_s);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	zone_list(w, MY_NAME, "127.0.0.2");
	run_until(r, 2.0 * INTERVAL_S);
	struct posture_view view;
	ck_assert_msg(r->changed_us != 0, "no posture after two intervals");
	ck_assert(postures_at(r->p, 0, w->now, &view));
	ck_assert_int_eq(view.posture, POSTURE_HOLD);
	postures_free(r->p);
	audit_free(r->audit);
	world_free(w);
	return (double)(r->changed_us - r->first_us) / SECOND_US;
}

/* ---- what is promised ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void tell(const char *name, double took_s[ROUNDS])
{
	qsort(took_s, ROUNDS, sizeof(*took_s), by_size);
	fprintf(stderr,
		"# %s: first answer to posture, %d rounds: least %.0f s, half %.0f s, nine tenths "
		"%.0f s, "
		"most %.0f s\n",
		name, ROUNDS, took_s[0], took_s[ROUNDS / 2], took_s[ROUNDS * 9 / 10],
		took_s[ROUNDS - 1]);
}

static const struct {
	const char *name;
	int64_t latency_us;
	bool loses, hears, has_cache, is_checked;
} rows[] = {
	{"quick answers", 50 * MSEC_US, false, true, false, false},
	{"a resolver with a cache", 50 * MSEC_US, false, true, true, false},
	{"answers as slow as can be", TIMEOUT_US, false, true, false, false},
	{"the same, without a word from the lists", TIMEOUT_US, false, false, false, false},
	{"one answer is lost", 2 * SECOND_US, true, true, false, false},
	{"one is lost, and there is a cache", 2 * SECOND_US, true, true, true, false},
	{"one is lost, and all are slow", TIMEOUT_US, true, true, false, false},
	{"one is lost, all are slow, without a word", TIMEOUT_US, true, false, false, false},
	{"people look", 2 * SECOND_US, false, true, true, true},
	{"people look, and all are slow", TIMEOUT_US, false, false, true, true},
	{"people look, all are slow, one is lost", TIMEOUT_US, true, false, false, true},
};

START_TEST(three_minutes)
{
	double took_s[ROUNDS];
	struct chance chance = chance_new(rows[_i].name);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct round r = {.chance.state = chance_next(&chance),
			.latency_us = rows[_i].latency_us,
			.hears = rows[_i].hears,
			.is_checked = rows[_i].is_checked,
			.has_cache = rows[_i].has_cache,
			.flip_s = INTERVAL_S * (double)i / ROUNDS,
			.to_lose = rows[_i].loses ? i % LOST_MAX : LOST_NONE};
		took_s[i] = round_run(&r);
	}
	tell(rows[_i].name, took_s);
	/*
	 * Where somebody looked just before, or a resolver still has what it told that person, an answer is too soon to
	 * count (semantics 25): the way begins a minute and a slow answer later, or with a lost one two minutes.
	 */
	double more_s = rows[_i].is_checked ? rows[_i].loses ? 135 : 75 : 0;
	double most_s = PROMISED_S + more_s, worst_s = took_s[ROUNDS - 1];
	ck_assert_msg(worst_s <= most_s, "%s: %.1f s", rows[_i].name, worst_s);
	/* Two looks, and not before the first answer has run out; a cache cuts seconds off. */
	ck_assert_msg(took_s[0] >= 59, "%s: %.1f s", rows[_i].name, took_s[0]);
}
END_TEST

static size_t asked_n;

static void count_asks(struct world *w, const struct world_open *open)
{
	(void)w;
	asked_n += open->type == DNS_A && strcmp(open->name, MY_NAME) == 0;
}

/* Once listed, then only answers that tell nothing: three more questions, and then as all others. */
START_TEST(not_for_ever)
{
	struct world *w = world_new(config_text);
	zone_of(w, "a.test");
	world_run(w, 600);
	zone_list(w, MY_NAME, "127.0.0.2");
	while (world_listing(w, ME, "a").listing.seen != SEEN_LISTED)
		world_run(w, 1);
	zone_list(w, MY_NAME, "127.0.0.99");
	w->on_ask = count_asks;
	asked_n = 0;
	world_run(w, 270);
	ck_assert_uint_ge(asked_n, 4);
	ck_assert_uint_le(asked_n, 5);
	asked_n = 0;
	/* A cycle is at least 13.5 minutes long. */
	world_run(w, 24 * 3600.0);
	ck_assert_uint_le(asked_n, 24 * 60 * 2 / 27 + 1);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	ck_assert_uint_eq(world_events(w, "egress:", "-> listed"), 0);
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row suite[] = {
		{"three minutes", three_minutes, ROWS(rows)},
		{"not for ever", not_for_ever, 0},
	};
	return SUITE_RUN("standing_time", suite);
}
