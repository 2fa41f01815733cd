/* SPDX-License-Identifier: ISC */
/*
 * The daemon as a whole: every object is made here, wired here, and freed here. Decisions are the
 * engine's; this file only carries out what it says.
 */
#include "app.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "logger.h"
#include "notify.h"
#include "policyd/control.h"
#include "policyd/engine.h"
#include "policyd/log.h"
#include "policyd/metric.h"
#include "policyd/policy_server.h"
#include "policyd/replay.h"
#include "policyd/store.h"
#include "privilege.h"

enum { SIGNAL_TERM, SIGNAL_INT, SIGNAL_HUP, SIGNALS };

struct app {
	const char *config_path;
	struct event_base *base;
	struct engine *engine;
	struct policy_server *server;
	struct store *store;
	struct control *control;
	struct recorder *recorder;
	struct logger *logger;
	struct event *tick, *watchdog, *store_ready, *recorder_ready, *signal[SIGNALS];
	uint64_t seed[2];
	bool store_was_failing, record_was_told;
};

void report_print(const struct config_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		fprintf(stderr, "%s\n", report->line[i].text);
}

/* ---- what the engine wants done ---- */

static void log_decision(const struct decision *d)
{
	char room[WALL_TEXT_SIZE] = "";
	if (d->room_at.us)
		wall_format(d->room_at, room);
	log_event(LEVEL_NOTICE, d->observed ? "observed" : "decision",
		F_STR("action", action_rows[d->action].word), F_STR("rule", d->rule),
		F_SPAN("account", subject_shown(span_of(d->account))), F_INT("used", d->used),
		F_INT("limit", d->limit), F_STR("room_at", room),
		F_STR("stage", stage_name(d->stage)), F_STR("client", d->client),
		F_STR("instance", d->instance), F_STR("queue_id", d->queue_id),
		F_STR("sender", d->sender), F_STR("recipient", d->recipient),
		F_STR("reference", d->reference));
}

static void carry_out(void *ctx, struct now now)
{
	struct app *app = ctx;
	struct effect effect;
	while (engine_effect(app->engine, &effect)) {
		switch (effect.kind) {
		case EFFECT_DECISION:
			log_decision(effect.decision);
			if (effect.keep)
				store_decision(app->store, effect.decision);
			break;
		case EFFECT_REPLY:
			policy_server_reply(app->server, effect.conn, effect.verdict, now);
			break;
		case EFFECT_NOTE:
			log_event(LEVEL_WARNING, "engine", F_STR("note", effect.note));
			break;
		}
	}
}

/* ---- recording ---- */

static void on_opened(
	void *ctx, engine_conn conn, struct span listener, const struct ip *peer, struct now now)
{
	const struct app *app = ctx;
	recorder_opened(app->recorder, conn, listener, peer, now);
}

static void on_answered(void *ctx, engine_conn conn, const struct request *request,
	const struct verdict *verdict, struct now now)
{
	const struct app *app = ctx;
	recorder_answered(app->recorder, conn, request, verdict, now);
}

static void on_closed(void *ctx, engine_conn conn, struct now now)
{
	const struct app *app = ctx;
	recorder_closed(app->recorder, conn, now);
}

static void on_applied(void *ctx, const struct policy_event *event, struct now now)
{
	const struct app *app = ctx;
	recorder_event(app->recorder, event, now);
}

/* ---- time, signals, threads that come back ---- */

static void tell_store_state(struct app *app)
{
	const char *error = "";
	bool is_failing = store_is_failing(app->store, &error);
	if (is_failing && !app->store_was_failing)
		log_event(LEVEL_ERROR, "store failing", F_STR("error", error),
			F_STR("effect", "mail is judged from memory; changes are refused"));
	if (!is_failing && app->store_was_failing)
		log_event(LEVEL_NOTICE, "store works again", F_STR("error", ""));
	app->store_was_failing = is_failing;
}

/* Once: after the first line that is missing, the rest is of little use. */
static void tell_record_state(struct app *app)
{
	if (app->record_was_told || metric_get(METRIC_RECORD_DROPPED) == 0)
		return;
	app->record_was_told = true;
	log_event(LEVEL_WARNING, "record incomplete",
		F_STR("effect", "lines are missing: record.max_bytes is reached, or the disk was "
				"full or too slow"));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct app *app = arg;
	struct now now = clock_now();
	(void)fd;
	(void)what;
	engine_tick(app->engine, now);
	policy_server_tick(app->server, now);
	carry_out(app, now);
	recorder_flush(app->recorder);
	tell_store_state(app);
	tell_record_state(app);
}

/* From the loop, since it is the loop that must be alive. */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_manager("WATCHDOG=1");
}

