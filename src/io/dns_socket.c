/* SPDX-License-Identifier: ISC */
/*
 * Sockets of DNS attempts. Connected, so that the kernel passes on nothing of other sources, and new
 * each time, so that it chooses the port anew (RFC 5452). What a packet says, and how long it is
 * waited for, is not known here.
 */
#include "dns_socket.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "policyd/table.h"

#define LENGTH_BYTES 2 /* RFC 1035 4.2.2 */
#define WIRE_MAX     65535
#define HEADER_BYTES 12 /* nothing shorter is a DNS message */
#define IN_FIRST     1024

struct dns_socket {
	struct table_node node;
	struct dns_sockets *all;
	dns_attempt attempt;
	struct event event;
	int fd;
	bool is_tcp;
	/* TCP: the question with its length, until it is sent; the message that is coming in. */
	char *out, *in;
	size_t out_n, out_sent, in_n, in_size;
};

struct dns_sockets {
	struct dns_sockets_setup setup;
	struct table *by_attempt;
	char buf[WIRE_MAX];
};

static struct span key_of(const dns_attempt *attempt)
{
	return span_make((const char *)attempt, sizeof(*attempt));
}

static void socket_drop(void *ctx, void *entry, bool evicted)
{
	struct dns_socket *it = entry;
	(void)ctx;
	(void)evicted;
	(void)event_del(&it->event);
	close(it->fd);
	free(it->out);
	free(it->in);
}

static void socket_fail(struct dns_socket *it)
{
	struct dns_sockets *all = it->all;
	dns_attempt attempt = it->attempt;
	table_remove(all->by_attempt, it);
	all->setup.failed(all->setup.ctx, attempt);
}

/* ---- UDP ---- */

/* One datagram a wake-up: whoever floods us has no more of the loop than others. */
static void udp_read(struct dns_socket *it)
{
	struct dns_sockets *all = it->all;
	ssize_t n = recv(it->fd, all->buf, sizeof(all->buf), 0);
	if (n >= 0)
		all->setup.received(all->setup.ctx, it->attempt, span_make(all->buf, (size_t)n));
	else if (errno != EAGAIN && errno != EINTR)
		socket_fail(it);
}

/* ---- TCP ---- */

/* Room for what came, not for what the length claims. */
static void in_append(struct dns_socket *it, const char *p, size_t n)
{
	if (it->in_size - it->in_n < n) {
		it->in_size = it->in_size ? it->in_size : IN_FIRST;
		while (it->in_size - it->in_n < n)
			it->in_size *= 2;
		it->in = xrealloc(it->in, it->in_size, 1);
	}
	memcpy(it->in + it->in_n, p, n);
	it->in_n += n;
}

/* Takes from *rest what the message that is coming in lacks. True: *ret is a whole one. */
static bool message_take(struct dns_socket *it, struct span *rest, struct span *ret)
{
	while (rest->n) {
		size_t want = LENGTH_BYTES;
		if (it->in_n >= LENGTH_BYTES)
			want += (size_t)((uint8_t)it->in[0] << 8 | (uint8_t)it->in[1]);
		size_t n = want - it->in_n < rest->n ? want - it->in_n : rest->n;
		in_append(it, rest->p, n);
		*rest = span_make(rest->p + n, rest->n - n);
		if (want > LENGTH_BYTES && it->in_n == want) {
			*ret = span_make(it->in + LENGTH_BYTES, want - LENGTH_BYTES);
			it->in_n = 0;
			return true;
		}
		if (it->in_n == LENGTH_BYTES && it->in[0] == 0 &&
			(uint8_t)it->in[1] < HEADER_BYTES) {
			*ret = (struct span){0};
			return true;
		}
	}
	return false;
}

