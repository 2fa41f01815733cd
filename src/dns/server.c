/* SPDX-License-Identifier: ISC */
/* A server's address as text and back. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "internal.h"

bool dns_server_equal(const struct dns_server *a, const struct dns_server *b)
{
	return ip_equal(&a->ip, &b->ip) && a->port == b->port && a->scope == b->scope;
}

const char *dns_server_format(const struct dns_server *server, char buf[DNS_SERVER_TEXT_SIZE])
{
	char ip[IP_TEXT_SIZE], scope[16] = "";
	bool is_v4 = ip_is_v4(&server->ip);
	if (server->scope && snprintf(scope, sizeof(scope), "%%%" PRIu32, server->scope) < 0)
		scope[0] = '\0';
	int n = snprintf(buf, DNS_SERVER_TEXT_SIZE, is_v4 ? "%s%s:%u" : "[%s%s]:%u",
		ip_format(&server->ip, ip), scope, server->port);
	return n > 0 ? buf : "";
}

static int number_take(struct span text, uint64_t max, uint64_t *ret)
{
	uint64_t number;
	if (span_to_u64(text, &number) < 0 || number == 0 || number > max)
		return -EINVAL;
	*ret = number;
	return 0;
}

/* Of "[...]" or "[...]:port" what is inside, and what follows. False: there are no such brackets. */
static bool brackets_take(struct span *text, struct span *ret_inside)
{
	ptrdiff_t close = span_rfind(*text, ']');
	if (text->n == 0 || text->p[0] != '[' || close < 0)
		return false;
	*ret_inside = span_make(text->p + 1, (size_t)close - 1);
	*text = span_make(text->p + close + 1, text->n - (size_t)close - 1);
	return true;
}

int dns_server_parse(struct span text, struct dns_server *ret)
{
	struct dns_server server = {.port = DNS_PORT};
	struct span address = text, rest = text;
	uint64_t port = DNS_PORT, scope = 0;
	ptrdiff_t colon = span_rfind(text, ':');
	bool is_bracketed = brackets_take(&rest, &address);
	if (!is_bracketed && colon >= 0 && memchr(text.p, '.', text.n) &&
		memchr(text.p, ':', text.n) == text.p + colon) {
		/* One colon, behind a dotted quad. */
		address.n = (size_t)colon;
		rest = span_make(text.p + colon, text.n - (size_t)colon);
	} else if (!is_bracketed) {
		rest.n = 0;
	}
	if (rest.n && (rest.p[0] != ':' || number_take(span_make(rest.p + 1, rest.n - 1),
						   UINT16_MAX, &port) < 0))
		return -EINVAL;
	ptrdiff_t percent = span_rfind(address, '%');
	if (percent >= 0) {
		struct span digits =
			span_make(address.p + percent + 1, address.n - (size_t)percent - 1);
		if (number_take(digits, UINT32_MAX, &scope) < 0)
			return -EINVAL;
		address.n = (size_t)percent;
	}
	if (ip_parse(address, &server.ip) < 0 ||
		(scope && (ip_is_v4(&server.ip) || !ip_is_link_local(&server.ip))))
		return -EINVAL;
	server.port = (uint16_t)port;
	server.scope = (uint32_t)scope;
	*ret = server;
	return 0;
}
