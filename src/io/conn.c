/* SPDX-License-Identifier: ISC */
/*
 * One policy connection: bytes in, replies out. Which connections there may be is decided in
 * server.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "policyd/metric.h"
#include "server.h"

#define WARN_EVERY_S 10

/* ---- the lists ---- */

static void now_late(struct conn *conn, struct now now)
{
	if (conn->is_late)
		return;
	conn->is_late = true;
	conn->late_since = now.mono;
	TAILQ_INSERT_TAIL(&conn->server->late, conn, late);
}

static void not_late(struct conn *conn)
{
	if (!conn->is_late)
		return;
	conn->is_late = false;
	TAILQ_REMOVE(&conn->server->late, conn, late);
}

static void touch(struct conn *conn)
{
	struct conn_list *all = &conn->server->all;
	if (TAILQ_LAST(all, conn_list) == conn)
		return;
	TAILQ_REMOVE(all, conn, all);
	TAILQ_INSERT_TAIL(all, conn, all);
}

/* ---- open and close ---- */

static void on_event(evutil_socket_t fd, short what, void *arg);

static void watch(struct conn *conn, short what)
{
	short flags = (short)(what | EV_PERSIST);
	if (event_get_events(&conn->event) == flags)
		return;
	event_del(&conn->event);
	event_assign(&conn->event, conn->server->base, conn->fd, flags, on_event, conn);
	if (what && event_add(&conn->event, NULL) != 0)
		log_event(LEVEL_ERROR, "event_add", F_STR("error", strerror(errno)));
}

/*
 * Comes back without waiting for the socket. By a timer: event_active() from within a callback
 * keeps libevent from looking at anything else.
 */
static void come_back(struct conn *conn)
{
	watch(conn, 0);
	if (event_add(&conn->again, &(struct timeval){0}) != 0)
		log_event(LEVEL_ERROR, "event_add", F_STR("error", strerror(errno)));
}

void conn_open(struct policy_server *s, struct listener *listener, int fd, const struct ip *peer,
	struct now now)
{
	struct span address = span_of(listener->address);
	struct conn *conn = xcalloc(1, sizeof(*conn));
	conn->server = s;
	conn->listener = listener;
	conn->fd = fd;
	conn->has_peer = peer != NULL;
	if (peer)
		conn->peer = *peer;
	conn->id = engine_conn_open(s->engine, address, peer);
	if (conn->id >= s->by_id_n) {
		size_t n = (size_t)conn->id * 2;
		s->by_id = xrealloc(s->by_id, n, sizeof(*s->by_id));
		memset(s->by_id + s->by_id_n, 0, (n - s->by_id_n) * sizeof(*s->by_id));
		s->by_id_n = n;
	}
	s->by_id[conn->id].conn = conn;
	s->conns++;
	TAILQ_INSERT_TAIL(&s->all, conn, all);
	metric_add(METRIC_CONNECTIONS_TOTAL, 1);
	metric_set(METRIC_CONNECTIONS, s->conns);
	event_assign(&conn->event, s->base, fd, 0, on_event, conn);
	evtimer_assign(&conn->again, s->base, on_event, conn);
	watch(conn, EV_READ);
	if (s->hooks.opened)
		s->hooks.opened(s->hooks.ctx, conn->id, address, peer, now);
}

void conn_close(struct conn *conn, struct now now)
{
	struct policy_server *s = conn->server;
	not_late(conn);
	event_del(&conn->event);
	event_del(&conn->again);
	close(conn->fd);
	engine_conn_close(s->engine, conn->id, now);
	if (s->hooks.closed)
		s->hooks.closed(s->hooks.ctx, conn->id, now);
	s->by_id[conn->id].conn = NULL;
	s->conns--;
	TAILQ_REMOVE(&s->all, conn, all);
	metric_set(METRIC_CONNECTIONS, s->conns);
	free(conn->rest);
	free(conn->out);
	free(conn);
}

void conn_reject(struct conn *conn, const char *why, struct now now)
{
	struct policy_server *s = conn->server;
	char peer[IP_TEXT_SIZE];
	uint64_t missed;
	metric_add(METRIC_REQUESTS_BAD, 1);
	if (log_may(&s->bad_warning, now.mono.us / SECOND_US, WARN_EVERY_S, &missed))
		log_event(LEVEL_WARNING, "connection closed", F_STR("why", why),
			F_STR("listener", conn->listener->address),
			F_STR("peer", conn->has_peer ? ip_format(&conn->peer, peer) : "local"),
			F_INT("not_told", missed));
	conn_close(conn, now);
}

