/* SPDX-License-Identifier: ISC */
/*
 * What there is to ask about: our addresses, and the names that go with them. Which of them a list is
 * asked about is the list's records' business.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/address.h"
#include "policyd/mem.h"

/* ---- addresses ---- */

static void ptr_names_free(struct own_address *own)
{
	for (size_t i = 0; i < own->ptr_n; i++)
		free(own->ptr[i]);
	own->ptr_n = 0;
}

void own_addresses_free(struct egress *e)
{
	for (size_t i = 0; i < e->own_n; i++)
		ptr_names_free(&e->own[i]);
	e->own_n = 0;
}

static struct own_address *own_find(struct own_address *own, size_t n, const struct ip *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_equal(&own[i].address.ip, ip))
			return &own[i];
	}
	return NULL;
}

struct own_address *own_address_of(struct egress *e, const struct ip *ip)
{
	return own_find(e->own, e->own_n, ip);
}

/* False: there is no room. */
static bool own_add(struct own_address *list, size_t *n, const struct egress_address *address,
	bool is_configured)
{
	struct own_address *own = own_find(list, *n, &address->ip);
	if (!own) {
		if (*n == EGRESS_ADDRESSES_MAX)
			return false;
		list[*n] =
			(struct own_address){.address = *address, .is_configured = is_configured};
		(*n)++;
		return true;
	}
	/* Who says it first is believed; later ones only fill in. */
	if (!own->address.helo[0])
		memcpy(own->address.helo, address->helo, sizeof(address->helo));
	if (!own->address.transport[0])
		memcpy(own->address.transport, address->transport, sizeof(address->transport));
	return true;
}

static void own_add_configured(struct own_address *list, size_t *n, const struct config *config)
{
	const struct config_egress *egress = &config->egress;
	for (size_t i = 0; i < egress->addresses_n; i++) {
		const struct config_egress_address *row = &egress->addresses[i];
		struct egress_address address = {.origin = "egress.addresses"};
		if (ip_parse(span_of(row->address), &address.ip) != 0)
			continue; /* "auto" */
		(void)span_copy(span_of(row->helo), address.helo, sizeof(address.helo));
		(void)span_copy(
			span_of(row->transport), address.transport, sizeof(address.transport));
		/* CONFIG_ADDRESSES_MAX of them have room. */
		(void)own_add(list, n, &address, true);
	}
}

/* The PTR names of an address that was there before go over. */
static void own_keep(struct egress *e, struct own_address *own)
{
	struct own_address *old = own_address_of(e, &own->address.ip);
	own->ptr_due = e->now.mono;
	if (!old)
		return;
	own->is_asking = old->is_asking;
	own->ptr_due = old->ptr_due;
	own->ptr_n = old->ptr_n;
	memcpy(own->ptr, old->ptr, sizeof(own->ptr));
	old->ptr_n = 0;
}

void own_addresses_update(struct egress *e)
{
	struct own_address *list = xcalloc(EGRESS_ADDRESSES_MAX, sizeof(*list));
	size_t n = 0;
	own_add_configured(list, &n, e->config);
	size_t cut = 0;
	for (size_t i = 0; i < e->found_n; i++)
		cut += !own_add(list, &n, &e->found[i], false);
	if (cut > 0)
		change_note(e, "%zu of our addresses are not looked up: %d are the most", cut,
			EGRESS_ADDRESSES_MAX);
	for (size_t i = 0; i < n; i++)
		own_keep(e, &list[i]);
	own_addresses_free(e);
	memcpy(e->own, list, n * sizeof(*list));
	e->own_n = n;
	free(list);
}

/* ---- names ---- */

static bool is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1 to 63 bytes (RFC 1035 2.3.4) of what names are made of, two of them or more. */
static bool is_domain(const char *name)
{
	size_t label = 0, dots = 0;
	bool is_number = true;
	for (const char *at = name; *at; at++) {
		if (*at == '.') {
			if (label == 0)
				return false;
			label = 0;
			is_number = true;
			dots++;
			continue;
		}
		if (!is_host_byte(*at) || ++label > 63)
			return false;
		is_number = is_number && *at >= '0' && *at <= '9';
	}
	/* No top domain is a number (RFC 3696 2): "a.192.0.2.1" would be an address to some. */
	return label > 0 && dots > 0 && !is_number;
}

bool egress_domain(struct span text, char buf[254])
{
	char canonical[ADDRESS_DOMAIN_MAX];
	struct ip ip;
	size_t n = domain_normalise(text, canonical);
	if (n > 253 || ip_parse(text, &ip) == 0)
		return false;
	(void)span_copy(span_make(canonical, n), buf, 254);
	return is_domain(buf);
}

/* ---- the set ---- */

/* Of EGRESS_DOMAINS_MAX: for names that DNS gives our addresses, which others may write there. */
#define PTR_ROOM 64

struct subjects *subjects_ref(struct subjects *s)
{
	s->refs++;
	return s;
}

void subjects_unref(struct subjects *s)
{
	if (!s || --s->refs > 0)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->at[i].text);
	free(s->at);
	free(s);
}

