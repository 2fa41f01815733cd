/* SPDX-License-Identifier: ISC */
/*
 * Who is this? Names in one canonical form. What an account may do, and what hangs on it, is not
 * known here.
 */
#include "policyd/subject.h"

#include <errno.h>
#include <idn2.h>
#include <stdio.h>

#include "policyd/siphash.h"

static const char *const kind_words[ACCOUNT_KINDS] = {
	[ACCOUNT_LOGIN] = "login:",
	[ACCOUNT_CERT] = "cert:",
	[ACCOUNT_ADDR] = "addr:",
};

/* Longest domain in presentation form (RFC 1035 2.3.4); anything longer is no domain. */
#define DOMAIN_MAX 255

static bool is_ascii(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] >= 0x80)
			return false;
	}
	return true;
}

static size_t lower_to(struct span text, char *buf)
{
	for (size_t i = 0; i < text.n; i++)
		buf[i] = ascii_lower(text.p[i]);
	return text.n;
}

static struct span without_dots(struct span domain)
{
	while (domain.n && domain.p[domain.n - 1] == '.')
		domain.n--;
	return domain;
}

/*
 * The domain as A-label (RFC 5890) to buf, at most room bytes. libidn2 costs microseconds even for
 * ASCII, so it is asked only about the others; what it refuses stays as its bytes.
 */
static size_t domain_to(struct span domain, char *buf, size_t room)
{
	char text[DOMAIN_MAX + 1];
	char *ascii = NULL;
	domain = without_dots(domain);
	if (is_ascii(domain) || domain.n > DOMAIN_MAX || memchr(domain.p, '\0', domain.n))
		return lower_to(domain, buf);
	span_copy(domain, text, sizeof(text));
	if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return lower_to(domain, buf);
	/* IDNA knows more dots than one (RFC 3490 3.1). */
	struct span label = without_dots(span_of(ascii));
	size_t n = label.n <= room ? lower_to(label, buf) : lower_to(domain, buf);
	idn2_free(ascii);
	return n;
}

/*
 * The beginning of an overlong name and a hash of all of it: bounded, and still its own. No '@' and
 * nothing beyond ASCII stays, so that the short form is its own normal form.
 */
static size_t shorten(struct span name, char *buf)
{
	static const struct siphash_key no_secret = {0};
	const size_t kept = 200;
	for (size_t i = 0; i < kept; i++) {
		bool is_plain = name.p[i] > ' ' && name.p[i] <= '~' && name.p[i] != '@';
		buf[i] = is_plain ? ascii_lower(name.p[i]) : '_';
	}
	int n = snprintf(
		buf + kept, 18, "#%016llx", (unsigned long long)siphash24(&no_secret, name));
	return kept + (n > 0 ? (size_t)n : 0);
}

#define NAME_MAX_BYTES 320 /* local part 64, '@', domain 255: RFC 5321 4.5.3.1 */

/* A bare name and, where one is configured and there is room, the domain that logins belong to. */
static size_t append_domain(const char *login_domain, char *buf, size_t n)
{
	struct span domain = span_of(login_domain);
	if (domain.n == 0 || n + 1 + domain.n > NAME_MAX_BYTES)
		return n;
	buf[n++] = '@';
	return n + domain_to(domain, buf + n, NAME_MAX_BYTES - n);
}

size_t address_normalise(struct span address, const char *login_domain, char *buf)
{
	ptrdiff_t at = span_rfind(address, '@');
	if (address.n > NAME_MAX_BYTES)
		return append_domain(login_domain, buf, shorten(address, buf));
	if (at < 0)
		return append_domain(login_domain, buf, lower_to(address, buf));
	size_t local_n = (size_t)at + 1;
	size_t n = lower_to(span_make(address.p, local_n), buf);
	struct span domain = span_make(address.p + local_n, address.n - local_n);
	return n + domain_to(domain, buf + n, NAME_MAX_BYTES - n);
}

static void name_begin(struct account_name *name, enum account_kind kind)
{
	name->kind = kind;
	name->n = span_copy(span_of(kind_words[kind]), name->key, sizeof(name->key));
}

static void name_end(struct account_name *name, size_t n)
{
	name->n += n;
	name->key[name->n] = '\0';
}

static void name_of_login(struct span login, const struct config *config, struct account_name *ret)
{
	name_begin(ret, ACCOUNT_LOGIN);
	name_end(ret, address_normalise(login, config->login_domain, ret->key + ret->n));
}

