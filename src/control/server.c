/* SPDX-License-Identifier: ISC */
/*
 * The control socket's server: who connects, who may, and which handler it is. Bytes are conn.c's
 * business, what commands do the handlers'.
 */
#include "server.h"

#include <errno.h>
#include <event2/listener.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "handle_egress.h"
#include "peer.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/place.h"

#define CONNECTIONS_MAX 64
#define PLACES_KEPT     8  /* of them for those who may act: lookers must not shut them out */
#define RETRY_S         1  /* after accept() failed: descriptors come back, but not at once */
#define COMPLAIN_S      60 /* one warning of a kind a minute */

/* Freed when the last call under way has ended, which may be after control_free(). */
struct control {
	unsigned refs;
	bool is_freed;
	struct control_setup setup;
	struct place place;
	struct operators operators;
	struct order_book *orders;
	struct evconnlistener *listener;
	struct event *retry;
	struct log_throttle crowded, failed, denied;
	struct control_conn *conn[CONNECTIONS_MAX];
};

static void control_unref(struct control *control)
{
	if (--control->refs == 0)
		free(control);
}

static struct now control_now(const struct control *control)
{
	return control->setup.now(control->setup.now_ctx);
}

static bool may_complain(
	struct control *control, struct log_throttle *throttle, uint64_t *ret_missed)
{
	return log_may(throttle, control_now(control).mono.us / SECOND_US, COMPLAIN_S, ret_missed);
}

/* ---- calls ---- */

static call_handler *const handlers[COMMAND_COUNT] = {
#define HANDLER_DAEMON(id) [COMMAND_##id] = handle_##id,
#define HANDLER_SLOW(id)   HANDLER_DAEMON(id)
#define HANDLER_LOCAL(id)
#define COMMAND(id, verb, right, place, grammar, columns, help) HANDLER_##place(id)
#include "policyd/command.def"
#undef COMMAND
#undef HANDLER_LOCAL
#undef HANDLER_SLOW
#undef HANDLER_DAEMON
};

int call_must_have(struct control_call *call, enum command_right right)
{
	struct control *control = call->control;
	uint64_t missed;
	if (peer_right(call->uid, &control->operators) >= right)
		return 0;
	if (may_complain(control, &control->denied, &missed))
		log_event(LEVEL_WARNING, "control-denied", F_STR("verb", call->row->verb),
			F_INT("uid", call->uid), F_INT("missed", missed));
	call_fail(call, EX_NOPERM,
		"%s needs the right \"%s\": root and control.operators in the configuration have "
		"it",
		call->row->verb, command_right_name(right));
	return -EPERM;
}

void control_call_begin(struct control_conn *conn, const struct control_request *request)
{
	struct control *control = conn->control;
	struct control_call *call = xmalloc(sizeof(*call));
	const struct command_row *row = request->row;
	*call = (struct control_call){
		.setup = &control->setup,
		.row = row,
		.args = request->args,
		.uid = conn->uid,
		.control = control,
		.conn = conn,
	};
	conn->call = call;
	control->refs++;
	if (call_must_have(call, row->right) == 0)
		handlers[row - command_rows](call);
}

void call_end(struct control_call *call)
{
	if (call->work_free)
		call->work_free(call->work);
	json_decref(call->args);
	control_unref(call->control);
	free(call);
}

void call_answer(struct control_call *call, json_t *data)
{
	call_answer_exit(call, data, EX_OK);
}

void call_answer_exit(struct control_call *call, json_t *data, int exit)
{
	if (call->conn)
		control_conn_answer(call->conn, data, exit);
	else
		json_decref(data);
	call_end(call);
}

void call_progress(struct control_call *call, const struct control_progress *progress)
{
	if (call->conn)
		control_conn_progress(call->conn, progress);
}

bool call_was_left(struct control_call *call)
{
	if (!call->conn || !control_conn_is_left(call->conn))
		return false;
	control_conn_free(call->conn);
	return true;
}

void call_refuse(struct control_call *call, const struct call_refusal *refusal)
{
	if (call->conn)
		control_conn_refuse(call->conn, refusal);
	else
		json_decref(refusal->data);
	call_end(call);
}

void call_fail(struct control_call *call, int exit, const char *format, ...)
{
	struct errbuf err;
	va_list args;
	va_start(args, format);
	if (vsnprintf(err.text, sizeof(err.text), format, args) < 0)
		err.text[0] = '\0';
	va_end(args);
	call_refuse(call, &(struct call_refusal){.exit = exit, .text = err.text});
}

