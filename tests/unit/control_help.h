/* SPDX-License-Identifier: ISC */
/* control_help.h - a control socket over a real engine and store, and an asker. */
#ifndef POLICYD_TESTS_CONTROL_HELP_H
#define POLICYD_TESTS_CONTROL_HELP_H

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "policyd/control.h"
#include "policyd/log.h"

#define T0 (INT64_C(1790000000) * SECOND_US) /* 2026-09-21T14:13:20Z */

struct world {
	char dir[64], path[80], text[4096];
	struct now now;
	struct event_base *base;
	struct event *collect;
	struct config *config;
	struct engine *engine;
	struct store *store;
	struct control *control;
	/* What the daemon would say, and who asked it to reload and waits. */
	struct control_state state;
	reload_done *told;
	void *told_ctx;
	unsigned reloads;
};

static inline void world_state(void *ctx, struct control_state *ret)
{
	const struct world *world = ctx;
	*ret = world->state;
}

static inline void world_reload(void *ctx, reload_done *done, void *done_ctx)
{
	struct world *world = ctx;
	world->told = done;
	world->told_ctx = done_ctx;
	world->reloads++;
}

static inline struct now world_now(void *ctx)
{
	const struct world *world = ctx;
	return world->now;
}

static inline void world_collect(evutil_socket_t fd, short what, void *ctx)
{
	struct world *world = ctx;
	(void)fd;
	(void)what;
	store_collect(world->store);
}

/* What every configuration of a world begins with, and more. */
static inline struct config *world_config_of(
	struct world *world, const char *operators, const char *more)
{
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(world->text, sizeof(world->text),
		"listen = ( { address = \"unix:%s/policy\"; } );\n"
		"state = { directory = \"%s/state\"; };\n"
		"control = { socket = \"%s\"; mode = \"0666\"; operators = [ %s ]; };\n"
		"%s",
		world->dir, world->dir, world->path, operators, more);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, (int)sizeof(world->text));
	int r = config_parse(span_make(world->text, (size_t)n), "test.conf", &config, report);
	for (size_t i = 0; i < report->n; i++)
		fprintf(stderr, "%s\n", report->line[i].text);
	ck_assert_int_eq(r, 0);
	config_report_free(report);
	return config;
}

static inline struct config *world_config(struct world *world, const char *operators)
{
	return world_config_of(world, operators,
		"limits = (\n"
		"  { name = \"hourly\"; rate = \"3/1h\"; },\n"
		"  { name = \"daily\"; unit = \"messages\"; rate = \"1/1d\"; mode = "
		"\"observe\"; },\n"
		"  { name = \"free\"; rate = \"unlimited\"; } );\n");
}

/* Another configuration for the same world, as after a reload. */
static inline void world_reconfigure(struct world *world, const char *more)
{
	struct config *config = world_config_of(world, "", more);
	engine_configure(world->engine, config);
	config_unref(config);
}

static inline struct control_setup world_setup(struct world *world)
{
	return (struct control_setup){
		.base = world->base,
		.engine = world->engine,
		.store = world->store,
		.now = world_now,
		.now_ctx = world,
		.started = world->now,
		.started_with = world->config,
		.version = "1.2.3",
		.config_path = "/etc/policyd/policyd.conf",
		.reload = world_reload,
		.reload_ctx = world,
		.state = world_state,
		.state_ctx = world,
	};
}

static inline void world_open(struct world *world)
{
	struct errbuf err;
	*world = (struct world){
		.dir = "/tmp/policyd-control-XXXXXX",
		.now = {.mono = {.us = HOUR_US}, .wall = {.us = T0}},
	};
	ck_assert_ptr_nonnull(mkdtemp(world->dir));
	ck_assert_int_eq(chmod(world->dir, 0755), 0);
	ck_assert_int_gt(snprintf(world->path, sizeof(world->path), "%s/control", world->dir), 0);
	world->base = event_base_new();
	world->config = world_config(world, "");
	world->engine = engine_new(&(struct engine_setup){
		.config = world->config, .charge = &charge_local, .seed = {1, 2}});
	const struct store_setup store = {
		.directory = world->config->state.directory,
		.keep_decisions_us = DAY_US,
		.keep_audit_us = DAY_US,
		.max_decisions = 1000,
	};
	ck_assert_int_eq(store_open(&store, &world->store, &err), 0);
	world->collect = event_new(
		world->base, store_fd(world->store), EV_READ | EV_PERSIST, world_collect, world);
	event_add(world->collect, NULL);
	struct control_setup setup = world_setup(world);
	ck_assert_int_eq(control_new(&setup, world->config, &world->control, &err), 0);
}

static inline void world_close(struct world *world)
{
	char command[128];
	control_free(world->control);
	event_free(world->collect);
	store_free(world->store);
	engine_free(world->engine);
	config_unref(world->config);
	event_base_free(world->base);
	ck_assert_int_gt(snprintf(command, sizeof(command), "rm -r %s", world->dir), 0);
	ck_assert_int_eq(system(command), 0);
}

