/* SPDX-License-Identifier: ISC */
/* Points: how they join, decay, are capped and summed, and outlive a restart. */
#include "judging_help.h"

#include <math.h>

static struct finding_of units(double n)
{
	return (struct finding_of){.units = n, .n = n};
}

static void found(struct world *w, enum signal signal, enum join join, double n)
{
	struct finding_of finding = units(n);
	score_join(w->s, account_named(w, NULL), signal, join, &finding, second_now(w));
}

START_TEST(test_join)
{
	struct world *w = world_new(ENFORCE);
	double weight = signal_rows[SIGNAL_NEW_PLACE].weight;
	found(w, SIGNAL_NEW_PLACE, JOIN_LEVEL, 0);
	ck_assert_ptr_null(score_of(account_named(w, NULL)));
	found(w, SIGNAL_NEW_PLACE, JOIN_ADD, .5);
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), weight * .5);
	found(w, SIGNAL_NEW_PLACE, JOIN_ADD, .25);
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), weight * .75);
	found(w, SIGNAL_NEW_PLACE, JOIN_HIGH, .5);
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), weight * .75);
	found(w, SIGNAL_NEW_PLACE, JOIN_LEVEL, .1);
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), weight * .1);
	found(w, SIGNAL_NEW_PLACE, JOIN_ADD, 1000);
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), signal_rows[SIGNAL_NEW_PLACE].cap);
	world_free(w);
}
END_TEST

/* Every row: half is gone after its half-life. */
START_TEST(test_half_life)
{
	struct world *w = world_new(ENFORCE);
	const struct signal_row *row = &signal_rows[_i];
	found(w, (enum signal)_i, JOIN_ADD, 1000);
	ck_near(points_of(w, NULL, (enum signal)_i), row->cap);
	ck_assert_int_gt(row->half_life_us, 0);
	pass(w, row->half_life_us);
	ck_near(points_of(w, NULL, (enum signal)_i), row->cap / 2);
	score_fade(score_of(account_named(w, NULL)), second_now(w));
	pass(w, row->half_life_us);
	ck_near(points_of(w, NULL, (enum signal)_i), row->cap / 4);
	pass(w, 30 * DAY_US);
	ck_assert(score_is_idle(score_of(account_named(w, NULL)), second_now(w)));
	world_free(w);
}
END_TEST

static struct sums sums_of(struct world *w, bool observed)
{
	struct sums sums;
	score_sums(w->s, score_of(account_named(w, NULL)), observed, second_now(w), &sums);
	return sums;
}

START_TEST(test_family_caps)
{
	struct world *w = world_new(ENFORCE);
	ck_near(sums_of(w, false).score, 0);
	for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
		if (signal_rows[i].family == FAMILY_PLACE)
			found(w, (enum signal)i, JOIN_ADD, 1000);
	}
	struct sums sums = sums_of(w, false);
	/* Place alone never slows. */
	ck_assert_double_lt(sums.score, w->config->ladder.slow);
	ck_near(sums.score, sums.family[FAMILY_PLACE]);
	ck_near(sums.who, sums.score);
	ck_near(sums.what, 0);
	found(w, SIGNAL_NEW_RECIPIENTS, JOIN_ADD, 1000);
	found(w, SIGNAL_FAN_OUT, JOIN_ADD, 1000);
	ck_near(sums_of(w, false).what, 85);
	ck_near(sums_of(w, false).score, sums.score + 85);
	world_free(w);
}
END_TEST

START_TEST(test_tuned)
{
	struct world *w = world_new("signals = { mode = \"enforce\"; tune = ("
				    "{ name = \"new-recipients\"; weight = 50; },"
				    "{ name = \"volume\"; mode = \"observe\"; }, { name = "
				    "\"fan-out\"; weight = 0; } ); };\n");
	found(w, SIGNAL_NEW_RECIPIENTS, JOIN_ADD, .5);
	ck_near(sums_of(w, false).score, 17.5);
	found(w, SIGNAL_VOLUME, JOIN_ADD, 1);
	ck_near(sums_of(w, false).score, 17.5);
	ck_near(sums_of(w, true).score, 29.5);
	found(w, SIGNAL_FAN_OUT, JOIN_ADD, 1);
	ck_near(sums_of(w, true).score, 29.5);
	world_free(w);
}
END_TEST

