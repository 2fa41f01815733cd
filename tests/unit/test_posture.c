/* SPDX-License-Identifier: ISC */
/* posture.h: each rule as a script (posture_world.h), run in several ways; and chance as a script. */
#include "posture_world.h"
#include "random.h"

/* Receivers that do not fade within a script. */
#define STEADY "receiver_half_life = \"7d\";"

static const struct {
	const char *name, *config, *script;
} rows[] = {
	/* ---- up ---- */
	{"nothing said", "", "is ok | + 30d | is ok | in | is ok"},
	{"informs", "", "in a:2 b:1 c:0 | is ok"},
	{"watch", "", "in a:3 | says ok -> watch: a says so | is watch | why a says so"},
	{"throttle", "", "in a:4 | warns ok -> throttle: a says so | is throttle"},
	{"hold", "", "in a:5 | warns ok -> hold: a says so | is hold | why a says so"},
	{"the worst counts", "",
		"in a:3 b:5 c:4 | warns ok -> hold: b says so | in a:3 c:4 b:5 | is hold"},
	{"once per change", "", "in a:5 | warns ok -> hold | in a:5 b:5 | + 1h | in b:5 | is hold"},
	{"step by step", "",
		"in a:3 | says ok -> watch | in a:4 | warns watch -> throttle | in a:4 b:5 |"
		"warns throttle -> hold: b says so"},
	{"other severities", "watch_severity = 1; throttle_severity = 2; hold_severity = 6;",
		"in a:1 | says ok -> watch | in a:2 | warns watch -> throttle | in a:5 | is "
		"throttle"},
	{"none asks", "watch_severity = 6; throttle_severity = 6; hold_severity = 6;",
		"in a:5 | is ok"},
	{"one severity for two", "throttle_severity = 5;",
		"in a:5 | warns ok -> hold | in a:4 | + 10m | says hold -> recover"},
	/* ---- down ---- */
	{"watch, then calm", "",
		"in a:3 | says ok -> watch | in | is watch | + 599s | is watch | + 1s |"
		"says watch -> ok: nothing asks | is ok"},
	{"calm begins anew", "",
		"in a:5 | warns ok -> hold | in | + 9m | in a:5 | + 9m | in | + 9m | is hold | + "
		"1m |"
		"says hold -> recover | is recover 10"},
	{"no calm needed", "calm = \"0s\";",
		"in a:3 | says ok -> watch | in | says watch -> ok | is ok"},
	{"the whole ramp", "",
		"in a:5 | warns ok -> hold | in | + 10m | says hold -> recover: nothing asks |"
		"is recover 10 | + 3599s | is recover 10 | + 1s | says recover 10 % -> 25 % |"
		"is recover 25 | + 59m | is recover 25 | + 1m | says recover 25 % -> 50 % |"
		"is recover 50 | + 1h | says recover 50 % -> 100 % | is recover 100 | + 3599s |"
		"is recover 100 | + 1s | says recover -> ok: the ramp is at its end | is ok"},
	{"throttle has it too", "",
		"in a:4 | warns ok -> throttle | in | + 10m | says throttle -> recover |"
		"is recover 10"},
	{"a ramp of one's own", "ramp = [ \"20%\", \"100%\" ]; ramp_step = \"5m\";",
		"in a:5 | warns ok -> hold | in | + 10m | says hold -> recover | is recover 20 |"
		"+ 5m | says recover 20 % -> 100 % | + 5m | says recover -> ok"},
	{"all at one late tick", "",
		"in a:5 | warns ok -> hold | in | + 4h | says hold -> recover |"
		"says recover 10 % -> 25 % | says recover 25 % -> 50 % | says recover 50 % -> 100 "
		"% |"
		"+ 599s | is recover 100 | + 1s | says recover -> ok"},
	{"hold to throttle", "",
		"in a:5 b:4 | warns ok -> hold | in b:4 | + 10m | says hold -> throttle: b says so "
		"|"
		"is throttle | + 10h | is throttle | in | + 10m | says throttle -> recover"},
	{"hold to watch", "",
		"in a:5 b:3 | warns ok -> hold | in b:3 | + 10m | says hold -> recover: nothing |"
		"is recover 10 | + 3h | says recover 10 % -> 25 % | says recover 25 % -> 50 % |"
		"says recover 50 % -> 100 % | + 1h | says recover -> watch: the ramp is at its end "
		"|"
		"why b says so | in | + 10m | says watch -> ok"},
	{"throttle to watch", "",
		"in a:4 b:3 | warns ok -> throttle | in b:3 | + 10m | says throttle -> recover"},
	{"up again while recovering", "",
		"in a:5 | warns ok -> hold | in | + 10m | says hold -> recover | + 1h |"
		"says recover 10 % -> 25 % | in a:5 | warns recover -> hold: a says so | is hold |"
		"in | + 10m | says hold -> recover | is recover 10"},
	{"throttle while recovering", "",
		"in a:5 | warns ok -> hold | in | + 10m | says hold -> recover | in a:4 |"
		"warns recover -> throttle | is throttle"},
	{"watch does not end recovering", "ramp = [ \"50%\", \"100%\" ];",
		"in a:5 | warns ok -> hold | in | + 10m | says hold -> recover | in b:3 |"
		"is recover 50 | why nothing asks for it any more; still: b says so | + 1h |"
		"says recover 50 % -> 100 % | + 59m | is recover 100 | + 1m | says recover -> "
		"watch |"
		"+ 1d | is watch | in | + 599s | is watch | + 1s | says watch -> ok"},
	/* ---- unknown ---- */
	{"unknown never raises", "", "in a:5? | is ok | + 2d | is ok | in a:5? | is ok"},
	{"known afterwards", "", "in a:5? | in a:5 | warns ok -> hold"},
	{"unknown does not make worse", "", "in a:3 | says ok -> watch | in a:5? | is watch"},
	{"unknown keeps", "",
		"in a:5 | warns ok -> hold | in a:5? | is hold | why a says so | + 24h |"
		"warns hold -> recover: for 1d nothing is known of a (a says so) | is recover 10"},
	{"unknown keeps to the second", "",
		"in a:5 | warns ok -> hold | in a:5? | + 86399s | is hold | in a:5? | is hold | + "
		"1s |"
		"warns hold -> recover | in a:5? | is recover 10 | + 4h |"
		"says recover 10 % -> 25 % | says recover 25 % -> 50 % | says recover 50 % -> 100 "
		"% |"
		"says recover -> ok | in a:5? | is ok"},
	{"ten minutes of trouble", "",
		"in a:5 | warns ok -> hold | in a:5? | + 10m | is hold | in a:5 | + 1d | is hold |"
		"in a:5? | + 10m | in | is hold | + 599s | is hold | + 1s | says hold -> recover"},
	{"unknown keeps throttle alone", "",
		"in a:4 b:5 | warns ok -> hold | in a:4? | + 10m | says hold -> throttle: a says "
		"so |"
		"+ 23h | is throttle | + 50m | warns throttle -> recover: for 1d nothing is known "
		"of a"},
	{"one runs out before the other", "",
		"in a:5 b:4 | warns ok -> hold | in a:5? b:4 | + 12h | in a:5? b:4? | + 12h |"
		"warns hold -> throttle: for 1d nothing is known of a | + 12h |"
		"warns throttle -> recover: for 1d nothing is known of b"},
	{"runs out, but another asks", "",
		"in a:5 b:5 | warns ok -> hold | in a:5? b:5 | + 25h | is hold | in a:5? | + 10m |"
		"says hold -> recover: nothing asks for it any more"},
	{"runs out and comes back", "unknown_keep = \"1h\";",
		"in a:5 | warns ok -> hold | in a:5? | + 1h | warns hold -> recover: for 1h | in "
		"a:5 |"
		"warns recover -> hold | in a:5? | + 59m | is hold | + 1m | warns hold -> recover"},
	{"nothing is kept", "unknown_keep = \"0s\";",
		"in a:5 | warns ok -> hold | in a:5? | warns hold -> recover: for 0s"},
	{"unknown watch while recovering", "ramp = [ \"100%\" ]; unknown_keep = \"10h\";",
		"in a:5 | warns ok -> hold | in b:3 | + 9m | in | + 10m | says hold -> recover | "
		"in c:3 |"
		"in c:3? | + 50m | is recover 100 | + 1m | says recover -> watch | + 8h | is watch "
		"| + 69m | warns watch -> ok: for 10h nothing"},
	{"unknown after a person's ok", "",
		"in a:5 | warns ok -> hold | in a:5? | set ok | says hold -> ok: set | unset |"
		"says ok: not set any more | is ok"},
	/* ---- a person ---- */
	{"set wins", "",
		"set throttle | says ok -> throttle: set: I know better | is throttle |"
		"why set by root (uid 0): I know better | in a:5 | is throttle | + 30d | is "
		"throttle"},
	{"set, then unset", "",
		"set hold | says ok -> hold: set | + 1h | is hold | unset | says hold: not set any "
		"more |"
		"says hold -> recover: nothing asks | is recover 10"},
	{"unset soon", "",
		"set hold | says ok -> hold: set | + 4m | unset | says hold: not set | + 6m |"
		"says hold -> recover"},
	{"set until", "",
		"set watch 2h | says ok -> watch: set | + 7199s | is watch | + 1s |"
		"says watch: the time for which it was set is over | says watch -> ok | is ok"},
	{"set better than it is", "",
		"in a:5 | warns ok -> hold | set ok 1h | says hold -> ok: set | is ok | in a:5 b:4 "
		"|"
		"is ok | + 1h | says ok: the time for which | warns ok -> hold: a says so"},
	{"set twice", "",
		"set hold 1h | says ok -> hold: set | set throttle 2h | says hold -> throttle: set "
		"|"
		"+ 119m | is throttle | + 1m | says throttle: the time | says throttle -> recover"},
	{"set as it is", "",
		"in a:5 | warns ok -> hold | set hold | says hold: set | in | + 1d | is hold | "
		"unset |"
		"says hold: not set any more | says hold -> recover"},
	{"set recover", "ramp = [ \"30%\", \"60%\" ];",
		"set recover | says ok -> recover: set | is recover 30 | + 1h |"
		"says recover 30 % -> 60 % | + 1d | is recover 60 | unset | says recover: not set |"
		"says recover -> ok"},
	{"unset what is not", "", "unset | is ok | in a:5 | warns ok -> hold | unset | is hold"},
	/* ---- receivers ---- */
	{"receiver below", STEADY, "hear google 4.9 | at google ok | is ok"},
	{"receiver watch", STEADY,
		"hear google 5 | says ok -> watch: reputation: 421 4.7.28 | at google watch | is "
		"ok"},
	{"receiver throttle", STEADY,
		"hear google 9.9 | says ok -> watch | hear google 0.2 |"
		"warns watch -> throttle | at google throttle | is ok"},
	{"receiver hold", STEADY, "hear google 20 | warns ok -> hold | at google hold | is ok"},
	{"points fade", "",
		"hear google 4 | + 1h | hear google 2.9 | at google ok | hear google 0.2 |"
		"says ok -> watch | at google watch"},
	{"left at half of it", "",
		"hear google 5 | says ok -> watch | + 3599s | at google watch | + 1s | at google "
		"watch |"
		"+ 10m | says watch -> ok | at google ok"},
	{"level by level", "",
		"hear google 20 | warns ok -> hold | + 69m | at google hold | + 1m |"
		"says hold -> throttle | + 1h | says throttle -> recover | + 1h | says recover 10 "
		"% -> 25 % |"
		"+ 3h | says recover 25 % -> 50 % | says recover 50 % -> 100 % | says recover -> "
		"ok"},
	{"kept up by more", "",
		"hear google 5 | says ok -> watch | + 59m | hear google 1 | + 30m | at google "
		"watch |"
		"+ 1h | says watch -> ok"},
	{"recovers at a receiver", "receiver_half_life = \"1m\"; calm = \"1h\";",
		"hear google 20 | warns ok -> hold | + 61m | says hold -> recover: nothing asks |"
		"at google recover 10 | + 1h | says recover 10 % -> 25 % | at google recover 25 |"
		"hear google 10 | warns recover -> throttle | at google throttle | is ok"},
	{"a ceiling", "",
		"hear google 1000000 | warns ok -> hold | + 4h | at google hold | + 20m |"
		"at google hold | + 10m | says hold -> throttle"},
	{"two are not all", STEADY,
		"hear google 20 | warns ok -> hold | hear yahoo 20 | warns ok -> hold | is ok"},
	{"three are", STEADY,
		"hear google 20 | warns ok -> hold | hear yahoo 20 | warns ok -> hold |"
		"hear mx.example.org 5 | says ok -> watch |"
		"says ok -> watch: 3 receivers complain: google, mx.example.org, yahoo | is watch |"
		"hear mx.example.org 5 | warns watch -> throttle |"
		"warns watch -> throttle: 3 receivers complain | is throttle |"
		"hear mx.example.org 10 | warns throttle -> hold | warns throttle -> hold: 3 "
		"receivers |"
		"is hold | in b:3 | is hold"},
	{"three that fade", "calm = \"0s\";",
		"hear a 5 | says ok -> watch | hear b 5 | says ok -> watch | hear c 5 |"
		"says ok -> watch | says ok -> watch: 3 receivers | + 1h | says watch -> ok |"
		"says watch -> ok | says watch -> ok | says watch -> ok | is ok"},
	{"nonsense", "", "hear google 0 | hear google -5 | hear google nan | at google ok"},
	/* ---- another configuration ---- */
	{"thresholds change", "",
		"in a:4 | warns ok -> throttle | conf hold_severity = 4; | warns throttle -> hold |"
		"conf watch_severity = 5; throttle_severity = 5; | + 10m | says hold -> recover"},
	{"the ramp changes", "",
		"in a:5 | warns ok -> hold | in | + 130m | says hold -> recover |"
		"says recover 10 % -> 25 % | says recover 25 % -> 50 % | is recover 50 |"
		"conf ramp = [ \"5%\", \"100%\" ]; | says recover 50 % -> 100 % | is recover 100"},
	{"steps get shorter", "",
		"in a:5 | warns ok -> hold | in | + 40m | says hold -> recover | is recover 10 |"
		"conf ramp_step = \"20m\"; | says recover 10 % -> 25 % | + 20m |"
		"says recover 25 % -> 50 %"},
	{"calm gets shorter", "",
		"in a:3 | says ok -> watch | in | + 5m | conf calm = \"5m\"; | says watch -> ok"},
	{"keeping gets longer", "",
		"in a:5 | warns ok -> hold | in a:5? | + 23h | conf unknown_keep = \"2d\"; | + 24h "
		"|"
		"is hold | + 1h | warns hold -> recover: for 2d"},
	{"receivers' thresholds change", STEADY,
		"hear google 12 | warns ok -> throttle |"
		"conf " STEADY " receiver_hold = 11; | warns throttle -> hold |"
		"conf " STEADY
		" receiver_watch = 30; receiver_throttle = 40; receiver_hold = 50; | + 10m |"
		"says hold -> recover | at google recover 10"},
	{"points fade by the old half-life", "",
		"hear google 8 | says ok -> watch | + 1h | conf " STEADY
		" | at google watch | + 1h |"
		"hear google 5.8 | at google watch | hear google 0.3 | warns watch -> throttle"},
};

