/* SPDX-License-Identifier: ISC */
/*
 * Mail addresses and domains in one canonical form. Whose address it is, and which domains are ours,
 * is not known here.
 */
#include "policyd/address.h"

#include <idn2.h>
#include <stdio.h>

#include "policyd/siphash.h"

static bool is_ascii(struct span text)
{
	unsigned char all = 0;
	for (size_t i = 0; i < text.n; i++)
		all |= (unsigned char)text.p[i];
	return all < 0x80;
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
	char hash[18];
	int n = snprintf(
		hash, sizeof(hash), "#%016llx", (unsigned long long)siphash24(&no_secret, name));
	size_t hash_n = n > 0 ? (size_t)n : 0;
	memcpy(buf + kept, hash, hash_n);
	return kept + hash_n;
}

/*
 * IDNA maps a full-width '@' or bar to the ASCII one, which would move the place where an address
 * splits; such a domain is none.
 */
static bool is_host_name(struct span label)
{
	for (size_t i = 0; i < label.n; i++) {
		char c = ascii_lower(label.p[i]);
		bool is_letter_or_digit = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!is_letter_or_digit && c != '-' && c != '_' && c != '.')
			return false;
	}
	return true;
}

/*
 * The domain as A-label (RFC 5890) to buf, at most room bytes. libidn2 costs microseconds even for
 * ASCII, so it is asked only about the others; what it refuses stays as its bytes.
 */
static size_t domain_to(struct span domain, char *buf, size_t room)
{
	domain = without_dots(domain);
	if (domain.n > ADDRESS_DOMAIN_MAX)
		return shorten(domain, buf);
	if (is_ascii(domain) || memchr(domain.p, '\0', domain.n))
		return lower_to(domain, buf);
	char text[ADDRESS_DOMAIN_MAX + 1];
	char *ascii = NULL;
	span_copy(domain, text, sizeof(text));
	if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return lower_to(domain, buf);
	/* IDNA knows more dots than one (RFC 3490 3.1). */
	struct span label = without_dots(span_of(ascii));
	bool is_taken = label.n <= room && is_host_name(label);
	size_t n = lower_to(is_taken ? label : domain, buf);
	idn2_free(ascii);
	return n;
}

/* A bare name and, where one is configured and there is room, the domain that logins belong to. */
static size_t append_domain(const char *login_domain, char *buf, size_t n)
{
	struct span domain = span_of(login_domain);
	if (domain.n == 0 || n + 1 + domain.n > ADDRESS_MAX)
		return n;
	buf[n++] = '@';
	return n + domain_to(domain, buf + n, ADDRESS_MAX - n);
}

size_t address_normalise(struct span address, const char *login_domain, char *buf)
{
	ptrdiff_t at = span_rfind(address, '@');
	if (address.n > ADDRESS_MAX)
		return append_domain(login_domain, buf, shorten(address, buf));
	if (at < 0)
		return append_domain(login_domain, buf, lower_to(address, buf));
	size_t local_n = (size_t)at + 1;
	size_t n = lower_to(span_make(address.p, local_n), buf);
	struct span domain = span_make(address.p + local_n, address.n - local_n);
	return n + domain_to(domain, buf + n, ADDRESS_MAX - n);
}

size_t domain_normalise(struct span domain, char *buf)
{
	return domain_to(domain, buf, ADDRESS_DOMAIN_MAX);
}

struct span address_domain(struct span address)
{
	ptrdiff_t at = span_rfind(address, '@');
	if (at < 0)
		return span_make(NULL, 0);
	size_t local_n = (size_t)at + 1;
	return span_make(address.p + local_n, address.n - local_n);
}

/* Names that Postfix does not split at a '-' although it is a delimiter (its split_addr()). */
static bool is_whole(struct span local, struct span delimiter)
{
	if (!memchr(delimiter.p, '-', delimiter.n))
		return false;
	return span_equal(local, SPAN("mailer-daemon")) ||
	       span_equal(local, SPAN("double-bounce")) || span_starts(local, SPAN("owner-")) ||
	       (local.n > strlen("-request") && span_ends(local, SPAN("-request")));
}

struct span address_without_extension(struct span local, const char *delimiters)
{
	struct span delimiter = span_of(delimiters);
	for (size_t i = 0; delimiter.n && i < local.n; i++) {
		if (memchr(delimiter.p, local.p[i], delimiter.n))
			return i == 0 || is_whole(local, delimiter) ? local : span_make(local.p, i);
	}
	return local;
}