bool conn_is_idle(const struct conn *conn)
{
	char byte;
	if (conn->rest_n || conn->out_n || conn->is_waiting)
		return false;
	return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* ---- out ---- */

/* False: the connection is gone. What the socket does not take waits in out. */
static bool conn_send(struct conn *conn, const char *bytes, size_t n, struct now now)
{
	ssize_t sent = send(conn->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent == (ssize_t)n)
		return true;
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		conn_close(conn, now);
		return false;
	}
	size_t taken = sent > 0 ? (size_t)sent : 0;
	conn->out_n = n - taken;
	conn->out = xmalloc(conn->out_n);
	memcpy(conn->out, bytes + taken, conn->out_n);
	now_late(conn, now);
	return true;
}

/* True when nothing waits to be sent any more; false: it still does, or the connection is gone. */
static bool conn_flush(struct conn *conn, struct now now)
{
	ssize_t sent = send(conn->fd, conn->out, conn->out_n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		conn_close(conn, now);
		return false;
	}
	if (sent > 0) {
		conn->out_n -= (size_t)sent;
		memmove(conn->out, conn->out + sent, conn->out_n);
	}
	if (conn->out_n)
		return false;
	free(conn->out);
	conn->out = NULL;
	not_late(conn);
	return true;
}

/* ---- in ---- */

/* Keeps bytes that were not used (they may lie in rest already). */
static void rest_keep(struct conn *conn, const char *bytes, size_t n)
{
	if (n > conn->rest_size) {
		/* Only ever called with bytes outside rest when rest must grow. */
		conn->rest = xrealloc(conn->rest, n, 1);
		conn->rest_size = n;
	}
	if (n)
		memmove(conn->rest, bytes, n);
	conn->rest_n = n;
	conn->scan = (struct request_scan){0};
	if (n == 0 && conn->rest) {
		free(conn->rest);
		conn->rest = NULL;
		conn->rest_size = 0;
	}
}

/* One request: its reply goes to out. False: the engine waits, no more requests now. */
static bool ask_engine(struct conn *conn, struct request *request, size_t *out_n, struct now now)
{
	struct policy_server *s = conn->server;
	struct verdict verdict;
	uint64_t ticket;
	if (s->hooks.locate && engine_wants_place(s->engine, request))
		s->hooks.locate(s->hooks.ctx, request, &request->geo);
	if (engine_begin(s->engine, conn->id, request, now, &verdict, &ticket) == ENGINE_WAIT) {
		conn->is_waiting = true;
		return false;
	}
	if (s->hooks.answered)
		s->hooks.answered(s->hooks.ctx, conn->id, request, &verdict, now);
	*out_n += reply_format(&verdict, s->out + *out_n);
	return true;
}

/* Answers the requests in bytes, as many as one wake-up may. False: the connection is gone. */
static bool conn_answer_all(struct conn *conn, struct span bytes, struct now now)
{
	struct policy_server *s = conn->server;
	struct request request;
	struct errbuf err;
	enum request_result r = REQUEST_MORE;
	size_t at = 0, used, out_n = 0;
	for (int i = 0; i < WAKEUP_REQUESTS && at < bytes.n; i++) {
		r = request_parse(span_make(bytes.p + at, bytes.n - at), &request, &used, &err);
		if (r != REQUEST_DONE)
			break;
		at += used;
		if (!ask_engine(conn, &request, &out_n, now))
			break;
	}
	touch(conn);
	/* Those before a bad request were good, and are answered. */
	if (out_n && !conn_send(conn, s->out, out_n, now))
		return false;
	if (r == REQUEST_BAD) {
		conn_reject(conn, err.text, now);
		return false;
	}
	rest_keep(conn, bytes.p + at, bytes.n - at);
	conn->has_more = r == REQUEST_DONE && conn->rest_n && !conn->is_waiting;
	if (!conn->out_n && !conn->is_waiting)
		not_late(conn);
	if (conn->rest_n && r == REQUEST_MORE)
		now_late(conn, now);
	return true;
}

