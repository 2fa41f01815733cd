/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as resolv.conf, and as one server: what is read stays within what the manual allows, and is the
 * same when it is written and read again.
 */
#include "fuzz.h"
#include "policyd/dns.h"

static uint32_t scope_of(const char *name)
{
	return (uint32_t)strlen(name);
}

static void check_server(const struct dns_server *server)
{
	char text[DNS_SERVER_TEXT_SIZE];
	struct dns_server again;
	fuzz_check(server->port != 0);
	dns_server_format(server, text);
	fuzz_check(strlen(text) < sizeof(text) - 1);
	/* A scope makes sense with a link-local address only, and is not written for IPv4. */
	fuzz_check(dns_server_parse(span_of(text), &again) == 0);
	fuzz_check(memcmp(&again.ip, &server->ip, sizeof(again.ip)) == 0);
	fuzz_check(again.port == server->port && again.scope == server->scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size);
	struct dns_options options;
	struct dns_server server;
	dns_options_parse(text, scope_of, &options);
	fuzz_check(options.server_n <= 3);
	fuzz_check(options.timeout_us >= SECOND_US && options.timeout_us <= 30 * SECOND_US);
	fuzz_check(options.attempts >= 1 && options.attempts <= 5);
	for (size_t i = 0; i < options.server_n; i++)
		check_server(&options.server[i]);
	if (dns_server_parse(text, &server) == 0)
		check_server(&server);
	return 0;
}