static void on_store(evutil_socket_t fd, short what, void *arg)
{
	const struct app *app = arg;
	(void)fd;
	(void)what;
	store_collect(app->store);
}

static void on_recorder(evutil_socket_t fd, short what, void *arg)
{
	const struct app *app = arg;
	(void)fd;
	(void)what;
	recorder_collect(app->recorder);
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
	struct app *app = arg;
	(void)what;
	log_event(LEVEL_NOTICE, "stopping", F_STR("signal", number == SIGINT ? "INT" : "TERM"));
	notify_manager("STOPPING=1");
	event_base_loopbreak(app->base);
}

static struct store_setup store_setup_of(const struct config *config)
{
	return (struct store_setup){
		.directory = config->state.directory,
		.keep_decisions_us = config->state.keep_decisions_us,
		.keep_audit_us = config->state.keep_audit_us,
		.max_decisions = config->state.max_decisions,
	};
}

/* A bad file changes nothing. What needs a restart keeps its value until then, and is named. */
static void on_reload(evutil_socket_t number, short what, void *arg)
{
	struct app *app = arg;
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	(void)number;
	(void)what;
	notify_manager("RELOADING=1");
	int r = config_load(&(struct config_source){.path = app->config_path}, &config, report);
	for (size_t i = 0; i < report->n; i++)
		log_event(report->line[i].error ? LEVEL_ERROR : LEVEL_WARNING, "configuration",
			F_STR("message", report->line[i].text));
	if (r == 0) {
		struct store_setup store = store_setup_of(config);
		engine_configure(app->engine, config);
		store_configure(app->store, &store);
		control_reconfigure(app->control, config);
		config_unref(config);
	}
	log_event(r == 0 ? LEVEL_NOTICE : LEVEL_ERROR, "reload",
		F_STR("result", r == 0 ? "done" : "refused: the old configuration stays"),
		F_STR("note", "listen, user, connections_max, state.directory, control.socket, "
			      "control.mode, control.group and record keep their values until a "
			      "restart"));
	config_report_free(report);
	notify_manager("READY=1");
}

static struct now now_of(void *ctx)
{
	(void)ctx;
	return clock_now();
}

/* ---- building ---- */

static void load_one(void *ctx, const struct policy_event *event)
{
	struct app *app = ctx;
	struct now now = clock_now();
	engine_apply(app->engine, event, now);
	recorder_event(app->recorder, event, now);
}

static int control_begin(struct app *app, const struct config *config, struct errbuf *err)
{
	struct control_setup setup = {
		.started_with = config,
		.base = app->base,
		.engine = app->engine,
		.store = app->store,
		.now = now_of,
		.started = clock_now(),
		.version = POLICYD_VERSION,
		.config_path = app->config_path,
		.applied = on_applied,
		.applied_ctx = app,
	};
	return control_new(&setup, config, &app->control, err);
}

static int recorder_begin(struct app *app, const struct config *config, struct errbuf *err)
{
	if (!config->record.file)
		return 0;
	struct recorder_setup setup = {
		.path = config->record.file,
		.max_bytes = config->record.max_bytes,
		.seed = {app->seed[0], app->seed[1]},
		.now = clock_now(),
	};
	return recorder_open(&setup, &app->recorder, err);
}

/* A second start is refused before it has touched the record, which may be the first one's. */
static int files_begin(struct app *app, const struct config *config, struct errbuf *err)
{
	struct store_setup store = store_setup_of(config);
	int r = store_open(&store, &app->store, err);
	if (r == 0)
		r = control_begin(app, config, err);
	if (r == 0)
		r = recorder_begin(app, config, err);
	if (r == 0)
		r = store_load(app->store, clock_now().wall, load_one, app, err);
	return r;
}

static void events_begin(struct app *app)
{
	static const int numbers[SIGNALS] = {
		[SIGNAL_TERM] = SIGTERM, [SIGNAL_INT] = SIGINT, [SIGNAL_HUP] = SIGHUP};
	struct timeval second = {.tv_sec = 1};
	for (int i = 0; i < SIGNALS; i++) {
		app->signal[i] = evsignal_new(
			app->base, numbers[i], i == SIGNAL_HUP ? on_reload : on_stop, app);
		event_add(app->signal[i], NULL);
	}
	app->tick = event_new(app->base, -1, EV_PERSIST, on_tick, app);
	event_add(app->tick, &second);
	int64_t watchdog_us = notify_watchdog_us();
	if (watchdog_us) {
		struct timeval often = {
			.tv_sec = watchdog_us / SECOND_US, .tv_usec = watchdog_us % SECOND_US};
		app->watchdog = event_new(app->base, -1, EV_PERSIST, on_watchdog, NULL);
		event_add(app->watchdog, &often);
	}
	app->store_ready =
		event_new(app->base, store_fd(app->store), EV_READ | EV_PERSIST, on_store, app);
	event_add(app->store_ready, NULL);
	if (app->recorder) {
		app->recorder_ready = event_new(app->base, recorder_fd(app->recorder),
			EV_READ | EV_PERSIST, on_recorder, app);
		event_add(app->recorder_ready, NULL);
	}
}