/* The rest has grown: is there a whole request now? False: the connection is gone. */
static bool rest_answer(struct conn *conn, struct now now)
{
	struct errbuf err;
	struct span rest = span_make(conn->rest, conn->rest_n);
	conn->has_more = false;
	switch (request_scan(rest, &conn->scan, &err)) {
	case REQUEST_MORE:
		now_late(conn, now);
		return true;
	case REQUEST_BAD:
		conn_reject(conn, err.text, now);
		return false;
	case REQUEST_DONE:
		break;
	}
	return conn_answer_all(conn, rest, now);
}

/* Where the next bytes go: behind the rest, or into the buffer that all share. */
static char *read_room(struct conn *conn, size_t *ret_n)
{
	if (conn->rest_n == 0) {
		*ret_n = sizeof(conn->server->in);
		return conn->server->in;
	}
	if (conn->rest_size - conn->rest_n < 1024) {
		conn->rest_size = conn->rest_size * 2 + 1024;
		if (conn->rest_size > REQUEST_BYTES_MAX)
			conn->rest_size = REQUEST_BYTES_MAX;
		conn->rest = xrealloc(conn->rest, conn->rest_size, 1);
	}
	*ret_n = conn->rest_size - conn->rest_n;
	return conn->rest + conn->rest_n;
}

/* One recv, and what it makes whole. False: the connection is gone. *ret_got: bytes came. */
static bool conn_receive(struct conn *conn, struct now now, bool *ret_got)
{
	size_t room;
	char *at = read_room(conn, &room);
	*ret_got = false;
	/* No room: the rest is full of whole requests, which are answered first. */
	ssize_t n = room ? recv(conn->fd, at, room, MSG_DONTWAIT) : -1;
	bool is_broken = room && n < 0 && errno != EAGAIN && errno != EINTR;
	metric_add(METRIC_RECEIVES, 1);
	if (is_broken) {
		conn_close(conn, now);
		return false;
	}
	if (n == 0)
		conn->is_ended = true;
	if (n <= 0)
		return conn->rest_n ? rest_answer(conn, now) : true;
	*ret_got = true;
	if (at == conn->server->in)
		return conn_answer_all(conn, span_make(at, (size_t)n), now);
	conn->rest_n += (size_t)n;
	return rest_answer(conn, now);
}

/* After a step: what to wait for next, or the end. */
static void conn_settle(struct conn *conn, struct now now)
{
	if (conn->out_n) {
		watch(conn, EV_WRITE);
		return;
	}
	if (conn->is_waiting) {
		watch(conn, 0);
		return;
	}
	if (conn->is_ended && !conn->has_more) {
		conn_close(conn, now);
		return;
	}
	/* More whole requests than one wake-up's share: first the others have their turn. */
	if (conn->has_more)
		come_back(conn);
	else
		watch(conn, EV_READ);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	struct policy_server *s = conn->server;
	struct now now = clock_now();
	bool got;
	(void)fd;
	(void)what;
	metric_add(METRIC_WAKEUPS, 1);
	/* No read while a reply is pending: a client that does not read is not asked for more. */
	if (conn->out_n && !conn_flush(conn, now))
		return;
	if (!conn->is_waiting && !conn_receive(conn, now, &got))
		conn = NULL;
	if (conn)
		conn_settle(conn, now);
	if (s->hooks.after)
		s->hooks.after(s->hooks.ctx, now);
}

void conn_answer(struct conn *conn, const struct verdict *verdict, struct now now)
{
	char reply[REPLY_MAX];
	if (!conn->is_waiting)
		return;
	conn->is_waiting = false;
	if (!conn_send(conn, reply, reply_format(verdict, reply), now))
		return;
	if (conn->out_n == 0 && conn->rest_n && !rest_answer(conn, now))
		return;
	conn_settle(conn, now);
}

/* Far more reads than a socket's buffer can feed; a client that keeps sending is left behind. */
#define DRAIN_READS 1024

void conn_drain(struct conn *conn, struct now now)
{
	const struct policy_server_hooks *hooks = &conn->server->hooks;
	bool may_read = !conn->out_n && !conn->is_waiting, got;
	for (int i = 0; i < DRAIN_READS && may_read; i++) {
		if (!conn_receive(conn, now, &got))
			return;
		may_read = (got || conn->has_more) && !conn->out_n && !conn->is_waiting;
		/* At once: what the engine wants done is a bounded queue. */
		if (may_read && hooks->after)
			hooks->after(hooks->ctx, now);
	}
	conn_close(conn, now);
}
