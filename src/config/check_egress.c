/* SPDX-License-Identifier: ISC */
/* What the settings of egress and dns demand of each other. Blocklists are blocklist.c's business. */
#include <string.h>

#include "check.h"
#include "rule_list.h"

static void check_differs(struct diag *diag, const struct config_egress *egress, size_t i)
{
	const struct config_egress_address *address = &egress->addresses[i];
	char place[PLACE_SIZE];
	struct ip a, b;

	if (!address->address || ip_parse(span_of(address->address), &a) != 0)
		return;
	for (size_t j = 0; j < i; j++) {
		const struct config_egress_address *other = &egress->addresses[j];

		if (!other->address || ip_parse(span_of(other->address), &b) != 0 ||
			memcmp(&a, &b, sizeof(a)) != 0)
			continue;
		diag_error(diag, address->place,
			"egress.addresses.address \"%s\" is taken already at %s: remove one of "
			"them",
			address->address, diag_place(other->place, place));
		return;
	}
}

static void check_auto(struct diag *diag, const struct config_egress *egress)
{
	const struct config_egress_address *first = NULL;
	char place[PLACE_SIZE];

	for (size_t i = 0; i < egress->addresses_n; i++) {
		const struct config_egress_address *address = &egress->addresses[i];

		if (!address->address || !rule_is_auto(span_of(address->address)))
			continue;
		if (first)
			diag_error(diag, address->place,
				"egress.addresses.address \"auto\" stands already at %s: remove "
				"one "
				"of them",
				diag_place(first->place, place));
		else
			first = address;
	}
}

static void check_looks(struct diag *diag, const struct config_egress *egress)
{
	if (egress->listed_looks > egress->listed_of)
		diag_error(diag, egress->place,
			"egress.listed_looks %u of egress.listed_of %u answers cannot be: write "
			"%u or less",
			egress->listed_looks, egress->listed_of, egress->listed_of);
}

static void check_probe(struct diag *diag, const struct config_egress *egress)
{
	if (egress->probe && !egress->audit)
		diag_warning(diag, egress->place,
			"egress.probe asks nobody while egress.audit is false: set egress.audit = "
			"true, or "
			"remove egress.probe");
}

/* Its number in egress.addresses, or their number. */
static size_t address_called(const struct config_egress *egress, const char *text)
{
	struct ip a, b;
	size_t i = 0;

	if (ip_parse(span_of(text), &a) != 0)
		return egress->addresses_n;
	while (i < egress->addresses_n &&
		(!egress->addresses[i].address ||
			ip_parse(span_of(egress->addresses[i].address), &b) != 0 ||
			memcmp(&a, &b, sizeof(a)) != 0))
		i++;
	return i;
}

static void check_map(
	struct diag *diag, const struct config *config, const struct config_egress_map *map)
{
	if (!map->egress)
		return;
	if (!map->domain && !map->context && !map->server_address)
		diag_error(diag, map->place,
			"egress.map: this fits all mail, and what comes after it is never looked "
			"at: "
			"write domain, context or server_address");
	if (address_called(&config->egress, map->egress) == config->egress.addresses_n &&
		!config_egress_auto(config))
		diag_error(diag, map->place,
			"egress.map.egress \"%s\" is none of egress.addresses: add it there, or "
			"write "
			"one of them",
			map->egress);
}

static bool covers_text(const char *first, const char *second)
{
	return !first || (second && strcasecmp(first, second) == 0);
}

/* The domain and those below it. */
static bool covers_domain(const char *first, const char *second)
{
	size_t n = first ? strlen(first) : 0, of = second ? strlen(second) : 0;

	return covers_text(first, second) ||
	       (of > n && second[of - n - 1] == '.' && covers_text(first, second + of - n));
}

/* The first that fits is taken: what an earlier one takes already never comes to the later one. */
static void check_map_order(struct diag *diag, const struct config_egress *egress, size_t at)
{
	const struct config_egress_map *map = &egress->map[at];

	for (size_t i = 0; i < at; i++) {
		const struct config_egress_map *before = &egress->map[i];
		char place[PLACE_SIZE];
		bool is_any = !before->domain && !before->context && !before->server_address;

		if (is_any || !covers_domain(before->domain, map->domain) ||
			!covers_text(before->context, map->context) ||
			!covers_text(before->server_address, map->server_address))
			continue;
		diag_error(diag, map->place,
			"egress.map: all that this fits goes to \"%s\" already, by %s: put the one "
			"that says more first, or leave one out",
			before->egress ? before->egress : "", diag_place(before->place, place));
		return;
	}
}

static bool is_like(const struct config_egress_address *address, bool is_v4)
{
	struct ip ip;

	return address->address && ip_parse(span_of(address->address), &ip) == 0 &&
	       ip_is_v4(&ip) == is_v4;
}

/* With several of a kind shift has nowhere to go, and nobody can tell which one sent what. */
static void check_transports(struct diag *diag, const struct config_egress *egress, bool is_v4)
{
	size_t n = 0;

	for (size_t i = 0; i < egress->addresses_n; i++)
		n += is_like(&egress->addresses[i], is_v4);
	/* Two that are one have been told. */
	for (size_t i = 0; n > 1 && diag->errors == 0 && i < egress->addresses_n; i++) {
		const struct config_egress_address *address = &egress->addresses[i];

		if (is_like(address, is_v4) && !address->transport)
			diag_warning(diag, address->place,
				"egress.addresses \"%s\" has no transport: with several addresses "
				"mail "
				"can be shifted to one that stands well only by its transport; "
				"write "
				"transport = \"out%zu\"; as it is called in master.cf",
				address->address, i + 1);
	}
}

/* As many as dns_options has room for; resolv.conf(5) takes three. */
#define SERVERS_MAX 8

static void check_dns(struct diag *diag, const struct config_dns *dns)
{
	if (dns->servers.n > SERVERS_MAX)
		diag_error(diag, dns->place,
			"dns.servers: at most %d are taken, these are %zu: remove some",
			SERVERS_MAX, dns->servers.n);
	for (size_t i = 0; i < dns->servers.n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(dns->servers.text[i], dns->servers.text[j]) != 0)
				continue;
			diag_warning(diag, dns->place,
				"dns.servers \"%.100s\" stands there twice: remove one of them",
				dns->servers.text[i]);
			break;
		}
	}
}

void check_world(struct diag *diag, const struct config *config)
{
	for (size_t i = 0; i < config->egress.addresses_n; i++)
		check_differs(diag, &config->egress, i);
	check_auto(diag, &config->egress);
	for (size_t i = 0; i < config->egress.map_n; i++) {
		check_map(diag, config, &config->egress.map[i]);
		check_map_order(diag, &config->egress, i);
	}
	check_transports(diag, &config->egress, true);
	check_transports(diag, &config->egress, false);
	check_looks(diag, &config->egress);
	check_probe(diag, &config->egress);
	check_dns(diag, &config->dns);
}
