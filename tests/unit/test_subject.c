/* SPDX-License-Identifier: ISC */
/* subject.h: who is charged, and one name for one account. */
#include "policyd/subject.h"

#include <errno.h>

#include "engine_help.h"

static const struct {
	const char *address, *login_domain, *normal;
} addresses[] = {
	{"Alice@Example.ORG", NULL, "alice@example.org"},
	{"alice@example.org.", NULL, "alice@example.org"},
	{"a b=c@x@Example.org", NULL, "a b=c@x@example.org"},
	{"alice", NULL, "alice"},
	{"Alice", "Example.org", "alice@example.org"},
	{"alice@other.net", "example.org", "alice@other.net"},
	{"alice@b\xc3\xbc"
	 "cher.example",
		NULL, "alice@xn--bcher-kva.example"},
	{"alice@B\xc3\x9c"
	 "CHER.example",
		NULL, "alice@xn--bcher-kva.example"},
	{"alice@xn--bcher-kva.EXAMPLE", NULL, "alice@xn--bcher-kva.example"},
	{"\xc3\xbcn\xc3\xaf@e.test", NULL, "\xc3\xbcn\xc3\xaf@e.test"},
	{"a@\xff\xfe.example", NULL, "a@\xff\xfe.example"},
	{"a@[192.0.2.1]", NULL, "a@[192.0.2.1]"},
	{"a@", NULL, "a@"},
	{"@b", NULL, "@b"},
	{"", NULL, ""},
};

START_TEST(normal_form)
{
	char buf[ACCOUNT_KEY_MAX];
	size_t n =
		address_normalise(span_of(addresses[_i].address), addresses[_i].login_domain, buf);
	ck_assert_msg(
		span_equal(span_make(buf, n), span_of(addresses[_i].normal)), "%.*s", (int)n, buf);
	/* What is normal stays as it is. */
	char again[ACCOUNT_KEY_MAX];
	size_t m = address_normalise(span_make(buf, n), addresses[_i].login_domain, again);
	ck_assert(span_equal(span_make(buf, n), span_make(again, m)));
}
END_TEST

START_TEST(overlong_names_stay_bounded_and_apart)
{
	char a[70000], b[70000], key_a[ACCOUNT_KEY_MAX], key_b[ACCOUNT_KEY_MAX];
	memset(a, 'x', sizeof(a));
	memset(b, 'x', sizeof(b));
	b[sizeof(b) - 1] = 'y';
	size_t n = address_normalise(span_make(a, sizeof(a)), "example.org", key_a);
	size_t m = address_normalise(span_make(b, sizeof(b)), "example.org", key_b);
	ck_assert_uint_le(n, ACCOUNT_KEY_MAX);
	ck_assert(!span_equal(span_make(key_a, n), span_make(key_b, m)));
	n = address_normalise(span_make(a, 321), NULL, key_a);
	ck_assert_uint_le(n, ACCOUNT_KEY_MAX);
	n = address_normalise(span_make(a, 320), NULL, key_a);
	ck_assert_uint_eq(n, 320);
}
END_TEST

/* ---- who ---- */

static const struct {
	const char *label, *login, *fingerprint, *client, *context, *account; /* "": not outbound */
} who[] = {
	{"login", "Alice@Example.org", "", "203.0.113.9", "", "login:alice@example.org"},
	{"login in a trusted network", "alice", "", "192.0.2.9", "", "login:alice@example.org"},
	{"stranger", "", "", "203.0.113.9", "", ""},
	{"trusted address", "", "", "192.0.2.9", "", "addr:192.0.2.9"},
	{"trusted IPv6 by /64", "", "", "2001:db8:1::25", "", "addr:2001:db8:1::/64"},
	{"listed certificate", "", "aa:BB:cc", "203.0.113.9", "", "cert:aa:bb:cc"},
	{"foreign certificate", "", "de:ad", "203.0.113.9", "", ""},
	{"listed certificate, with login", "bob", "AA:BB:CC", "203.0.113.9", "",
		"login:bob@example.org"},
	{"content filter coming back", "alice", "", "192.0.2.9", "reinject", ""},
	{"client unknown", "", "", "unknown", "", ""},
	{"no client", "", "", "", "", ""},
};

START_TEST(whose_request)
{
	struct config *config =
		config_of("trusted_networks = [ \"192.0.2.0/24\", \"2001:db8:1::/48\" ];"
			  "client_certificates = [ \"AA:BB:CC\" ];"
			  "login_domain = \"example.org\";");
	struct request request = {
		.sasl_username = span_of(who[_i].login),
		.ccert_fingerprint = span_of(who[_i].fingerprint),
		.client_address = span_of(who[_i].client),
		.policy_context = span_of(who[_i].context),
	};
	struct account_name name = {.n = 0};
	bool is_outbound = subject_of(&request, config, &name);
	ck_assert_int_eq(is_outbound, who[_i].account[0] != '\0');
	if (is_outbound)
		ck_assert_str_eq(name.key, who[_i].account);
	config_unref(config);
}
END_TEST

static const struct {
	const char *typed, *account, *shown; /* NULL: refused */
} typed[] = {
	{"alice@Example.org", "login:alice@example.org", "alice@example.org"},
	{"login:alice@example.org", "login:alice@example.org", "alice@example.org"},
	{"addr:192.0.2.9", "addr:192.0.2.9", "addr:192.0.2.9"},
	{"addr:2001:db8:1::77", "addr:2001:db8:1::/64", "addr:2001:db8:1::/64"},
	{"addr:2001:db8:1::/64", "addr:2001:db8:1::/64", "addr:2001:db8:1::/64"},
	{"cert:AA:BB", "cert:aa:bb", "cert:aa:bb"},
	{"login:addr:x", "login:addr:x", "login:addr:x"},
	{"", NULL, NULL},
	{"login:", NULL, NULL},
	{"addr:nonsense", NULL, NULL},
	{"a\nb", NULL, NULL},
};

START_TEST(what_a_person_types)
{
	struct config *config = config_of("");
	struct account_name name;
	struct errbuf err = {.text = ""};
	int r = subject_parse(span_of(typed[_i].typed), config, &name, &err);
	if (typed[_i].account) {
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(name.key, typed[_i].account);
		struct span shown = subject_shown(span_make(name.key, name.n));
		ck_assert(span_equal(shown, span_of(typed[_i].shown)));
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_str_ne(err.text, "");
	}
	config_unref(config);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"normal_form", normal_form, ROWS(addresses)},
		{"overlong_names_stay_bounded_and_apart", overlong_names_stay_bounded_and_apart, 0},
		{"whose_request", whose_request, ROWS(who)},
		{"what_a_person_types", what_a_person_types, ROWS(typed)},
	};
	return SUITE_RUN("subject", rows);
}
