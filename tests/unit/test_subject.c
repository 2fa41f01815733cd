/* SPDX-License-Identifier: ISC */
/* subject.h: who is charged, in which class, and what a recipient is. */
#include "subject_help.h"

/* ---- who ---- */

static const struct {
	const char *label, *login, *fingerprint, *client, *sender;
	const char *account; /* "": not outbound */
	bool is_relayed, is_null_sender;
} who[] = {
	{"login", "Alice@Example.org", "", "203.0.113.9", "x@y", "login:alice@example.org", false,
		false},
	{"bare login", "ALICE", "", "203.0.113.9", "", "login:alice@example.org", false, false},
	{"login with IDN", "a@B\303\234cher.example.", "", "203.0.113.9", "",
		"login:a@xn--bcher-kva.example", false, false},
	{"login in a trusted network, null sender", "alice", "", "192.0.2.9", "",
		"login:alice@example.org", false, false},
	{"login from webmail", "alice", "", "192.0.2.129", "bob@example.org",
		"login:alice@example.org", true, false},
	{"login with extension", "alice+phone@example.org", "", "203.0.113.9", "",
		"login:alice@example.org", false, false},
	{"bare login with extension", "alice+phone", "", "203.0.113.9", "",
		"login:alice@example.org", false, false},
	{"extension of a foreign domain", "alice+phone@example.net", "", "203.0.113.9", "",
		"login:alice+phone@example.net", false, false},
	{"alias", "Info@example.org", "", "203.0.113.9", "", "login:alice@example.org", false,
		false},
	{"alias behind an extension", "info+x", "", "203.0.113.9", "", "login:alice@example.org",
		false, false},
	{"bare alias", "old", "", "203.0.113.9", "", "login:bob@example.org", false, false},
	{"hostile login", "a\nb\001|c\377", "", "203.0.113.9", "",
		"login:a\nb\001|c\377@example.org", false, false},
	{"login that looks like a kind", "addr:192.0.2.1@example.net", "", "203.0.113.9", "",
		"login:addr:192.0.2.1@example.net", false, false},

	{"listed certificate", "", "aa:BB:cc", "203.0.113.9", "", "cert:aa:bb:cc", false, false},
	{"certificate with alias", "", "DD:EE", "203.0.113.9", "", "login:alice@example.org", false,
		false},
	{"foreign certificate", "", "de:ad", "203.0.113.9", "", "", false, false},
	{"foreign certificate of a trusted client", "", "de:ad", "192.0.2.9", "a@b",
		"addr:192.0.2.9", false, false},
	{"listed certificate, with login", "bob", "AA:BB:CC", "203.0.113.9", "",
		"login:bob@example.org", false, false},
	{"listed certificate of a trusted client, null sender", "", "AA:BB:CC", "192.0.2.9", "",
		"cert:aa:bb:cc", false, false},
	{"listed certificate of a relay", "", "AA:BB:CC", "198.51.100.1", "a@example.org",
		"cert:aa:bb:cc", true, false},

	{"sender of ours", "", "", "198.51.100.1", "Carol@Example.org", "sender:carol@example.org",
		true, false},
	{"sender of ours with IDN", "", "", "198.51.100.1", "c@b\303\274cher.example",
		"sender:c@xn--bcher-kva.example", true, false},
	{"sender with extension", "", "", "198.51.100.1", "carol+news@example.org",
		"sender:carol@example.org", true, false},
	{"sender with alias", "", "", "198.51.100.1", "desk+1@example.org",
		"sender:help@example.org", true, false},
	{"a login's alias is no sender's", "", "", "198.51.100.1", "info@example.org",
		"sender:info@example.org", true, false},
	{"a domain below ours", "", "", "198.51.100.1", "carol@x.example.org", "addr:198.51.100.1",
		true, false},
	{"foreign sender", "", "", "198.51.100.1", "carol@example.net", "addr:198.51.100.1", true,
		false},
	{"SRS", "", "", "198.51.100.1", "SRS0=a=b=example.net=carol@relay.example",
		"addr:198.51.100.1", true, false},
	{"bare sender", "", "", "198.51.100.1", "root", "addr:198.51.100.1", true, false},
	{"sender without a domain", "", "", "198.51.100.1", "root@", "addr:198.51.100.1", true,
		false},
	{"null sender from a relay", "", "", "198.51.100.1", "", "addr:198.51.100.1", true, false},
	{"relay within a trusted network", "", "", "192.0.2.128", "carol@example.org",
		"sender:carol@example.org", true, false},
	{"one below it", "", "", "192.0.2.127", "carol@example.org", "addr:192.0.2.127", false,
		false},
	{"IPv6 relay", "", "", "2001:db8:1:7::5", "", "addr:2001:db8:1:7::/64", true, false},

	{"trusted address", "", "", "192.0.2.9", "a@b", "addr:192.0.2.9", false, false},
	{"trusted address with alias", "", "", "192.0.2.50", "a@b", "sender:help@example.org",
		false, false},
	{"null sender of a trusted address", "", "", "192.0.2.9", "", "addr:192.0.2.9", false,
		true},
	{"trusted IPv6 by /64", "", "", "2001:DB8:1::25", "a@b", "addr:2001:db8:1::/64", false,
		false},
	{"IPv4 as IPv6", "", "", "::ffff:192.0.2.9", "a@b", "addr:192.0.2.9", false, false},
	{"stranger", "", "", "203.0.113.9", "alice@example.org", "", false, false},
	{"client unknown", "", "", "unknown", "", "", false, false},
	{"client with a zone", "", "", "2001:db8:1::1%eth0", "", "", false, false},
	{"no client", "", "", "", "", "", false, false},
};

