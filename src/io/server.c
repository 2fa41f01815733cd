/* SPDX-License-Identifier: ISC */
/*
 * The policy service: listeners, the cap on connections, deadlines, the orderly stop. What is said
 * on a connection is in conn.c.
 */
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "policyd/metric.h"

#define BACKLOG            4096 /* every smtpd may connect at once after a restart */
#define WARN_EVERY_S       60
#define ACCEPT_PAUSE_US    100000
#define DESCRIPTORS_BESIDE 128 /* store, control, log, libevent */

/* ---- accepting ---- */

/* Closes the connection that has been idle longest. False: none is idle. */
static bool drop_idlest(struct policy_server *s, struct now now)
{
	for (struct conn *conn = TAILQ_FIRST(&s->all); conn; conn = TAILQ_NEXT(conn, all)) {
		if (conn_is_idle(conn)) {
			metric_add(METRIC_CONNECTIONS_CAPPED, 1);
			conn_close(conn, now);
			return true;
		}
	}
	return false;
}

static void warn_cap(struct policy_server *s, struct now now)
{
	uint64_t missed;
	if (log_may(&s->cap_warning, now.mono.us / SECOND_US, WARN_EVERY_S, &missed))
		log_event(LEVEL_WARNING, "connection refused",
			F_STR("why", "connections_max is reached and none is idle"),
			F_INT("connections", s->conns), F_INT("not_told", missed));
}

static struct ip peer_ip(const struct sockaddr_storage *peer)
{
	struct ip ip = {.byte = {[10] = 0xff, [11] = 0xff}};
	if (peer->ss_family == AF_INET6)
		memcpy(ip.byte, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
	else
		memcpy(ip.byte + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
			4);
	return ip;
}

static void take(struct policy_server *s, struct listener *listener, int fd,
	const struct sockaddr_storage *peer, struct now now)
{
	int one = 1;
	if (s->conns >= s->conns_max && !drop_idlest(s, now)) {
		metric_add(METRIC_CONNECTIONS_CAPPED, 1);
		warn_cap(s, now);
		close(fd);
		return;
	}
	if (listener->is_unix) {
		conn_open(s, listener, fd, NULL, now);
		return;
	}
	struct ip ip = peer_ip(peer);
	/* One small reply at a time: Nagle would only make Postfix wait. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conn_open(s, listener, fd, &ip, now);
}

static void listeners_watch(struct policy_server *s, bool on)
{
	for (size_t i = 0; i < s->listeners; i++) {
		if (on)
			event_add(s->listener[i].event, NULL);
		else
			event_del(s->listener[i].event);
	}
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listeners_watch(arg, true);
}

/*
 * Out of descriptors: an idle connection's one is better used by the newcomer. Where there is none,
 * accepting pauses, since the listener would wake us without end.
 */
static bool accept_failed(struct policy_server *s, int error, struct now now)
{
	struct timeval pause = {.tv_usec = ACCEPT_PAUSE_US};
	uint64_t missed;
	metric_add(METRIC_ACCEPT_ERRORS, 1);
	if (log_may(&s->accept_warning, now.mono.us / SECOND_US, WARN_EVERY_S, &missed))
		log_event(LEVEL_WARNING, "accept failed", F_STR("error", strerror(error)),
			F_INT("connections", s->conns), F_INT("not_told", missed));
	if (error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS)
		return false;
	if (drop_idlest(s, now))
		return true;
	listeners_watch(s, false);
	event_add(s->resume, &pause);
	return false;
}

/* False: nobody waits (or accepting pauses). */
static bool accept_one(struct listener *listener, struct now now)
{
	struct sockaddr_storage peer = {0};
	socklen_t n = sizeof(peer);
	int fd = accept4(
		listener->place.fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		take(listener->server, listener, fd, &peer, now);
		return true;
	}
	if (errno == EAGAIN)
		return false;
	if (errno == ECONNABORTED || errno == EINTR)
		return true;
	return accept_failed(listener->server, errno, now);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct now now = clock_now();
	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPTS && accept_one(arg, now); i++)
		;
}

/* ---- life ---- */

static int listener_open(
	struct policy_server *s, const struct config_listen *config, struct errbuf *err)
{
	struct listener *listener = &s->listener[s->listeners];
	int r = place_open(
		&(struct place_setup){
			.address = config->address,
			.mode = config->mode,
			.group = config->group,
			.backlog = BACKLOG,
		},
		&listener->place, err);
	if (r != 0)
		return r;
	s->listeners++;
	listener->server = s;
	listener->address = xstrdup(config->address);
	listener->is_unix = listener->place.path != NULL;
	listener->event =
		event_new(s->base, listener->place.fd, EV_READ | EV_PERSIST, on_accept, listener);
	event_add(listener->event, NULL);
	return 0;
}

/*
 * The connections there may be: fewer where descriptors are few, so that policyctl always gets in.
 */
static size_t conns_allowed(size_t conns_max)
{
	struct rlimit limit;
	size_t wanted = conns_max + DESCRIPTORS_BESIDE;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return conns_max;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted)
		log_event(LEVEL_WARNING, "few descriptors", F_INT("allowed", limit.rlim_cur),
			F_INT("wanted", wanted), F_STR("remedy", "raise LimitNOFILE or ulimit -n"));
	if (limit.rlim_cur >= wanted)
		return conns_max;
	return limit.rlim_cur > 2 * DESCRIPTORS_BESIDE ? limit.rlim_cur - DESCRIPTORS_BESIDE
						       : limit.rlim_cur / 2;
}