static int build(struct app *app, struct config *config, struct errbuf *err)
{
	struct policy_server_hooks hooks = {.after = carry_out, .ctx = app};
	app->base = event_base_new();
	if (!app->base || getrandom(app->seed, sizeof(app->seed), 0) != sizeof(app->seed)) {
		err_set(err, "no event loop or no random numbers: %s", strerror(errno));
		return -errno;
	}
	app->engine = engine_new(&(struct engine_setup){
		.config = config, .charge = &charge_local, .seed = {app->seed[0], app->seed[1]}});
	if (config->record.file) {
		hooks.opened = on_opened;
		hooks.answered = on_answered;
		hooks.closed = on_closed;
	}
	/*
	 * The state's lock says who runs, so it comes before the sockets: two starts at once must
	 * not take each other's. Only where another user is to own the files does it have to wait
	 * for that.
	 */
	bool is_dropping = config->user && geteuid() == 0;
	int r = privilege_prepare(config, err);
	if (r == 0 && !is_dropping)
		r = files_begin(app, config, err);
	if (r == 0)
		r = policy_server_new(app->base, app->engine, &hooks, &app->server, err);
	if (r == 0)
		r = privilege_drop(config, err);
	if (r == 0 && is_dropping)
		r = files_begin(app, config, err);
	if (r == 0)
		events_begin(app);
	return r;
}

static void tear_down(struct app *app)
{
	for (int i = 0; i < SIGNALS; i++) {
		if (app->signal[i])
			event_free(app->signal[i]);
	}
	if (app->tick)
		event_free(app->tick);
	if (app->watchdog)
		event_free(app->watchdog);
	if (app->store_ready)
		event_free(app->store_ready);
	if (app->recorder_ready)
		event_free(app->recorder_ready);
	control_free(app->control);
	policy_server_free(app->server);
	store_free(app->store);
	recorder_close(app->recorder);
	engine_free(app->engine);
	logger_free(app->logger);
	if (app->base)
		event_base_free(app->base);
}

static int exit_code_of(int error)
{
	static const struct {
		int error, code;
	} rows[] = {
		{-EADDRINUSE, EX_UNAVAILABLE},
		{-EBUSY, EX_UNAVAILABLE},
		{-EACCES, EX_NOPERM},
		{-EPERM, EX_NOPERM},
		{-EPROTO, EX_DATAERR},
		{-ENOENT, EX_CANTCREAT},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].error == error)
			return rows[i].code;
	}
	return EX_OSERR;
}

/*
 * The stop: nothing that was asked goes without its answer. Who waits is answered first, while the
 * connection is still there.
 */
static void stop(struct app *app)
{
	struct now now = clock_now();
	engine_drain(app->engine, now);
	carry_out(app, now);
	policy_server_drain(app->server, now);
}

/* Until a signal. */
static int run(struct app *app, const struct app_setup *setup)
{
	struct errbuf err;
	log_event(LEVEL_NOTICE, "policyd started", F_STR("version", POLICYD_VERSION),
		F_STR("config", setup->config_path), F_INT("limits", setup->config->limits_n));
	notify_manager("READY=1");
	setup->ready(setup->ctx);
	app->logger = logger_new(app->base, setup->log_to_syslog ? _PATH_LOG : NULL, &err);
	if (!app->logger)
		log_event(
			LEVEL_WARNING, "log without a thread of its own", F_STR("error", err.text));
	int r = event_base_dispatch(app->base);
	stop(app);
	return r < 0 ? EX_SOFTWARE : EX_OK;
}

int app_run(const struct app_setup *setup)
{
	struct app app = {.config_path = setup->config_path};
	struct errbuf err = {.text = ""};
	int code;
	(void)signal(SIGPIPE, SIG_IGN);
	if (!setup->config->user)
		log_event(LEVEL_WARNING, "no user setting",
			F_STR("effect", "policyd keeps the user that started it"),
			F_INT("uid", geteuid()));
	int r = build(&app, setup->config, &err);
	if (r == 0) {
		code = run(&app, setup);
	} else {
		log_event(LEVEL_ERROR, "cannot start", F_STR("error", err.text));
		code = exit_code_of(r);
	}
	tear_down(&app);
	config_unref(setup->config);
	return code;
}
