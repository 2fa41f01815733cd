/* SPDX-License-Identifier: ISC */
/*
 * Classes: who belongs to which (semantics 5), and what belongs to a class. That their names differ and
 * their settings fit is check_class.c's business.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maps.h"
#include "policyd/address.h"
#include "policyd/mem.h"
#include "rule.h"
#include "value.h"

#define CLASS_DEFAULT     "default"
#define CLASS_NULL_SENDER "null_sender"

/* What is being put into the maps. */
struct building {
	struct diag *diag;
	struct config *config;
	unsigned class;
	struct config_place place;
};

/* ---- the classes that are always there ---- */

static unsigned class_find(const struct config *config, struct span name)
{
	for (size_t i = 0; i < config->classes_n; i++) {
		if (span_equal(name, span_of(config->classes[i].name)))
			return (unsigned)i;
	}
	return UINT_MAX;
}

/* The number of the class with that name, which is added when it is not there. */
static unsigned class_need(struct config *config, const char *name)
{
	unsigned at = class_find(config, span_of(name));

	if (at != UINT_MAX)
		return at;
	config->classes =
		xrealloc(config->classes, config->classes_n + 1, sizeof(*config->classes));
	struct config_class *class = &config->classes[config->classes_n];
	*class = (struct config_class){0};
	value_preset(&schema_class, config->place, class);
	class->name = xstrdup(name);
	return (unsigned)config->classes_n++;
}

/* ---- who belongs to a class ---- */

/* value is of the class that has name already. */
static void complain_tie(const struct building *b, const struct map *map,
	const struct map_entry *entry, const char *what, struct span name)
{
	const struct config_class *classes = b->config->classes;
	char shown[QUOTE_SIZE], other[PLACE_SIZE];

	if (entry->value == b->class || !classes[b->class].name || !classes[entry->value].name)
		return;
	diag_error(b->diag, b->place,
		"%s %s is in class \"%s\" and, at %s, in class \"%s\": remove one of them", what,
		diag_quote(name, shown), classes[b->class].name,
		diag_place(map_place(map, entry), other), classes[entry->value].name);
}

static void name_add(const struct building *b, struct map *map, struct span name, const char *what)
{
	const struct map_entry *entry = map_add(map, name, b->class, b->place);

	if (entry)
		complain_tie(b, map, entry, what, name);
}

static void account_add(const struct building *b, struct span typed, const char *setting)
{
	struct account_key key;
	char shown[QUOTE_SIZE];
	struct errbuf err;

	if (account_key_of(b->config, typed, &key, &err) != 0) {
		diag_error(
			b->diag, b->place, "%s%s: %s", setting, diag_quote(typed, shown), err.text);
		return;
	}
	name_add(b, &b->config->maps->accounts, account_resolve(b->config, account_key_span(&key)),
		"account");
}

static void domain_add(const struct building *b, struct span typed)
{
	char domain[ADDRESS_MAX];
	size_t n = domain_normalise(typed, domain);

	name_add(b, &b->config->maps->domains, span_make(domain, n), "domain");
}

#define NET_KEY_SIZE 17
static struct span net_key(const struct ip_net *net, char buf[NET_KEY_SIZE])
{
	buf[0] = (char)net->bits;
	memcpy(buf + 1, net->base.byte, sizeof(net->base.byte));
	return span_make(buf, NET_KEY_SIZE);
}

static const char *net_format(const struct ip_net *net, char buf[IP_TEXT_SIZE + 8])
{
	char base[IP_TEXT_SIZE];
	int n = snprintf(buf, IP_TEXT_SIZE + 8, "%s/%u", ip_format(&net->base, base),
		net->bits - (ip_is_v4(&net->base) ? 96u : 0u));

	return n > 0 ? buf : "";
}

static void net_add(const struct building *b, const struct ip_net *net)
{
	struct config_maps *maps = b->config->maps;
	char key[NET_KEY_SIZE], shown[IP_TEXT_SIZE + 8];
	const struct map_entry *entry = map_add(&maps->nets, net_key(net, key), b->class, b->place);

	if (entry)
		complain_tie(b, &maps->nets, entry, "network", span_of(net_format(net, shown)));
	if (!memchr(maps->bits, net->bits, maps->bits_n))
		maps->bits[maps->bits_n++] = net->bits;
}

/* ---- lists in files ---- */

static bool has_byte(struct span text, char c)
{
	return text.n != 0 && memchr(text.p, c, text.n);
}

static void complain_line(const struct building *b, struct span text)
{
	char shown[QUOTE_SIZE];

	diag_error(b->diag, b->place,
		"%s is no login, \"@domain\" or network: one of them stands on a line",
		diag_quote(text, shown));
}

/*
 * "alice@example.org" and "login:john" are accounts, "@example.org" and "example.org" domains,
 * "192.0.2.0/24" is a network, and a word without '@' and '.' a login.
 */
static void line_add(const struct building *b, struct span text)
{
	struct ip_net net;
	struct span domain = text;

	if (has_byte(text, ' ')) {
		complain_line(b, text);
		return;
	}
	if (account_has_kind(text) || (has_byte(text, '@') && text.p[0] != '@')) {
		account_add(b, text, "");
		return;
	}
	int r = ip_net_parse(text, &net);
	if (r == 0) {
		net_add(b, &net);
		return;
	}
	if (r == -EINVAL && !has_byte(text, '.') && !has_byte(text, '@') && !has_byte(text, '/')) {
		account_add(b, text, "");
		return;
	}
	if (text.p[0] == '@')
		domain = span_make(text.p + 1, text.n - 1);
	if (rule_is_domain(domain) && r != -ERANGE)
		domain_add(b, domain);
	else
		complain_line(b, text);
}

