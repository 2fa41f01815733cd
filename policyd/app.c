/* SPDX-License-Identifier: ISC */
/*
 * The daemon as a whole: every object is made here, wired here, and freed here. What they do is
 * their own business.
 */
#include "app.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "audit_watch.h"
#include "effects.h"
#include "egress_watch.h"
#include "exit_code.h"
#include "geoip_watch.h"
#include "health.h"
#include "logger.h"
#include "notify.h"
#include "pid_file.h"
#include "policyd/log.h"
#include "posture_watch.h"
#include "privilege.h"
#include "reload.h"
#include "state.h"

/* Who waits for the end of policyd waits for 10 s. */
#define LAST_RESORT_S 8

enum { SIGNAL_TERM, SIGNAL_INT, SIGNAL_HUP, SIGNALS };

struct app {
	const struct app_setup *setup;
	struct config *config; /* as it was at the start */
	struct event_base *base;
	struct engine *engine;
	struct policy_server *server;
	struct store *store;
	struct control *control;
	struct recorder *recorder;
	struct logger *logger;
	struct state *state;
	struct reload *reload;
	struct egress_watch *egress;
	struct geoip_watch *geoip;
	struct state_loaded loaded;
	struct effects effects;
	struct notify notify;
	struct pid_file pid_file;
	struct event *tick, *watchdog, *store_ready, *recorder_ready, *signal[SIGNALS];
	uint64_t seed[2];
	struct health health;
};

/* ---- what the parts ask of the whole ---- */

static void on_applied(void *ctx, const struct policy_event *event, struct now now)
{
	struct app *app = ctx;
	state_changed(app->state);
	recorder_event(app->recorder, event, now);
}

static void on_reload_asked(void *ctx, reload_done *done, void *done_ctx)
{
	const struct app *app = ctx;
	reload_request(app->reload, done, done_ctx);
}

static void on_state_asked(void *ctx, struct control_state *ret)
{
	const struct app *app = ctx;
	state_describe(app->state, ret);
}

static struct now now_of(void *ctx)
{
	(void)ctx;
	return clock_now();
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

/* After a reload others may be wanted. */
static void hooks_set(struct app *app)
{
	struct policy_server_hooks hooks = effects_hooks(&app->effects);
	policy_server_hook(app->server, &hooks);
}

static void on_configured(void *ctx, struct config *config)
{
	struct app *app = ctx;
	struct store_setup store = store_setup_of(config);
	engine_configure(app->engine, config);
	store_configure(app->store, &store);
	egress_watch_configure(app->egress, config);
	geoip_watch_configure(app->geoip, config);
	control_reconfigure(app->control, config);
	state_configure(app->state, config);
	hooks_set(app);
}

/* ---- time, signals, threads that come back ---- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct app *app = arg;
	struct now now = clock_now();
	(void)fd;
	(void)what;
	engine_tick(app->engine, now);
	policy_server_tick(app->server, now);
	effects_carry_out(&app->effects, now);
	/* What has come back since the last look: we may have been stopped, not the disk. */
	store_collect(app->store);
	suspensions_tick(app->effects.suspensions, now);
	recorder_flush(app->recorder);
	state_tick(app->state, now);
	egress_watch_tick(app->egress, now);
	geoip_watch_tick(app->geoip);
	health_tick(&app->health, app->engine, app->store, now);
}

/* From the loop, since it is the loop that must be alive. */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	const struct app *app = arg;
	(void)fd;
	(void)what;
	notify_tell(&app->notify, "WATCHDOG=1");
}

static void on_store(evutil_socket_t fd, short what, void *arg)
{
	struct app *app = arg;
	(void)fd;
	(void)what;
	store_collect(app->store);
	health_store(&app->health, app->store, clock_now().mono);
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
	const struct app *app = arg;
	(void)what;
	log_event(LEVEL_NOTICE, "stopping", F_STR("signal", number == SIGINT ? "INT" : "TERM"));
	notify_tell(&app->notify, "STOPPING=1");
	event_base_loopbreak(app->base);
}

static void on_hangup(evutil_socket_t number, short what, void *arg)
{
	const struct app *app = arg;
	(void)number;
	(void)what;
	reload_request(app->reload, NULL, NULL);
}

/* ---- building ---- */

static int state_begin(struct app *app, struct errbuf *err)
{
	struct store_setup store = store_setup_of(app->config);
	int r = store_open(&store, &app->store, err);
	if (r != 0)
		return r;
	struct state_load_setup load = {
		.config = app->config, .store = app->store, .seed = {app->seed[0], app->seed[1]}};
	state_load(&load, &app->loaded);
	app->engine = app->loaded.engine;
	struct state_use use = {.engine = app->engine,
		.store = app->store,
		.directory = app->config->state.directory};
	return state_new(app->base, &use, &app->loaded, &app->state, err);
}

static int server_begin(struct app *app, struct errbuf *err)
{
	struct policy_server_hooks hooks = effects_hooks(&app->effects);
	return policy_server_new(app->base, app->engine, &hooks, &app->server, err);
}

