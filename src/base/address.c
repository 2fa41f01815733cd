/* SPDX-License-Identifier: ISC */
/*
 * Mail addresses and domains in one canonical form. Whose address it is, and which domains are ours,
 * is not known here.
 */
#include "policyd/address.h"

#include <idn2.h>
#include <stdio.h>

#include "policyd/siphash.h"

#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (x))

static inline uint64_t word_at(const char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return word;
}

/* Eight bytes at once, those beyond ASCII as they are: bit 7 tells what is from 'A' on and not behind 'Z'. */
static inline uint64_t lower_word(uint64_t word)
{
	uint64_t low = word & EACH_BYTE(0x7f);
	uint64_t from_a = low + EACH_BYTE(0x80 - 'A'), behind_z = low + EACH_BYTE(0x7f - 'Z');
	return word | ((from_a ^ behind_z) & ~word & EACH_BYTE(0x80)) >> 2;
}

/* Neither capitals nor anything beyond ASCII. */
static inline uint64_t odd_bits(uint64_t word)
{
	return (word ^ lower_word(word)) | (word & EACH_BYTE(0x80));
}

/* In lower case to buf; true when all of it is ASCII. */
static inline bool lower_ascii(struct span text, char *buf)
{
	const size_t step = sizeof(uint64_t);
	uint64_t all = 0, word;
	for (size_t at = 0; text.n >= step; at += step) {
		/* The last ones once more, rather than the rest one by one. */
		bool is_last = at + step >= text.n;
		at = is_last ? text.n - step : at;
		word = word_at(text.p + at);
		all |= word;
		word = lower_word(word);
		memcpy(buf + at, &word, step);
		if (is_last)
			return (all & EACH_BYTE(0x80)) == 0;
	}
	for (size_t i = 0; i < text.n; i++) {
		all |= (unsigned char)text.p[i];
		buf[i] = ascii_lower(text.p[i]);
	}
	return (all & EACH_BYTE(0x80)) == 0;
}

static size_t lower_to(struct span text, char *buf)
{
	(void)lower_ascii(text, buf);
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
	if (lower_ascii(domain, buf) || memchr(domain.p, '\0', domain.n))
		return domain.n;
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
	struct span domain = span_make(address.p + local_n, address.n - local_n);
	/* Nearly all of them: nothing but capitals to be changed. */
	if (lower_ascii(address, buf) && domain.n <= ADDRESS_DOMAIN_MAX &&
		address.p[address.n - 1] != '.')
		return address.n;
	return local_n + domain_to(domain, buf + local_n, ADDRESS_MAX - local_n);
}

bool address_is_plain(struct span address)
{
	uint64_t odd = 0, word = 0;
	size_t at = 0;
	if (address.n == 0 || address.n > ADDRESS_DOMAIN_MAX || address.p[address.n - 1] == '.')
		return false;
	for (; address.n - at >= sizeof(word); at += sizeof(word))
		odd |= odd_bits(word_at(address.p + at));
	if (address.n >= sizeof(word))
		return (odd | odd_bits(word_at(address.p + address.n - sizeof(word)))) == 0;
	memcpy(&word, address.p, address.n);
	return odd_bits(word) == 0;
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
