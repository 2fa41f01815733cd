/* SPDX-License-Identifier: ISC */
/* culprit.h: who sent what an address stands badly for; in slices, over a restart, out of any bytes. */
#include <errno.h>

#include "ask_help.h"
#include "policyd/bytes.h"
#include "policyd/culprit.h"
#include "policyd/mem.h"
#include "random.h"

static const char limits[] =
	"limits = ( { name = \"daily\"; rate = \"100000/1d\"; }, { name = \"hourly\"; rate = "
	"\"90000/1h\"; } ); local_domains = [ \"x.org\" ]; signals = { mode = \"enforce\"; }; "
	"ladder = "
	"{ note = 24; slow = 900; hold = 1000; suspend = 2000; learning = \"0s\"; }; classes = ( { "
	"name = \"bulk\"; match = ( { login = "
	"\"bulk@example.org\"; } ); ladder = { mode = \"observe\"; }; } );";

static struct ip address(void)
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(SPAN("192.0.2.10"), &ip), 0);
	return ip;
}

/* So many recipients of a login, one a message. */
static void sends(struct bench *b, const char *login, int n)
{
	char name[40];
	static int serial;
	b->login = login;
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%d", login, serial++);
		ck_assert_int_eq(rcpt(b, name, "a@example.net"), ACTION_DUNNO);
	}
}

static const struct fall *look(struct culprits *c, struct bench *b)
{
	struct ip ip = address();
	culprits_begin(c, &ip, POSTURE_HOLD, "CSS", at_s(b->s));
	for (int i = 0; i < 100 && culprits_step(c, b->engine, at_s(b->s)); i++)
		;
	return culprits_at(c, 0);
}

/* Whoever is flagged comes first, then by share; from ten percent on somebody stands out. */
START_TEST(flagged_then_share)
{
	struct bench b = bench_new(limits);
	struct culprits *c = culprits_new();
	char login[32];
	b.s = 1000;
	sends(&b, "bulk@example.org", 60);
	sends(&b, "some@example.org", 9);
	for (int i = 0; i < 15; i++) {
		snprintf(login, sizeof(login), "p%d@example.org", i);
		sends(&b, login, 2);
	}
	engine_feed(b.engine, SPAN("login:thief@example.org"), SIGNAL_REPORTED, 100, at_s(b.s));
	sends(&b, "thief@example.org", 1);
	const struct fall *fall = look(c, &b);
	ck_assert_ptr_nonnull(fall);
	ck_assert_str_eq(fall->why, "CSS");
	ck_assert_uint_eq(fall->recipients, 100);
	ck_assert_int_eq(fall->window_us, DAY_US);
	ck_assert_uint_eq(fall->n, 18);
	ck_assert_str_eq(fall->culprit[0].account, "login:thief@example.org");
	ck_assert_int_ge((int)fall->culprit[0].step, STEP_NOTE);
	ck_assert_str_eq(fall->culprit[1].account, "login:bulk@example.org");
	ck_assert_double_eq_tol(fall->culprit[1].share, 60, 0.01);
	ck_assert(fall->culprit[0].stands_out && fall->culprit[1].stands_out);
	ck_assert_str_eq(fall->culprit[2].account, "login:some@example.org");
	ck_assert(!fall->culprit[2].stands_out);
	culprits_free(c);
	bench_end(&b);
}
END_TEST

static const struct culprit *culprit_of(const struct fall *fall, const char *key, size_t *ret_rank)
{
	for (size_t i = 0; i < fall->n; i++) {
		*ret_rank = i;
		if (strcmp(fall->culprit[i].account, key) == 0)
			return &fall->culprit[i];
	}
	ck_abort_msg("%s is not there", key);
}

static void flag(struct bench *b, const char *key, double reports)
{
	engine_feed(b->engine, span_of(key), SIGNAL_REPORTED, reports, at_s(b->s));
}