/* ---- the asker ---- */

static inline int asker_open(const struct world *world)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	span_copy(span_of(world->path), address.sun_path, sizeof(address.sun_path));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Turns the loop while the socket takes no more; stops when the other side has closed. */
static inline void asker_send(struct world *world, int fd, struct span bytes)
{
	while (bytes.n) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			return;
		if (n < 0)
			event_base_loop(world->base, EVLOOP_NONBLOCK);
		else
			bytes = span_make(bytes.p + n, bytes.n - (size_t)n);
	}
}

/* Turns the loop until a line has come; NULL when the connection was closed instead. */
static inline json_t *asker_receive(struct world *world, int fd)
{
	char *line = NULL;
	size_t n = 0;
	json_t *answer = NULL;
	FILE *out = open_memstream(&line, &n);
	char c = 0;
	while (c != '\n') {
		ssize_t got = recv(fd, &c, 1, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		if (got > 0)
			fputc(c, out);
		else
			ck_assert_int_ge(event_base_loop(world->base, EVLOOP_ONCE), 0);
	}
	ck_assert_int_eq(fclose(out), 0);
	if (c == '\n')
		answer = json_loadb(line, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	ck_assert(c != '\n' || answer);
	free(line);
	return answer;
}

/* One command on a connection of its own: an object in JSON with ' for ". */
static inline json_t *ask(struct world *world, const char *request)
{
	char line[4096];
	size_t n = span_copy(span_of(request), line, sizeof(line) - 1);
	for (size_t i = 0; i < n; i++)
		line[i] = line[i] == '\'' ? '"' : line[i];
	line[n] = '\n';
	int fd = asker_open(world);
	asker_send(world, fd, span_make(line, n + 1));
	json_t *answer = asker_receive(world, fd);
	ck_assert_ptr_nonnull(answer);
	close(fd);
	return answer;
}

/* The same, of which only the error matters. */
static inline void ask_refused(
	struct world *world, const char *request, int code, const char *error)
{
	json_t *answer = ask(world, request);
	ck_assert(json_is_false(json_object_get(answer, "ok")));
	ck_assert(json_is_null(json_object_get(answer, "data")));
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "exit")), code);
	const char *text = json_string_value(json_object_get(answer, "error"));
	ck_assert_msg(strstr(text, error), "%s", text);
	json_decref(answer);
}

/* The data of a command that must succeed. */
static inline json_t *ask_data(struct world *world, const char *request)
{
	json_t *answer = ask(world, request);
	ck_assert_msg(json_is_true(json_object_get(answer, "ok")), "%s",
		json_string_value(json_object_get(answer, "error")));
	json_t *data = json_incref(json_object_get(answer, "data"));
	json_decref(answer);
	return data;
}

/* The text at a path of names and indexes, "limits.0.used"; "null"; "?" when nothing is there. */
static inline const char *text_at(const json_t *json, const char *path)
{
	struct span rest = span_of(path);
	while (rest.n && json) {
		char name[32];
		const char *dot = memchr(rest.p, '.', rest.n);
		size_t n = dot ? (size_t)(dot - rest.p) : rest.n;
		span_copy(span_make(rest.p, n), name, sizeof(name));
		json = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10))
					   : json_object_get(json, name);
		rest = span_make(rest.p + n + (dot != NULL), rest.n - n - (dot != NULL));
	}
	if (json_is_null(json))
		return "null";
	return json_is_string(json) ? json_string_value(json) : "?";
}

/* ---- mail ---- */

/* One recipient of one message, as Postfix asks at RCPT. */
static inline struct verdict mail(struct world *world, const char *login, const char *instance)
{
	struct request request = {
		.request = SPAN("smtpd_access_policy"),
		.protocol_state = SPAN("RCPT"),
		.sasl_username = span_of(login),
		.instance = span_of(instance),
		.sender = SPAN("\xff<>@example.org"),
		.recipient = SPAN("you@example.com"),
		.client_address = SPAN("192.0.2.1"),
	};
	struct verdict verdict;
	uint64_t ticket;
	request_derive(&request);
	ck_assert_int_eq(engine_begin(world->engine, 0, &request, world->now, &verdict, &ticket),
		ENGINE_DONE);
	return verdict;
}

/* ---- what the suites of the control socket begin with ---- */

#define ROWS(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static struct world world;

static inline void no_log(void *ctx, enum log_level level, const char *text, size_t n)
{
	(void)ctx;
	(void)level;
	(void)text;
	(void)n;
}

static inline void make(void)
{
	log_set_sink(no_log, NULL);
	world_open(&world);
}

static inline void clean(void)
{
	world_close(&world);
}

static inline size_t accounts(void)
{
	struct engine_figures figures;
	engine_figures(world.engine, &figures);
	return figures.accounts.count[ACCOUNT_LOGIN];
}

#endif