static void lines_add(struct building b, const struct config_lines *lines)
{
	if (!lines->path)
		return;
	b.place.file = diag_file_of(b.diag, lines->path);
	for (size_t i = 0; i < lines->n; i++) {
		b.place.line = lines->line[i].line;
		line_add(&b, span_of(lines->line[i].text));
	}
}

static void match_add(const struct building *b, const struct config_match *match)
{
	if (match->login)
		account_add(b, span_of(match->login), "classes.match.login ");
	if (match->domain)
		domain_add(b, span_of(match->domain));
	if (match->context)
		name_add(b, &b->config->maps->contexts, span_of(match->context), "context");
	for (size_t i = 0; i < match->network.n; i++)
		net_add(b, &match->network.net[i]);
	lines_add(*b, &match->file);
}

/* ---- what belongs to a class ---- */

static uint64_t limits_named(const struct config *config, const struct config_class *class)
{
	uint64_t set = 0;

	for (size_t i = 0; i < class->limits.n; i++) {
		ptrdiff_t limit = config_limit_of(config, span_of(class->limits.text[i]));

		if (limit >= 0)
			set |= UINT64_C(1) << limit;
	}
	return set;
}
static_assert(CONFIG_LIMITS_MAX <= 64, "limit_set has a bit for each");

static void limit_sets(struct config *config)
{
	uint64_t named = 0;

	for (size_t i = 0; i < config->classes_n; i++) {
		config->classes[i].limit_set = limits_named(config, &config->classes[i]);
		named |= config->classes[i].limit_set;
	}
	uint64_t all = (UINT64_C(1) << config->limits_n) - 1;
	for (size_t i = 0; i < config->classes_n; i++)
		config->classes[i].limit_set |= all & ~named;
}

static unsigned egress_find(const struct config *config, const char *address)
{
	const struct config_egress *egress = &config->egress;
	struct ip wanted, ip;

	bool is_named = address && ip_parse(span_of(address), &wanted) == 0;
	for (size_t i = 0; i < egress->addresses_n; i++) {
		const char *text = egress->addresses[i].address;

		/* What "auto" comes to is not known here. */
		if (text && ip_parse(span_of(text), &ip) == 0 &&
			(!is_named || memcmp(&ip, &wanted, sizeof(ip)) == 0))
			return (unsigned)i;
	}
	return UINT_MAX;
}

/* Longest first. */
static int bits_compare(const void *left, const void *right)
{
	const uint8_t *a = left, *b = right;

	return *b - *a;
}

void class_build(struct diag *diag, struct config *config)
{
	struct building b = {.diag = diag, .config = config};

	config->class_default = class_need(config, CLASS_DEFAULT);
	config->class_null_sender = class_need(config, CLASS_NULL_SENDER);
	for (unsigned i = 0; i < config->classes_n; i++) {
		struct config_class *class = &config->classes[i];

		class->egress_at = egress_find(config, class->egress);
		b.class = i;
		for (size_t j = 0; j < class->match_n; j++) {
			b.place = class->match[j].place;
			match_add(&b, &class->match[j]);
		}
	}
	qsort(config->maps->bits, config->maps->bits_n, 1, bits_compare);
	limit_sets(config);
}

/* ---- the class of a request ---- */

/* The domain itself, then those above it. */
static const struct map_entry *domain_find(const struct map *map, struct span domain)
{
	while (domain.n) {
		const struct map_entry *entry = map_find(map, domain);
		const char *dot = memchr(domain.p, '.', domain.n);

		if (entry || !dot)
			return entry;
		domain = span_make(dot + 1, domain.n - (size_t)(dot + 1 - domain.p));
	}
	return NULL;
}

static struct ip_net net_of(const struct ip *ip, uint8_t bits)
{
	struct ip_net net = {.bits = bits};

	memcpy(net.base.byte, ip->byte, bits / 8);
	if (bits % 8)
		net.base.byte[bits / 8] = ip->byte[bits / 8] & (uint8_t)(0xff00u >> (bits % 8));
	return net;
}

static const struct map_entry *net_find(const struct config_maps *maps, const struct ip *ip)
{
	for (size_t i = 0; i < maps->bits_n; i++) {
		struct ip_net net = net_of(ip, maps->bits[i]);
		char key[NET_KEY_SIZE];
		const struct map_entry *entry = map_find(&maps->nets, net_key(&net, key));

		if (entry)
			return entry;
	}
	return NULL;
}

unsigned config_class_of(const struct config *config, const struct class_query *query)
{
	const struct config_maps *maps = config->maps;
	const struct map_entry *entry;

	if (query->is_null_sender)
		return config->class_null_sender;
	entry = map_find(&maps->accounts, query->account);
	if (!entry && maps->domains.n)
		entry = domain_find(&maps->domains, query->domain);
	if (!entry && query->context.n)
		entry = map_find(&maps->contexts, query->context);
	if (!entry && query->client)
		entry = net_find(maps, query->client);
	return entry ? entry->value : config->class_default;
}
