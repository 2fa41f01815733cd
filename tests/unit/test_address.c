/* SPDX-License-Identifier: ISC */
/* address.h: one canonical form, whatever the bytes. */
#include "policyd/address.h"

#include <string.h>

#include "policyd/mem.h"
#include "random.h"
#include "suite.h"

static const struct {
	const char *address, *login_domain, *normal;
} addresses[] = {
	{"Alice@Example.ORG", NULL, "alice@example.org"},
	{"alice@example.org.", NULL, "alice@example.org"},
	{"alice@example.org...", NULL, "alice@example.org"},
	{"a b=c@x@Example.org", NULL, "a b=c@x@example.org"},
	{"alice", NULL, "alice"},
	{"alice.", NULL, "alice."},
	{"Alice", "Example.org", "alice@example.org"},
	{"alice", "b\303\274cher.example.", "alice@xn--bcher-kva.example"},
	{"alice", "", "alice"},
	{"alice@other.net", "example.org", "alice@other.net"},
	{"alice@b\303\274cher.example", NULL, "alice@xn--bcher-kva.example"},
	{"alice@B\303\234CHER.example", NULL, "alice@xn--bcher-kva.example"},
	{"alice@b\303\274cher\343\200\202example\343\200\202", NULL, "alice@xn--bcher-kva.example"},
	{"alice@xn--bcher-kva.EXAMPLE", NULL, "alice@xn--bcher-kva.example"},
	{"\303\274n\303\257@e.test", NULL, "\303\274n\303\257@e.test"},
	{"a@\377\376.Example", NULL, "a@\377\376.example"},
	/* A full-width '@' is none: else the domain would begin at another place. */
	{"a@b\357\274\240example.org", NULL, "a@b\357\274\240example.org"},
	{"a@[192.0.2.1]", NULL, "a@[192.0.2.1]"},
	{"a\nb\001@\tX", NULL, "a\nb\001@\tx"},
	{"a@", NULL, "a@"},
	{"a@.", NULL, "a@"},
	{"@B", NULL, "@b"},
	{"@", "example.org", "@"},
	{"", NULL, ""},
};

/* Exactly the room that is promised to be enough, so that a sanitizer sees a byte too many. */
static struct span normalise(struct span address, const char *login_domain)
{
	char *buf = xmalloc(ADDRESS_MAX);
	return span_make(buf, address_normalise(address, login_domain, buf));
}

static struct span normalise_domain(struct span domain)
{
	char *buf = xmalloc(ADDRESS_DOMAIN_MAX);
	return span_make(buf, domain_normalise(domain, buf));
}

static void span_free(struct span *span)
{
	char *p;
	memcpy(&p, &span->p, sizeof(p));
	free(p);
}
#define OWNED CLEANUP(span_free) struct span

START_TEST(normal_form)
{
	OWNED once = normalise(span_of(addresses[_i].address), addresses[_i].login_domain);
	ck_assert_msg(span_equal(once, span_of(addresses[_i].normal)), "%.*s", (int)once.n, once.p);
	OWNED twice = normalise(once, addresses[_i].login_domain);
	ck_assert(span_equal(once, twice));
}
END_TEST

/* The domain alone reads as it does behind an '@'. */
START_TEST(domain_normal_form)
{
	struct span given = address_domain(span_of(addresses[_i].address));
	OWNED domain = normalise_domain(given);
	if (given.n)
		ck_assert(span_equal(domain, address_domain(span_of(addresses[_i].normal))));
	else
		ck_assert_uint_eq(domain.n, 0);
	OWNED twice = normalise_domain(domain);
	ck_assert(span_equal(domain, twice));
}
END_TEST

