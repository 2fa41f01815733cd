/* SPDX-License-Identifier: ISC */
/*
 * One recipient: what is known of it and of where it comes from, through the rows' functions, into
 * points, up the ladder. Everything of it is learnt at once, as pending.
 */
#include <math.h>
#include <string.h>

#include "baseline.h"
#include "judging.h"
#include "rows.h"

/* Of those that are not fed; in the order of the rows. */
struct row_function {
	enum signal signal;
	enum join join;
	signal_function *find;
};

/* These tell nothing new with each recipient of a message: only with the first. */
static const struct row_function of_message[] = {
	{SIGNAL_NEW_PLACE, JOIN_ADD, signal_new_place},
	{SIGNAL_TRAVEL, JOIN_ADD, signal_travel},
	{SIGNAL_DEVICE, JOIN_ADD, signal_device},
	{SIGNAL_LOGIN_METHOD, JOIN_ADD, signal_login_method},
	{SIGNAL_OFF_HOURS, JOIN_ADD, signal_off_hours},
	{SIGNAL_NULL_SENDER, JOIN_ADD, signal_null_sender},
	{SIGNAL_NETWORKS, JOIN_LEVEL, signal_networks},
	{SIGNAL_COUNTRIES, JOIN_LEVEL, signal_countries},
	{SIGNAL_PROVIDERS, JOIN_LEVEL, signal_providers},
	{SIGNAL_SENDER_OTHER, JOIN_ADD, signal_sender_other},
	{SIGNAL_SENDERS, JOIN_ADD, signal_senders},
	{SIGNAL_SHARED_NETWORK, JOIN_HIGH, signal_shared_network},
};

static const struct row_function of_recipient[] = {
	{SIGNAL_SHARED_RECIPIENTS, JOIN_ADD, signal_shared_recipients},
	{SIGNAL_NEW_RECIPIENTS, JOIN_LEVEL, signal_new_recipients},
	{SIGNAL_VOLUME, JOIN_LEVEL, signal_volume},
	{SIGNAL_FAN_OUT, JOIN_HIGH, signal_fan_out},
	{SIGNAL_STRANGER, JOIN_LEVEL, signal_stranger},
	{SIGNAL_STRANGE_VOLUME, JOIN_LEVEL, signal_strange_volume},
	{SIGNAL_AFTER_SILENCE, JOIN_LEVEL, signal_after_silence},
	{SIGNAL_TRAP, JOIN_ADD, signal_trap},
};
#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- how strange it is ---- */

/* How well known among all accounts: 0 to 1. */
static double shared(const struct look *l, enum habit kind)
{
	uint64_t id = l->marks.habit[kind];
	unsigned n = id ? site_uses(l->s->site, kind, id) : 0;
	return n < 2 ? 0 : n / (n + 3.0);
}

/* Where there is nothing to compare with, nothing is strange. */
static bool is_first_network(const struct look *l)
{
	unsigned itself = l->known[HABIT_NETWORK] != KNOWN_NOT;
	return baseline_distinct(baseline_of(l->account), HABIT_NETWORK, 0) <= itself;
}

/* The network itself, or one beside a known one, or of the same provider or country. */
static double familiar(const struct look *l)
{
	double found = 0;
	if (l->known[HABIT_NETWORK] == KNOWN_SETTLED || marks_at_home(l->s, l->sight))
		return 1;
	if (l->normal.is_young)
		found = is_first_network(l) ? 1 : 0.4;
	if (l->known[HABIT_NEAR] == KNOWN_SETTLED)
		found = greater(found, 0.6);
	if (l->known[HABIT_REGION] == KNOWN_SETTLED)
		found = greater(found, 0.3);
	if (l->known[HABIT_ASN] == KNOWN_SETTLED)
		found = greater(found, 0.6);
	if (l->known[HABIT_COUNTRY] == KNOWN_SETTLED || marks_home_country(l->s, l->sight))
		found = greater(found, 0.35);
	return found;
}

static bool is_strange(const struct look *l, enum habit kind)
{
	return l->marks.habit[kind] && l->known[kind] != KNOWN_SETTLED;
}

