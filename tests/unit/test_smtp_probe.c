/* SPDX-License-Identifier: ISC */
/*
 * Probes over real sockets of this host: peers that follow a script, that are silent, slow, endless, that hang up.
 * What replies mean is test_probe.c's.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "policyd/clock.h"
#include "smtp_probe.h"
#include "suite.h"

/* Long enough that no loaded machine passes it by accident, where it should not be reached. */
#define NEVER_US (60 * SECOND_US)

/*
 * What a peer does: it says a line of the script at once and one for each line that comes; "~": nothing more;
 * "!": hangs up; "*": the same line again and again.
 */
struct peer {
	struct evconnlistener *listener;
	struct ip ip;
	const char *const *script;
	unsigned calls, heard;
	char said[600]; /* what it heard */
	struct sockaddr_in from;
};

static struct event_base *base;
static uint16_t port;
static struct outcome {
	unsigned n;
	struct probe_outcome told;
} outcome;

struct session {
	struct peer *peer;
	struct bufferevent *bev;
	size_t at;
};

static void session_free(struct session *session)
{
	bufferevent_free(session->bev);
	free(session);
}

static void peer_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	(void)what;
	session_free(ctx);
}

static void endless(struct bufferevent *bev, void *ctx)
{
	(void)ctx;
	bufferevent_write(bev, "250-more\r\n", 10);
}

/* False: it is gone. */
static bool next_line(struct session *session)
{
	const char *line = session->peer->script[session->at];
	if (!line || *line == '~')
		return true;
	session->at++;
	if (*line == '!') {
		session_free(session);
		return false;
	}
	if (*line == '*') {
		bufferevent_setcb(session->bev, NULL, endless, peer_event, session);
		endless(session->bev, NULL);
		return true;
	}
	bufferevent_write(session->bev, line, strlen(line));
	bufferevent_write(session->bev, "\r\n", 2);
	return true;
}

static void peer_read(struct bufferevent *bev, void *ctx)
{
	struct session *session = ctx;
	struct peer *peer = session->peer;
	char *line;
	while ((line = evbuffer_readln(
			bufferevent_get_input(bev), NULL, EVBUFFER_EOL_CRLF_STRICT))) {
		size_t n = strlen(peer->said);
		peer->heard++;
		n += span_copy(span_of(line), peer->said + n, sizeof(peer->said) - n);
		(void)span_copy(SPAN("|"), peer->said + n, sizeof(peer->said) - n);
		free(line);
		if (!next_line(session))
			return;
	}
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
	int n, void *ctx)
{
	struct peer *peer = ctx;
	struct session *session = calloc(1, sizeof(*session));
	(void)listener;
	(void)n;
	peer->calls++;
	memcpy(&peer->from, from, sizeof(peer->from));
	session->peer = peer;
	session->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(session->bev, peer_read, NULL, peer_event, session);
	bufferevent_enable(session->bev, EV_READ | EV_WRITE);
	(void)next_line(session);
}

/* On 127.0.0.N; all of them on one port. */
static void peer_open(struct peer *peer, unsigned n, const char *const *script)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + n)};
	char text[IP_TEXT_SIZE];
	socklen_t size = sizeof(at);
	*peer = (struct peer){.script = script};
	peer->listener = evconnlistener_new_bind(base, accept_cb, peer,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 10, (const struct sockaddr *)&at,
		sizeof(at));
	ck_assert_ptr_nonnull(peer->listener);
	ck_assert_int_eq(
		getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)&at, &size),
		0);
	port = ntohs(at.sin_port);
	(void)snprintf(text, sizeof(text), "127.0.0.%u", n);
	ck_assert_int_eq(ip_parse(span_of(text), &peer->ip), 0);
}

static void on_done(void *ctx, const struct probe_outcome *told)
{
	struct outcome *into = ctx;
	into->n++;
	into->told = *told;
	event_base_loopbreak(base);
}

static void order_add(struct probe_order *order, const char *ip)
{
	struct probe_target *target = &order->target[order->n++];
	(void)span_copy(SPAN("mx.example.org"), target->host, sizeof(target->host));
	ck_assert_int_eq(ip_parse(span_of(ip), &target->ip), 0);
}