START_TEST(test_round_trip)
{
	struct world *w = world_new(ENFORCE), *other = world_new(ENFORCE);
	struct bytes out = {0};
	struct account *account = account_named(w, NULL), *again = account_named(other, NULL);
	live(w, NULL, 20);
	(void)spam_until(w, STEP_HOLD);
	signals_score_part.save(score_of(account), &out, w->now.mono);
	struct reader in = reader_of(span_make(out.p, out.n));
	pass(other, w->now.mono.us - other->now.mono.us + 5 * HOUR_US);
	signals_score_part.load(other->s, again, &in, 5 * HOUR_US);
	const struct score *a = score_of(account), *b = score_of(again);
	ck_assert_uint_eq(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++) {
		ck_assert_int_eq(a->points[i].signal, b->points[i].signal);
		ck_assert(fabsf(a->points[i].points - b->points[i].points) < 1e-4F);
		ck_assert_uint_eq(a->points[i].at + 5 * 3600, b->points[i].at);
		ck_assert(a->points[i].n == b->points[i].n);
	}
	ck_assert(a->surprise == b->surprise && a->strange == b->strange);
	ck_assert_uint_eq(b->track[WALK_REAL].step, STEP_HOLD);
	ck_assert_uint_eq(b->held, a->held);
	ck_assert_uint_eq(b->track[WALK_REAL].since, a->track[WALK_REAL].since + 5 * 3600);
	ck_near(signals_score(w->s, account, w->now.mono),
		signals_score(other->s, again, other->now.mono));
	struct signals_figures figures;
	signals_figures(other->s, &figures);
	ck_assert_uint_eq(figures.at_step[STEP_HOLD], 1);
	bytes_free(&out);
	world_free(w);
	world_free(other);
}
END_TEST

/* Whatever the bytes are, what is loaded has its bounds. */
START_TEST(test_load_anything)
{
	struct world *w = world_new(ENFORCE);
	struct bytes out = {0};
	struct account *account = account_named(w, NULL);
	live(w, NULL, 20);
	(void)spam_until(w, STEP_SLOW);
	signals_score_part.save(score_of(account), &out, w->now.mono);
	for (size_t i = 0; i < out.n * 8; i++) {
		struct account *again = account_named(w, "mallory@example.org");
		out.p[i / 8] = (char)(out.p[i / 8] ^ 1 << i % 8);
		struct reader in = reader_of(span_make(out.p, out.n - i % 3));
		signals_score_part.load(w->s, again, &in, i % 2 ? INT64_MAX / 2 : -DAY_US);
		double score = signals_score(w->s, again, w->now.mono);
		ck_assert(score >= 0 && score < 1000);
		out.p[i / 8] = (char)(out.p[i / 8] ^ 1 << i % 8);
	}
	bytes_free(&out);
	world_free(w);
}
END_TEST

START_TEST(test_text)
{
	struct points points = {.signal = SIGNAL_BOUNCES, .n = 12, .m = 40.4F};
	char text[SIGNALS_TEXT_MAX];
	text_signal(&points, text);
	ck_assert_str_eq(text, "12 of 40 recipients bounced");
	points.n = 1.5F;
	text_signal(&points, text);
	ck_assert_str_eq(text, "1.5 of 40 recipients bounced");
	for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
		points.signal = (uint8_t)i;
		text_signal(&points, text);
		ck_assert_ptr_null(strchr(text, '{'));
		ck_assert_int_eq(signal_of(span_of(signal_rows[i].name)), i);
	}
	ck_assert_int_eq(signal_of(SPAN("no-such")), SIGNAL_COUNT);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"join", test_join, 0},
		{"half life", test_half_life, SIGNAL_COUNT},
		{"family caps", test_family_caps, 0},
		{"tuned", test_tuned, 0},
		{"round trip", test_round_trip, 0},
		{"load anything", test_load_anything, 0},
		{"text", test_text, 0},
	};

	return SUITE_RUN("score", rows);
}