static void name_of_address(const struct ip *ip, struct account_name *ret)
{
	char text[IP_TEXT_SIZE];
	struct ip shown = *ip;
	name_begin(ret, ACCOUNT_ADDR);
	if (ip_is_v4(ip)) {
		name_end(ret, lower_to(span_of(ip_format(&shown, text)), ret->key + ret->n));
		return;
	}
	/* One host has the whole /64 to choose from, so IPv6 counts by /64 (design 5). */
	memset(shown.byte + 8, 0, 8);
	int n = snprintf(
		ret->key + ret->n, sizeof(ret->key) - ret->n, "%s/64", ip_format(&shown, text));
	name_end(ret, n > 0 ? (size_t)n : 0);
}

/* Fingerprints are compared as text; Postfix writes them in upper case, people in either. */
static void name_of_fingerprint(struct span fingerprint, struct account_name *ret)
{
	struct span cut = span_make(fingerprint.p, fingerprint.n < 256 ? fingerprint.n : 256);
	name_begin(ret, ACCOUNT_CERT);
	name_end(ret, lower_to(cut, ret->key + ret->n));
}

static bool is_listed(const struct config_strings *list, struct span text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (span_equal_nocase(span_of(list->text[i]), text))
			return true;
	}
	return false;
}

static bool is_trusted(const struct config_nets *nets, const struct ip *ip)
{
	for (size_t i = 0; i < nets->n; i++) {
		if (ip_net_has(&nets->net[i], ip))
			return true;
	}
	return false;
}

bool subject_of(
	const struct request *request, const struct config *config, struct account_name *ret)
{
	/* What a content filter hands back was judged on its way in (semantics 2). */
	if (span_equal(request->policy_context, SPAN("reinject")))
		return false;
	if (request->sasl_username.n) {
		name_of_login(request->sasl_username, config, ret);
		return true;
	}
	/* An unlisted certificate means nothing: every foreign MTA shows one (semantics 1). */
	if (request->ccert_fingerprint.n &&
		is_listed(&config->client_certificates, request->ccert_fingerprint)) {
		name_of_fingerprint(request->ccert_fingerprint, ret);
		return true;
	}
	struct ip ip;
	if (config->trusted_networks.n && ip_parse(request->client_address, &ip) == 0 &&
		is_trusted(&config->trusted_networks, &ip)) {
		name_of_address(&ip, ret);
		return true;
	}
	return false;
}

static int parse_kind(enum account_kind kind, struct span text, const struct config *config,
	struct account_name *ret)
{
	struct ip ip;
	switch (kind) {
	case ACCOUNT_ADDR:
		if (span_ends(text, SPAN("/64")))
			text.n -= 3;
		if (ip_parse(text, &ip) != 0)
			return -EINVAL;
		name_of_address(&ip, ret);
		return 0;
	case ACCOUNT_CERT:
		name_of_fingerprint(text, ret);
		return 0;
	case ACCOUNT_LOGIN:
	case ACCOUNT_KINDS:
		break;
	}
	name_of_login(text, config, ret);
	return 0;
}

int subject_parse(struct span typed, const struct config *config, struct account_name *ret,
	struct errbuf *err)
{
	enum account_kind kind = ACCOUNT_LOGIN;
	struct span text = typed;
	for (int i = 0; i < ACCOUNT_KINDS; i++) {
		struct span word = span_of(kind_words[i]);
		if (span_starts(typed, word)) {
			kind = (enum account_kind)i;
			text = span_make(typed.p + word.n, typed.n - word.n);
			break;
		}
	}
	if (text.n == 0) {
		err_set(err, "an account needs a name: a login, addr:ADDRESS or cert:FINGERPRINT");
		return -EINVAL;
	}
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f) {
			err_set(err, "the account's name holds a control character");
			return -EINVAL;
		}
	}
	if (parse_kind(kind, text, config, ret) != 0) {
		err_set(err, "%.*s is no IP address", (int)(text.n < 60 ? text.n : 60), text.p);
		return -EINVAL;
	}
	return 0;
}

struct span subject_shown(struct span key)
{
	struct span login = span_of(kind_words[ACCOUNT_LOGIN]);
	if (!span_starts(key, login))
		return key;
	struct span bare = span_make(key.p + login.n, key.n - login.n);
	for (int i = 0; i < ACCOUNT_KINDS; i++) {
		/* A login may be called "addr:x"; then only the whole key is unmistakable. */
		if (span_starts(bare, span_of(kind_words[i])))
			return key;
	}
	return bare;
}
