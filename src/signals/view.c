/* SPDX-License-Identifier: ISC */
/* An account's story for people: what speaks against it, what is normal for it, what comes next. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "judging.h"

/* ---- what speaks against it ---- */

static void view_evidence(
	const struct signals *s, const struct score *score, second_t at, struct signals_view *ret)
{
	const struct points *order[SIGNAL_COUNT];
	ret->evidence_n = text_order(s, score, at, order);
	for (size_t i = 0; i < ret->evidence_n; i++) {
		struct signals_evidence *evidence = &ret->evidence[i];
		evidence->signal = (enum signal)order[i]->signal;
		evidence->points = points_at(order[i], at) * signal_share(s, evidence->signal);
		evidence->is_observed = signal_is_observed(s, evidence->signal);
		evidence->at = mono_of_second(order[i]->at);
		text_signal(order[i], evidence->text);
	}
}

/* ---- what is normal ---- */

static void PRINTF_LIKE(3, 4)
	line(struct signals_view *ret, const char *name, const char *format, ...)
{
	va_list args;
	if (ret->normal_n == SIGNALS_LINES_MAX)
		return;
	struct signals_normal *normal = &ret->normal[ret->normal_n++];
	normal->name = name;
	va_start(args, format);
	if (vsnprintf(normal->text, sizeof(normal->text), format, args) < 0)
		normal->text[0] = '\0';
	va_end(args);
}

static void view_habits(const struct baseline *b, struct signals_view *ret)
{
	static const char *const names[HABIT_KINDS] = {
		[HABIT_NETWORK] = "networks",
		[HABIT_ASN] = "autonomous systems",
		[HABIT_COUNTRY] = "countries",
		[HABIT_HELO] = "programs",
		[HABIT_LOGIN] = "ways of login",
		[HABIT_SENDER] = "other senders",
	};
	for (unsigned kind = 0; kind < HABIT_KINDS; kind++) {
		unsigned known = baseline_settled(b, (enum habit)kind);
		unsigned all = baseline_distinct(b, (enum habit)kind, 0);
		if (!names[kind] || all == 0)
			continue;
		if (all > known)
			line(ret, names[kind], "%u known, %u of late", known, all - known);
		else
			line(ret, names[kind], "%u known", known);
	}
}

/* Only what has settled: before, the numbers would say that it sends nothing. */
static void view_volume(const struct normal *normal, struct signals_view *ret)
{
	if (normal->messages < 0.5) {
		line(ret, "messages",
			"none has settled yet: they do when they are a day old and it is calm");
		return;
	}
	line(ret, "messages", "%.0f", normal->messages);
	line(ret, "recipients a message", "%.1f, at most about %.0f", normal->per_message_mean,
		normal->per_message_high);
	if (normal->per_hour_high > 0)
		line(ret, "recipients an hour", "%.1f when it sends, at most about %.0f",
			normal->per_hour_mean, normal->per_hour_high);
	if (normal->per_day_high > 0)
		line(ret, "recipients a day", "%.1f when it sends, at most about %.0f",
			normal->per_day_mean, normal->per_day_high);
	line(ret, "new recipients", "%.0f %%", 100 * normal->novelty);
}

static void view_normal(
	const struct signals *s, const struct baseline *b, struct now now, struct signals_view *ret)
{
	struct normal normal;
	char since[WALL_TEXT_SIZE];
	baseline_normal(s, b, now, &normal);
	if (!b || normal.since == 0) {
		line(ret, "known", "not yet: it is judged by what is usual here");
		return;
	}
	wall_format(wall_of_mono(mono_of_second(normal.since), now), since);
	line(ret, "known", "since %s, %u day%s with mail%s", since, normal.days,
		normal.days == 1 ? "" : "s", normal.is_young ? ", still young" : "");
	view_volume(&normal, ret);
	view_habits(b, ret);
}

/* ---- what comes next ---- */