static void probe_run(const struct probe_order *order, int64_t step_us, int64_t whole_us)
{
	const struct smtp_probe_setup setup = {.base = base,
		.port = port,
		.step_us = step_us,
		.whole_us = whole_us,
		.done = on_done,
		.ctx = &outcome};
	outcome = (struct outcome){0};
	ck_assert_ptr_nonnull(smtp_probe_start(&setup, order));
	ck_assert_uint_eq(outcome.n, 0);
	(void)event_base_dispatch(base);
	ck_assert_uint_eq(outcome.n, 1);
}

static struct probe_order order_new(void)
{
	return (struct probe_order){.domain = "example.org", .helo = "mail.example.org"};
}

static void begin(void)
{
	base = event_base_new();
	port = 0;
}

/* Sessions that nobody ended are the loop's; they end when their peers hear of it. */
static void end(struct peer *peer, size_t n)
{
	for (size_t i = 0; i < n; i++)
		evconnlistener_free(peer[i].listener);
	while (event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > 0)
		event_base_loop(base, EVLOOP_ONCE);
	event_base_free(base);
}

static void expect_said(unsigned abuse, unsigned postmaster, const char *text)
{
	ck_assert_uint_eq(outcome.told.said[PROBE_ABUSE].code, abuse);
	ck_assert_uint_eq(outcome.told.said[PROBE_POSTMASTER].code, postmaster);
	ck_assert_msg(strstr(outcome.told.said[PROBE_POSTMASTER].text, text) != NULL, "%s",
		outcome.told.said[PROBE_POSTMASTER].text);
}

static const char *const well[] = {
	"220 mx", "250 mx", "250 ok", "550 5.1.1 who?", "250 fine", "250 ok", "221 bye", "!", NULL};
static const char *const later[] = {
	"220 mx", "250 mx", "250 ok", "450 later", "450 not now", "250 ok", "221 bye", "!", NULL};
static const char *const silent[] = {"~", NULL};
static const char *const mute[] = {"220 mx", "250 mx", "250 ok", "550 who?", "~", NULL};
static const char *const gone[] = {"220 mx", "250 mx", "!", NULL};
static const char *const gone_late[] = {"220 mx", "250 mx", "250 ok", "250 fine", "!", NULL};
static const char *const noisy[] = {"220 mx", "*", NULL};
static const char *const dribbling[] = {"220-m", "~", NULL};
static const char *const refusing[] = {"554 5.7.1 listed", "221 bye", "!", NULL};

START_TEST(all_is_said)
{
	struct peer peer;
	struct probe_order order = order_new();
	begin();
	peer_open(&peer, 1, well);
	order_add(&order, "127.0.0.1");
	probe_run(&order, NEVER_US, NEVER_US);
	expect_said(550, 250, "fine");
	ck_assert_str_eq(outcome.told.server, "mx.example.org [127.0.0.1]");
	ck_assert_str_eq(outcome.told.said[PROBE_ABUSE].text, "5.1.1 who?");
	ck_assert_str_eq(peer.said,
		"EHLO mail.example.org|MAIL FROM:<>|RCPT TO:<abuse@example.org>|"
		"RCPT TO:<postmaster@example.org>|RSET|QUIT|");
	end(&peer, 1);
}
END_TEST

/* From our address, or from any where it is not there. */
START_TEST(from_our_address)
{
	static const char *const from[] = {"127.0.0.77", "192.0.2.10"}, *const seen[] = {
										"127.0.0.77",
										"127.0.0.1"};
	char text[IP_TEXT_SIZE];
	struct peer peer;
	struct probe_order order = order_new();
	begin();
	peer_open(&peer, 1, well);
	order_add(&order, "127.0.0.1");
	ck_assert_int_eq(ip_parse(span_of(from[_i]), &order.target[0].from), 0);
	probe_run(&order, NEVER_US, NEVER_US);
	expect_said(550, 250, "fine");
	ck_assert_ptr_nonnull(inet_ntop(AF_INET, &peer.from.sin_addr, text, sizeof(text)));
	ck_assert_str_eq(text, seen[_i]);
	end(&peer, 1);
}
END_TEST