static struct request who_asks(int row)
{
	return (struct request){
		.sasl_username = span_of(who[row].login),
		.ccert_fingerprint = span_of(who[row].fingerprint),
		.client_address = span_of(who[row].client),
		.sender = span_of(who[row].sender),
	};
}

START_TEST(whose_request)
{
	struct config *config = world_new("");
	struct request request = who_asks(_i);
	struct subject subject, untouched;
	memset(&subject, 0x5a, sizeof(subject));
	memcpy(&untouched, &subject, sizeof(subject));
	bool is_outbound = subject_of(&request, config, &subject);
	ck_assert_int_eq(is_outbound, who[_i].account[0] != '\0');
	if (is_outbound) {
		ck_assert_str_eq(subject.name.key, who[_i].account);
		ck_assert_uint_eq(subject.name.n, strlen(who[_i].account));
		ck_assert_int_eq(subject.name.kind, kind_of_key(span_of(who[_i].account)));
		ck_assert_int_eq(subject.is_relayed, who[_i].is_relayed);
		ck_assert_int_eq(subject.is_null_sender, who[_i].is_null_sender);
		ck_assert_str_eq(config->classes[subject.class].name,
			who[_i].is_null_sender ? "null_sender" : "default");
	} else {
		ck_assert_mem_eq(&subject, &untouched, sizeof(subject));
	}
	config_unref(config);
}
END_TEST

/* What a content filter hands back was judged; another context is only a word. */
START_TEST(reinjected_mail_is_not_judged_again)
{
	struct config *config = world_new("");
	struct subject subject;
	for (int i = 0; i < ROWS(who); i++) {
		struct request request = who_asks(i);
		request.policy_context = SPAN("reinject");
		ck_assert(!subject_of(&request, config, &subject));
		request.policy_context = SPAN("reinjected");
		ck_assert_int_eq(subject_of(&request, config, &subject), who[i].account[0] != '\0');
	}
	config_unref(config);
}
END_TEST

/* Nothing configured: only logins are outbound, and stay as they are. */
START_TEST(bare_configuration)
{
	struct config *config = config_of("");
	struct subject subject;
	struct request request = {.client_address = SPAN("127.0.0.1"), .sender = SPAN("a@b")};
	ck_assert(!subject_of(&request, config, &subject));
	request.sasl_username = SPAN("Alice+x");
	ck_assert(subject_of(&request, config, &subject));
	ck_assert_str_eq(subject.name.key, "login:alice+x");
	ck_assert(!subject.is_relayed && !subject.is_null_sender);
	ck_assert_uint_eq(subject.class, config->class_default);
	config_unref(config);
}
END_TEST

static const struct {
	const char *label, *login, *client, *sender, *context, *class;
} classes[] = {
	{"login", "app@example.org", "203.0.113.9", "", "", "application"},
	{"login by its alias", "old", "203.0.113.9", "", "", "application"},
	{"login before network", "app", "192.0.2.70", "", "bulk", "application"},
	{"domain before context", "x@corp.example", "192.0.2.70", "", "bulk", "corporate"},
	{"domain below", "x@a.corp.example", "203.0.113.9", "", "", "corporate"},
	{"context before network", "x@example.net", "192.0.2.70", "", "bulk", "newsletter"},
	{"network, with login", "x@example.net", "192.0.2.70", "", "", "near"},
	{"network", "", "192.0.2.70", "a@b", "", "near"},
	{"client unknown", "x@example.net", "unknown", "", "", "default"},
	{"none", "x@example.net", "192.0.2.9", "", "other", "default"},
	{"sender", "", "198.51.100.1", "carol@example.org", "", "application"},
	{"null sender", "", "192.0.2.9", "", "", "null_sender"},
	{"null sender with login", "app", "192.0.2.9", "", "", "application"},
};

START_TEST(class_of_an_account)
{
	struct config *config = world_new(
		"classes = ("
		"{ name = \"application\"; match = ( { login = \"app@example.org\"; },"
		"  { login = \"bob@example.org\"; }, { login = \"sender:carol@example.org\"; } ); "
		"},"
		"{ name = \"corporate\"; match = ( { domain = \"corp.example\"; } ); },"
		"{ name = \"newsletter\"; match = ( { context = \"bulk\"; } ); },"
		"{ name = \"near\"; match = ( { network = [ \"192.0.2.64/26\" ]; } ); } );\n");
	struct request request = {
		.sasl_username = span_of(classes[_i].login),
		.client_address = span_of(classes[_i].client),
		.sender = span_of(classes[_i].sender),
		.policy_context = span_of(classes[_i].context),
	};
	struct subject subject;
	ck_assert(subject_of(&request, config, &subject));
	ck_assert_str_eq(config->classes[subject.class].name, classes[_i].class);
	config_unref(config);
}
END_TEST

