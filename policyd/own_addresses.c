/* SPDX-License-Identifier: ISC */
/*
 * The rules are those of postconf(5): smtp_bind_address, else the one address of inet_interfaces that is no
 * loopback, else whatever the kernel takes, which is any address of the interfaces.
 */
#include "own_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

/* ---- the list ---- */

static int family_of(const struct ip *ip)
{
	return ip_is_v4(ip) ? SENDING_V4 : SENDING_V6;
}

/* A sentence more, as far as there is room. */
static void note_add(struct own_addresses *own, const char *text)
{
	size_t n = strlen(own->note);
	if (n)
		n += span_copy(SPAN("; "), own->note + n, sizeof(own->note) - n);
	(void)span_copy(span_of(text), own->note + n, sizeof(own->note) - n);
}

static bool has_word(struct span words, struct span wanted)
{
	struct span word;
	while ((word = span_word(&words)).n) {
		if (span_equal(word, wanted))
			return true;
	}
	return false;
}

/* Names that are there already, or find no room as a whole, are left out. */
static void transport_add(struct egress_address *address, const char *names)
{
	struct span rest = span_of(names), name;
	while ((name = span_word(&rest)).n) {
		size_t n = strlen(address->transport);
		if (has_word(span_of(address->transport), name) ||
			n + name.n + 1 >= sizeof(address->transport))
			continue;
		if (n)
			address->transport[n++] = ' ';
		(void)span_copy(name, address->transport + n, sizeof(address->transport) - n);
	}
}

/* One address with one name is one entry, however many transports use it. */
static void found_add(struct own_addresses *own, const struct egress_address *address)
{
	for (size_t i = 0; i < own->n; i++) {
		struct egress_address *old = &own->found[i];
		if (memcmp(&old->ip, &address->ip, sizeof(old->ip)) != 0 ||
			strcmp(old->helo, address->helo) != 0)
			continue;
		transport_add(old, address->transport);
		return;
	}
	if (own->n < EGRESS_ADDRESSES_MAX)
		own->found[own->n++] = *address;
	else if (!strstr(own->note, "more than"))
		note_add(own, "more than 64 addresses were found: set egress.addresses");
}

static void address_add(struct own_addresses *own, const struct egress_address *address)
{
	int family = family_of(&address->ip);
	if (ip_is_public(&address->ip)) {
		found_add(own, address);
	} else if (!own->is_hidden[family]) {
		own->is_hidden[family] = true;
		own->hidden[family] = *address;
	} else if (memcmp(&own->hidden[family].ip, &address->ip, sizeof(address->ip)) == 0) {
		transport_add(&own->hidden[family], address->transport);
	}
}

/* ---- one smtp client of Postfix ---- */

struct chooser {
	const struct own_addresses_input *input;
	const struct config_egress_address *element; /* helo and transport of it hold, if set */
	struct own_addresses *own;
};

/* Brackets are optional. False: it is none, or any address will do. */
static bool bind_parse(struct span text, struct ip *ret)
{
	static const struct ip any;
	struct ip any4;
	if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = span_make(text.p + 1, text.n - 2);
	return ip_parse(text, ret) == 0 && memcmp(ret, &any, sizeof(any)) != 0 &&
	       ip_parse(SPAN("0.0.0.0"), &any4) == 0 && memcmp(ret, &any4, sizeof(any4)) != 0;
}

/* The only address of the family in inet_interfaces, when it is no loopback: Postfix binds to it. */
static bool implied_bind(const struct postfix_client *client, int family, struct ip *ret)
{
	struct span rest = span_of(client->interfaces);
	size_t count = 0;
	while (rest.n) {
		size_t n = 0;
		struct ip ip;
		while (n < rest.n && !strchr(", \t", rest.p[n]))
			n++;
		struct span word = span_make(rest.p, n);
		rest = span_make(rest.p + n + (n < rest.n), rest.n - n - (n < rest.n));
		if (n == 0)
			continue;
		/* A name may stand for several: all, localhost. */
		if (!bind_parse(word, &ip))
			return false;
		if (family_of(&ip) != family)
			continue;
		*ret = ip;
		count++;
	}
	return count == 1 && !ip_is_loopback(ret);
}

