/* SPDX-License-Identifier: ISC */
/*
 * The ladder (semantics 20 to 23): up by the score, one step a decision; down by time, when the score
 * has been well below the step's threshold for long enough. What time does is worked out when somebody
 * asks, from the moment at which it happened.
 */
#include <math.h>

#include "baseline.h"
#include "judging.h"

/* A step is kept down to so much of its threshold. */
#define KEEP_SHARE 0.6
/* What is new since a release, or it is not worth a step. */
#define NEWS_MIN 3.0

bool ladder_acts(const struct signals *s, unsigned class)
{
	const struct config *config = s->config;
	return config->signals.mode == MODE_ENFORCE && config->ladder.mode == MODE_ENFORCE &&
	       config->classes[class].ladder.mode == MODE_ENFORCE;
}

bool ladder_is_learning(const struct signals *s, second_t at)
{
	second_t since = site_since(s->site);
	int64_t learning_s = s->config->ladder.learning_us / SECOND_US;
	return learning_s > 0 && (since == 0 || at < since || at - since < learning_s);
}

static double threshold_of(uint32_t own, uint32_t all)
{
	return own ? own : all;
}

void ladder_thresholds(const struct rung *rung, const struct score *score,
	const struct track *track, double ret[STEP_COUNT])
{
	const struct config_ladder *all = &rung->s->config->ladder;
	const struct config_class_ladder *own = &rung->s->config->classes[rung->class].ladder;
	double share = ladder_is_learning(rung->s, rung->at) ? LADDER_LEARNING_SHARE : 1;
	if (track && track->probation > rung->at)
		share *= LADDER_PROBATION_SHARE;
	if (score && score->forgiven > rung->at)
		share *= LADDER_FORGIVEN_SHARE;
	ret[STEP_NONE] = 0;
	ret[STEP_NOTE] = share * threshold_of(own->note, all->note);
	ret[STEP_SLOW] = share * threshold_of(own->slow, all->slow);
	ret[STEP_HOLD] = share * threshold_of(own->hold, all->hold);
	ret[STEP_SUSPEND] = share * threshold_of(own->suspend, all->suspend);
}

static double sum_at(
	const struct rung *rung, const struct score *score, enum walk walk, second_t at)
{
	struct sums sums;
	score_sums(rung->s, score, walk == WALK_WOULD, at, &sums);
	return sums.score;
}

/* ---- down ---- */

/* When the score falls below so much, between from, where it is not, and to, where it is. */
static second_t falls_below(const struct rung *rung, const struct score *score, enum walk walk,
	double limit, second_t from)
{
	second_t to = rung->at;
	while (from + 1 < to) {
		second_t middle = from + (to - from) / 2;
		if (sum_at(rung, score, walk, middle) < limit)
			to = middle;
		else
			from = middle;
	}
	return to;
}

/* Below it the step is not kept. */
static double limit_of(
	const struct rung *rung, const struct score *score, const struct track *track)
{
	double threshold[STEP_COUNT];
	ladder_thresholds(rung, score, track, threshold);
	return KEEP_SHARE * threshold[track->step];
}

/* Keeps track of since when the score has been too low for the step; 0: it is not. */
static second_t under_since(const struct rung *rung, const struct score *score, enum walk walk,
	const struct track *track)
{
	double limit = limit_of(rung, score, track);
	if (sum_at(rung, score, walk, rung->at) >= limit)
		return 0;
	second_t from = track->seen > track->since ? track->seen : track->since;
	if (track->under || from >= rung->at)
		return track->under ? track->under : rung->at;
	return sum_at(rung, score, walk, from) < limit
		       ? from
		       : falls_below(rung, score, walk, limit, from);
}

/* Back to none, on probation. */
static void track_free(const struct rung *rung, struct track *track, second_t end)
{
	*track = (struct track){.since = end,
		.seen = rung->at,
		.probation = second_after(end, rung->s->config->ladder.probation_us)};
}

static void suspension_ends(const struct rung *rung, struct track *track)
{
	if (rung->at >= track->until && track->until < UINT32_MAX)
		track_free(rung, track, track->until);
}

