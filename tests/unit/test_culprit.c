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
	b->login = login;
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%d", login, i);
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
		{"many equal ones", many_equal_ones, 0},
		{"falls have a bound", falls_have_a_bound, 0},
		{"over a restart", over_a_restart, 0},
		{"any bytes", any_bytes, 0},
	};
	return SUITE_RUN("culprit", rows);
}