START_TEST(script_row)
{
	int row = _i / WAYS;
	static const char *const ways[WAYS] = {"plain", "late", "saved", "stopped"};
	char name[100];
	snprintf(name, sizeof(name), "%s (%s)", rows[row].name, ways[_i % WAYS]);
	struct world w = world_new(rows[row].config, (enum way)(_i % WAYS));
	w.row = name;
	world_script(&w, rows[row].script);
	world_free(&w);
}
END_TEST

/* ---- however it is run ---- */

static void random_command(struct chance *chance, char *buf, size_t size)
{
	static const char *const fixed[] = {"set ok 30m", "set hold 90m", "set recover 2h",
		"set watch", "unset", "unset", "unset"};
	static const char *const providers[] = {"google", "yahoo", "mx"};
	uint32_t what = chance_below(chance, 10);
	int n = 0;
	if (what < 4) {
		n = snprintf(buf, size, "in");
		for (char id = 'a'; id < 'd'; id++) {
			if (chance_below(chance, 3) != 0)
				n += snprintf(buf + n, size - (size_t)n, " %c:%u%s", id,
					chance_below(chance, 6),
					chance_below(chance, 3) ? "" : "?");
		}
	} else if (what < 7) {
		n = snprintf(buf, size, "+ %us", chance_below(chance, 14400));
	} else if (what < 9) {
		n = snprintf(buf, size, "hear %s %u", providers[chance_below(chance, 3)],
			chance_below(chance, 12));
	} else {
		n = snprintf(buf, size, "%s", fixed[chance_below(chance, ROWS(fixed))]);
	}
	ck_assert(n > 0 && (size_t)n < size);
}