void ladder_fall(
	const struct rung *rung, const struct score *score, enum walk walk, struct track *track)
{
	int64_t cool_down_us = rung->s->config->ladder.cool_down_us;
	if (track->step == STEP_SUSPEND)
		suspension_ends(rung, track);
	while (track->step != STEP_NONE && track->step != STEP_SUSPEND) {
		track->under = under_since(rung, score, walk, track);
		second_t down = second_after(
			track->under > track->since ? track->under : track->since, cool_down_us);
		if (!track->under || rung->at < down)
			break;
		track->step--;
		track->since = down;
		track->seen = down;
		track->under = 0;
	}
	track->seen = rung->at;
}

second_t ladder_down_at(const struct rung *rung, const struct score *score, enum walk walk,
	const struct track *track)
{
	const struct config_ladder *ladder = &rung->s->config->ladder;
	if (track->step == STEP_NONE)
		return 0;
	if (track->step == STEP_SUSPEND)
		return track->until < UINT32_MAX ? track->until : 0;
	/* Half-lives are hours: whatever it is, it is gone in a year. */
	const struct rung later = {rung->s, rung->class, second_after(rung->at, 365 * DAY_US)};
	second_t under = track->under;
	if (!under)
		under = falls_below(&later, score, walk, limit_of(rung, score, track), rung->at);
	return second_after(under > track->since ? under : track->since, ladder->cool_down_us);
}

/* ---- up ---- */

void ladder_move(struct signals *s, enum step from, enum step to)
{
	s->at_step[from]--;
	s->at_step[to]++;
}

void ladder_count(struct signals *s, enum step from, enum step to)
{
	ladder_move(s, from, to);
	s->steps_up[to] += to > from;
}

/* The step that the score says, whatever the present one is. */
static enum step step_said(const double threshold[STEP_COUNT], const struct sums *sums)
{
	enum step said = STEP_NONE;
	for (enum step step = STEP_NOTE; step < STEP_COUNT; step++) {
		if (sums->score >= threshold[step])
			said = step;
	}
	bool is_both = sums->what >= LADDER_SIDE_MIN && sums->who >= LADDER_SIDE_MIN;
	return said == STEP_SUSPEND && !is_both ? STEP_HOLD : said;
}

static void track_to(const struct rung *rung, struct track *track, enum step step)
{
	track->step = (uint8_t)step;
	track->since = rung->at;
	track->under = 0;
	track->pardon = 0;
	if (step == STEP_SUSPEND)
		track->until = second_after(rung->at, rung->s->config->ladder.suspend_for_us);
}

/* What comes with a step: what was learnt of late is not to be trusted. */
static void step_taken(
	const struct rung *rung, struct account *account, enum walk walk, enum step to)
{
	struct score *score = score_of(account);
	if (walk != walk_main(rung->s, rung->class))
		return;
	if (to == STEP_HOLD)
		score->held = 0;
	if (to >= STEP_HOLD)
		baseline_taint(baseline_of(account));
	if (to == STEP_SUSPEND)
		baseline_drop(baseline_of(account));
}

/* Who is held already may be suspended: that touches no further account. */
static enum step step_braked(
	const struct rung *rung, struct score *score, enum step to, bool *ret_braked)
{
	bool is_further = score->track[WALK_REAL].step < STEP_HOLD && to >= STEP_HOLD;
	if (!is_further || brake_allows(rung->s, score, rung->at))
		return to;
	*ret_braked = true;
	return STEP_SLOW;
}

/* What of it is gone is not forgiven any more, so that the same again counts. */
void ladder_pardon(const struct rung *rung, struct score *score)
{
	double threshold[STEP_COUNT];
	for (enum walk walk = WALK_REAL; walk < WALKS; walk++) {
		struct track *track = &score->track[walk];
		if (track->pardon <= 0)
			continue;
		ladder_thresholds(rung, score, track, threshold);
		track->pardon = fminf(track->pardon, (float)sum_at(rung, score, walk, rung->at));
		if ((double)track->pardon < threshold[STEP_NOTE])
			track->pardon = 0;
	}
}

