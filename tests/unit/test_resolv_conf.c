/* SPDX-License-Identifier: ISC */
/* dns.h: resolv.conf(5), and a server's address as text. */
#include <errno.h>
#include <string.h>

#include "policyd/dns.h"
#include "suite.h"

static uint32_t scope_of(const char *name)
{
	return strcmp(name, "eth0") == 0 ? 7 : 0;
}

struct conf_row {
	const char *text;
	const char *server[4];
	int64_t timeout_s;
	unsigned attempts;
	bool rotate, use_tcp;
};
static const struct conf_row confs[] = {
	{"", {NULL}, 5, 2, false, false},
	{"nameserver 192.0.2.1\n", {"192.0.2.1:53"}, 5, 2, false, false},
	{"nameserver 192.0.2.1", {"192.0.2.1:53"}, 5, 2, false, false},
	{"nameserver\t \t192.0.2.1 \r\n", {"192.0.2.1:53"}, 5, 2, false, false},
	{"nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.3\nnameserver "
	 "192.0.2.4\n",
		{"192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"}, 5, 2, false, false},
	{"nameserver fe80::1%eth0\nnameserver fe80::2%3\nnameserver fe80::3%none\n",
		{"[fe80::1%7]:53", "[fe80::2%3]:53", "[fe80::3]:53"}, 5, 2, false, false},
	{"nameserver 192.0.2.1#comment\nnameserver 192.0.2.2;x\n", {"192.0.2.1:53", "192.0.2.2:53"},
		5, 2, false, false},
	{"nameserver 192.0.2.256\nnameserver ns.example\nnameserver\nnameserver 192.0.2.2\n",
		{"192.0.2.2:53"}, 5, 2, false, false},
	{"#nameserver 192.0.2.1\n;nameserver 192.0.2.1\n nameserver 192.0.2.1\nnameservers "
	 "192.0.2.1\n",
		{NULL}, 5, 2, false, false},
	{"search example.org\ndomain example.net\nsortlist 192.0.2.0\nnameserver 192.0.2.1\n",
		{"192.0.2.1:53"}, 5, 2, false, false},
	{"options timeout:3 attempts:4 rotate use-vc\n", {NULL}, 3, 4, true, true},
	{"options timeout:31 attempts:6\n", {NULL}, 30, 5, false, false},
	{"options timeout:30 attempts:5\n", {NULL}, 30, 5, false, false},
	{"options timeout:0 attempts:0\n", {NULL}, 1, 1, false, false},
	{"options timeout:99999999999999999999 attempts:18446744073709551616\n", {NULL}, 30, 5,
		false, false},
	{"options timeout: attempts:x timeout:-1 rotated\n", {NULL}, 5, 2, false, false},
	{"options timeout:3\noptions attempts:1\noptions timeout:4\n", {NULL}, 4, 1, false, false},
	{"options ndots:5 edns0 trust-ad single-request debug\trotate\n", {NULL}, 5, 2, true,
		false},
	{"option rotate\nOPTIONS rotate\n", {NULL}, 5, 2, false, false},
	{"\n\n\nnameserver ::1\n\n", {"[::1]:53"}, 5, 2, false, false},
};

START_TEST(reads_resolv_conf)
{
	const struct conf_row *row = &confs[_i];
	char text[DNS_SERVER_TEXT_SIZE];
	struct dns_options options = {.server_n = 5,
		.timeout_us = 1,
		.attempts = 77,
		.rotate = true,
		.use_tcp = true,
		.in_flight_max = 11,
		.queue_max = 12,
		.cache_max = 13};
	dns_options_parse(span_of(row->text), scope_of, &options);
	size_t n = 0;
	for (; row->server[n]; n++)
		ck_assert_str_eq(dns_server_format(&options.server[n], text), row->server[n]);
	ck_assert_uint_eq(options.server_n, n);
	ck_assert_int_eq(options.timeout_us, row->timeout_s * SECOND_US);
	ck_assert_uint_eq(options.attempts, row->attempts);
	ck_assert_int_eq(options.rotate, row->rotate);
	ck_assert_int_eq(options.use_tcp, row->use_tcp);
	ck_assert(!options.no_edns);
	ck_assert_uint_eq(options.in_flight_max, 11);
	ck_assert_uint_eq(options.queue_max, 12);
	ck_assert_uint_eq(options.cache_max, 13);
}
END_TEST