static struct egress_address entry_of(const struct chooser *chooser,
	const struct postfix_client *client, const struct ip *ip, const char *origin)
{
	struct egress_address address = {.ip = *ip};
	const char *helo = chooser->element->helo ? chooser->element->helo : client->helo;
	const char *transport =
		chooser->element->transport ? chooser->element->transport : client->name;
	(void)span_copy(span_of(helo), address.helo, sizeof(address.helo));
	(void)span_copy(span_of(transport), address.transport, sizeof(address.transport));
	(void)span_copy(span_of(origin), address.origin, sizeof(address.origin));
	return address;
}

/* One that is overlooked would be missed by nobody. */
static void note_private(struct own_addresses *own, const struct egress_address *address)
{
	char text[IP_TEXT_SIZE], note[200];
	bool has_transport = *address->transport != '\0';
	if (snprintf(note, sizeof(note), "%s %s%s%s is a private address", address->origin,
		    ip_format(&address->ip, text), has_transport ? " of " : "",
		    address->transport) > 0 &&
		!strstr(own->note, note))
		note_add(own, note);
}

static void bound_add(const struct chooser *chooser, const struct postfix_client *client,
	const struct ip *ip, const char *origin)
{
	struct egress_address address = entry_of(chooser, client, ip, origin);
	const struct egress_address *hidden = &chooser->own->hidden[family_of(ip)];
	address_add(chooser->own, &address);
	/* DNS can tell what is behind one of a family, not behind another. */
	if (!ip_is_public(ip) && memcmp(&hidden->ip, ip, sizeof(*ip)) != 0)
		note_private(chooser->own, &address);
}

static void interfaces_add(
	const struct chooser *chooser, const struct postfix_client *client, int family)
{
	for (size_t i = 0; i < chooser->input->interface_n; i++) {
		const struct interface *interface = &chooser->input->interface[i];
		char origin[64];
		if (family_of(&interface->ip) != family || ip_is_loopback(&interface->ip) ||
			ip_is_link_local(&interface->ip))
			continue;
		if (snprintf(origin, sizeof(origin), "interface %s", interface->name) < 0)
			continue;
		struct egress_address address = entry_of(chooser, client, &interface->ip, origin);
		address_add(chooser->own, &address);
	}
}

static void family_add(
	const struct chooser *chooser, const struct postfix_client *client, int family)
{
	static const char *const setting[2] = {"smtp_bind_address", "smtp_bind_address6"};
	struct ip ip;
	if (!client->uses[family])
		return;
	if (bind_parse(span_of(client->bind[family]), &ip) && family_of(&ip) == family)
		bound_add(chooser, client, &ip, setting[family]);
	else if (!*client->bind[family] && implied_bind(client, family, &ip))
		bound_add(chooser, client, &ip, "inet_interfaces");
	else
		interfaces_add(chooser, client, family);
}

static void client_add(const struct chooser *chooser, const struct postfix_client *client)
{
	family_add(chooser, client, SENDING_V4);
	family_add(chooser, client, SENDING_V6);
}

/* ---- all of them ---- */

static const struct postfix_client *client_named(
	const struct postfix_sending *sending, const char *name)
{
	for (size_t i = 0; name && i < sending->client_n; i++) {
		if (strcmp(sending->client[i].name, name) == 0)
			return &sending->client[i];
	}
	return NULL;
}

static void element_add(const struct chooser *chooser)
{
	static const struct postfix_client unknown = {.uses = {true, true}};
	const struct postfix_sending *sending = chooser->input->sending;
	const struct postfix_client *one;
	if (!sending) {
		client_add(chooser, &unknown);
	} else if ((one = client_named(sending, chooser->element->transport))) {
		client_add(chooser, one);
	} else if (sending->client_n == 0) {
		client_add(chooser, &sending->all);
	} else {
		for (size_t i = 0; i < sending->client_n; i++)
			client_add(chooser, &sending->client[i]);
	}
}

bool own_addresses_wanted(const struct config *config)
{
	return config_egress_auto(config) != NULL;
}