/* What is a little strange is what everybody does now and then. */
static double strangeness(const struct look *l)
{
	const double usual = 0.25;
	double known = (1 - l->place) * (1 - 0.4 * l->device) * (1 - 0.7 * l->sender) *
		       (1 - 0.15 * l->method);
	return greater(0, (1 - known - usual) / (1 - usual));
}

static void look_around(struct look *l)
{
	const struct baseline *b = baseline_of(l->account);
	double young = l->normal.is_young ? 0.5 : 1;
	/* A country at home is never a new one. */
	if (marks_home_country(l->s, l->sight))
		l->marks.habit[HABIT_COUNTRY] = 0;
	baseline_habits(b, l->marks.habit, l->known);
	double foreign = l->marks.habit[HABIT_NETWORK] ? 1 - familiar(l) : 0;
	if (foreign > 0) {
		l->place_shared = shared(l, HABIT_NETWORK);
		l->place = foreign * (1 - 0.8 * l->place_shared);
	}
	if (is_strange(l, HABIT_HELO))
		l->device = young * (1 - 0.6 * shared(l, HABIT_HELO));
	l->sender = is_strange(l, HABIT_SENDER);
	l->method = is_strange(l, HABIT_LOGIN) && !l->normal.is_young;
	l->strangeness = strangeness(l);
}

/* ---- how new the recipient is ---- */

/* A client that tries again what was deferred: that is our doing. */
static bool is_again(const struct score *score, uint64_t recipient)
{
	for (unsigned i = 0; score && i < LATELY; i++) {
		if (score->lately[i] == (uint16_t)recipient)
			return true;
	}
	return false;
}

static void look_at_recipient(struct look *l)
{
	const double spam = 0.95; /* of a spammer's recipients so many are new */
	enum known known = baseline_knows(baseline_of(l->account), l->marks.recipient);
	l->is_again = known != KNOWN_NOT && is_again(score_of(l->account), l->marks.recipient);
	if (known != KNOWN_NOT)
		return;
	if (site_knows(l->s->site, l->marks.recipient))
		l->newness = 0.15;
	else
		l->newness = l->sight->is_local ? 0.25 : 1;
	l->surprise = log(spam / l->normal.novelty);
}

static float within(double value, double most)
{
	return (float)lesser(greater(0, value), most);
}

/*
 * Sequential: each recipient speaks for or against. Who writes to known ones between strangers, over and
 * over, is caught by numbers (signal_new_recipients).
 */
static void surprise_count(struct score *score, const struct look *l)
{
	const double surprise_max = 36.4, strange_max = 16.8, known = 0.7;
	double surprise = (double)score->surprise, strange = (double)score->strange;
	if (l->newness > 0) {
		double more = l->newness * l->surprise;
		score->surprise = within(surprise + more, surprise_max);
		score->strange = within(strange + more * l->strangeness, strange_max);
		score->fan_news += (float)l->newness;
	} else {
		score->surprise = within(surprise - known, surprise_max);
		score->strange = within(strange - known * known, strange_max);
	}
}

static void message_begin(struct score *score, const struct look *l)
{
	const struct points *fan = score_points(score, SIGNAL_FAN_OUT);
	if (!l->sight->is_first)
		return;
	score->fan_before = fan ? fan->points : 0;
	score->fan_news = 0;
	score->fan_trapped = false;
}

static void remember(struct score *score, const struct look *l)
{
	if (l->is_again)
		return;
	score->lately[score->lately_at] = (uint16_t)l->marks.recipient;
	score->lately_at = (uint8_t)((score->lately_at + 1) % LATELY);
}

/* ---- all of it ---- */

static void learn(struct look *l)
{
	const struct rung rung = {l->s, l->sight->subject->class, l->at};
	l->marks.is_at_none = ladder_lets_learn(&rung, score_of(l->account));
	l->marks.newness = l->newness;
	l->marks.strangeness = l->place;
	l->marks.oddity = l->is_again ? 0 : l->strangeness;
	l->marks.now = l->now;
	baseline_learn(l->s, l->account, &l->marks);
	baseline_recent(baseline_of(l->account), l->now.mono, &l->recent);
}

void signals_meet(const struct account *account)
{
	const struct baseline *b = baseline_of(account);
	const struct score *score = score_of(account);
	if (b)
		fetch(b, sizeof(*b));
	if (score)
		fetch(score, sizeof(*score));
}