START_TEST(overlong_names_stay_bounded_and_apart)
{
	char a[70000], b[70000];
	memset(a, 'X', sizeof(a));
	memset(b, 'X', sizeof(b));
	b[sizeof(b) - 1] = 'y';
	a[10] = b[10] = '@';
	OWNED long_a = normalise(span_make(a, sizeof(a)), "example.org");
	OWNED long_b = normalise(span_make(b, sizeof(b)), "example.org");
	ck_assert(!span_equal(long_a, long_b));
	ck_assert(span_equal(address_domain(long_a), SPAN("example.org")));
	OWNED again = normalise(long_a, "example.org");
	ck_assert(span_equal(long_a, again));
	OWNED domain_a = normalise_domain(span_make(a + 11, sizeof(a) - 11));
	OWNED domain_b = normalise_domain(span_make(b + 11, sizeof(b) - 11));
	ck_assert(!span_equal(domain_a, domain_b));
	OWNED domain_again = normalise_domain(domain_a);
	ck_assert(span_equal(domain_a, domain_again));
}
END_TEST

static const struct {
	size_t n, at; /* at: where the '@' stands; 0: none */
	size_t normal_n;
} lengths[] = {
	{320, 0, 320},
	{321, 0, 217},
	{320, 64, 320},
	{321, 64, 217},
	{320, 63, 64 + 217}, /* a domain of 256 is no domain */
	{256, 0, 256},
};

START_TEST(lengths_at_the_bounds)
{
	char text[400];
	memset(text, 'a', sizeof(text));
	if (lengths[_i].at)
		text[lengths[_i].at] = '@';
	OWNED once = normalise(span_make(text, lengths[_i].n), NULL);
	ck_assert_uint_eq(once.n, lengths[_i].normal_n);
	OWNED twice = normalise(once, NULL);
	ck_assert(span_equal(once, twice));
}
END_TEST

START_TEST(domain_lengths_at_the_bounds)
{
	char text[300];
	memset(text, 'a', sizeof(text));
	OWNED longest = normalise_domain(span_make(text, 255));
	ck_assert(span_equal(longest, span_make(text, 255)));
	OWNED shortened = normalise_domain(span_make(text, 256));
	ck_assert_uint_eq(shortened.n, 217);
	memset(text + 255, '.', sizeof(text) - 255);
	OWNED dotted = normalise_domain(span_make(text, sizeof(text)));
	ck_assert(span_equal(dotted, longest));
	/* As A-label longer than the room behind a local part: the bytes stay. */
	memset(text, 'l', sizeof(text));
	struct span idn = SPAN("@\303\274\303\266\303\244.\303\274\303\266\303\244.example.org");
	memcpy(text + sizeof(text) - idn.n, idn.p, idn.n);
	OWNED crowded = normalise(span_make(text, sizeof(text)), NULL);
	ck_assert_uint_le(crowded.n, ADDRESS_MAX);
	OWNED crowded_again = normalise(crowded, NULL);
	ck_assert(span_equal(crowded, crowded_again));
}
END_TEST

/* Pieces that matter somewhere, in any order. */
START_TEST(any_bytes_have_one_normal_form)
{
	const struct span pieces[] = {
		SPAN("@"),
		SPAN("."),
		SPAN("A"),
		SPAN("+"),
		SPAN("-"),
		SPAN("xn--"),
		SPAN("\303\274"),
		SPAN("\303\234"),
		SPAN("\343\200\202"),
		SPAN("\357\274\240"),
		SPAN("\357\275\234"),
		SPAN("\342\204\200"),
		SPAN("\377"),
		SPAN("\0"),
		SPAN("\r\n"),
		SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	};
	struct chance chance = chance_new("any_bytes_have_one_normal_form");
	for (int round = 0; round < 20000; round++) {
		char text[800];
		size_t n = 0;
		for (uint32_t left = chance_below(&chance, 18); left; left--) {
			struct span piece = pieces[chance_below(&chance, ROWS(pieces))];
			memcpy(text + n, piece.p, piece.n);
			n += piece.n;
		}
		const char *login_domain = round % 2 ? "b\303\274cher.example" : NULL;
		OWNED once = normalise(span_make(text, n), login_domain);
		OWNED twice = normalise(once, login_domain);
		ck_assert_msg(span_equal(once, twice), "round %d", round);
		if (address_is_plain(span_make(text, n))) {
			OWNED plain = normalise(span_make(text, n), NULL);
			ck_assert_msg(span_equal(plain, span_make(text, n)), "round %d", round);
		}
		if (span_rfind(span_make(text, n), '@') < 0 || n > ADDRESS_MAX)
			continue;
		OWNED domain = normalise_domain(address_domain(once));
		ck_assert_msg(span_equal(domain, address_domain(once)), "round %d", round);
	}
}
END_TEST

