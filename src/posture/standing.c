/* SPDX-License-Identifier: ISC */
/*
 * The state machine. It rises at once; it comes down when nothing has asked for it during posture.calm, and
 * from hold to what still asks for throttle straight; from both to watch or ok by the ramp, or all that was kept
 * back would leave at once.
 */
#include <stdio.h>

#include "internal.h"

uint64_t generation_new(struct postures *p)
{
	p->generation++;
	/* Zero is what nobody has seen. */
	p->generation += p->generation == 0;
	return p->generation;
}

struct standing *standing_at(struct standing_of of)
{
	return of.receiver ? &of.receiver->standing : &of.station->whole;
}

void standing_init(struct postures *p, struct standing *standing, struct now now)
{
	*standing = (struct standing){.share = 100,
		.begun = now.mono,
		.since = now.wall,
		.calm = MONO_NEVER,
		.generation = generation_new(p)};
}

enum posture floor_of(enum posture posture)
{
	return posture == POSTURE_RECOVER ? POSTURE_WATCH : posture;
}

static void standing_step(struct postures *p, struct standing *standing, size_t step, mono_t t)
{
	standing->step = (unsigned)step;
	standing->share = standing->posture == POSTURE_RECOVER ? p->ramp[step] : 100;
	standing->begun = t;
	standing->since = wall_at(p, t);
	standing->generation = generation_new(p);
	p->is_dirty = p->has_moved = true;
}

void standing_move(struct postures *p, struct standing *standing, enum posture posture, mono_t t)
{
	standing->posture = posture;
	standing->calm = MONO_NEVER;
	standing->why[0] = '\0';
	standing_step(p, standing, 0, t);
}

/* ---- moves, and what is told of them ---- */

struct move {
	enum posture to;
	const char *why;
	bool is_grave;
};

static void move(struct postures *p, struct standing_of of, const struct move *move, mono_t t)
{
	struct standing *standing = standing_at(of);
	mono_t calm = standing->calm;
	char text[EVENT_REASON_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s -> %s: %s", posture_name(standing->posture),
		posture_name(move->to), move->why);
	standing_move(p, standing, move->to, t);
	/* Quiet is quiet for what comes next too. */
	standing->calm = calm;
	(void)span_copy(span_of(move->why), standing->why, sizeof(standing->why));
	change_add(p,
		&(struct change_new){
			.of = of, .t = t, .is_grave = move->is_grave, .text = n > 0 ? text : ""});
}

static void over_text(const struct postures *p, const struct cause *over, char *buf, size_t size)
{
	char keep[DURATION_TEXT_SIZE];
	int n = snprintf(buf, size, "for %s nothing is known of %s (%s)",
		duration_format(p->config->posture.unknown_keep_us, keep), over->id, over->why);
	if (n < 0)
		buf[0] = '\0';
}

static void lower(struct postures *p, struct standing_of of, const struct demand *demand, mono_t t)
{
	struct standing *standing = standing_at(of);
	char over[POSTURE_TEXT_SIZE];
	struct move down = {.to = demand->level, .why = demand->why};
	if (standing->posture == POSTURE_RECOVER) {
		down.why = "the ramp is at its end";
	} else if (demand->level < POSTURE_THROTTLE) {
		down.to = standing->posture == POSTURE_WATCH ? POSTURE_OK : POSTURE_RECOVER;
		down.why = "nothing asks for it any more";
	}
	if (demand->over) {
		over_text(p, demand->over, over, sizeof(over));
		down.why = over;
		down.is_grave = true;
	}
	move(p, of, &down, t);
}

/* ---- the ramp ---- */

static void ramp_told(struct postures *p, struct standing_of of, unsigned before, mono_t t)
{
	char text[60];
	int n = snprintf(
		text, sizeof(text), "recover %u %% -> %u %%", before, standing_at(of)->share);
	change_add(p, &(struct change_new){.of = of, .t = t, .text = n > 0 ? text : ""});
}

static bool ramp_has_more(const struct postures *p, const struct standing *standing)
{
	return standing->step + 1 < p->ramp_n;
}

static mono_t ramp_next(const struct postures *p, const struct standing *standing)
{
	return mono_after(standing->begun, p->config->posture.ramp_step_us);
}

/* The steps may be other ones than when it began. */
static void ramp_follow(struct postures *p, struct standing_of of, mono_t t)
{
	struct standing *standing = standing_at(of);
	unsigned before = standing->share;
	size_t last = p->ramp_n - 1;
	size_t step = standing->step < last ? standing->step : last;
	mono_t begun = standing->begun;
	standing->step = (unsigned)step;
	if (p->ramp[step] == before)
		return;
	standing_step(p, standing, step, t);
	standing->begun = begun;
	ramp_told(p, of, before, t);
}

static void ramp_climb(struct postures *p, struct standing_of of, mono_t t)
{
	struct standing *standing = standing_at(of);
	unsigned before = standing->share;
	standing_step(p, standing, standing->step + 1, t);
	ramp_told(p, of, before, t);
}

/* ---- time and demand ---- */

static mono_t calm_end(const struct postures *p, const struct standing *standing)
{
	if (standing->calm.us == MONO_NEVER.us)
		return MONO_NEVER;
	return mono_after(standing->calm, p->config->posture.calm_us);
}

mono_t standing_next(const struct postures *p, const struct standing *standing, bool is_set)
{
	bool recovers = standing->posture == POSTURE_RECOVER;
	if (recovers && ramp_has_more(p, standing))
		return ramp_next(p, standing);
	if (is_set || standing->posture == POSTURE_OK)
		return MONO_NEVER;
	mono_t end = calm_end(p, standing);
	/* Something asks for watch, which comes then. */
	bool is_asked = recovers && end.us == MONO_NEVER.us;
	if (recovers && (is_asked || end.us < ramp_next(p, standing).us))
		return ramp_next(p, standing);
	return end;
}

/* What was unknown for as long as it may be has been quiet for long enough. */
static void calm_update(
	const struct postures *p, struct standing *standing, const struct demand *demand, mono_t t)
{
	if (demand->level >= floor_of(standing->posture))
		standing->calm = MONO_NEVER;
	else if (standing->calm.us == MONO_NEVER.us)
		standing->calm = mono_after(t, demand->over ? -p->config->posture.calm_us : 0);
}

void standing_judge(
	struct postures *p, struct standing_of of, const struct demand *demand, mono_t t)
{
	struct standing *standing = standing_at(of);
	bool is_set = !of.receiver && of.station->person.is_set;
	if (standing->posture == POSTURE_RECOVER)
		ramp_follow(p, of, t);
	if (!is_set && demand->level > standing->posture) {
		bool is_grave = demand->level >= POSTURE_THROTTLE;
		move(p, of,
			&(struct move){
				.to = demand->level, .why = demand->why, .is_grave = is_grave},
			t);
	}
	calm_update(p, standing, demand, t);
	if (standing_next(p, standing, is_set).us > t.us)
		return;
	if (standing->posture == POSTURE_RECOVER && ramp_has_more(p, standing))
		ramp_climb(p, of, t);
	else
		lower(p, of, demand, t);
	calm_update(p, standing, demand, t);
}
