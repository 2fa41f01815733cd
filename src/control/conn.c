/* SPDX-License-Identifier: ISC */
/*
 * One control connection: lines in, one command at a time, answers out, and a deadline for each
 * step. What commands do, and who may, is not known here.
 *
 * While a command is under way or its answer is being read, the connection is not read: what else
 * was sent waits in the socket. So the input never holds more than a line, the output never much
 * more than a piece.
 */
#include "server.h"

#include <event2/buffer.h>
#include <poll.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "text.h"

#define STEP_S 30

/*
 * Rows are turned into text until this much waits: one stretch of work on the loop, a millisecond.
 */
#define PIECE_BYTES 65536

static const char answer_head[] = "{\"ok\":true,\"data\":";

static void deadline_renew(struct control_conn *conn)
{
	event_add(conn->deadline, &(struct timeval){.tv_sec = STEP_S});
}

static int evbuffer_append(const char *p, size_t n, void *ctx)
{
	return evbuffer_add(ctx, p, n);
}

static void json_write(struct control_conn *conn, const json_t *json)
{
	json_dump_callback(json, evbuffer_append, bufferevent_get_output(conn->bev),
		JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
}

static void tail_write(struct control_conn *conn)
{
	evbuffer_add_printf(
		bufferevent_get_output(conn->bev), ",\"error\":null,\"exit\":%d}\n", conn->exit);
}

/* Writes rows until a piece is waiting, or the last of them. */
static void rows_write(struct control_conn *conn)
{
	struct evbuffer *output = bufferevent_get_output(conn->bev);
	size_t n = json_array_size(conn->rows);
	while (conn->rows_done < n && evbuffer_get_length(output) < PIECE_BYTES) {
		if (conn->rows_done)
			evbuffer_add(output, ",", 1);
		json_write(conn, json_array_get(conn->rows, conn->rows_done++));
	}
	if (conn->rows_done < n)
		return;
	evbuffer_add(output, "]", 1);
	tail_write(conn);
	json_decref(conn->rows);
	conn->rows = NULL;
}

void control_conn_answer(struct control_conn *conn, json_t *data, int exit)
{
	struct evbuffer *output = bufferevent_get_output(conn->bev);
	conn->call = NULL;
	conn->exit = exit;
	deadline_renew(conn);
	evbuffer_add(output, answer_head, sizeof(answer_head) - 1);
	if (json_is_array(data)) {
		evbuffer_add(output, "[", 1);
		conn->rows = data;
		conn->rows_done = 0;
		rows_write(conn);
		return;
	}
	json_write(conn, data);
	tail_write(conn);
	json_decref(data);
}

void control_conn_progress(struct control_conn *conn, const struct control_progress *progress)
{
	struct evbuffer *output = bufferevent_get_output(conn->bev);
	deadline_renew(conn);
	if (!conn->wants_progress || evbuffer_get_length(output))
		return;
	json_t *line = json_pack("{s:{s:I, s:I, s:o}}", "progress", "done",
		(json_int_t)progress->done, "total", (json_int_t)progress->total, "text",
		text_json(span_of(progress->text)));
	json_write(conn, line);
	evbuffer_add(output, "\n", 1);
	json_decref(line);
}

/* Not a mere end of what it says: it may have shut down its side, and listen. */
bool control_conn_is_left(const struct control_conn *conn)
{
	struct pollfd fd = {.fd = bufferevent_getfd(conn->bev)};
	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR)) != 0;
}

void control_conn_refuse(struct control_conn *conn, const struct call_refusal *refusal)
{
	json_t *answer = json_pack("{s:b, s:o, s:o, s:i}", "ok", 0, "data",
		refusal->data ? refusal->data : json_null(), "error",
		text_json(span_of(refusal->text)), "exit", refusal->exit);
	conn->call = NULL;
	deadline_renew(conn);
	json_write(conn, answer);
	evbuffer_add(bufferevent_get_output(conn->bev), "\n", 1);
	json_decref(answer);
}

/* Reading goes on when what was written has gone out: see write_cb. */
static void line_take(struct control_conn *conn, struct span line)
{
	struct errbuf err;
	struct control_request request;
	bufferevent_disable(conn->bev, EV_READ);
	deadline_renew(conn);
	int r = control_line_parse(line, &request, &err);
	if (r == 0) {
		conn->wants_progress = request.wants_progress;
		control_call_begin(conn, &request);
		return;
	}
	conn->is_closing = r == CONTROL_LINE_BROKEN;
	control_conn_refuse(
		conn, &(struct call_refusal){
			      .exit = conn->is_closing ? EX_PROTOCOL : EX_USAGE, .text = err.text});
}

/* Takes one line from the input when there is one. */
static void input_look(struct control_conn *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	size_t n = evbuffer_get_length(input);
	struct evbuffer_ptr from;
	if (evbuffer_ptr_set(input, &from, conn->scanned, EVBUFFER_PTR_SET) != 0)
		return;
	struct evbuffer_ptr end = evbuffer_search_eol(input, &from, NULL, EVBUFFER_EOL_LF);
	conn->scanned = n;
	if (end.pos < 0 && n < CONTROL_LINE_MAX)
		return;
	size_t line_n = end.pos < 0 ? n : (size_t)end.pos;
	const unsigned char *line = evbuffer_pullup(input, (ev_ssize_t)line_n);
	line_take(conn, span_make((const char *)line, line ? line_n : 0));
	evbuffer_drain(input, line_n + 1);
	conn->scanned = 0;
}

static void read_cb(struct bufferevent *bev, void *ctx)
{
	(void)bev;
	input_look(ctx);
}

/* What was written has gone out. */
static void write_cb(struct bufferevent *bev, void *ctx)
{
	struct control_conn *conn = ctx;
	/* That was progress. */
	if (conn->call)
		return;
	if (conn->rows) {
		rows_write(conn);
		return;
	}
	if (conn->is_closing) {
		control_conn_free(conn);
		return;
	}
	deadline_renew(conn);
	bufferevent_enable(bev, EV_READ);
	input_look(conn);
}

static void event_cb(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		control_conn_free(ctx);
}

static void deadline_cb(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	control_conn_free(ctx);
}

struct control_conn *control_conn_new(
	struct control *control, struct event_base *base, int fd, uid_t uid)
{
	struct control_conn *conn = xcalloc(1, sizeof(*conn));
	*conn = (struct control_conn){
		.control = control,
		.uid = uid,
		.bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE),
		.deadline = evtimer_new(base, deadline_cb, conn),
	};
	if (!conn->bev || !conn->deadline) {
		if (!conn->bev)
			close(fd);
		control_conn_free(conn);
		return NULL;
	}
	bufferevent_setcb(conn->bev, read_cb, write_cb, event_cb, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, CONTROL_LINE_MAX);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
	deadline_renew(conn);
	return conn;
}

void control_conn_free(struct control_conn *conn)
{
	control_forget(conn->control, conn);
	if (conn->call) {
		conn->call->conn = NULL;
		if (conn->call->gone)
			conn->call->gone(conn->call);
	}
	json_decref(conn->rows);
	if (conn->deadline)
		event_free(conn->deadline);
	if (conn->bev)
		bufferevent_free(conn->bev);
	free(conn);
}