int policy_server_new(struct event_base *base, struct engine *engine,
	const struct policy_server_hooks *hooks, struct policy_server **ret, struct errbuf *err)
{
	const struct config *config = engine_config(engine);
	struct policy_server *s = xcalloc(1, sizeof(*s));
	s->base = base;
	s->engine = engine;
	s->hooks = *hooks;
	s->conns_max = conns_allowed(config->connections_max);
	s->listener = xcalloc(config->listen_n, sizeof(*s->listener));
	s->resume = evtimer_new(base, on_resume, s);
	TAILQ_INIT(&s->all);
	TAILQ_INIT(&s->late);
	for (size_t i = 0; i < config->listen_n; i++) {
		int r = listener_open(s, &config->listen[i], err);
		if (r != 0) {
			policy_server_free(s);
			return r;
		}
	}
	*ret = s;
	return 0;
}

void policy_server_hook(struct policy_server *s, const struct policy_server_hooks *hooks)
{
	s->hooks = *hooks;
}

void policy_server_reply(
	struct policy_server *s, engine_conn conn, const struct verdict *verdict, struct now now)
{
	if (conn < s->by_id_n && s->by_id[conn].conn)
		conn_answer(s->by_id[conn].conn, verdict, now);
}

void policy_server_tick(struct policy_server *s, struct now now)
{
	int64_t deadline_us = engine_config(s->engine)->request_deadline_us;
	struct conn *conn;
	while ((conn = TAILQ_FIRST(&s->late)) && now.mono.us - conn->late_since.us >= deadline_us)
		conn_reject(conn,
			conn->out_n ? "its replies are not read" : "a request does not end", now);
}

void policy_server_drain(struct policy_server *s, struct now now)
{
	struct conn *conn;
	listeners_watch(s, false);
	event_del(s->resume);
	for (size_t i = 0; i < s->listeners; i++) {
		place_unlink(&s->listener[i].place);
		for (int n = 0; n < BACKLOG && accept_one(&s->listener[i], now); n++)
			;
	}
	event_del(s->resume);
	while ((conn = TAILQ_FIRST(&s->all))) {
		conn_drain(conn, now);
		if (s->hooks.after)
			s->hooks.after(s->hooks.ctx, now);
	}
}

void policy_server_free(struct policy_server *s)
{
	struct conn *conn;
	if (!s)
		return;
	while ((conn = TAILQ_FIRST(&s->all)))
		conn_close(conn, clock_now());
	for (size_t i = 0; i < s->listeners; i++) {
		event_free(s->listener[i].event);
		place_close(&s->listener[i].place);
		free(s->listener[i].address);
	}
	event_free(s->resume);
	free(s->listener);
	free(s->by_id);
	free(s);
}
