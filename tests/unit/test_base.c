/* SPDX-License-Identifier: ISC */
/* The small ones of base: spans, addresses, clocks, SipHash, references, metrics. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "policyd/addr.h"
#include "policyd/clock.h"
#include "policyd/metric.h"
#include "policyd/reference.h"
#include "policyd/siphash.h"
#include "suite.h"

/* ---- numbers ---- */

static const struct {
	const char *text;
	int result;
	uint64_t value;
} numbers[] = {
	{"0", 0, 0},
	{"42", 0, 42},
	{"18446744073709551615", 0, UINT64_MAX},
	{"18446744073709551616", -ERANGE, 0},
	{"99999999999999999999", -ERANGE, 0},
	{"", -EINVAL, 0},
	{"-1", -EINVAL, 0},
	{" 1", -EINVAL, 0},
	{"1x", -EINVAL, 0},
};

START_TEST(number)
{
	uint64_t value = 0;
	ck_assert_int_eq(span_to_u64(span_of(numbers[_i].text), &value), numbers[_i].result);
	ck_assert_uint_eq(value, numbers[_i].value);
}
END_TEST

START_TEST(spans)
{
	char small[4];
	ck_assert(span_equal_nocase(SPAN("AbC"), SPAN("aBc")));
	ck_assert(!span_equal_nocase(SPAN("abc"), SPAN("abd")));
	ck_assert(span_starts(SPAN("unix:/x"), SPAN("unix:")));
	ck_assert(!span_starts(SPAN("un"), SPAN("unix:")));
	ck_assert(span_ends(SPAN("a.gz"), SPAN(".gz")));
	ck_assert_int_eq(span_rfind(SPAN("a@b@c"), '@'), 3);
	ck_assert_int_eq(span_rfind(SPAN("abc"), '@'), -1);
	ck_assert_int_eq(span_rfind(span_make(NULL, 0), '@'), -1);
	ck_assert(span_equal(span_trim(SPAN(" \t x y\r\n")), SPAN("x y")));
	ck_assert_uint_eq(span_trim(SPAN("  ")).n, 0);
	struct span rest = SPAN("  two words ");
	ck_assert(span_equal(span_word(&rest), SPAN("two")));
	ck_assert(span_equal(span_word(&rest), SPAN("words")));
	ck_assert_uint_eq(span_word(&rest).n, 0);
	ck_assert_uint_eq(span_copy(SPAN("abcdef"), small, sizeof(small)), 3);
	ck_assert_str_eq(small, "abc");
}
END_TEST

/* ---- addresses ---- */

static const struct {
	const char *text, *shown;
	bool is_v4, is_loopback;
} addresses[] = {
	{"192.0.2.1", "192.0.2.1", true, false},
	{"127.9.9.9", "127.9.9.9", true, true},
	{"::1", "::1", false, true},
	{"2001:DB8::25", "2001:db8::25", false, false},
	{"::ffff:192.0.2.1", "192.0.2.1", true, false},
};

START_TEST(address)
{
	struct ip ip;
	char buf[IP_TEXT_SIZE];
	ck_assert_int_eq(ip_parse(span_of(addresses[_i].text), &ip), 0);
	ck_assert_str_eq(ip_format(&ip, buf), addresses[_i].shown);
	ck_assert_int_eq(ip_is_v4(&ip), addresses[_i].is_v4);
	ck_assert_int_eq(ip_is_loopback(&ip), addresses[_i].is_loopback);
}
END_TEST

static const char *const no_addresses[] = {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1]",
	"fe80::1%eth0", "unknown", "1.2.3.4 ", "2001:db8:::1",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

START_TEST(no_address)
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(span_of(no_addresses[_i]), &ip), -EINVAL);
}
END_TEST

