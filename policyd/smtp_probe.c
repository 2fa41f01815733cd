/* SPDX-License-Identifier: ISC */
/*
 * What is said, and what it means, is probe.h's. A connection is made from our own address where that can be bound
 * (behind NAT it cannot): what a server thinks of us is a matter of the address that asks.
 */
#include "smtp_probe.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/err.h"
#include "policyd/mem.h"

/* More does not wait in memory: a reply that has an end is shorter. */
#define INPUT_MAX ((size_t)PROBE_LINE_MAX * PROBE_LINES_MAX)

struct smtp_probe {
	struct smtp_probe_setup use;
	struct probe_order order;
	size_t at; /* targets that were tried */
	struct bufferevent *bev;
	struct event *step, *whole;
	struct probe_talk talk;
	bool is_connected, has_best;
	struct probe_outcome best;
};

union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static struct timeval timeval_of(int64_t us)
{
	return (struct timeval){.tv_sec = us / SECOND_US, .tv_usec = us % SECOND_US};
}

static void step_renew(struct smtp_probe *probe)
{
	const struct timeval wait = timeval_of(probe->use.step_us);
	event_add(probe->step, &wait);
}

/* ---- the end of it ---- */

void smtp_probe_cancel(struct smtp_probe *probe)
{
	if (!probe)
		return;
	if (probe->bev)
		bufferevent_free(probe->bev);
	event_free(probe->step);
	event_free(probe->whole);
	free(probe);
}

static void finish(struct smtp_probe *probe)
{
	const struct smtp_probe_setup use = probe->use;
	const struct probe_outcome outcome = probe->best;
	smtp_probe_cancel(probe);
	use.done(use.ctx, &outcome);
}

/* So many recipients a reply came for. */
static unsigned replies(const struct probe_outcome *outcome)
{
	unsigned n = 0;
	for (size_t i = 0; i < PROBE_RECIPIENTS; i++)
		n += outcome->said[i].code != 0;
	return n;
}

/* ---- one target ---- */

static bool target_try(struct smtp_probe *probe);

/* The talk with a target is over: to the next, unless it told or there is none. */
static void talk_over(struct smtp_probe *probe, bool is_last)
{
	const struct probe_outcome *outcome = &probe->talk.outcome;
	if (probe->bev)
		bufferevent_free(probe->bev);
	probe->bev = NULL;
	if (!probe->has_best || probe_outcome_tells(outcome) ||
		replies(outcome) > replies(&probe->best))
		probe->best = *outcome;
	probe->has_best = true;
	while (!is_last && !probe_outcome_tells(&probe->best) && probe->at < probe->order.n) {
		if (target_try(probe))
			return;
	}
	finish(probe);
}

static void talk_broken(struct smtp_probe *probe, const char *why, bool is_last)
{
	probe_talk_break(&probe->talk, why);
	talk_over(probe, is_last);
}

static void read_cb(struct bufferevent *bev, void *ctx)
{
	struct smtp_probe *probe = ctx;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t n = evbuffer_get_length(input);
	const unsigned char *p = evbuffer_pullup(input, -1);
	enum probe_talk_news news =
		probe_talk_feed(&probe->talk, span_make((const char *)p, p ? n : 0));
	evbuffer_drain(input, n);
	if (news == PROBE_TALK_OVER) {
		talk_over(probe, false);
	} else if (news == PROBE_TALK_SAY) {
		step_renew(probe);
		bufferevent_write(bev, probe->talk.say, strlen(probe->talk.say));
	}
}

static void event_cb(struct bufferevent *bev, short what, void *ctx)
{
	struct smtp_probe *probe = ctx;
	struct errbuf why;
	int error = EVUTIL_SOCKET_ERROR();
	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		probe->is_connected = true;
		step_renew(probe);
	} else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		const char *text = what & BEV_EVENT_EOF ? "" : strerror(error);
		err_set(&why, "%s%s%.100s",
			probe->is_connected ? "it closed the connection" : "no connection",
			*text ? ": " : "", text);
		talk_broken(probe, why.text, false);
	}
}

