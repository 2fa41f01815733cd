/* SPDX-License-Identifier: ISC */
/*
 * What the desk decided: suspended, released, a false positive (semantics 22 and 23). Suspensions of the
 * ladder's own come this way as well, when the store knows of one that the snapshot does not.
 */
#include <string.h>

#include "judging.h"

static void tracks_free(struct score *score, second_t now, second_t probation)
{
	struct signals *s = score->signals;
	ladder_count(s, (enum step)score->track[WALK_REAL].step, STEP_NONE);
	for (enum walk walk = WALK_REAL; walk < WALKS; walk++)
		score->track[walk] =
			(struct track){.since = now, .seen = now, .probation = probation};
	score->slow = (struct window){0};
	score->held = 0;
}

/* ---- suspended ---- */

/* On the clock that is never set. */
static second_t second_of_wall(wall_t wall, struct now now)
{
	if (wall.us == WALL_NEVER.us)
		return UINT32_MAX;
	int64_t s = (int64_t)second_of(now.mono) + (wall.us - now.wall.us) / SECOND_US;
	return s < 1 ? 1 : s < UINT32_MAX ? (second_t)s : UINT32_MAX;
}

static void track_suspend(
	const struct rung *rung, struct score *score, enum walk walk, const struct track *suspended)
{
	struct track *track = &score->track[walk];
	enum step was = (enum step)track->step;
	ladder_fall(rung, score, walk, track);
	/* The same one, or it takes longer now. */
	if (track->step == STEP_SUSPEND)
		track->until = suspended->until;
	else
		*track = *suspended;
	if (walk == WALK_REAL)
		ladder_move(rung->s, was, STEP_SUSPEND);
}

/*
 * Whoever suspended it: when that ends it is on probation, and what it did of late is not its own. What
 * the account is already suspended for has been dropped then, and nothing is learnt meanwhile.
 */
static void suspended(struct signals *s, struct account *account, const struct policy_event *event,
	struct now now)
{
	struct score *score = score_make(s, account);
	const struct rung rung = {s, class_of_score(s, score), second_of(now.mono)};
	second_t since = second_of_wall(event->at, now);
	const struct track track = {
		.step = STEP_SUSPEND,
		.since = since < rung.at ? since : rung.at,
		.seen = rung.at,
		.until = second_of_wall(event->until, now),
	};
	for (enum walk walk = WALK_REAL; walk < WALKS; walk++)
		track_suspend(&rung, score, walk, &track);
	baseline_drop(baseline_of(account));
}

/* ---- released ---- */

/* Somebody else sent in its name, or may have: what is recent counts half and is not learnt. */
static void released(struct signals *s, struct account *account, second_t now)
{
	struct score *score = score_make(s, account);
	score_fade(score, now);
	score_halve(score);
	score->forgiven = 0;
	tracks_free(score, now, second_after(now, s->config->ladder.probation_us));
	/* Relative to the halved thresholds nothing has changed: only what is new counts. */
	for (enum walk walk = WALK_REAL; walk < WALKS; walk++) {
		struct sums sums;
		score_sums(s, score, walk == WALK_WOULD, now, &sums);
		score->track[walk].pardon = (float)sums.score;
	}
	if (!baseline_of(account))
		return;
	baseline_halve(baseline_of(account));
	baseline_drop(baseline_of(account));
}

/* It was normal: it is learnt, and the account is believed more for a while. */
static void forgiven(struct signals *s, struct account *account, struct now now)
{
	second_t at = second_of(now.mono);
	struct score *score = score_make(s, account);
	score_fade(score, at);
	score_clear(score);
	tracks_free(score, at, 0);
	score->forgiven = second_after(at, s->config->ladder.forgive_us);
	if (baseline_of(account))
		baseline_settle(s, account, now.mono);
}

void signals_apply(struct signals *s, struct account *account, const struct policy_event *event,
	struct now now)
{
	if (!account)
		return;
	if (event->kind == EVENT_SUSPEND)
		suspended(s, account, event, now);
	if (event->kind != EVENT_RELEASE)
		return;
	if (span_equal(event->limit, SPAN(VERDICT_FALSE_POSITIVE)))
		forgiven(s, account, now);
	else
		released(s, account, second_of(now.mono));
}