/* A thief sends less than a newsletter: the worse the ladder thinks of them, the higher, then by score. */
START_TEST(by_step_then_score)
{
	struct bench b = bench_new(limits);
	struct culprits *c = culprits_new();
	size_t high, middle, low;
	b.s = 1000;
	sends(&b, "noted@example.org", 20);
	sends(&b, "thief@example.org", 3);
	sends(&b, "other@example.org", 3);
	sends(&b, "most@example.org", 15);
	flag(&b, "login:noted@example.org", 5);
	flag(&b, "login:thief@example.org", 50);
	flag(&b, "login:other@example.org", 20);
	sends(&b, "noted@example.org", 1);
	sends(&b, "thief@example.org", 1);
	sends(&b, "other@example.org", 1);
	const struct fall *fall = look(c, &b);
	const struct culprit *thief = culprit_of(fall, "login:thief@example.org", &high);
	const struct culprit *other = culprit_of(fall, "login:other@example.org", &middle);
	const struct culprit *noted = culprit_of(fall, "login:noted@example.org", &low);
	ck_assert_int_ge((int)other->step, (int)noted->step);
	ck_assert_double_gt(thief->score, other->score);
	ck_assert_double_gt(other->score, noted->score);
	ck_assert(high == 0 && middle == 1 && low == 2);
	ck_assert_uint_gt(noted->used, thief->used);
	(void)culprit_of(fall, "login:most@example.org", &low);
	ck_assert_uint_eq(low, 3);
	culprits_free(c);
	bench_end(&b);
}
END_TEST

/* What is only observed accuses nobody in front of the world, but here it tells whom to look at. */
START_TEST(observed)
{
	struct bench b =
		bench_new("limits = ( { name = \"daily\"; rate = \"100000/1d\"; } ); "
			  "signals = { mode = \"observe\"; }; ladder = { note = 24; slow = 900; "
			  "hold = 1000; suspend = 2000; learning = \"0s\"; };");
	struct culprits *c = culprits_new();
	size_t rank;
	b.s = 1000;
	sends(&b, "most@example.org", 15);
	sends(&b, "thief@example.org", 1);
	flag(&b, "login:thief@example.org", 100);
	sends(&b, "thief@example.org", 1);
	const struct culprit *thief = culprit_of(look(c, &b), "login:thief@example.org", &rank);
	ck_assert_uint_eq(rank, 0);
	ck_assert_int_eq(thief->step, STEP_NONE);
	ck_assert_int_ge((int)thief->would, STEP_NOTE);
	ck_assert(thief->stands_out);
	culprits_free(c);
	bench_end(&b);
}
END_TEST

#define DAYS 12

/* Who sends as much every day did not make it fall today, but is there to be seen. */
START_TEST(as_every_day)
{
	struct bench b = bench_new(limits);
	struct culprits *c = culprits_new();
	size_t rank;
	for (int day = 1; day <= DAYS; day++) {
		b.s = day * 86400 + 1000;
		sends(&b, "shop@example.org", 80);
		sends(&b, "some@example.org", 5);
		/* Once a day it is looked at what has settled. */
		b.s += 3600;
		sends(&b, "shop@example.org", 1);
		sends(&b, "some@example.org", 1);
	}
	const struct fall *fall = look(c, &b);
	const struct culprit *shop = culprit_of(fall, "login:shop@example.org", &rank);
	ck_assert_double_gt(shop->usual, 40);
	ck_assert_double_gt(shop->share, 90);
	ck_assert(!shop->stands_out);
	ck_assert_uint_eq(rank, 0);
	/* A note is a remark, where it sent no more than it does. */
	flag(&b, "login:some@example.org", 30);
	sends(&b, "some@example.org", 1);
	fall = look(c, &b);
	const struct culprit *remarked = culprit_of(fall, "login:some@example.org", &rank);
	ck_assert_int_eq(remarked->step, STEP_NOTE);
	ck_assert_double_lt((double)remarked->used, remarked->usual);
	ck_assert(!remarked->stands_out);
	/* The same day another sends less than the shop, and much more than ever. */
	sends(&b, "some@example.org", 40);
	fall = look(c, &b);
	const struct culprit *some = culprit_of(fall, "login:some@example.org", &rank);
	ck_assert_uint_eq(rank, 0);
	ck_assert(some->stands_out);
	ck_assert_uint_lt(some->used, culprit_of(fall, "login:shop@example.org", &rank)->used);
	ck_assert(!culprit_of(fall, "login:shop@example.org", &rank)->stands_out);
	culprits_free(c);
	bench_end(&b);
}
END_TEST