/* step, whole: in tenths of a second; 0: never. */
static const struct {
	const char *const *script;
	int step, whole;
	unsigned abuse, postmaster;
	const char *text;
} alone[] = {
	{silent, 2, 0, 0, 0, "no answer within 0 s"},
	{dribbling, 2, 0, 0, 0, "no answer within 0 s"},
	{mute, 2, 0, 550, 0, "no answer within 0 s"},
	{silent, 0, 2, 0, 0, "it took longer than 0 s"},
	{mute, 0, 2, 550, 0, "it took longer than 0 s"},
	{gone, 0, 0, 0, 0, "it closed the connection"},
	{gone_late, 0, 0, 250, 0, "it closed the connection"},
	{noisy, 0, 0, 0, 0, "has no end"},
	{refusing, 0, 0, 0, 0, "refused at the greeting: 554 5.7.1 listed"},
	{later, 0, 0, 450, 450, "not now"},
};

START_TEST(each_peer)
{
	struct peer peer;
	struct probe_order order = order_new();
	int64_t tenth_us = SECOND_US / 10;
	begin();
	peer_open(&peer, 1, alone[_i].script);
	order_add(&order, "127.0.0.1");
	probe_run(&order, alone[_i].step ? alone[_i].step * tenth_us : NEVER_US,
		alone[_i].whole ? alone[_i].whole * tenth_us : NEVER_US);
	expect_said(alone[_i].abuse, alone[_i].postmaster, alone[_i].text);
	ck_assert_uint_eq(peer.calls, 1);
	end(&peer, 1);
}
END_TEST

START_TEST(no_connection)
{
	struct peer peer;
	struct probe_order order = order_new();
	begin();
	peer_open(&peer, 1, well);
	order_add(&order, "127.0.0.2");
	probe_run(&order, NEVER_US, NEVER_US);
	expect_said(0, 0, "no connection: Connection refused");
	/* Not even a route, at once: no address of ours leads there. */
	order.n = 0;
	order_add(&order, "255.255.255.255");
	probe_run(&order, NEVER_US, NEVER_US);
	expect_said(0, 0, "no connection: ");
	end(&peer, 1);
}
END_TEST

/* One after the other until one tells; the best of what came is told. */
START_TEST(next_target)
{
	struct peer peer[3];
	struct probe_order order = order_new();
	begin();
	peer_open(&peer[0], 1, _i ? later : gone);
	peer_open(&peer[1], 2, refusing);
	peer_open(&peer[2], 3, well);
	order_add(&order, "127.0.0.1");
	order_add(&order, "127.0.0.9");
	order_add(&order, "127.0.0.2");
	probe_run(&order, NEVER_US, NEVER_US);
	if (_i)
		expect_said(450, 450, "not now");
	else
		expect_said(0, 0, "closed the connection");
	ck_assert_str_eq(outcome.told.server, "mx.example.org [127.0.0.1]");
	order_add(&order, "127.0.0.3");
	probe_run(&order, NEVER_US, NEVER_US);
	expect_said(550, 250, "fine");
	ck_assert_str_eq(outcome.told.server, "mx.example.org [127.0.0.3]");
	ck_assert_uint_eq(peer[1].calls, 2);
	/* Who told is the last who is asked. */
	order.n = 0;
	order_add(&order, "127.0.0.3");
	order_add(&order, "127.0.0.1");
	probe_run(&order, NEVER_US, NEVER_US);
	ck_assert_uint_eq(peer[0].calls, 2);
	end(peer, 3);
}
END_TEST

START_TEST(cancelled)
{
	struct peer peer;
	struct probe_order order = order_new();
	begin();
	peer_open(&peer, 1, silent);
	order_add(&order, "127.0.0.1");
	const struct smtp_probe_setup setup = {.base = base,
		.port = port,
		.step_us = NEVER_US,
		.whole_us = NEVER_US,
		.done = on_done,
		.ctx = &outcome};
	outcome = (struct outcome){0};
	struct smtp_probe *probe = smtp_probe_start(&setup, &order);
	if (_i)
		while (peer.calls == 0)
			event_base_loop(base, EVLOOP_ONCE);
	smtp_probe_cancel(probe);
	smtp_probe_cancel(NULL);
	ck_assert_uint_eq(outcome.n, 0);
	end(&peer, 1);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"all_is_said", all_is_said, 0},
		{"from_our_address", from_our_address, 2},
		{"each_peer", each_peer, ROWS(alone)},
		{"no_connection", no_connection, 0},
		{"next_target", next_target, 2},
		{"cancelled", cancelled, 2},
	};
	return SUITE_RUN("smtp_probe", rows);
}
