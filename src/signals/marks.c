/* SPDX-License-Identifier: ISC */
/*
 * What a request shows, as hashes by the site's key: the client's network and provider, its program by
 * the form of the HELO name, the way of login, the envelope sender, the recipient. What is absent is 0.
 */
#include <string.h>

#include "judging.h"
#include "policyd/siphash.h"

/* Two marks of different kinds never are the same. */
enum salt { SALT_RECIPIENT = HABIT_KINDS };

/* Of a text behind its salt. */
static uint64_t mark_of(const struct signals *s, const char *salted, size_t n)
{
	uint64_t hash = siphash13(&s->key, span_make(salted, 1 + n));
	return hash ? hash : 1;
}

static uint64_t mark(const struct signals *s, unsigned salt, struct span text)
{
	char buf[1 + ADDRESS_MAX];
	size_t n = text.n < ADDRESS_MAX ? text.n : ADDRESS_MAX;
	buf[0] = (char)salt;
	if (n)
		memcpy(buf + 1, text.p, n);
	return mark_of(s, buf, n);
}

/* What config_mailbox() leaves as it is, seen at a glance: most addresses are so. */
static bool is_canonical(const struct config *config, struct span address)
{
	if (!address_is_plain(address))
		return false;
	for (const char *c = config->recipient_delimiter; c && *c; c++) {
		if (memchr(address.p, *c, address.n))
			return false;
	}
	return true;
}

uint64_t mark_recipient(const struct signals *s, struct span recipient)
{
	char buf[1 + ADDRESS_MAX];
	size_t n = recipient.n;
	buf[0] = (char)SALT_RECIPIENT;
	if (is_canonical(s->config, recipient))
		memcpy(buf + 1, recipient.p, n);
	else
		n = config_mailbox(s->config, recipient, NULL, buf + 1);
	return mark_of(s, buf, n);
}

/* ---- networks ---- */

/* The first so many bits. */
static uint64_t mark_prefix(
	const struct signals *s, enum habit kind, const struct ip *ip, unsigned bits)
{
	struct ip base = {{0}};
	memcpy(base.byte, ip->byte, bits / 8);
	if (bits % 8)
		base.byte[bits / 8] = (uint8_t)(ip->byte[bits / 8] & (0xff00u >> bits % 8));
	return mark(s, kind, span_make((const char *)base.byte, sizeof(base.byte)));
}

static void marks_of_client(const struct signals *s, const struct request *r, struct seen *ret)
{
	struct ip ip;
	if (ip_parse(r->client_address, &ip) == 0) {
		bool is_v4 = ip_is_v4(&ip);
		ret->habit[HABIT_NETWORK] = mark_prefix(s, HABIT_NETWORK, &ip, is_v4 ? 120 : 48);
		ret->habit[HABIT_NEAR] = mark_prefix(s, HABIT_NEAR, &ip, is_v4 ? 116 : 36);
		ret->habit[HABIT_REGION] = mark_prefix(s, HABIT_REGION, &ip, is_v4 ? 112 : 32);
	}
	if (r->geo.asn)
		ret->habit[HABIT_ASN] = mark(
			s, HABIT_ASN, span_make((const char *)&r->geo.asn, sizeof(r->geo.asn)));
	if (geo_has_country(&r->geo))
		ret->habit[HABIT_COUNTRY] =
			mark(s, HABIT_COUNTRY, span_make(r->geo.country, sizeof(r->geo.country)));
}

static bool nets_have(const struct config_nets *nets, const struct ip *ip)
{
	for (size_t i = 0; i < nets->n; i++) {
		if (ip_net_has(&nets->net[i], ip))
			return true;
	}
	return false;
}

bool marks_at_home(const struct signals *s, const struct sight *sight)
{
	const struct config_nets *all = &s->config->signals.home_networks;
	const struct config_nets *own =
		&s->config->classes[sight->subject->class].ladder.home_networks;
	struct ip ip;
	if (all->n == 0 && own->n == 0)
		return false;
	return ip_parse(sight->request->client_address, &ip) == 0 &&
	       (nets_have(all, &ip) || nets_have(own, &ip));
}

static bool strings_have(const struct config_strings *strings, const char country[2])
{
	for (size_t i = 0; i < strings->n; i++) {
		if (span_equal(span_of(strings->text[i]), span_make(country, 2)))
			return true;
	}
	return false;
}

bool marks_home_country(const struct signals *s, const struct sight *sight)
{
	const struct geo *geo = &sight->request->geo;
	const struct config *config = s->config;
	return geo_has_country(geo) &&
	       (strings_have(&config->signals.home_countries, geo->country) ||
		       strings_have(&config->classes[sight->subject->class].ladder.home_countries,
			       geo->country));
}

/* ---- programs ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

/* Hexadecimal with a digit in it: a serial number, a container's name. */
static bool is_serial(struct span word)
{
	bool has_digit = false;
	for (size_t i = 0; i < word.n; i++) {
		bool is_hex = is_digit(word.p[i]) || (word.p[i] >= 'a' && word.p[i] <= 'f');
		if (!is_hex)
			return false;
		has_digit = has_digit || is_digit(word.p[i]);
	}
	return has_digit;
}