START_TEST(any_bytes_are_fine)
{
	struct dns_options options;
	char text[256 * 8];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + i / 256);
	for (size_t n = 0; n < sizeof(text); n++)
		dns_options_parse(span_make(text, n), NULL, &options);
	ck_assert_uint_eq(options.server_n, 0);
	dns_options_parse(
		SPAN("nameserver fe80::1%eth0\0\nnameserver fe80::1%eth0"), NULL, &options);
	ck_assert_uint_eq(options.server_n, 2);
	ck_assert_uint_eq(options.server[1].scope, 0);
}
END_TEST

struct server_row {
	const char *text, *expected; /* NULL: refused */
};
static const struct server_row servers[] = {
	{"127.0.0.1", "127.0.0.1:53"},
	{"127.0.0.1:5353", "127.0.0.1:5353"},
	{"[127.0.0.1]:5353", "127.0.0.1:5353"},
	{"::1", "[::1]:53"},
	{"[::1]", "[::1]:53"},
	{"[::1]:65535", "[::1]:65535"},
	{"2001:db8::1:53", "[2001:db8::1:53]:53"},
	{"::ffff:192.0.2.1", "192.0.2.1:53"},
	{"[::ffff:192.0.2.1]:1", "192.0.2.1:1"},
	{"fe80::1%2", "[fe80::1%2]:53"},
	{"[fe80::1%4294967295]:53", "[fe80::1%4294967295]:53"},
	{"", NULL},
	{":53", NULL},
	{"127.0.0.1:", NULL},
	{"127.0.0.1:0", NULL},
	{"127.0.0.1:65536", NULL},
	{"127.0.0.1:x", NULL},
	{"127.0.0.1: 53", NULL},
	{"127.0.0.1:53:53", NULL},
	{"127.0.0.256", NULL},
	{"127.0.0.1%2", NULL},
	{"[::1", NULL},
	{"::1]", NULL},
	{"[::1]53", NULL},
	{"[::1]:", NULL},
	{"[]:53", NULL},
	{"[]", NULL},
	{"[", NULL},
	{"]", NULL},
	{"fe80::1%eth0", NULL},
	{"fe80::1%0", NULL},
	{"fe80::1%4294967296", NULL},
	{"localhost", NULL},
	{"localhost:53", NULL},
};

START_TEST(reads_servers)
{
	const struct server_row *row = &servers[_i];
	struct dns_server server = {.port = 4711}, again;
	char text[DNS_SERVER_TEXT_SIZE];
	int r = dns_server_parse(span_of(row->text), &server);
	ck_assert_msg(r == (row->expected ? 0 : -EINVAL), "%s", row->text);
	if (!row->expected) {
		ck_assert_uint_eq(server.port, 4711);
		return;
	}
	ck_assert_str_eq(dns_server_format(&server, text), row->expected);
	ck_assert_int_eq(dns_server_parse(span_of(text), &again), 0);
	ck_assert_mem_eq(&again.ip, &server.ip, sizeof(server.ip));
	ck_assert_uint_eq(again.port, server.port);
	ck_assert_uint_eq(again.scope, server.scope);
}
END_TEST

START_TEST(longest_server_fits)
{
	struct dns_server server = {.port = 65535, .scope = UINT32_MAX};
	char text[DNS_SERVER_TEXT_SIZE];
	memset(server.ip.byte, 0xff, sizeof(server.ip.byte));
	ck_assert_str_eq(dns_server_format(&server, text),
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(dns_type_name(DNS_TXT), "TXT");
	ck_assert_str_eq(dns_type_name(DNS_AAAA), "AAAA");
	for (int i = 0; i <= DNS_MALFORMED; i++)
		ck_assert_uint_gt(strlen(dns_result_name(i)), 3);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"reads_resolv_conf", reads_resolv_conf, ROWS(confs)},
		{"any_bytes_are_fine", any_bytes_are_fine, 0},
		{"reads_servers", reads_servers, ROWS(servers)},
		{"longest_server_fits", longest_server_fits, 0},
		{"words", words, 0},
	};
	return SUITE_RUN("resolv_conf", rows);
}