static void text_next(const struct signals *s, enum step next, char buf[SIGNALS_TEXT_MAX])
{
	const struct config_ladder *ladder = &s->config->ladder;
	char rate[RATE_TEXT_SIZE], duration[DURATION_TEXT_SIZE];
	int n = 0;
	switch (next) {
	case STEP_NOTE:
		n = snprintf(buf, SIGNALS_TEXT_MAX, "it is recorded");
		break;
	case STEP_SLOW:
		n = snprintf(buf, SIGNALS_TEXT_MAX, "external recipients are held to %s",
			rate_format(&ladder->slow_rate, rate));
		break;
	case STEP_HOLD:
		n = snprintf(buf, SIGNALS_TEXT_MAX,
			"the next %u messages are held, and later ones deferred",
			ladder->hold_messages);
		break;
	case STEP_SUSPEND:
		n = snprintf(buf, SIGNALS_TEXT_MAX, "it is suspended for %s",
			duration_format(ladder->suspend_for_us, duration));
		break;
	case STEP_NONE:
	case STEP_COUNT:
		break;
	}
	if (n <= 0)
		buf[0] = '\0';
}

/* Of the two sides that a suspension needs, the one that does not speak yet; NULL: both do. */
static const char *side_missing(const struct sums *sums, double *ret_has)
{
	bool is_who = sums->who < sums->what;
	*ret_has = is_who ? sums->who : sums->what;
	if (*ret_has >= LADDER_SIDE_MIN)
		return NULL;
	return is_who ? "its place or identity" : "what it sends";
}

/* What has to come for the next step: "at 110 points (3 to go)". */
static void text_when(const struct rung *rung, const struct account *account, enum step next,
	const struct signals_view *view, char buf[SIGNALS_TEXT_MAX])
{
	enum walk walk = walk_main(rung->s, rung->class);
	const struct score *score = score_of(account);
	double at = view->threshold[next], to_go = at - view->score, has;
	struct sums sums;
	ladder_sums(rung, account, walk, &sums);
	const char *missing = next == STEP_SUSPEND ? side_missing(&sums, &has) : NULL;
	if (missing)
		snprintf(buf, SIGNALS_TEXT_MAX,
			"at %.0f points, and when %s speaks against it too (%.0f of %.0f points), ",
			at, missing, has, LADDER_SIDE_MIN);
	else if (to_go > 0)
		snprintf(buf, SIGNALS_TEXT_MAX, "at %.0f points (%.0f to go) ", at, to_go);
	else if (score && score->track[walk].pardon > 0)
		snprintf(
			buf, SIGNALS_TEXT_MAX, "when more speaks against it than at its release, ");
	else if (next == STEP_HOLD && view->acts && brake_is_on(rung->s, rung->at))
		snprintf(buf, SIGNALS_TEXT_MAX,
			"once ladder.max_auto has room again (the brake is on), ");
	else
		snprintf(buf, SIGNALS_TEXT_MAX, "with the next %s ",
			next == STEP_SUSPEND ? "message" : "recipient");
}

static void view_next(
	const struct rung *rung, const struct account *account, struct signals_view *ret)
{
	char when[SIGNALS_TEXT_MAX], what[SIGNALS_TEXT_MAX];
	enum step step = ret->acts ? ret->step : ret->would;
	if (step == STEP_SUSPEND) {
		snprintf(ret->next, sizeof(ret->next),
			"when the suspension is over, thresholds are halved for a while");
		return;
	}
	enum step next = (enum step)(step + 1);
	text_when(rung, account, next, ret, when);
	text_next(rung->s, next, what);
	if (snprintf(ret->next, sizeof(ret->next), "%s%s%s", when, what,
		    ret->acts ? "" : " (observed only)") < 0)
		ret->next[0] = '\0';
}

void signals_next(const struct signals *s, const struct account *account, unsigned class,
	struct now now, struct ladder_says *ret)
{
	static const struct sight stranger = {.nth = 1};
	const struct rung rung = {(struct signals *)(uintptr_t)s, class, second_of(now.mono)};
	signals_peek(s, account, class, now, ret);
	ladder_action(&rung, score_of(account), &stranger, ret);
}

/* ---- what makes the numbers what they are ---- */

static void PRINTF_LIKE(2, 3) add(char buf[SIGNALS_TEXT_MAX], const char *format, ...)
{
	size_t n = strlen(buf);
	va_list args;
	if (n)
		n += span_copy(SPAN("; "), buf + n, SIGNALS_TEXT_MAX - n);
	va_start(args, format);
	if (vsnprintf(buf + n, SIGNALS_TEXT_MAX - n, format, args) < 0)
		buf[n] = '\0';
	va_end(args);
}

