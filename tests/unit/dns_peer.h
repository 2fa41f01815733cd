/* SPDX-License-Identifier: ISC */
/*
 * dns_peer.h - a name server in the test's own loop, UDP and TCP on one port of 127.0.0.1, that answers
 * every question with 127.0.0.2, in the way that it is told.
 */
#ifndef POLICYD_TESTS_DNS_PEER_H
#define POLICYD_TESTS_DNS_PEER_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum manner {
	ANSWERS,
	SILENT,
	LIES_FROM_ELSEWHERE,       /* 127.0.0.66 from another port; nothing from its own */
	LIES_FROM_ELSEWHERE_FIRST, /* and then the truth */
	TRUNCATES,                 /* over UDP; over TCP as tcp says */
	EMPTY_FIRST,               /* an empty datagram, then the truth */
	LARGEST,                   /* the most that a datagram holds */
};

enum tcp_manner {
	WHOLE,
	BYTEWISE,
	LENGTH_FIRST,
	TWICE,         /* the answer, and once more, in one segment */
	FOREIGN_FIRST, /* a message with another id in front */
	/* No answer comes of these. */
	CLOSES,
	RESETS,
	HALF,
	TOO_SHORT,     /* a message of 3 octets */
	NOTHING_IN_IT, /* of 0 octets, without end */
	TCP_MANNERS
};

#define PEER_CONNECTIONS 256
#define PEER_ASKED       8192

struct peer {
	struct event_base *base;
	int udp, listener;
	uint16_t port;
	enum manner manner;
	enum tcp_manner tcp;
	struct event *udp_event, *listen_event;
	struct connection {
		struct peer *peer;
		int fd;
		struct event *event;
		uint8_t in[1024], rest[1024];
		size_t in_n, rest_n;
	} connection[PEER_CONNECTIONS];
	size_t connections, closed; /* ever; by the client */
	size_t asked, asked_tcp;
	uint16_t from[PEER_ASKED], id[PEER_ASKED]; /* of UDP */
};

/* The query without its additional records, answered with 127.0.0.LAST. */
static inline size_t peer_reply(const uint8_t *query, size_t n, uint8_t last, uint8_t reply[1024])
{
	static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 127, 0, 0};
	size_t end = 12;
	while (end < n && query[end])
		end += query[end] + 1U;
	end += 5;
	ck_assert_uint_le(end, n);
	ck_assert_uint_le(end + sizeof(record) + 1, 1024);
	memcpy(reply, query, end);
	reply[2] = (uint8_t)(0x80 | (query[2] & 1));
	reply[3] = 0x80;
	memcpy(reply + 4, (const uint8_t[]){0, 1, 0, 1, 0, 0, 0, 0}, 8);
	memcpy(reply + end, record, sizeof(record));
	reply[end + sizeof(record)] = last;
	return end + sizeof(record) + 1;
}

/* ---- UDP ---- */

static inline void peer_lie(
	const struct peer *peer, const uint8_t *query, size_t n, const struct sockaddr_in *to)
{
	uint8_t reply[1024];
	int other = socket(AF_INET, SOCK_DGRAM, 0);
	(void)peer;
	ck_assert_int_ge(other, 0);
	size_t length = peer_reply(query, n, 66, reply);
	ck_assert_int_eq(sendto(other, reply, length, 0, (const struct sockaddr *)to, sizeof(*to)),
		(ssize_t)length);
	close(other);
}

static inline void peer_answer(
	const struct peer *peer, const uint8_t *query, size_t n, const struct sockaddr_in *to)
{
	static uint8_t reply[65507];
	size_t length = peer_reply(query, n, 2, reply);
	if (peer->manner == SILENT)
		return;
	if (peer->manner == LIES_FROM_ELSEWHERE || peer->manner == LIES_FROM_ELSEWHERE_FIRST)
		peer_lie(peer, query, n, to);
	if (peer->manner == LIES_FROM_ELSEWHERE)
		return;
	if (peer->manner == EMPTY_FIRST)
		(void)sendto(peer->udp, "", 0, 0, (const struct sockaddr *)to, sizeof(*to));
	if (peer->manner == TRUNCATES)
		reply[2] |= 2;
	if (peer->manner == LARGEST)
		length = sizeof(reply);
	(void)sendto(peer->udp, reply, length, 0, (const struct sockaddr *)to, sizeof(*to));
}

static inline void peer_on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	uint8_t query[1024];
	struct sockaddr_in from;
	socklen_t from_n = sizeof(from);
	ssize_t n;
	(void)what;
	while ((n = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_n)) > 0) {
		ck_assert_int_ge(n, 17);
		if (peer->asked < PEER_ASKED) {
			peer->from[peer->asked] = ntohs(from.sin_port);
			peer->id[peer->asked] = (uint16_t)(query[0] << 8 | query[1]);
		}
		peer->asked++;
		peer_answer(peer, query, (size_t)n, &from);
	}
}

/* ---- TCP ---- */

