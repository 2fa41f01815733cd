/* SPDX-License-Identifier: ISC */
/* Decisions are the engine's; this file only carries out what it says. */
#include "effects.h"

#include <errno.h>
#include <stdio.h>

#include "policyd/log.h"

static void log_decision(const struct decision *d)
{
	char room[WALL_TEXT_SIZE] = "", code[8] = "";
	if (d->room_at.us)
		wall_format(d->room_at, room);
	if (d->code && snprintf(code, sizeof(code), "%u", d->code) < 0)
		code[0] = '\0';
	log_event(LEVEL_NOTICE, d->observed ? "observed" : "decision",
		F_STR("action", action_rows[d->action].word), F_STR("rule", d->rule),
		F_SPAN("account", subject_shown(span_of(d->account))), F_INT("used", d->used),
		F_INT("limit", d->limit), F_STR("room_at", room),
		F_STR("stage", stage_name(d->stage)), F_STR("client", d->client),
		F_STR("instance", d->instance), F_STR("queue_id", d->queue_id),
		F_STR("step", step_name((enum step)d->step)), F_INT("score", d->score),
		F_STR("sender", d->sender), F_STR("recipient", d->recipient), F_STR("code", code),
		F_STR("reference", d->reference));
}

/* ---- what the ladder did ---- */

/* The step is taken, whatever becomes of its line in the audit. */
static void on_stored(void *ctx, int result, int64_t id, const char *error)
{
	(void)ctx;
	(void)id;
	if (result < 0)
		log_event(LEVEL_ERROR, "ladder", F_STR("error", error),
			F_STR("effect", "a step is not in the audit"));
}

static void log_step(const struct policy_event *event, double score)
{
	char until[WALL_TEXT_SIZE] = "";
	bool is_suspension = event->kind == EVENT_SUSPEND;
	if (is_suspension)
		wall_format(event->until, until);
	log_event(is_suspension ? LEVEL_WARNING : LEVEL_NOTICE, event_rows[event->kind].name,
		F_SPAN("account", subject_shown(event->account)),
		F_SPAN("step", is_suspension ? span_of(step_name(STEP_SUSPEND)) : event->limit),
		F_INT("score", score), F_STR("until", until), F_SPAN("reason", event->reason),
		F_SPAN("author", event->author));
}

static void keep_step(const struct effects *effects, const struct policy_event *event)
{
	if (event->kind == EVENT_SUSPEND) {
		suspensions_keep(effects->suspensions, event);
		return;
	}
	/* What changed nothing is told in the log: the audit has room for what was done. */
	if (span_ends(event->limit, SPAN("(observe)")))
		return;
	int r = store_event(effects->store, event, on_stored, NULL);
	if (r != 0)
		on_stored(NULL, r, 0, r == -EAGAIN ? "the store is busy" : "its name is too long");
}

void effects_carry_out(void *ctx, struct now now)
{
	const struct effects *effects = ctx;
	struct effect effect;
	while (engine_effect(effects->engine, &effect)) {
		switch (effect.kind) {
		case EFFECT_DECISION:
			log_decision(effect.decision);
			if (effect.keep)
				store_decision(effects->store, effect.decision);
			break;
		case EFFECT_REPLY:
			policy_server_reply(effects->server, effect.conn, effect.verdict, now);
			break;
		case EFFECT_NOTE:
			log_event(LEVEL_WARNING, "engine", F_STR("note", effect.note));
			break;
		case EFFECT_EVENT:
			log_step(effect.event, effect.score);
			keep_step(effects, effect.event);
			break;
		}
	}
}

/* ---- what was asked and answered ---- */

static void on_locate(void *ctx, const struct request *request, struct geo *ret)
{
	const struct effects *effects = ctx;
	geoip_watch_locate(effects->geoip, request, ret);
}

static void on_opened(
	void *ctx, engine_conn conn, struct span listener, const struct ip *peer, struct now now)
{
	const struct effects *effects = ctx;
	recorder_opened(effects->recorder, conn, listener, peer, now);
}

static void on_answered(void *ctx, engine_conn conn, const struct request *request,
	const struct verdict *verdict, struct now now)
{
	const struct effects *effects = ctx;
	recorder_answered(effects->recorder, conn, request, verdict, now);
	if (effects->egress)
		egress_watch_request(effects->egress, request, now);
}

static void on_closed(void *ctx, engine_conn conn, struct now now)
{
	const struct effects *effects = ctx;
	recorder_closed(effects->recorder, conn, now);
}

struct policy_server_hooks effects_hooks(struct effects *effects)
{
	bool is_recording = effects->recorder != NULL;
	bool wants_requests = effects->egress && egress_watch_wants_requests(effects->egress);
	return (struct policy_server_hooks){
		.locate = effects->geoip ? on_locate : NULL,
		.opened = is_recording ? on_opened : NULL,
		.answered = is_recording || wants_requests ? on_answered : NULL,
		.closed = is_recording ? on_closed : NULL,
		.after = effects_carry_out,
		.ctx = effects,
	};
}