static const struct {
	const char *net, *ip;
	int result;
	bool has;
} nets[] = {
	{"192.0.2.0/24", "192.0.2.255", 0, true},
	{"192.0.2.0/24", "192.0.3.0", 0, false},
	{"192.0.2.7", "192.0.2.7", 0, true},
	{"192.0.2.7", "192.0.2.6", 0, false},
	{"0.0.0.0/0", "203.0.113.9", 0, true},
	{"0.0.0.0/0", "2001:db8::1", 0, false},
	{"::/0", "203.0.113.9", 0, true},
	{"2001:db8:1::/48", "2001:db8:1:ffff::1", 0, true},
	{"2001:db8:1::/48", "2001:db8:2::1", 0, false},
	{"10.0.0.0/9", "10.127.255.255", 0, true},
	{"10.0.0.0/9", "10.128.0.0", 0, false},
	{"192.0.2.1/24", NULL, -ERANGE, false},
	{"192.0.2.0/33", NULL, -EINVAL, false},
	{"192.0.2.0/", NULL, -EINVAL, false},
	{"192.0.2.0/-1", NULL, -EINVAL, false},
	{"/24", NULL, -EINVAL, false},
	{"2001:db8::/129", NULL, -EINVAL, false},
};

START_TEST(network)
{
	struct ip_net net;
	struct ip ip;
	ck_assert_int_eq(ip_net_parse(span_of(nets[_i].net), &net), nets[_i].result);
	if (nets[_i].result != 0)
		return;
	ck_assert_int_eq(ip_parse(span_of(nets[_i].ip), &ip), 0);
	ck_assert_int_eq(ip_net_has(&net, &ip), nets[_i].has);
}
END_TEST

/* ---- time ---- */

START_TEST(times)
{
	char buf[WALL_TEXT_SIZE];
	wall_t t = {.us = INT64_C(1795273445) * SECOND_US + 999999};
	ck_assert_str_eq(wall_format(t, buf), "2026-11-21T15:04:05Z");
	ck_assert_str_eq(wall_format(WALL_NEVER, buf), "permanent");
}
END_TEST

/* Against the C library, every few days from 1970 to 9999. */
START_TEST(every_date)
{
	char ours[WALL_TEXT_SIZE], theirs[64];
	for (int64_t s = 0; s <= INT64_C(253402300799); s += 5 * 86400 + 3607) {
		time_t t = (time_t)s;
		struct tm tm;
		ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
		ck_assert_uint_gt(strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm), 0);
		ck_assert_str_eq(wall_format((wall_t){.us = s * SECOND_US}, ours), theirs);
	}
	ck_assert_str_eq(wall_format((wall_t){.us = -SECOND_US}, ours), "unknown");
	ck_assert_str_eq(wall_format((wall_t){.us = INT64_MAX - 1}, ours), "unknown");
}
END_TEST

START_TEST(mono_on_the_wall)
{
	struct now now = {.mono = {.us = 100}, .wall = {.us = 5000}};
	ck_assert_int_eq(wall_of_mono((mono_t){.us = 140}, now).us, 5040);
	ck_assert_int_eq(wall_of_mono((mono_t){.us = 40}, now).us, 4940);
	ck_assert_int_eq(wall_of_mono(MONO_NEVER, now).us, WALL_NEVER.us);
	ck_assert_int_eq(wall_of_mono((mono_t){.us = INT64_MAX - 1}, now).us, WALL_NEVER.us);
}
END_TEST

/* ---- hashing, names ---- */

/* The vector of the paper, appendix A: key 00..0f, input 00..0e. */
START_TEST(siphash_vector)
{
	struct siphash_key key = {
		.k0 = UINT64_C(0x0706050403020100), .k1 = UINT64_C(0x0f0e0d0c0b0a0908)};
	char input[15];
	for (char i = 0; i < 15; i++)
		input[(int)i] = i;
	ck_assert_uint_eq(siphash24(&key, span_make(input, 15)), UINT64_C(0xa129ca6149be45e5));
	/* Ends of all lengths, with a whole word before them and without; these are the authors' too. */
	static const uint64_t of_length[] = {
		UINT64_C(0x74f839c593dc67fd),
		UINT64_C(0x0d6c8009d9a94f5a),
		UINT64_C(0x85676696d7fb7e2d),
		UINT64_C(0xcf2794e0277187b7),
		UINT64_C(0x18765564cd99a68d),
		UINT64_C(0xcbc9466e58fee3ce),
		UINT64_C(0xab0200f58b01d137),
		UINT64_C(0x93f5f5799a932462),
		UINT64_C(0x9e0082df0ba9e4b0),
		UINT64_C(0x7a5dbbc594ddb9f3),
	};
	for (size_t i = 0; i < ROWS(of_length); i++)
		ck_assert_uint_eq(siphash24(&key, span_make(input, i + 1)), of_length[i]);
	ck_assert_uint_eq(siphash24(&key, span_make(NULL, 0)), UINT64_C(0x726fdb47dd0e0e31));
	/* The first vector of SipHash-1-3 in the reference tests of several languages. */
	ck_assert_uint_eq(siphash13(&key, span_make(NULL, 0)), UINT64_C(0xabac0158050fc4dc));
}
END_TEST