ptrdiff_t subjects_find(const struct subjects *s, struct span text)
{
	for (size_t i = 0; i < s->n; i++) {
		if (span_equal(span_of(s->at[i].text), text))
			return (ptrdiff_t)i;
	}
	return -1;
}

static void add_address(struct subjects *s, const struct own_address *own)
{
	char text[IP_TEXT_SIZE];
	const struct ip *ip = &own->address.ip;
	/* What no list knows is asked only when the configuration names it. */
	if (!own->is_configured && !ip_is_public(ip))
		return;
	s->at[s->n++] = (struct egress_subject){
		.ip = *ip,
		.text = xstrdup(ip_format(ip, text)),
		.kind = ip_is_v4(ip) ? BLOCKLIST_IPV4 : BLOCKLIST_IPV6,
		.why = "egress",
	};
}

static bool has_labels(const char *name, unsigned least)
{
	unsigned n = 1;
	for (const char *at = name; (at = strchr(at, '.')); at++)
		n++;
	return n >= least;
}

/*
 * A name, and those above it with three and two labels: lists have them whole or by their owner. Those in
 * between would let one who names our hosts crowd out all others.
 */
static void add_domain(struct subjects *s, struct span text, const char *why)
{
	char name[254];
	/* There may be a hundred thousand of them. */
	if (s->domain_n >= s->room) {
		s->cut++;
		return;
	}
	if (!egress_domain(text, name))
		return;
	for (const char *at = name; strchr(at, '.'); at = strchr(at, '.') + 1) {
		if (at != name && has_labels(at, 4))
			continue;
		if (subjects_find(s, span_of(at)) >= 0)
			return; /* and so are those above it */
		if (s->domain_n == s->room) {
			s->cut++;
			return;
		}
		s->domain_n++;
		s->at[s->n++] = (struct egress_subject){
			.text = xstrdup(at), .kind = BLOCKLIST_DOMAIN, .why = why};
	}
}

static void add_strings(struct subjects *s, const struct config_strings *strings, const char *why)
{
	for (size_t i = 0; i < strings->n; i++)
		add_domain(s, span_of(strings->text[i]), why);
}

static struct subjects *subjects_make(const struct egress *e)
{
	struct subjects *s = xcalloc(1, sizeof(*s));
	s->refs = 1;
	s->at = xcalloc(EGRESS_ADDRESSES_MAX + EGRESS_DOMAINS_MAX, sizeof(*s->at));
	for (size_t i = 0; i < e->own_n; i++)
		add_address(s, &e->own[i]);
	s->room = EGRESS_DOMAINS_MAX - PTR_ROOM;
	for (size_t i = 0; i < e->own_n; i++)
		add_domain(s, span_of(e->own[i].address.helo), "helo");
	add_strings(s, &e->config->egress.domains, "egress.domains");
	if (e->config->egress.addresses_n > 0 || e->config->egress.domains.n > 0)
		add_strings(s, &e->config->local_domains, "local_domains");
	/* What others say of us takes no room from what is ours. */
	s->room = EGRESS_DOMAINS_MAX;
	for (size_t i = 0; i < e->own_n; i++) {
		for (size_t j = 0; j < e->own[i].ptr_n; j++)
			add_domain(s, span_of(e->own[i].ptr[j]), "ptr");
	}
	return s;
}

static bool subjects_equal(const struct subjects *a, const struct subjects *b)
{
	bool equal = a && a->n == b->n && a->cut == b->cut;
	for (size_t i = 0; equal && i < a->n; i++)
		equal = strcmp(a->at[i].text, b->at[i].text) == 0 && a->at[i].why == b->at[i].why;
	return equal;
}

/* Where each of the new set stood in the old one; for as many as there are. */
static void moves_of(
	const struct subjects *old, const struct subjects *made, struct subjects_moves *ret)
{
	ret->old = old;
	ret->from = xcalloc(made->n ? made->n : 1, sizeof(*ret->from));
	for (size_t i = 0; i < made->n; i++)
		ret->from[i] = old ? (int32_t)subjects_find(old, span_of(made->at[i].text)) : -1;
}

void subjects_update(struct egress *e, bool are_lists_new)
{
	struct subjects_moves moves;
	struct subjects *old = e->subjects, *made = subjects_make(e);
	if (!are_lists_new && subjects_equal(old, made)) {
		subjects_unref(made);
		return;
	}
	moves_of(old, made, &moves);
	e->subjects = made;
	for (size_t i = 0; i < e->list_n; i++)
		list_records_update(e, &e->list[i], &moves);
	free(moves.from);
	subjects_unref(old);
	e->is_dirty = true;
	if (made->cut > 0 && made->cut != e->cut_told)
		change_note(e,
			"%zu names of ours are not looked up, %d are the most, %d of them PTR "
			"names: HELO names go before egress.domains and local_domains",
			made->cut, EGRESS_DOMAINS_MAX, PTR_ROOM);
	e->cut_told = made->cut;
}