static void on_egresses(void *ctx, const struct engine_egress *egress, size_t n, struct now now)
{
	const struct app *app = ctx;
	recorder_egresses(app->recorder, egress, n, now);
}

static int egress_begin(struct app *app, struct errbuf *err)
{
	struct egress_watch_setup setup = {
		.base = app->base,
		.config = app->config,
		.store = app->store,
		.engine = app->engine,
		.seed = {app->seed[0], app->seed[1]},
		.told = on_egresses,
		.told_ctx = app,
	};
	return egress_watch_new(&setup, &app->egress, err);
}

static int geoip_begin(struct app *app, struct errbuf *err)
{
	return geoip_watch_new(app->base, app->config, &app->geoip, err);
}

static int control_begin(struct app *app, struct errbuf *err)
{
	struct control_setup setup = {
		.started_with = app->config,
		.base = app->base,
		.engine = app->engine,
		.store = app->store,
		.now = now_of,
		.started = clock_now(),
		.version = POLICYD_VERSION,
		.config_path = app->setup->config_path,
		.applied = on_applied,
		.applied_ctx = app,
		.reload = on_reload_asked,
		.reload_ctx = app,
		.state = on_state_asked,
		.state_ctx = app,
		.egress = egress_watch_egress(app->egress),
		.dns = egress_watch_dns(app->egress),
		.audit = audit_watch_audit(egress_watch_audit(app->egress)),
		.postures = posture_watch_postures(egress_watch_posture(app->egress)),
		.culprits = posture_watch_culprits(egress_watch_posture(app->egress)),
		.ledger = posture_watch_ledger(egress_watch_posture(app->egress)),
		.egress_poke = egress_watch_poke,
		.standing_keep = egress_watch_keep,
		.egress_ctx = app->egress,
	};
	return control_new(&setup, app->config, &app->control, err);
}

static int recorder_begin(struct app *app, struct errbuf *err)
{
	if (!app->config->record.file)
		return 0;
	struct recorder_setup setup = {
		.path = app->config->record.file,
		.max_bytes = app->config->record.max_bytes,
		.seed = {app->seed[0], app->seed[1]},
		.now = clock_now(),
		.is_restored = app->loaded.saved_at.us != 0,
	};
	int r = recorder_open(&setup, &app->recorder, err);
	/* Who stands badly since before the start. */
	if (r == 0)
		posture_watch_tell(egress_watch_posture(app->egress), clock_now());
	return r;
}

static int reload_begin(struct app *app, struct errbuf *err)
{
	struct reload_setup setup = {.base = app->base,
		.config_path = app->setup->config_path,
		.started_with = app->config,
		.notify = &app->notify,
		.apply = on_configured,
		.ctx = app};
	return reload_new(&setup, &app->reload, err);
}

static void load_one(void *ctx, const struct policy_event *event)
{
	const struct app *app = ctx;
	struct now now = clock_now();
	engine_apply(app->engine, event, now);
	recorder_event(app->recorder, event, now);
}

/* Suspensions and overrides; of the resets, those that the counters do not know of yet. */
static int facts_load(struct app *app, struct errbuf *err)
{
	struct store_load_query query = {.wall = clock_now().wall,
		.acts_since = app->loaded.saved_at.us ? app->loaded.saved_at : WALL_NEVER};
	return store_load(app->store, &query, load_one, app, err);
}

/*
 * The state's lock says who runs, so it comes before the sockets: two starts at once must not take
 * each other's. What it and the record hold is touched by nobody who has not got it.
 */
static int build(struct app *app, struct errbuf *err)
{
	static int (*const parts[])(struct app * app, struct errbuf * err) = {
		egress_begin, geoip_begin, control_begin, recorder_begin, facts_load, reload_begin};
	const struct config *config = app->config;
	app->base = event_base_new();
	if (!app->base || getrandom(app->seed, sizeof(app->seed), 0) != sizeof(app->seed)) {
		err_set(err, "no event loop or no random numbers: %s", strerror(errno));
		return -errno;
	}
	int r = privilege_prepare(config, err);
	if (r == 0)
		r = privilege_borrow(config, err);
	if (r == 0)
		r = state_begin(app, err);
	if (r == 0)
		r = privilege_give_back(config, err);
	if (r == 0)
		r = server_begin(app, err);
	if (r == 0)
		r = pid_file_open(config->pid_file, &app->pid_file, err);
	if (r == 0)
		r = privilege_drop(config, err);
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = parts[i](app, err);
	app->effects = (struct effects){
		.engine = app->engine,
		.store = app->store,
		.server = app->server,
		.recorder = app->recorder,
		.egress = app->egress,
		.geoip = app->geoip,
		.suspensions = suspensions_new(app->engine, app->store),
	};
	if (r == 0)
		hooks_set(app);
	return r;
}

static void watchdog_begin(struct app *app)
{
	int64_t us = notify_watchdog_us();
	struct timeval often = {.tv_sec = us / SECOND_US, .tv_usec = us % SECOND_US};
	if (!us)
		return;
	app->watchdog = event_new(app->base, -1, EV_PERSIST, on_watchdog, app);
	event_add(app->watchdog, &often);
}