static const struct {
	const char *typed, *reference;
} references[] = {
	{"7K3MQ2P9XA", "7K3MQ2P9XA"},
	{"7k3mq-2p9xa", "7K3MQ2P9XA"},
	{" 7K3MQ 2P9XA ", "7K3MQ2P9XA"},
	{"OOil000000", "0011000000"},
	{"short", "SH0RT"},
};

START_TEST(reference)
{
	char buf[REFERENCE_SIZE];
	size_t n = reference_normalise(span_of(references[_i].typed), buf);
	ck_assert_str_eq(buf, references[_i].reference);
	ck_assert_uint_eq(n, strlen(references[_i].reference));
}
END_TEST

START_TEST(reference_forms)
{
	char buf[REFERENCE_SIZE];
	reference_format(0, buf);
	ck_assert_str_eq(buf, "0000000000");
	reference_format(UINT64_MAX, buf);
	ck_assert_str_eq(buf, "ZZZZZZZZZZ");
	reference_format(33, buf);
	ck_assert_str_eq(buf, "0000000011");
}
END_TEST

START_TEST(metric_rows_are_whole)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];
		ck_assert(span_starts(span_of(row->name), SPAN("policyd_")));
		ck_assert_str_ne(row->help, "");
		/* Counters end in _total, as Prometheus asks. */
		ck_assert_int_eq(span_ends(span_of(row->name), SPAN("_total")),
			row->kind == METRIC_KIND_counter);
		for (int j = 0; j < i; j++)
			ck_assert(strcmp(row->name, metric_rows[j].name) != 0 ||
				  strcmp(row->labels, metric_rows[j].labels) != 0);
	}
}
END_TEST

static const struct {
	const char *ip;
	bool is_public;
} public_ips[] = {
	{"192.0.2.1", true},
	{"198.51.100.7", true},
	{"203.0.113.9", true},
	{"8.8.8.8", true},
	{"9.255.255.255", true},
	{"11.0.0.0", true},
	{"100.63.255.255", true},
	{"100.128.0.0", true},
	{"172.15.255.255", true},
	{"172.32.0.0", true},
	{"192.167.255.255", true},
	{"192.169.0.0", true},
	{"223.255.255.255", true},
	{"2001:db8::1", true},
	{"2a00:1450::5", true},
	{"64:ff9b::1", false},
	{"0.0.0.0", false},
	{"10.0.0.5", false},
	{"100.64.0.1", false},
	{"100.127.255.255", false},
	{"127.0.0.1", false},
	{"169.254.1.1", false},
	{"172.16.0.1", false},
	{"172.31.255.255", false},
	{"192.0.0.8", false},
	{"192.168.255.255", false},
	{"198.19.0.1", false},
	{"224.0.0.1", false},
	{"255.255.255.255", false},
	{"::", false},
	{"::1", false},
	{"fe80::1", false},
	{"fec0::1", false},
	{"fd00::1", false},
	{"fc00::1", false},
	{"ff02::1", false},
	{"100::1", false},
};

START_TEST(public_or_not)
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(span_of(public_ips[_i].ip), &ip), 0);
	ck_assert_msg(ip_is_public(&ip) == public_ips[_i].is_public, "%s", public_ips[_i].ip);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"number", number, ROWS(numbers)},
		{"spans", spans, 0},
		{"address", address, ROWS(addresses)},
		{"no_address", no_address, ROWS(no_addresses)},
		{"network", network, ROWS(nets)},
		{"public_or_not", public_or_not, ROWS(public_ips)},
		{"times", times, 0},
		{"every_date", every_date, 0},
		{"mono_on_the_wall", mono_on_the_wall, 0},
		{"siphash_vector", siphash_vector, 0},
		{"reference", reference, ROWS(references)},
		{"reference_forms", reference_forms, 0},
		{"metric_rows_are_whole", metric_rows_are_whole, 0},
	};
	return SUITE_RUN("base", rows);
}
