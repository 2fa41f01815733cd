/* SPDX-License-Identifier: ISC */
/*
 * The story of an account for people, from what the signals say. The words of the evidence are theirs;
 * here it is only laid out.
 */
#include "score_view.h"

#include <inttypes.h>
#include <math.h>

#include "text.h"
#include "view.h"

json_t *score_json(double score)
{
	return json_real(round(score * 10) / 10);
}

static json_t *mono_json(mono_t at, struct now now)
{
	bool is_there = at.us != 0 && at.us != MONO_NEVER.us;
	return is_there ? text_time(wall_of_mono(at, now)) : json_null();
}

/* Only what lies ahead. */
static json_t *until_json(mono_t at, struct now now)
{
	return at.us > now.mono.us ? mono_json(at, now) : json_null();
}

/* ---- one account ---- */

static json_t *evidence_json(const struct signals_view *view, struct now now)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < view->evidence_n; i++) {
		const struct signals_evidence *evidence = &view->evidence[i];
		json_array_append_new(rows, json_pack("{s:o, s:s, s:s, s:o, s:o}", "points",
						    score_json(evidence->points), "signal",
						    signal_rows[evidence->signal].name, "mode",
						    evidence->is_observed ? "observe" : "enforce",
						    "says", text_json(span_of(evidence->text)),
						    "at", mono_json(evidence->at, now)));
	}
	return rows;
}

static json_t *normal_json(const struct signals_view *view)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < view->normal_n; i++)
		json_array_append_new(
			rows, json_pack("{s:s, s:o}", "what", view->normal[i].name, "says",
				      text_json(span_of(view->normal[i].text))));
	return rows;
}

static json_t *said_json(const char *text)
{
	return text[0] ? text_json(span_of(text)) : json_null();
}

static json_t *thresholds_json(const struct signals_view *view)
{
	json_t *object = json_object();
	for (unsigned step = STEP_NOTE; step < STEP_COUNT; step++)
		json_object_set_new(
			object, step_name((enum step)step), score_json(view->threshold[step]));
	return object;
}

void score_view_story(json_t *answer, const struct signals_view *view, struct now now)
{
	json_t *ladder = json_pack("{s:o, s:s, s:s}", "score", score_json(view->score), "step",
		step_name(view->step), "would_be", step_name(view->would));
	bool is_at_step = (view->acts ? view->step : view->would) != STEP_NONE;
	json_object_set_new(
		ladder, "since", is_at_step ? mono_json(view->step_since, now) : json_null());
	json_object_set_new(ladder, "comes_down", until_json(view->down_at, now));
	json_object_set_new(ladder, "probation_until", until_json(view->probation_until, now));
	json_object_set_new(ladder, "forgiven_until", until_json(view->forgiven_until, now));
	json_object_set_new(ladder, "next", text_json(span_of(view->next)));
	json_object_set_new(ladder, "thresholds", thresholds_json(view));
	json_object_set_new(ladder, "thresholds_say", said_json(view->thresholds_say));
	json_object_set_new(ladder, "capped", said_json(view->capped));
	json_object_set_new(ladder, "memory_bytes", text_count(view->bytes));
	json_object_set_new(answer, "ladder", ladder);
	json_object_set_new(answer, "evidence", evidence_json(view, now));
	json_object_set_new(answer, "normal", normal_json(view));
}

json_t *score_view_top(const struct signals_view *view)
{
	if (view->evidence_n == 0)
		return json_null();
	json_t *says = text_json(span_of(view->evidence[0].text));
	json_t *text = json_sprintf(
		"%s: %s", signal_rows[view->evidence[0].signal].name, json_string_value(says));
	json_decref(says);
	return text;
}

static json_t *holds_text(enum step step, const struct config_ladder *ladder)
{
	char rate[RATE_TEXT_SIZE];
	switch (step) {
	case STEP_SLOW:
		return json_sprintf("external recipients %s, then deferred",
			rate_format(&ladder->slow_rate, rate));
	case STEP_HOLD:
		return json_sprintf("the first %" PRIu32 " messages are held, then deferred",
			ladder->hold_messages);
	case STEP_SUSPEND:
		return json_string("refused");
	case STEP_NOTE:
		return json_string("nothing: it is on record");
	case STEP_NONE:
	case STEP_COUNT:
		break;
	}
	return json_string("nothing");
}

json_t *score_view_rule(const struct signals_view *view, const struct config *config)
{
	return json_pack("{s:o, s:s, s:s, s:o, s:s, s:o, s:o}", "score", score_json(view->score),
		"step", step_name(view->step), "would_be", step_name(view->would), "holds",
		holds_text(view->step, &config->ladder), "mode",
		mode_name(view->acts ? MODE_ENFORCE : MODE_OBSERVE), "where",
		view_place(&config->ladder.place), "next", text_json(span_of(view->next)));
}

bool score_is_flagged(const struct signals_view *view)
{
	return view->step != STEP_NONE || view->would != STEP_NONE;
}

/* ---- all of them ---- */

static const struct config_signal *tune_find(const struct config *config, enum signal signal)
{
	for (size_t i = 0; i < config->signals.tune_n; i++) {
		if (config->signals.tune[i].signal_at == (unsigned)signal)
			return &config->signals.tune[i];
	}
	return NULL;
}

unsigned score_view_weight(const struct config *config, enum signal signal)
{
	const struct config_signal *tune = tune_find(config, signal);
	return tune ? tune->weight : 100;
}

const char *score_view_mode(const struct config *config, enum signal signal)
{
	const struct config_signal *tune = tune_find(config, signal);
	if (tune && tune->weight == 0)
		return "off";
	bool is_observed =
		config->signals.mode == MODE_OBSERVE || (tune && tune->mode == MODE_OBSERVE);
	return mode_name(is_observed ? MODE_OBSERVE : MODE_ENFORCE);
}

json_t *score_view_status(const struct signals_figures *figures, const struct config *config)
{
	json_t *steps = json_object(), *ups = json_object();
	bool is_enforced =
		config->signals.mode == MODE_ENFORCE && config->ladder.mode == MODE_ENFORCE;
	for (unsigned step = STEP_NOTE; step < STEP_COUNT; step++) {
		const char *name = step_name((enum step)step);
		json_object_set_new(steps, name, text_count(figures->at_step[step]));
		json_object_set_new(ups, name, text_count(figures->steps_up[step]));
	}
	json_t *object = json_pack("{s:s, s:s, s:o, s:o}", "mode",
		mode_name(is_enforced ? MODE_ENFORCE : MODE_OBSERVE), "brake",
		figures->is_braking ? "on: ladder.max_auto is reached, accounts are slowed at most"
				    : "off",
		"accounts_at", steps, "came_up_to", ups);
	json_object_set_new(object, "braked", text_count(figures->braked));
	json_object_set_new(object, "campaigns", text_count(figures->campaigns));
	json_object_set_new(object, "scored", text_count(figures->scored));
	json_object_set_new(object, "baselines", text_count(figures->baselines));
	json_object_set_new(object, "baseline_bytes_mean",
		text_count(figures->baselines ? figures->baseline_bytes / figures->baselines : 0));
	json_object_set_new(object, "memory_bytes", text_count(figures->bytes));
	json_object_set_new(object, "memory_max", text_count(config->signals.memory_max));
	return object;
}