static void events_begin(struct app *app)
{
	static const struct {
		int number;
		event_callback_fn call;
	} rows[SIGNALS] = {
		[SIGNAL_TERM] = {SIGTERM, on_stop},
		[SIGNAL_INT] = {SIGINT, on_stop},
		[SIGNAL_HUP] = {SIGHUP, on_hangup},
	};
	struct timeval second = {.tv_sec = 1};
	for (int i = 0; i < SIGNALS; i++) {
		app->signal[i] = evsignal_new(app->base, rows[i].number, rows[i].call, app);
		event_add(app->signal[i], NULL);
	}
	app->tick = event_new(app->base, -1, EV_PERSIST, on_tick, app);
	event_add(app->tick, &second);
	watchdog_begin(app);
	egress_watch_begin(app->egress);
	app->store_ready =
		event_new(app->base, store_fd(app->store), EV_READ | EV_PERSIST, on_store, app);
	event_add(app->store_ready, NULL);
	if (app->recorder) {
		app->recorder_ready = event_new(app->base, recorder_fd(app->recorder),
			EV_READ | EV_PERSIST, on_recorder, app);
		event_add(app->recorder_ready, NULL);
	}
}

/* ---- the end ---- */

static void event_drop(struct event *event)
{
	if (event)
		event_free(event);
}

static void tear_down(struct app *app)
{
	for (int i = 0; i < SIGNALS; i++)
		event_drop(app->signal[i]);
	event_drop(app->tick);
	event_drop(app->watchdog);
	event_drop(app->store_ready);
	event_drop(app->recorder_ready);
	control_free(app->control);
	policy_server_free(app->server);
	reload_free(app->reload);
	egress_watch_free(app->egress);
	geoip_watch_free(app->geoip);
	state_free(app->state);
	store_free(app->store);
	suspensions_free(app->effects.suspensions);
	recorder_close(app->recorder);
	engine_free(app->engine);
	pid_file_close(&app->pid_file);
	logger_free(app->logger);
	notify_close(&app->notify);
	if (app->base)
		event_base_free(app->base);
}

/* Threads that wait for a disk cannot be told to stop; the process can. */
static void on_overdue(int number)
{
	static const char text[] = "ERROR policyd ends although the disk has not answered\n";
	(void)number;
	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? EX_OSERR : EX_IOERR);
}

/*
 * The stop: nothing that was asked goes without its answer. Who waits is answered first, while the
 * connection is still there; what that has changed is in the last snapshot.
 */
static void stop(struct app *app)
{
	struct now now = clock_now();
	(void)signal(SIGALRM, on_overdue);
	(void)alarm(LAST_RESORT_S);
	engine_drain(app->engine, now);
	effects_carry_out(&app->effects, now);
	policy_server_drain(app->server, now);
	egress_watch_finish(app->egress);
	state_finish(app->state);
	logger_flush(app->logger);
}

/* ---- life ---- */

static void logger_begin(struct app *app)
{
	struct errbuf err;
	bool is_syslog = app->setup->log_to_syslog;
	app->logger = logger_new(app->base, is_syslog ? _PATH_LOG : NULL, &err);
	if (!app->logger)
		log_event(
			LEVEL_WARNING, "log without a thread of its own", F_STR("error", err.text));
	/* So far only whoever started policyd has read it. */
	if (is_syslog && app->loaded.lost.text[0])
		log_event(LEVEL_WARNING, "state lost", F_STR("why", app->loaded.lost.text));
}

/* Until a signal. */
static int run(struct app *app)
{
	logger_begin(app);
	log_event(LEVEL_NOTICE, "policyd started", F_STR("version", POLICYD_VERSION),
		F_STR("config", app->setup->config_path), F_INT("limits", app->config->limits_n));
	notify_tell(&app->notify, "READY=1");
	app->setup->ready(app->setup->ctx);
	int r = event_base_dispatch(app->base);
	stop(app);
	return r < 0 ? EX_SOFTWARE : EX_OK;
}

int app_run(const struct app_setup *setup)
{
	struct app app = {.setup = setup, .config = setup->config, .pid_file = {.fd = -1}};
	struct errbuf err = {.text = ""};
	int code;
	(void)signal(SIGPIPE, SIG_IGN);
	/* The configuration has just been read. One that comes now must not end the start. */
	(void)signal(SIGHUP, SIG_IGN);
	notify_open(&app.notify);
	privilege_tell(app.config);
	int r = build(&app, &err);
	if (r == 0) {
		privilege_tell_files(app.config, setup->config_path);
		events_begin(&app);
		r = pid_file_write(&app.pid_file, &err);
	}
	if (r == 0) {
		code = run(&app);
	} else {
		log_event(LEVEL_ERROR, "cannot start", F_STR("error", err.text));
		code = exit_code_of(r);
	}
	tear_down(&app);
	config_unref(app.config);
	return code;
}