void ladder_cool(const struct rung *rung, struct score *score)
{
	ladder_pardon(rung, score);
	for (enum walk walk = WALK_REAL; walk < WALKS; walk++) {
		struct track *track = &score->track[walk];
		enum step was = (enum step)track->step;
		ladder_fall(rung, score, walk, track);
		/* What is asked about is not suspended, by whatever way that ended. */
		if (track->step == STEP_SUSPEND && walk == WALK_REAL)
			track_free(rung, track, rung->at);
		if (walk == WALK_REAL)
			ladder_count(rung->s, was, (enum step)track->step);
	}
}

/*
 * Of an account that is hardly known nobody can say what is strange: then something else must speak of
 * who it is.
 */
void ladder_sums(
	const struct rung *rung, const struct account *account, enum walk walk, struct sums *ret)
{
	const struct baseline *b = baseline_of(account);
	score_sums(rung->s, score_of(account), walk == WALK_WOULD, rung->at, ret);
	if (!b || baseline_is_young(b))
		ret->who -= ret->family[FAMILY_STRANGER] / 2;
}

bool ladder_climb(
	const struct rung *rung, struct account *account, enum walk walk, const struct ascent *by)
{
	struct score *score = score_of(account);
	struct track *track = &score->track[walk];
	double threshold[STEP_COUNT];
	struct sums sums;
	bool is_braked = false;
	ladder_thresholds(rung, score, track, threshold);
	ladder_sums(rung, account, walk, &sums);
	enum step said = step_said(threshold, &sums), is = (enum step)track->step, to = is;
	bool is_news = sums.score >= (double)track->pardon + NEWS_MIN;
	if (said > is && (track->pardon <= 0 || is_news))
		to = by->is_trap ? said : (enum step)(is + 1);
	/* One message is one piece of evidence, however many recipients it has. */
	if (to == STEP_SUSPEND && by->was_held && !by->is_trap)
		to = is;
	if (to > is && walk == WALK_REAL)
		to = step_braked(rung, score, to, &is_braked);
	if (to <= is)
		return is_braked;
	if (walk == WALK_REAL)
		ladder_count(rung->s, is, to);
	track_to(rung, track, to);
	step_taken(rung, account, walk, to);
	return is_braked;
}

/* ---- what it says ---- */

void ladder_action(const struct rung *rung, const struct score *score, const struct sight *sight,
	struct ladder_says *ret)
{
	const struct config_ladder *ladder = &rung->s->config->ladder;
	const struct rate *rate = &ladder->slow_rate;
	ret->action = ACTION_DUNNO;
	ret->room_at = (mono_t){0};
	if (!score || sight->was_held)
		return;
	if (ret->step == STEP_HOLD) {
		bool is_evidence = score->held < ladder->hold_messages;
		ret->action = is_evidence ? ACTION_HOLD : ACTION_DEFER_IF_PERMIT;
	} else if (ret->step == STEP_SLOW && !sight->is_local && rate->n != RATE_UNLIMITED &&
		   window_sum(&score->slow, rate->window_us, rung->at) >= rate->n) {
		ret->action = ACTION_DEFER_IF_PERMIT;
		second_t room = window_room(&score->slow, rate, rung->at);
		if (room)
			ret->room_at = mono_of_second(room);
	}
}

bool ladder_lets_learn(const struct rung *rung, const struct score *score)
{
	if (!score)
		return true;
	enum step most = ladder_is_learning(rung->s, rung->at) ? STEP_SLOW : STEP_NOTE;
	return score->track[walk_main(rung->s, rung->class)].step <= most;
}

bool ladder_is_calm(const struct rung *rung, const struct score *score)
{
	enum walk walk = walk_main(rung->s, rung->class);
	double threshold[STEP_COUNT];
	struct sums sums;
	if (!score)
		return true;
	if (!ladder_lets_learn(rung, score))
		return false;
	ladder_thresholds(rung, score, &score->track[walk], threshold);
	score_sums(rung->s, score, walk == WALK_WOULD, rung->at, &sums);
	/* A young site has everything to learn: what is new there is whom they write to. */
	if (ladder_is_learning(rung->s, rung->at))
		sums.score -= sums.family[FAMILY_RECIPIENT] + sums.family[FAMILY_VOLUME];
	return sums.score < threshold[STEP_NOTE];
}
