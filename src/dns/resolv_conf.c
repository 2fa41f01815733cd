/* SPDX-License-Identifier: ISC */
/*
 * resolv.conf(5) as glibc reads it: keywords at the beginning of a line, the first three servers, later
 * options win. Search lists are passed over: our names are absolute, or a list's query would end at
 * somebody's wildcard. Who reads the file, and when, is not known here.
 */
#include <errno.h>

#include "internal.h"

#define NAMESERVERS_MAX 3
#define TIMEOUT_S       5
#define TIMEOUT_MAX_S   30
#define ATTEMPTS        2
#define ATTEMPTS_MAX    5
#define SCOPE_NAME_MAX  64

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word off the front of *rest, up to a blank. */
static struct span word_take(struct span *rest)
{
	size_t n = 0;
	*rest = span_trim(*rest);
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	struct span word = span_make(rest->p, n);
	*rest = span_make(rest->p + n, rest->n - n);
	return word;
}

/* A number, or the name of an interface; 0 when there is none of that name. */
static uint32_t scope_read(struct span text, uint32_t (*scope_of)(const char *name))
{
	char name[SCOPE_NAME_MAX];
	uint64_t number;
	if (span_to_u64(text, &number) == 0)
		return number <= UINT32_MAX ? (uint32_t)number : 0;
	if (!scope_of || text.n == 0 || text.n >= sizeof(name))
		return 0;
	span_copy(text, name, sizeof(name));
	return scope_of(name);
}

static void nameserver_read(
	struct span word, uint32_t (*scope_of)(const char *name), struct dns_options *ret)
{
	struct dns_server server = {.port = DNS_PORT};
	size_t n = 0;
	while (n < word.n && word.p[n] != ';' && word.p[n] != '#')
		n++;
	struct span address = span_make(word.p, n), scope = span_make(NULL, 0);
	ptrdiff_t percent = span_rfind(address, '%');
	if (percent >= 0) {
		scope = span_make(address.p + percent + 1, address.n - (size_t)percent - 1);
		address.n = (size_t)percent;
	}
	if (ret->server_n == NAMESERVERS_MAX || ip_parse(address, &server.ip) < 0)
		return;
	if (!ip_is_v4(&server.ip) && ip_is_link_local(&server.ip))
		server.scope = scope_read(scope, scope_of);
	ret->server[ret->server_n++] = server;
}

/* Behind "name:"; as glibc has it, what is too large is the most that is allowed, what is none 0. */
static bool option_read(struct span word, struct span name, unsigned max, unsigned *ret)
{
	uint64_t number;
	if (!span_starts(word, name))
		return false;
	int r = span_to_u64(span_make(word.p + name.n, word.n - name.n), &number);
	if (r == -EINVAL)
		return true;
	/* None at all would be no question. */
	*ret = r < 0 || number > max ? max : number == 0 ? 1 : (unsigned)number;
	return true;
}

static void options_read(struct span rest, struct dns_options *ret)
{
	struct span word;
	unsigned timeout_s;
	while ((word = word_take(&rest)).n) {
		timeout_s = (unsigned)(ret->timeout_us / SECOND_US);
		if (option_read(word, SPAN("timeout:"), TIMEOUT_MAX_S, &timeout_s))
			ret->timeout_us = timeout_s * SECOND_US;
		else if (option_read(word, SPAN("attempts:"), ATTEMPTS_MAX, &ret->attempts))
			continue;
		else if (span_equal(word, SPAN("rotate")))
			ret->rotate = true;
		else if (span_equal(word, SPAN("use-vc")))
			ret->use_tcp = true;
	}
}

static struct span line_take(struct span *rest)
{
	const char *end = memchr(rest->p, '\n', rest->n);
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct span line = span_make(rest->p, n);
	n += end != NULL;
	*rest = span_make(rest->p + n, rest->n - n);
	return line;
}

void dns_options_parse(
	struct span text, uint32_t (*scope_of)(const char *name), struct dns_options *ret)
{
	ret->server_n = 0;
	ret->timeout_us = TIMEOUT_S * SECOND_US;
	ret->attempts = ATTEMPTS;
	ret->rotate = ret->use_tcp = ret->no_edns = false;
	while (text.n) {
		struct span line = line_take(&text);
		/* The keyword stands at the beginning, so a comment is none. */
		if (line.n == 0 || is_blank(line.p[0]))
			continue;
		struct span keyword = word_take(&line);
		if (span_equal(keyword, SPAN("nameserver")))
			nameserver_read(word_take(&line), scope_of, ret);
		else if (span_equal(keyword, SPAN("options")))
			options_read(line, ret);
	}
}