/* Each byte at each place: capitals become small ones, all others stay; what is plain is seen as such. */
START_TEST(each_byte_at_each_place)
{
	for (size_t n = 1; n < 20; n++) {
		for (unsigned i = 0; i < n * 256; i++) {
			char text[20], small[20];
			unsigned char c = (unsigned char)(i % 256);
			memset(text, 'a', n);
			text[i / 256] = (char)c;
			memcpy(small, text, n);
			small[i / 256] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
			OWNED is = normalise(span_make(text, n), NULL);
			ck_assert(span_equal(is, span_make(small, n)));
			bool is_plain = address_is_plain(span_make(text, n));
			bool ends_in_dot = c == '.' && i / 256 + 1 == n;
			ck_assert_int_eq(
				is_plain, c < 0x80 && !ends_in_dot && !(c >= 'A' && c <= 'Z'));
		}
	}
	ck_assert(!address_is_plain(span_make(NULL, 0)));
}
END_TEST

static const struct {
	const char *address, *domain;
} domains[] = {
	{"a@b", "b"},
	{"a@b@c", "c"},
	{"a@", ""},
	{"a", ""},
	{"", ""},
};

START_TEST(domain_behind_the_last_at)
{
	struct span domain = address_domain(span_of(domains[_i].address));
	ck_assert(span_equal(domain, span_of(domains[_i].domain)));
}
END_TEST

static const struct {
	const char *local, *delimiters, *without;
} extensions[] = {
	{"alice+lists", "+", "alice"},
	{"alice+lists+more", "+", "alice"},
	{"alice-x+y", "+-", "alice"},
	{"alice-x+y", "+", "alice-x"},
	{"alice+", "+", "alice"},
	{"+alice", "+", "+alice"},
	{"+alice+x", "+", "+alice+x"},
	{"alice", "+", "alice"},
	{"alice+lists", NULL, "alice+lists"},
	{"alice+lists", "", "alice+lists"},
	{"", "+", ""},
	{"mailer-daemon", "-", "mailer-daemon"},
	{"double-bounce", "-", "double-bounce"},
	{"owner-list", "-", "owner-list"},
	{"list-request", "-", "list-request"},
	{"-request", "-", "-request"},
	{"a-request", "-", "a-request"},
	{"owner-list+x", "+", "owner-list"},
	{"mailer-daemons", "-", "mailer"},
};

START_TEST(extension_goes)
{
	struct span local = span_of(extensions[_i].local);
	struct span without = address_without_extension(local, extensions[_i].delimiters);
	ck_assert_msg(span_equal(without, span_of(extensions[_i].without)), "%.*s", (int)without.n,
		without.p);
	struct span again = address_without_extension(without, extensions[_i].delimiters);
	ck_assert(span_equal(without, again));
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"normal_form", normal_form, ROWS(addresses)},
		{"domain_normal_form", domain_normal_form, ROWS(addresses)},
		{"overlong_names_stay_bounded_and_apart", overlong_names_stay_bounded_and_apart, 0},
		{"lengths_at_the_bounds", lengths_at_the_bounds, ROWS(lengths)},
		{"domain_lengths_at_the_bounds", domain_lengths_at_the_bounds, 0},
		{"any_bytes_have_one_normal_form", any_bytes_have_one_normal_form, 0},
		{"each_byte_at_each_place", each_byte_at_each_place, 0},
		{"domain_behind_the_last_at", domain_behind_the_last_at, ROWS(domains)},
		{"extension_goes", extension_goes, ROWS(extensions)},
	};
	return SUITE_RUN("address", rows);
}