static void tcp_read(struct dns_socket *it)
{
	struct dns_sockets *all = it->all;
	struct span rest, wire;
	ssize_t n = recv(it->fd, all->buf, sizeof(all->buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		socket_fail(it);
		return;
	}
	rest = span_make(all->buf, (size_t)n);
	while (message_take(it, &rest, &wire)) {
		if (wire.n == 0) {
			socket_fail(it);
			return;
		}
		all->setup.received(all->setup.ctx, it->attempt, wire);
	}
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static void watch(struct dns_socket *it, short what)
{
	(void)event_del(&it->event);
	event_assign(
		&it->event, it->all->setup.base, it->fd, (short)(what | EV_PERSIST), on_event, it);
	event_add(&it->event, NULL);
}

/* A connection that could not be made says so here, too. */
static bool tcp_write(struct dns_socket *it)
{
	ssize_t n = send(it->fd, it->out + it->out_sent, it->out_n - it->out_sent, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		socket_fail(it);
		return false;
	}
	it->out_sent += (size_t)n;
	if (it->out_sent == it->out_n)
		watch(it, EV_READ);
	return true;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct dns_socket *it = arg;
	(void)fd;
	if (!it->is_tcp) {
		udp_read(it);
		return;
	}
	if ((what & EV_WRITE) && !tcp_write(it))
		return;
	if (what & EV_READ)
		tcp_read(it);
}

/* ---- opening ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t address_of(const struct dns_server *server, union address *ret)
{
	*ret = (union address){0};
	if (ip_is_v4(&server->ip)) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(server->port);
		memcpy(&ret->in.sin_addr, server->ip.byte + 12, 4);
		return sizeof(ret->in);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(server->port);
	ret->in6.sin6_scope_id = server->scope;
	memcpy(&ret->in6.sin6_addr, server->ip.byte, 16);
	return sizeof(ret->in6);
}

/* A descriptor that is connected (or, of TCP, about to be), or -errno. */
static int fd_open(const struct dns_server *server, bool is_tcp)
{
	union address address;
	socklen_t n = address_of(server, &address);
	int fd = socket(address.any.sa_family,
		(is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, &address.any, n) == 0 || errno == EINPROGRESS)
		return fd;
	int r = -errno;
	close(fd);
	return r;
}

static struct dns_socket *socket_add(struct dns_sockets *all, dns_attempt attempt, int fd)
{
	struct dns_socket *it = table_add(all->by_attempt, key_of(&attempt), 0);
	it->all = all;
	it->attempt = attempt;
	it->fd = fd;
	event_assign(&it->event, all->setup.base, fd, EV_READ, on_event, it);
	return it;
}

static int udp_begin(int fd, struct span wire)
{
	ssize_t n = send(fd, wire.p, wire.n, MSG_NOSIGNAL);
	if (n >= 0)
		return 0;
	int r = -errno;
	close(fd);
	return r;
}

int dns_sockets_send(struct dns_sockets *all, const struct dns_effect *effect)
{
	struct span wire = effect->wire;
	if (wire.n == 0 || wire.n > WIRE_MAX)
		return -EMSGSIZE;
	int fd = fd_open(&effect->server, effect->is_tcp);
	if (fd < 0)
		return fd;
	int r = effect->is_tcp ? 0 : udp_begin(fd, wire);
	if (r != 0)
		return r;
	struct dns_socket *it = socket_add(all, effect->attempt, fd);
	it->is_tcp = effect->is_tcp;
	if (it->is_tcp) {
		it->out_n = LENGTH_BYTES + wire.n;
		it->out = xmalloc(it->out_n);
		it->out[0] = (char)(wire.n >> 8);
		it->out[1] = (char)(wire.n & 0xff);
		memcpy(it->out + LENGTH_BYTES, wire.p, wire.n);
	}
	watch(it, it->is_tcp ? EV_READ | EV_WRITE : EV_READ);
	return 0;
}

void dns_sockets_close(struct dns_sockets *all, dns_attempt attempt)
{
	struct dns_socket *it = table_find(all->by_attempt, key_of(&attempt));
	if (it)
		table_remove(all->by_attempt, it);
}

/* ---- life ---- */

struct dns_sockets *dns_sockets_new(const struct dns_sockets_setup *setup)
{
	struct dns_sockets *all = xcalloc(1, sizeof(*all));
	all->setup = *setup;
	/* Never evicts: the resolver bounds what is in flight. */
	all->by_attempt = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct dns_socket),
		.lists = 1,
		.hash_key = setup->hash_key,
		.drop = socket_drop,
	});
	return all;
}

void dns_sockets_free(struct dns_sockets *all)
{
	if (!all)
		return;
	table_free(all->by_attempt);
	free(all);
}