/* What is asked about stands in it, and all that is not always found; the rest is written as a whole. */
static void look_of(struct look *l)
{
	const struct baseline *b = baseline_of(l->account);
	l->at = second_of(l->now.mono);
	l->place = l->device = l->sender = l->method = 0;
	l->place_shared = l->newness = l->surprise = 0;
	l->is_again = false;
	baseline_fetch(b);
	marks_of(l->s, l->sight, &l->marks);
	baseline_fetch_known(b, l->marks.recipient);
	site_fetch(l->s->site, l->marks.recipient);
	baseline_usual(l->s, b, &l->normal);
	if (l->sight->is_first)
		l->normal.hour_share = baseline_hour_share(b, l->now.wall);
	look_around(l);
	look_at_recipient(l);
}

/* True when a trap was hit with this very recipient, and that counts. */
static bool is_trapped(const struct look *l)
{
	struct score *score = score_of(l->account);
	bool counts = signal_share(l->s, SIGNAL_TRAP) > 0 && !signal_is_observed(l->s, SIGNAL_TRAP);
	if (!score || !signal_trap_hit(l))
		return false;
	score->fan_trapped = true;
	return counts;
}

static void find_each(const struct look *l, const struct row_function *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct finding_of found = {.units = 0};
		/* Nothing found changes nothing, unless it is the level that had points before. */
		if (rows[i].find(l, &found) &&
			(found.units > 0 || (rows[i].join == JOIN_LEVEL && score_of(l->account))))
			score_join(l->s, l->account, rows[i].signal, rows[i].join, &found, l->at);
	}
}

static bool find_all(const struct look *l)
{
	if (l->sight->is_first)
		find_each(l, of_message, COUNT_OF(of_message));
	find_each(l, of_recipient, COUNT_OF(of_recipient));
	return is_trapped(l);
}

/* What the track of a score, or of none, makes of it. */
static void says_of(const struct rung *rung, const struct score *score, struct ladder_says *ret)
{
	struct track track[WALKS] = {{.step = STEP_NONE}};
	for (enum walk walk = WALK_REAL; score && walk < WALKS; walk++) {
		track[walk] = score->track[walk];
		ladder_fall(rung, score, walk, &track[walk]);
	}
	bool acts = ladder_acts(rung->s, rung->class);
	ret->step = acts ? (enum step)track[WALK_REAL].step : STEP_NONE;
	ret->would = (enum step)track[WALK_WOULD].step;
	ret->score = score_sum(rung->s, score, !acts, mono_of_second(rung->at));
	ret->action = ACTION_DUNNO;
	ret->room_at = (mono_t){0};
}

void signals_peek(const struct signals *s, const struct account *account, unsigned class,
	struct now now, struct ladder_says *ret)
{
	const struct rung rung = {(struct signals *)(uintptr_t)s, class, second_of(now.mono)};
	*ret = (struct ladder_says){.action = ACTION_DUNNO};
	says_of(&rung, score_of(account), ret);
	ret->was = ret->step;
}

double signals_usual(const struct account *account)
{
	const struct baseline *b = baseline_of(account);
	return b && !baseline_is_young(b) ? (double)b->day_high : 0;
}

/* Up, and why. */
static void climb(const struct rung *rung, struct account *account, const struct ascent *by,
	struct ladder_says *ret, char *reason)
{
	struct score *score = score_of(account);
	enum step would = (enum step)score->track[WALK_WOULD].step;
	bool acts = ladder_acts(rung->s, rung->class);
	ret->was = acts ? (enum step)score->track[WALK_REAL].step : STEP_NONE;
	if (acts)
		ret->is_braked = ladder_climb(rung, account, WALK_REAL, by);
	(void)ladder_climb(rung, account, WALK_WOULD, by);
	says_of(rung, score, ret);
	ret->is_suspending = ret->step == STEP_SUSPEND && ret->was != STEP_SUSPEND;
	rung->s->braked += ret->is_braked;
	bool is_up = acts ? ret->step > ret->was : ret->would > would;
	if (is_up)
		text_reason(rung->s, score, rung->at, reason);
}