/* Behind NAT is only what has no public address of its own beside it. */
static void hidden_settle(struct own_addresses *own)
{
	for (size_t i = 0; i < own->n; i++) {
		int family = family_of(&own->found[i].ip);
		const struct egress_address *hidden = &own->hidden[family];
		if (own->is_hidden[family] &&
			!span_starts(span_of(hidden->origin), SPAN("interface ")))
			note_private(own, hidden);
		own->is_hidden[family] = false;
	}
}

void own_addresses_choose(const struct own_addresses_input *input, struct own_addresses *ret)
{
	char note[160];
	*ret = (struct own_addresses){.has_postfix = input->sending != NULL};
	if (!input->sending &&
		snprintf(note, sizeof(note), "%.120s: the interfaces' addresses are taken",
			input->why) > 0)
		note_add(ret, note);
	struct chooser chooser = {input, config_egress_auto(input->config), ret};
	if (chooser.element)
		element_add(&chooser);
	hidden_settle(ret);
	if (ret->n == 0 && !ret->is_hidden[SENDING_V4] && !ret->is_hidden[SENDING_V6])
		note_add(ret, "no address was found: set egress.addresses");
}

void own_addresses_add(struct own_addresses *own, const struct egress_address *instead_of,
	const struct ip *ip, const char *origin)
{
	struct egress_address address = *instead_of;
	if (!ip_is_public(ip))
		return;
	address.ip = *ip;
	memset(address.origin, 0, sizeof(address.origin));
	(void)span_copy(span_of(origin), address.origin, sizeof(address.origin));
	found_add(own, &address);
	own->is_hidden[family_of(ip)] = false;
}

void own_addresses_note_hidden(struct own_addresses *own)
{
	char note[160], text[IP_TEXT_SIZE];
	int family = own->is_hidden[SENDING_V4] ? SENDING_V4 : SENDING_V6;
	const struct egress_address *hidden = &own->hidden[family];
	struct span origin = span_of(hidden->origin), prefix = SPAN("interface ");
	bool is_interface = span_starts(origin, prefix);
	if (!own->is_hidden[family])
		return;
	if (snprintf(note, sizeof(note),
		    "only private %saddresses found (%s %s %s): behind NAT? set egress.addresses "
		    "or egress.who_am_i",
		    own->n ? (family == SENDING_V4 ? "IPv4 " : "IPv6 ") : "",
		    ip_format(&hidden->ip, text), is_interface ? "on" : "by",
		    hidden->origin + (is_interface ? prefix.n : 0)) > 0)
		note_add(own, note);
}

/* ---- what is read ---- */

static bool ip_of(const struct sockaddr *address, struct ip *ret)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (address && address->sa_family == AF_INET) {
		memcpy(ret->byte, mapped, sizeof(mapped));
		memcpy(ret->byte + sizeof(mapped),
			&((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
		return true;
	}
	if (!address || address->sa_family != AF_INET6)
		return false;
	memcpy(ret->byte, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	return true;
}

size_t interfaces_read(struct interface ret[INTERFACES_MAX])
{
	struct ifaddrs *all = NULL;
	size_t n = 0;
	if (getifaddrs(&all) != 0)
		return 0;
	for (const struct ifaddrs *one = all; one && n < INTERFACES_MAX; one = one->ifa_next) {
		struct interface *interface = &ret[n];
		if (!(one->ifa_flags & IFF_UP) || one->ifa_flags & IFF_LOOPBACK ||
			!ip_of(one->ifa_addr, &interface->ip))
			continue;
		(void)span_copy(span_of(one->ifa_name), interface->name, sizeof(interface->name));
		n++;
	}
	freeifaddrs(all);
	return n;
}

void own_addresses_find(const struct config *config, struct own_addresses *ret)
{
	struct interface *interface = xcalloc(INTERFACES_MAX, sizeof(*interface));
	struct postfix_sending sending = {0};
	struct errbuf err = {{0}};
	bool is_known = postfix_sending_ask(config->postfix.config_directory, &sending, &err) == 0;
	const struct own_addresses_input input = {
		.config = config,
		.sending = is_known ? &sending : NULL,
		.why = err.text,
		.interface = interface,
		.interface_n = interfaces_read(interface),
	};
	own_addresses_choose(&input, ret);
	postfix_sending_deinit(&sending);
	free(interface);
}
