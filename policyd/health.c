/* SPDX-License-Identifier: ISC */
/* Counters are counted where things happen; here is only what has to be asked for. */
#include "health.h"

#include <assert.h>

#include "policyd/log.h"
#include "policyd/metric.h"

/* The rows of accounts stand in the order of their kinds. */
static_assert(METRIC_ACCOUNTS_DOMAIN - METRIC_ACCOUNTS_LOGIN == ACCOUNT_DOMAIN - ACCOUNT_LOGIN &&
		      ACCOUNT_KINDS == ACCOUNT_DOMAIN + 1 && ACCOUNT_LOGIN == 0,
	"metric.def and kind.def differ");

static_assert(METRIC_STEP_SUSPEND - METRIC_STEP_NOTE == STEP_SUSPEND - STEP_NOTE &&
		      METRIC_STEPS_SUSPEND - METRIC_STEPS_NOTE == STEP_SUSPEND - STEP_NOTE,
	"metric.def and signals.h differ");

/* With very many of them, counting takes its time. */
#define OVERRIDES_EVERY_S 10

/* ---- metrics ---- */

static bool count_one(void *ctx, struct span key, const struct override *override)
{
	uint64_t *count = ctx;
	(void)key;
	(void) override;
	++*count;
	return true;
}

static void overrides_set(struct health *health, struct engine *engine, struct now now)
{
	uint64_t count = 0;
	if (now.mono.us < health->overrides_due.us)
		return;
	health->overrides_due.us = now.mono.us + OVERRIDES_EVERY_S * SECOND_US;
	engine_overrides(engine, count_one, &count);
	metric_set(METRIC_OVERRIDES, count);
}

static void signals_set(const struct signals_figures *figures)
{
	for (unsigned step = STEP_NOTE; step < STEP_COUNT; step++) {
		unsigned i = step - STEP_NOTE;
		metric_set((enum metric)(METRIC_STEP_NOTE + i), figures->at_step[step]);
		metric_set((enum metric)(METRIC_STEPS_NOTE + i), figures->steps_up[step]);
	}
	metric_set(METRIC_LADDER_BRAKED, figures->braked);
	metric_set(METRIC_LADDER_IS_BRAKING, figures->is_braking);
	metric_set(METRIC_CAMPAIGNS, figures->campaigns);
	metric_set(METRIC_BASELINES, figures->baselines);
	metric_set(METRIC_BASELINE_BYTES, figures->baseline_bytes);
	metric_set(METRIC_SCORED, figures->scored);
	metric_set(METRIC_SIGNALS_BYTES, figures->bytes);
}

static void gauges_set(
	struct health *health, struct engine *engine, const struct store *store, struct now now)
{
	struct engine_figures figures;
	engine_figures(engine, &figures);
	for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++)
		metric_set(
			(enum metric)(METRIC_ACCOUNTS_LOGIN + kind), figures.accounts.count[kind]);
	metric_set(METRIC_ACCOUNTS_EVICTED, figures.accounts.evicted);
	metric_set(METRIC_SUSPENDED, figures.accounts.suspended);
	metric_set(METRIC_MESSAGES_OPEN, figures.messages);
	signals_set(&figures.signals);
	health->is_braking = figures.signals.is_braking;
	metric_set(METRIC_EMERGENCY, now.mono.us < engine_emergency_until(engine).us);
	metric_set(METRIC_STORE_FAILING, store_is_failing(store, NULL));
	overrides_set(health, engine, now);
}

/* The largest of this minute, and of the one before until this one has seen some of it. */
#define LAG_WINDOW_US (60 * SECOND_US)

/* How late the tick came is how long something else has kept the loop. */
static void lag_set(struct health *health, mono_t mono)
{
	int64_t late_us = health->ticked.us ? mono.us - health->ticked.us - SECOND_US : 0;
	uint64_t lag = late_us > 0 ? (uint64_t)late_us : 0;
	health->ticked = mono;
	if (mono.us - health->lag_since.us >= LAG_WINDOW_US) {
		health->lag_since = mono;
		health->lag_before = health->lag;
		health->lag = 0;
	}
	if (lag > health->lag)
		health->lag = lag;
	metric_set(METRIC_TICK_LATE_MAX,
		health->lag > health->lag_before ? health->lag : health->lag_before);
}

/* ---- the log ---- */

/* A disk that is frozen fails nothing: it only never answers. */
#define STORE_SILENT_US (5 * SECOND_US)

static bool is_silent(struct health *health, const struct store *store, mono_t mono)
{
	uint64_t progress = metric_get(METRIC_STORE_COMMITS) + metric_get(METRIC_STORE_ERRORS);
	if (store_pending(store) == 0 || progress != health->store_progress) {
		health->store_progress = progress;
		health->store_since = mono;
	}
	return mono.us - health->store_since.us >= STORE_SILENT_US;
}

void health_store(struct health *health, struct store *store, mono_t mono)
{
	const char *error = "";
	struct errbuf note;
	bool is_failing = store_is_failing(store, &error);
	if (is_silent(health, store, mono)) {
		is_failing = true;
		error = "the disk has not answered for 5 seconds";
	}
	if (is_failing && !health->store_was_failing)
		log_event(LEVEL_ERROR, "store failing", F_STR("error", error),
			F_STR("effect", "mail is judged from memory; changes are refused"));
	if (!is_failing && health->store_was_failing)
		log_event(LEVEL_NOTICE, "store works again", F_STR("error", ""));
	health->store_was_failing = is_failing;
	while (store_take_note(store, &note))
		log_event(LEVEL_WARNING, "store", F_STR("note", note.text));
}

/* Once: after the first line that is missing, the rest is of little use. */
static void tell_record(struct health *health)
{
	if (health->record_was_told || metric_get(METRIC_RECORD_DROPPED) == 0)
		return;
	health->record_was_told = true;
	log_event(LEVEL_WARNING, "record incomplete",
		F_STR("effect", "lines are missing: record.max_bytes is reached, or the disk was "
				"full or too slow"));
}

/* A page: what may be wrong is policyd's own view of the world, or very many are compromised. */
static void tell_brake(struct health *health)
{
	if (health->is_braking && !health->brake_was_told)
		log_event(LEVEL_ERROR, "ladder brake",
			F_STR("effect", "beyond ladder.max_auto accounts are slowed, not held or "
					"suspended"),
			F_STR("remedy", "policyctl top --by score shows them; look whether the "
					"GeoIP databases are right; suspend by hand"));
	if (!health->is_braking && health->brake_was_told)
		log_event(LEVEL_NOTICE, "ladder brake", F_STR("effect", "off again"));
	health->brake_was_told = health->is_braking;
}

void health_tick(struct health *health, struct engine *engine, struct store *store, struct now now)
{
	gauges_set(health, engine, store, now);
	lag_set(health, now.mono);
	health_store(health, store, now.mono);
	tell_record(health);
	tell_brake(health);
}