/* Freed as soon as it says nothing, so that quiet accounts cost nothing. */
static void score_drop_idle(struct account *account, second_t at)
{
	struct score *score = score_of(account);
	if (!score || !score_is_idle(score, at))
		return;
	score_free(score);
	account->part[PART_SCORE] = NULL;
}

void signals_rcpt(struct signals *s, struct account *account, const struct sight *sight,
	struct now now, struct ladder_says *ret, char reason[LADDER_REASON_MAX + 1])
{
	const struct rung rung = {s, sight->subject->class, second_of(now.mono)};
	struct look l;
	l.s = s;
	l.account = account;
	l.sight = sight;
	l.now = now;
	*ret = (struct ladder_says){.action = ACTION_DUNNO};
	reason[0] = '\0';
	site_begin(s->site, now.mono);
	score_drop_idle(account, rung.at);
	if (score_of(account)) {
		ladder_cool(&rung, score_of(account));
		score_fade(score_of(account), rung.at);
	}
	look_of(&l);
	if (l.newness > 0)
		score_make(s, account)->at = rung.at;
	struct score *score = score_of(account);
	if (score) {
		score->class = s->class_id[rung.class];
		message_begin(score, &l);
		surprise_count(score, &l);
	}
	learn(&l);
	if (sight->is_first)
		brake_saw(s->brake, account, l.normal.last_sent, l.at);
	const struct ascent by = {.is_trap = find_all(&l), .was_held = sight->was_held};
	if (!score_of(account))
		return;
	climb(&rung, account, &by, ret, reason);
	ladder_action(&rung, score_of(account), sight, ret);
	if (ret->action == ACTION_DEFER_IF_PERMIT)
		remember(score_of(account), &l);
}

/* ---- what became of it ---- */

void signals_passed(
	struct signals *s, struct account *account, const struct sight *sight, struct now now)
{
	struct score *score = score_of(account);
	const struct rate *rate = &s->config->ladder.slow_rate;
	if (!score || sight->is_local || rate->n == RATE_UNLIMITED ||
		score->track[WALK_REAL].step < STEP_SLOW)
		return;
	window_count(&score->slow, rate->window_us, second_of(now.mono));
}

void signals_held(struct signals *s, struct account *account, struct now now)
{
	struct score *score = score_of(account);
	(void)s;
	(void)now;
	if (score)
		score->held = (uint16_t)(score->held + (score->held < UINT16_MAX));
}

void signals_message(struct signals *s, struct account *account, uint32_t asked, uint32_t accepted,
	uint64_t bytes, struct now now)
{
	const struct baseline *b = baseline_of(account);
	struct normal normal;
	if (!b)
		return;
	if (asked > accepted)
		feedback_join(s, account, SIGNAL_REJECTED, asked - accepted, now);
	baseline_usual(s, b, &normal);
	struct finding_of found = {.units = size_units(&normal, bytes), .n = (double)bytes / 1024};
	if (found.units > 0)
		found.b = exp(normal.bytes_log_mean) / 1024;
	if (found.units > 0 || score_of(account))
		score_join(s, account, SIGNAL_SIZE, JOIN_ADD, &found, second_of(now.mono));
	const struct score *score = score_of(account);
	const struct rung rung = {s, class_of_score(s, score), second_of(now.mono)};
	bool is_calm = ladder_is_calm(&rung, score);
	baseline_message(baseline_of(account), asked, bytes, is_calm);
	baseline_pass(s, account, is_calm, now.mono);
}

void signals_feed(
	struct signals *s, struct account *account, enum signal signal, double n, struct now now)
{
	const double most = 1e6;
	if (signal >= SIGNAL_COUNT || !(n > 0))
		return;
	struct score *score = score_of(account);
	const struct rung rung = {s, class_of_score(s, score), second_of(now.mono)};
	if (score)
		ladder_pardon(&rung, score);
	feedback_join(s, account, signal, lesser(n, most), now);
	score = score_of(account);
	/* What was below may be above again. */
	for (enum walk walk = WALK_REAL; score && walk < WALKS; walk++)
		score->track[walk].under = 0;
}

bool signals_knows(const struct signals *s, const struct account *account, struct span recipient)
{
	return baseline_knows(baseline_of(account), mark_recipient(s, recipient)) != KNOWN_NOT;
}