static void views_same(struct world *a, struct world *b, const char *command)
{
	struct posture_view x, y;
	bool x_is, y_is;
	for (size_t i = 0;; i++) {
		x_is = postures_at(a->p, i, a->now, &x);
		y_is = postures_at(b->p, i, b->now, &y);
		ck_assert_msg(x_is == y_is, "way %u, behind \"%s\"", b->way, command);
		if (!x_is)
			return;
		ck_assert_msg(x.posture == y.posture && x.share == y.share &&
				      x.since.us == y.since.us && x.next.us == y.next.us &&
				      strcmp(x.why, y.why) == 0 && x.is_set == y.is_set &&
				      x.is_unknown == y.is_unknown,
			"way %u, behind \"%s\": %s %u (%s), %s %u (%s)", b->way, command,
			posture_name(x.posture), x.share, x.why, posture_name(y.posture), y.share,
			y.why);
	}
}

START_TEST(ways_are_the_same)
{
	struct chance chance = chance_new("ways_are_the_same");
	struct world w[WAYS];
	struct posture_effect effect;
	char command[100];
	for (unsigned way = 0; way < WAYS; way++)
		w[way] = world_new("unknown_keep = \"3h\"; ramp_step = \"20m\";", (enum way)way);
	for (unsigned i = 0; i < 1000; i++) {
		random_command(&chance, command, sizeof(command));
		for (unsigned way = 0; way < WAYS; way++) {
			world_command(&w[way], span_of(command));
			while (postures_effect(w[way].p, &effect))
				;
			views_same(&w[0], &w[way], command);
		}
	}
	for (unsigned way = 0; way < WAYS; way++)
		world_free(&w[way]);
}
END_TEST

int main(void)
{
	const struct suite_row suite_rows[] = {
		{"script_row", script_row, ROWS(rows) * WAYS},
		{"ways_are_the_same", ways_are_the_same, 0},
	};
	return SUITE_RUN("posture", suite_rows);
}