static inline void connection_close(struct connection *connection)
{
	if (!connection->event)
		return;
	event_free(connection->event);
	connection->event = NULL;
	close(connection->fd);
}

static inline void connection_put(const struct connection *connection, const void *p, size_t n)
{
	ck_assert_int_eq(send(connection->fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static inline void connection_end(struct connection *connection)
{
	const struct linger hard = {.l_onoff = 1};
	if (connection->peer->tcp == RESETS)
		ck_assert_int_eq(
			setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	connection_close(connection);
}

static inline void connection_rest(evutil_socket_t fd, short what, void *arg)
{
	const struct connection *it = arg;
	(void)fd;
	(void)what;
	connection_put(it, it->rest, it->rest_n);
}

static inline void connection_answer(struct connection *connection, const uint8_t *query, size_t n)
{
	const struct timeval soon = {.tv_usec = 10000};
	uint8_t reply[2 * 1026], *second;
	size_t length = peer_reply(query, n, 2, reply + 2);
	reply[0] = (uint8_t)(length >> 8);
	reply[1] = (uint8_t)length;
	length += 2;
	second = reply + length;
	switch (connection->peer->tcp) {
	case WHOLE:
		connection_put(connection, reply, length);
		break;
	case BYTEWISE:
		for (size_t i = 0; i < length; i++)
			connection_put(connection, reply + i, 1);
		break;
	case LENGTH_FIRST:
		connection_put(connection, reply, 2);
		memcpy(connection->rest, reply + 2, length - 2);
		connection->rest_n = length - 2;
		event_base_once(
			connection->peer->base, -1, EV_TIMEOUT, connection_rest, connection, &soon);
		break;
	case TWICE:
		memcpy(second, reply, length);
		connection_put(connection, reply, 2 * length);
		break;
	case FOREIGN_FIRST:
		memcpy(second, reply, length);
		reply[2] ^= 1;
		reply[length - 1] = 66;
		connection_put(connection, reply, 2 * length);
		break;
	case HALF:
		connection_put(connection, reply, length / 2);
		connection_end(connection);
		break;
	case TOO_SHORT:
		connection_put(connection, "\0\3abc", 5);
		break;
	case NOTHING_IN_IT:
		connection_put(connection, "\0\0\0\0\0\0\0\0", 8);
		break;
	case CLOSES:
	case RESETS:
		connection_end(connection);
		break;
	case TCP_MANNERS:
		ck_abort();
	}
}

static inline void peer_on_stream(evutil_socket_t fd, short what, void *arg)
{
	struct connection *it = arg;
	ssize_t n = recv(fd, it->in + it->in_n, sizeof(it->in) - it->in_n, 0);
	(void)what;
	if (n <= 0) {
		it->peer->closed++;
		connection_close(it);
		return;
	}
	it->in_n += (size_t)n;
	size_t length = it->in_n < 2 ? SIZE_MAX : 2 + (size_t)(it->in[0] << 8 | it->in[1]);
	if (it->in_n < length)
		return;
	ck_assert_uint_eq(it->in_n, length);
	it->in_n = 0;
	it->peer->asked_tcp++;
	connection_answer(it, it->in + 2, length - 2);
}

static inline void peer_on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	const int one = 1;
	(void)what;
	ck_assert_uint_lt(peer->connections, PEER_CONNECTIONS);
	struct connection *it = &peer->connection[peer->connections++];
	it->peer = peer;
	it->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(it->fd, 0);
	ck_assert_int_eq(setsockopt(it->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	it->event = event_new(peer->base, it->fd, EV_READ | EV_PERSIST, peer_on_stream, it);
	event_add(it->event, NULL);
}

/* ---- life ---- */

/* Both sockets on one port; false: the port is another's for TCP. */
static inline bool peer_bind(struct peer *peer)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	peer->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(peer->udp, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(getsockname(peer->udp, (struct sockaddr *)&at, &n), 0);
	peer->port = ntohs(at.sin_port);
	if (bind(peer->listener, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
		listen(peer->listener, 64) == 0)
		return true;
	close(peer->udp);
	close(peer->listener);
	return false;
}

static inline void peer_begin(struct peer *peer, struct event_base *base)
{
	int tries = 0;
	*peer = (struct peer){.base = base};
	while (!peer_bind(peer))
		ck_assert_int_lt(tries++, 50);
	peer->udp_event = event_new(base, peer->udp, EV_READ | EV_PERSIST, peer_on_udp, peer);
	peer->listen_event =
		event_new(base, peer->listener, EV_READ | EV_PERSIST, peer_on_accept, peer);
	event_add(peer->udp_event, NULL);
	event_add(peer->listen_event, NULL);
}

/* From now on the kernel refuses. */
static inline void peer_end(struct peer *peer)
{
	if (!peer->udp_event)
		return;
	for (size_t i = 0; i < peer->connections; i++)
		connection_close(&peer->connection[i]);
	event_free(peer->udp_event);
	event_free(peer->listen_event);
	peer->udp_event = NULL;
	close(peer->udp);
	close(peer->listener);
}

#endif