START_TEST(many_equal_ones)
{
	struct bench b = bench_new(limits);
	struct culprits *c = culprits_new();
	char login[32];
	b.s = 1000;
	for (int i = 0; i < 300; i++) {
		snprintf(login, sizeof(login), "p%d@example.org", i);
		sends(&b, login, 1);
	}
	const struct fall *fall = look(c, &b);
	ck_assert_uint_eq(fall->n, CULPRITS_MAX);
	for (size_t i = 0; i < fall->n; i++)
		ck_assert(!fall->culprit[i].stands_out);
	culprits_free(c);
	bench_end(&b);
}
END_TEST

START_TEST(falls_have_a_bound)
{
	struct bench b = bench_new(limits);
	struct culprits *c = culprits_new();
	for (int i = 0; i < CULPRITS_FALLS + 5; i++) {
		b.s = 1000 + i;
		(void)look(c, &b);
	}
	ck_assert_int_eq(culprits_at(c, 0)->at.us, at_s(1000 + CULPRITS_FALLS + 4).wall.us);
	ck_assert_ptr_nonnull(culprits_at(c, CULPRITS_FALLS - 1));
	ck_assert_ptr_null(culprits_at(c, CULPRITS_FALLS));
	/* Several that wait are looked at by one walk. */
	struct ip ip = address();
	for (int i = 0; i < CULPRITS_FALLS + 5; i++)
		culprits_begin(c, &ip, POSTURE_THROTTLE, "x", at_s(b.s));
	ck_assert_ptr_null(culprits_at(c, 0));
	while (culprits_step(c, b.engine, at_s(b.s)))
		;
	ck_assert_ptr_nonnull(culprits_at(c, CULPRITS_FALLS - 1));
	culprits_free(c);
	bench_end(&b);
}
END_TEST

START_TEST(over_a_restart)
{
	struct bench b = bench_new(limits);
	struct culprits *c = culprits_new(), *d = culprits_new();
	struct bytes first = {0}, second = {0};
	b.s = 1000;
	sends(&b, "bulk@example.org", 60);
	(void)look(c, &b);
	b.s = 2000;
	(void)look(c, &b);
	culprits_save(c, &first);
	ck_assert_int_eq(culprits_load(d, span_make(first.p, first.n)), 0);
	culprits_save(d, &second);
	ck_assert_uint_eq(first.n, second.n);
	ck_assert_mem_eq(first.p, second.p, first.n);
	ck_assert_str_eq(culprits_at(d, 1)->culprit[0].account, "login:bulk@example.org");
	bytes_free(&first);
	bytes_free(&second);
	culprits_free(c);
	culprits_free(d);
	bench_end(&b);
}
END_TEST

/* Whatever stands on the disk: taken, or told as damaged. */
START_TEST(any_bytes)
{
	struct chance chance = chance_new("any_bytes");
	struct bench b = bench_new(limits);
	struct culprits *c = culprits_new();
	struct bytes saved = {0};
	b.s = 1000;
	sends(&b, "bulk@example.org", 6);
	(void)look(c, &b);
	culprits_save(c, &saved);
	for (int i = 0; i < 20000; i++) {
		struct culprits *d = culprits_new();
		size_t n = chance_below(&chance, (uint32_t)saved.n + 1);
		char *copy = xmalloc(saved.n);
		memcpy(copy, saved.p, saved.n);
		if (n < saved.n)
			copy[n] = (char)chance_below(&chance, 256);
		int r = culprits_load(d, span_make(copy, i % 2 ? n : saved.n));
		ck_assert(r == 0 || r == -EBADMSG);
		for (size_t k = 0; culprits_at(d, k); k++)
			ck_assert_uint_le(culprits_at(d, k)->n, CULPRITS_MAX);
		free(copy);
		culprits_free(d);
	}
	bytes_free(&saved);
	culprits_free(c);
	bench_end(&b);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"flagged, then share", flagged_then_share, 0},
		{"by step, then score", by_step_then_score, 0},
		{"observed", observed, 0},
		{"as every day", as_every_day, 0},
		{"many equal ones", many_equal_ones, 0},
		{"falls have a bound", falls_have_a_bound, 0},
		{"over a restart", over_a_restart, 0},
		{"any bytes", any_bytes, 0},
	};
	return SUITE_RUN("culprit", rows);
}