static socklen_t sockaddr_make(const struct ip *ip, uint16_t port, union sockaddr_any *ret)
{
	*ret = (union sockaddr_any){0};
	if (ip_is_v4(ip)) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		memcpy(&ret->v4.sin_addr, ip->byte + 12, 4);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	memcpy(&ret->v6.sin6_addr, ip->byte, sizeof(ip->byte));
	return sizeof(ret->v6);
}

/* From our address if it can be had. -1: no socket. */
static int socket_make(const struct probe_target *target)
{
	static const struct ip none;
	union sockaddr_any from;
	int family = ip_is_v4(&target->ip) ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || ip_equal(&target->from, &none) ||
		ip_is_v4(&target->from) != ip_is_v4(&target->ip))
		return fd;
	socklen_t n = sockaddr_make(&target->from, 0, &from);
	/* A socket that is not bound may connect all the same. */
	(void)bind(fd, &from.any, n);
	return fd;
}

/* False: nothing is under way, and the talk says why. */
static bool target_try(struct smtp_probe *probe)
{
	const struct probe_target *target = &probe->order.target[probe->at++];
	struct errbuf err;
	union sockaddr_any to;
	socklen_t n = sockaddr_make(&target->ip, probe->use.port, &to);
	probe->is_connected = false;
	probe_talk_begin(&probe->talk, &probe->order, target);
	int fd = socket_make(target);
	probe->bev = fd < 0 ? NULL
			    : bufferevent_socket_new(probe->use.base, fd,
				      BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (!probe->bev) {
		probe_talk_break(&probe->talk, "no connection: no socket is to be had");
		if (fd >= 0)
			close(fd);
		return false;
	}
	bufferevent_setcb(probe->bev, read_cb, NULL, event_cb, probe);
	bufferevent_setwatermark(probe->bev, EV_READ, 0, INPUT_MAX);
	bufferevent_enable(probe->bev, EV_READ | EV_WRITE);
	step_renew(probe);
	if (bufferevent_socket_connect(probe->bev, &to.any, (int)n) == 0)
		return true;
	err_set(&err, "no connection: %s", strerror(errno));
	bufferevent_free(probe->bev);
	probe->bev = NULL;
	probe_talk_break(&probe->talk, err.text);
	return false;
}

/* ---- time ---- */

static void on_step(evutil_socket_t fd, short what, void *ctx)
{
	struct smtp_probe *probe = ctx;
	struct errbuf why;
	(void)fd;
	(void)what;
	if (probe->at == 0) {
		if (!target_try(probe))
			talk_over(probe, false);
		return;
	}
	err_set(&why, "%s within %lld s", probe->is_connected ? "no answer" : "no connection",
		(long long)(probe->use.step_us / SECOND_US));
	talk_broken(probe, why.text, false);
}

static void on_whole(evutil_socket_t fd, short what, void *ctx)
{
	struct smtp_probe *probe = ctx;
	struct errbuf why;
	(void)fd;
	(void)what;
	err_set(&why, "it took longer than %lld s", (long long)(probe->use.whole_us / SECOND_US));
	talk_broken(probe, why.text, true);
}

struct smtp_probe *smtp_probe_start(
	const struct smtp_probe_setup *setup, const struct probe_order *order)
{
	struct smtp_probe *probe = xcalloc(1, sizeof(*probe));
	const struct timeval whole = timeval_of(setup->whole_us), now = {0};
	probe->use = *setup;
	probe->order = *order;
	probe->step = evtimer_new(setup->base, on_step, probe);
	probe->whole = evtimer_new(setup->base, on_whole, probe);
	event_add(probe->whole, &whole);
	event_add(probe->step, &now);
	return probe;
}