struct family_text {
	char *buf;
	size_t n;
};

/* Runs of '#' become one. */
static void family_put(struct family_text *text, char c)
{
	if (c == '#' && text->n && text->buf[text->n - 1] == '#')
		return;
	if (text->n < HELO_FAMILY_MAX)
		text->buf[text->n++] = c;
}

static void family_word(struct family_text *text, struct span word)
{
	bool serial = is_serial(word);
	for (size_t i = 0; i < word.n; i++)
		family_put(text, serial || is_digit(word.p[i]) ? '#' : word.p[i]);
}

static struct span without_brackets(struct span helo)
{
	if (helo.n < 2 || helo.p[0] != '[' || helo.p[helo.n - 1] != ']')
		return helo;
	helo = span_make(helo.p + 1, helo.n - 2);
	return span_starts(helo, SPAN("ipv6:")) ? span_make(helo.p + 5, helo.n - 5) : helo;
}

/* Machines that say an address say another one each time: what counts is of what kind it is. */
static const char *family_of_literal(struct span helo, struct span client)
{
	struct ip ip, own;
	if (ip_parse(without_brackets(helo), &ip) != 0)
		return NULL;
	if (ip_parse(client, &own) == 0 && ip_equal(&ip, &own))
		return "[own]";
	return ip_is_public(&ip) ? "[other]" : "[private]";
}

size_t helo_family(struct span helo, struct span client, char buf[HELO_FAMILY_MAX])
{
	char lower[HELO_FAMILY_MAX];
	struct family_text text = {buf, 0};
	size_t n = helo.n < sizeof(lower) ? helo.n : sizeof(lower);
	for (size_t i = 0; i < n; i++)
		lower[i] = ascii_lower(helo.p[i]);
	const char *literal = family_of_literal(span_make(lower, n), client);
	if (literal)
		return span_copy(span_of(literal), buf, HELO_FAMILY_MAX);
	for (size_t i = 0; i < n;) {
		size_t end = i;
		while (end < n && is_alnum(lower[end]))
			end++;
		if (end == i)
			family_put(&text, lower[end++]);
		else
			family_word(&text, span_make(lower + i, end - i));
		i = end;
	}
	return text.n;
}

/* ---- all of it ---- */

static struct span login_of(const struct sight *sight)
{
	struct span key = account_name_key(&sight->subject->name);
	size_t word_n = kind_rows[sight->subject->name.kind].word_n;
	return span_make(key.p + word_n, key.n - word_n);
}

/* A bare login is the sender's local part. */
static bool is_own(struct span sender, struct span login)
{
	if (span_equal(sender, login))
		return true;
	return span_rfind(login, '@') < 0 && sender.n > login.n && sender.p[login.n] == '@' &&
	       span_equal(span_make(sender.p, login.n), login);
}

/* Of a canonical name the canonical form is the name itself: it needs not be made. */
bool marks_plainly_own(const struct sight *sight)
{
	const struct request *r = sight->request;
	return r->sender.n == 0 || sight->subject->name.kind != ACCOUNT_LOGIN ||
	       span_equal(r->sender, login_of(sight));
}

bool marks_own_sender(const struct signals *s, const struct sight *sight)
{
	struct span sender = sight->request->sender;
	char buf[ADDRESS_MAX];
	if (marks_plainly_own(sight))
		return true;
	return is_own(
		span_make(buf, config_mailbox(s->config, sender, NULL, buf)), login_of(sight));
}

static void marks_of_names(const struct signals *s, const struct sight *sight, struct seen *ret)
{
	const struct request *r = sight->request;
	char buf[ADDRESS_MAX];
	if (r->sasl_method.n)
		ret->habit[HABIT_LOGIN] = mark(s, HABIT_LOGIN, r->sasl_method);
	if (!marks_own_sender(s, sight))
		ret->habit[HABIT_SENDER] = mark(s, HABIT_SENDER,
			span_make(buf, config_mailbox(s->config, r->sender, NULL, buf)));
}

void marks_make(const struct signals *s, const struct sight *sight, struct seen *ret)
{
	const struct request *r = sight->request;
	char helo[HELO_FAMILY_MAX];
	marks_of_names(s, sight, ret);
	/* Between a relay and us there is nothing to be seen of the client. */
	if (sight->subject->is_relayed)
		return;
	marks_of_client(s, r, ret);
	if (r->helo_name.n)
		ret->habit[HABIT_HELO] = mark(s, HABIT_HELO,
			span_make(helo, helo_family(r->helo_name, r->client_address, helo)));
}

void marks_of(const struct signals *s, const struct sight *sight, struct seen *ret)
{
	*ret = (struct seen){.is_first = sight->is_first};
	marks_look_up(s, sight, ret);
	if (!sight->subject->is_relayed)
		ret->geo = &sight->request->geo;
}