static void add_share(
	char buf[SIGNALS_TEXT_MAX], double share, const char *why, mono_t until, struct now now)
{
	char date[WALL_TEXT_SIZE];
	add(buf, "x %g until %s: %s", share, wall_format(wall_of_mono(until, now), date), why);
}

static void view_shares(const struct rung *rung, struct now now, struct signals_view *ret)
{
	second_t since = site_since(rung->s->site);
	int64_t learning_us = rung->s->config->ladder.learning_us;
	if (ladder_is_learning(rung->s, rung->at))
		add_share(ret->thresholds_say, LADDER_LEARNING_SHARE,
			"what is normal here is being learnt",
			mono_of_second(second_after(since ? since : rung->at, learning_us)), now);
	if (ret->probation_until.us)
		add_share(ret->thresholds_say, LADDER_PROBATION_SHARE, "on probation",
			ret->probation_until, now);
	if (ret->forgiven_until.us)
		add_share(ret->thresholds_say, LADDER_FORGIVEN_SHARE,
			"released as a false positive", ret->forgiven_until, now);
}

/* The evidence adds up to more than the score where one cause is seen in several ways. */
static void view_capped(
	const struct rung *rung, const struct score *score, struct signals_view *ret)
{
	double found[FAMILY_COUNT] = {0};
	struct sums sums;
	score_sums(rung->s, score, !ret->acts, rung->at, &sums);
	for (size_t i = 0; i < ret->evidence_n; i++) {
		const struct signals_evidence *evidence = &ret->evidence[i];
		if (!ret->acts || !evidence->is_observed)
			found[signal_rows[evidence->signal].family] += evidence->points;
	}
	for (unsigned i = 0; i < FAMILY_COUNT; i++) {
		if (found[i] >= sums.family[i] + 1)
			add(ret->capped, "%s: %.0f of %.0f points count",
				signal_family_name((enum signal_family)i), sums.family[i],
				found[i]);
	}
}

/* ---- all of it ---- */

static mono_t until(second_t at, second_t now)
{
	return at > now ? mono_of_second(at) : (mono_t){0};
}

static void view_score(const struct rung *rung, const struct score *score, struct signals_view *ret)
{
	enum walk walk = walk_main(rung->s, rung->class);
	struct track track = score->track[walk];
	ladder_fall(rung, score, walk, &track);
	ladder_thresholds(rung, score, &track, ret->threshold);
	ret->step_since = track.since ? mono_of_second(track.since) : (mono_t){0};
	second_t down = ladder_down_at(rung, score, walk, &track);
	if (down)
		ret->down_at = mono_of_second(down);
	ret->probation_until = until(track.probation, rung->at);
	ret->forgiven_until = until(score->forgiven, rung->at);
}

/* As it was asked about last: a request may show another class than the name alone. */
static unsigned class_to_view(
	const struct signals *s, const struct account *account, unsigned class)
{
	const struct score *score = score_of(account);
	return score ? class_of_score(s, score) : class;
}

void signals_view(const struct signals *s, const struct account *account, unsigned class,
	struct now now, struct signals_view *ret)
{
	const struct score *score = score_of(account);
	const struct baseline *b = baseline_of(account);
	const struct rung rung = {(struct signals *)(uintptr_t)s, class_to_view(s, account, class),
		second_of(now.mono)};
	struct ladder_says says;
	memset(ret, 0, sizeof(*ret));
	signals_peek(s, account, rung.class, now, &says);
	ret->score = says.score;
	ret->step = says.step;
	ret->would = says.would;
	ret->acts = ladder_acts(s, rung.class);
	ret->down_at = MONO_NEVER;
	if (!score)
		ladder_thresholds(&rung, NULL, NULL, ret->threshold);
	else
		view_score(&rung, score, ret);
	view_evidence(s, score, rung.at, ret);
	view_capped(&rung, score, ret);
	view_shares(&rung, now, ret);
	view_normal(s, b, now, ret);
	view_next(&rung, account, ret);
	ret->bytes = baseline_bytes(b) + score_bytes(score);
}