/* ---- to whom ---- */

static const struct {
	const char *recipient, *domain;
	bool is_local, is_exempt;
} recipients[] = {
	{"Bob@Example.NET.", "example.net", false, false},
	{"bob@example.org", "example.org", true, false},
	{"bob@EXAMPLE.org.", "example.org", true, false},
	{"bob@b\303\274cher.example", "xn--bcher-kva.example", true, false},
	{"bob@sub.example.org", "sub.example.org", false, false},
	{"a@b@example.net", "example.net", false, false},
	{"postmaster", "", true, true},
	{"POSTMASTER", "", true, true},
	{"bob", "", true, false},
	{"bob@", "", true, false},
	{"bob@.", "", true, false},
	{"", "", true, false},
	{"@example.net", "example.net", false, false},
	{"Abuse@example.org", "example.org", true, true},
	{"postmaster@example.net", "example.net", false, true},
	{"abuse+x@example.org", "example.org", true, false},
	{"xabuse@example.org", "example.org", true, false},
	{"abuse@[192.0.2.1]", "[192.0.2.1]", false, true},
	/* Ways through us to others. */
	{"victim%example.net", "example.net", false, false},
	{"example.net!victim", "example.net", false, false},
	{"victim%example.net@example.org", "example.net", false, false},
	{"victim@Example.net@example.org", "example.net", false, false},
	{"example.net!victim@example.org", "example.net", false, false},
	{"abuse%example.net@example.org", "example.net", false, true},
	{"a%example.net%example.org@xn--bcher-kva.example", "example.net", false, false},
	{"abuse%example.org", "example.org", true, true},
	{"bob%xn--bcher-kva.example@example.org", "xn--bcher-kva.example", true, false},
	/* Not ours to read. */
	{"a%example.org@example.net", "example.net", false, false},
	{"example.org!a@example.net", "example.net", false, false},
	{"%@example.org", "example.org", true, false},
	{"!@!%", "!%", false, false},
};

static struct recipient recipient_in(const struct config *config, struct span text)
{
	struct request request = {.recipient = text};
	struct recipient recipient;
	memset(&recipient, 0x5a, sizeof(recipient));
	recipient_of(&request, config, &recipient);
	return recipient;
}

START_TEST(what_a_recipient_is)
{
	struct config *config = world_new("");
	struct recipient recipient = recipient_in(config, span_of(recipients[_i].recipient));
	ck_assert_str_eq(recipient.domain, recipients[_i].domain);
	ck_assert_uint_eq(recipient.domain_n, strlen(recipients[_i].domain));
	ck_assert_int_eq(recipient.is_local, recipients[_i].is_local);
	ck_assert_int_eq(recipient.is_exempt, recipients[_i].is_exempt);
	config_unref(config);
}
END_TEST

START_TEST(exempt_recipients_as_configured)
{
	struct config *config = world_new("exempt_recipients = [ \"Security\", \"noc\" ];\n");
	ck_assert(recipient_in(config, SPAN("SECURITY@example.net")).is_exempt);
	ck_assert(recipient_in(config, SPAN("noc")).is_exempt);
	ck_assert(!recipient_in(config, SPAN("abuse@example.org")).is_exempt);
	ck_assert(!recipient_in(config, SPAN("postmaster")).is_exempt);
	config_unref(config);
}
END_TEST

/* Bounded in time and room, and never taken for one of ours. */
START_TEST(hostile_recipients)
{
	struct config *config = world_new("");
	static char text[65536];
	static const char *const fill[] = {"%", "@", "!", "%example.org", "\377", "x"};
	for (int i = 0; i < ROWS(fill); i++) {
		size_t n = strlen(fill[i]);
		for (size_t at = 0; at + n <= sizeof(text); at += n)
			memcpy(text + at, fill[i], n);
		struct span other = SPAN("v%n.example"), ours = SPAN("@example.org");
		memcpy(text, other.p, other.n);
		memcpy(text + sizeof(text) - ours.n, ours.p, ours.n);
		struct recipient recipient = recipient_in(config, span_make(text, sizeof(text)));
		ck_assert_msg(!recipient.is_local, "%s", fill[i]);
		ck_assert_uint_le(recipient.domain_n, ADDRESS_DOMAIN_MAX);
		ck_assert_uint_eq(recipient.domain[recipient.domain_n], '\0');
	}
	config_unref(config);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"whose_request", whose_request, ROWS(who)},
		{"reinjected_mail_is_not_judged_again", reinjected_mail_is_not_judged_again, 0},
		{"bare_configuration", bare_configuration, 0},
		{"class_of_an_account", class_of_an_account, ROWS(classes)},
		{"what_a_recipient_is", what_a_recipient_is, ROWS(recipients)},
		{"exempt_recipients_as_configured", exempt_recipients_as_configured, 0},
		{"hostile_recipients", hostile_recipients, 0},
	};
	return SUITE_RUN("subject", rows);
}