struct now call_now(const struct control_call *call)
{
	return control_now(call->control);
}

struct order_book *call_orders(const struct control_call *call)
{
	return call->control->orders;
}

bool call_is_void(const struct control_call *call)
{
	return call->control->is_freed;
}

/* ---- connections ---- */

static struct control_conn **slot_of(struct control *control, const struct control_conn *conn)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		if (control->conn[i] == conn)
			return &control->conn[i];
	}
	return NULL;
}

void control_forget(struct control *control, const struct control_conn *conn)
{
	struct control_conn **slot = slot_of(control, conn);
	if (slot)
		*slot = NULL;
}

/* A place for that user, or NULL. */
static struct control_conn **slot_free(struct control *control, uid_t uid)
{
	bool may_act = peer_right(uid, &control->operators) > RIGHT_VIEW;
	unsigned left = 0;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		left += !control->conn[i];
	return left > (may_act ? 0 : PLACES_KEPT) ? slot_of(control, NULL) : NULL;
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int address_n, void *ctx)
{
	struct control *control = ctx;
	uint64_t missed;
	uid_t uid;
	(void)listener;
	(void)address;
	(void)address_n;
	bool is_named = peer_read(fd, &uid) == 0;
	struct control_conn **slot = is_named ? slot_free(control, uid) : NULL;
	if (slot) {
		*slot = control_conn_new(control, control->setup.base, fd, uid);
		return;
	}
	close(fd);
	if (may_complain(control, &control->crowded, &missed))
		log_event(LEVEL_WARNING, "control-turned-away",
			F_STR("reason", is_named ? "too many connections" : "no peer credentials"),
			F_INT("missed", missed));
}

/* The socket stays readable while accept() fails, so without a pause the loop would spin. */
static void accept_failed_cb(struct evconnlistener *listener, void *ctx)
{
	struct control *control = ctx;
	int code = EVUTIL_SOCKET_ERROR();
	uint64_t missed;
	evconnlistener_disable(listener);
	event_add(control->retry, &(struct timeval){.tv_sec = RETRY_S});
	if (may_complain(control, &control->failed, &missed))
		log_event(LEVEL_WARNING, "control-accept-failed",
			F_STR("error", evutil_socket_error_to_string(code)),
			F_INT("missed", missed));
}

static void retry_cb(evutil_socket_t fd, short what, void *ctx)
{
	struct control *control = ctx;
	(void)fd;
	(void)what;
	evconnlistener_enable(control->listener);
}

/* ---- life ---- */

static int control_listen(
	struct control *control, const struct config_control *config, struct errbuf *err)
{
	char address[PATH_MAX];
	int n = snprintf(address, sizeof(address), "unix:%s", config->socket);
	if (n < 0 || (size_t)n >= sizeof(address)) {
		err_set(err, "control.socket: the path is too long");
		return -ENAMETOOLONG;
	}
	const struct place_setup setup = {
		.address = address,
		.mode = config->mode,
		.group = config->group,
		.backlog = CONNECTIONS_MAX,
	};
	int r = place_open(&setup, &control->place, err);
	if (r != 0)
		return r;
	/* Backlog 0: it listens already. The place closes its descriptor itself. */
	control->listener = evconnlistener_new(control->setup.base, accept_cb, control,
		LEV_OPT_CLOSE_ON_EXEC, 0, control->place.fd);
	if (!control->listener || !control->retry) {
		err_set(err, "%s: libevent is out of memory", config->socket);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(control->listener, accept_failed_cb);
	return 0;
}

int control_new(const struct control_setup *setup, const struct config *config,
	struct control **ret, struct errbuf *err)
{
	struct control *control = xcalloc(1, sizeof(*control));
	*control = (struct control){.refs = 1, .setup = *setup};
	control->retry = evtimer_new(setup->base, retry_cb, control);
	control->orders = orders_new(setup);
	int r = control_listen(control, &config->control, err);
	if (r != 0) {
		control_free(control);
		return r;
	}
	operators_load(&control->operators, config);
	*ret = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	if (control->listener)
		evconnlistener_free(control->listener);
	place_close(&control->place);
	if (control->retry)
		event_free(control->retry);
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		if (control->conn[i])
			control_conn_free(control->conn[i]);
	}
	orders_free(control->orders);
	control->orders = NULL;
	operators_deinit(&control->operators);
	control->is_freed = true;
	control_unref(control);
}

void control_reconfigure(struct control *control, const struct config *config)
{
	operators_load(&control->operators, config);
}
