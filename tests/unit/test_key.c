/* SPDX-License-Identifier: ISC */
/* subject.h: under which names a request is counted, and what a person types for them. */
#include <errno.h>

#include "subject_help.h"

/* ---- counted under which names ---- */

static const struct {
	enum key key;
	const char *client, *sender, *recipient; /* recipient NULL: there is none */
	const char *name;                        /* NULL: there is none */
} keys[] = {
	{KEY_ACCOUNT, "203.0.113.9", "", NULL, "login:alice@example.org"},
	{KEY_SENDER, "", "Carol@Example.NET", NULL, "from:carol@example.net"},
	{KEY_SENDER, "", "Carol+x@Example.org", NULL, "from:carol@example.org"},
	{KEY_SENDER, "", "Carol+x@example.net", NULL, "from:carol+x@example.net"},
	{KEY_SENDER, "", "desk@example.org", NULL, "from:desk@example.org"},
	{KEY_SENDER, "", "Root", NULL, "from:root"},
	{KEY_SENDER, "", "", NULL, NULL},
	{KEY_SENDER_DOMAIN, "", "c@B\303\234cher.example", NULL,
		"from_domain:xn--bcher-kva.example"},
	{KEY_SENDER_DOMAIN, "", "root", NULL, NULL},
	{KEY_SENDER_DOMAIN, "", "root@.", NULL, NULL},
	{KEY_SENDER_DOMAIN, "", "", NULL, NULL},
	{KEY_CLIENT_ADDRESS, "203.0.113.9", "", NULL, "client:203.0.113.9"},
	{KEY_CLIENT_ADDRESS, "2001:db8:0:5::1", "", NULL, "client:2001:db8:0:5::/64"},
	{KEY_CLIENT_ADDRESS, "unknown", "", NULL, NULL},
	{KEY_CLIENT_NET, "203.0.113.9", "", NULL, "net:203.0.113.0/24"},
	{KEY_CLIENT_NET, "::ffff:203.0.113.255", "", NULL, "net:203.0.113.0/24"},
	{KEY_CLIENT_NET, "2001:db8::77", "", NULL, "net:2001:db8::/64"},
	{KEY_CLIENT_NET, "", "", NULL, NULL},
	{KEY_RECIPIENT_DOMAIN, "", "", "b@Example.net", "to_domain:example.net"},
	{KEY_RECIPIENT_DOMAIN, "", "", "b%example.net@example.org", "to_domain:example.net"},
	{KEY_RECIPIENT_DOMAIN, "", "", "postmaster", NULL},
	{KEY_RECIPIENT_DOMAIN, "", "", NULL, NULL},
	{KEY_ACCOUNT_RECIPIENT_DOMAIN, "", "", "b@Example.net",
		"pair:login:alice@example.org|example.net"},
	{KEY_ACCOUNT_RECIPIENT_DOMAIN, "", "", "b@a|b.|c", "pair:login:alice@example.org|a!b.!c"},
	{KEY_ACCOUNT_RECIPIENT_DOMAIN, "", "", "b", NULL},
	{KEY_ACCOUNT_RECIPIENT_DOMAIN, "", "", NULL, NULL},
	{KEY_PROVIDER, "", "", "b@Gmail.com", "provider:google"},
	{KEY_PROVIDER, "", "", "b@own.example", "provider:our-own"},
	{KEY_PROVIDER, "", "", "b@example.net", "provider:example.net"},
	{KEY_PROVIDER, "", "", "b", NULL},
	{KEY_PROVIDER, "", "", NULL, NULL},
	{KEY_EGRESS, "", "", NULL, "egress:192.0.2.10"},
	{KEY_SERVER, "", "", NULL, "server:"},
};

static const char key_world[] =
	"providers = ( { name = \"Our-Own\"; domains = [ \"own.example\" ]; } );\n"
	"egress = { addresses = ( { address = \"192.0.2.10\"; },"
	"  { address = \"2001:DB8::0:25\"; } ); };\n"
	"classes = ( { name = \"newsletter\"; egress = \"2001:DB8::0:25\";"
	"  match = ( { login = \"news\"; } ); } );\n";

/* What is counted under a name is found again by what is shown of it. */
static void check_typed_again(const struct account_name *name, const struct config *config)
{
	struct span key = account_name_key(name);
	struct span shown[] = {key, subject_shown(key)};
	for (int i = 0; i < ROWS(shown); i++) {
		struct account_name again;
		struct errbuf err = {.text = ""};
		int r = subject_parse(shown[i], config, &again, &err);
		ck_assert_msg(r == 0, "%.*s: %s", (int)shown[i].n, shown[i].p, err.text);
		ck_assert_str_eq(again.key, name->key);
		ck_assert_uint_eq(again.n, name->n);
		ck_assert_int_eq(again.kind, name->kind);
	}
}

START_TEST(name_of_a_key)
{
	struct config *config = world_new(key_world);
	struct request request = {
		.sasl_username = SPAN("alice"),
		.client_address = span_of(keys[_i].client),
		.sender = span_of(keys[_i].sender),
		.recipient = span_of(keys[_i].recipient),
	};
	struct subject subject;
	struct recipient recipient;
	struct account_name name, untouched;
	memset(&name, 0x5a, sizeof(name));
	memcpy(&untouched, &name, sizeof(name));
	ck_assert(subject_of(&request, config, &subject));
	recipient_of(&request, config, &recipient);
	struct key_input input = {
		.request = &request,
		.config = config,
		.subject = &subject,
		.recipient = keys[_i].recipient ? &recipient : NULL,
	};
	bool has_name = key_name_of(keys[_i].key, &input, &name);
	ck_assert_int_eq(has_name, keys[_i].name != NULL);
	if (has_name) {
		ck_assert_str_eq(name.key, keys[_i].name);
		ck_assert_uint_eq(name.n, strlen(keys[_i].name));
		ck_assert_int_eq(name.kind, kind_of_key(account_name_key(&name)));
		check_typed_again(&name, config);
	} else {
		ck_assert_mem_eq(&name, &untouched, sizeof(name));
	}
	config_unref(config);
}
END_TEST

START_TEST(keys_with_a_recipient)
{
	for (int key = 0; key < KEY_COUNT; key++) {
		bool has_recipient = key == KEY_RECIPIENT_DOMAIN ||
				     key == KEY_ACCOUNT_RECIPIENT_DOMAIN || key == KEY_PROVIDER;
		ck_assert_int_eq(key_has_recipient((enum key)key), has_recipient);
	}
}
END_TEST

START_TEST(egress_of_a_class)
{
	struct config *config = world_new(key_world), *bare = config_of("");
	struct request request = {.sasl_username = SPAN("news")};
	struct subject subject;
	struct account_name name;
	struct key_input input = {.request = &request, .config = config, .subject = &subject};
	ck_assert(subject_of(&request, config, &subject));
	ck_assert(key_name_of(KEY_EGRESS, &input, &name));
	ck_assert_str_eq(name.key, "egress:2001:db8::25");
	check_typed_again(&name, config);
	input.config = bare;
	ck_assert(subject_of(&request, bare, &subject));
	ck_assert(key_name_of(KEY_EGRESS, &input, &name));
	ck_assert_str_eq(name.key, "egress:default");
	check_typed_again(&name, bare);
	config_unref(bare);
	config_unref(config);
}
END_TEST

/* The longest account and the longest domain still make one key, and others make another. */
START_TEST(longest_names)
{
	struct config *config = world_new("");
	char login[70000], to[70000];
	memset(login, 'l', sizeof(login));
	memset(to, 'd', sizeof(to));
	login[64] = to[1] = '@';
	static const size_t lengths[] = {255, 257, 258, 319, 320, 321, 4096, 65000};
	struct account_name last = {.n = 0};
	for (int i = 0; i < ROWS(lengths); i++) {
		struct request request = {
			.sasl_username = span_make(login, lengths[i]),
			.recipient = span_make(to, lengths[i]),
		};
		struct subject subject;
		struct recipient recipient;
		ck_assert(subject_of(&request, config, &subject));
		recipient_of(&request, config, &recipient);
		struct key_input input = {&request, config, &subject, &recipient};
		struct account_name name;
		for (int key = 0; key < KEY_COUNT; key++) {
			if (!key_name_of((enum key)key, &input, &name))
				continue;
			ck_assert_uint_le(name.n, ACCOUNT_KEY_MAX);
			check_typed_again(&name, config);
		}
		ck_assert(key_name_of(KEY_ACCOUNT_RECIPIENT_DOMAIN, &input, &name));
		ck_assert_str_ne(name.key, last.key);
		last = name;
	}
	config_unref(config);
}
END_TEST

/* ---- what a person types ---- */

static const struct {
	const char *typed, *account, *shown, *domain; /* account NULL: refused */
} typed[] = {
	{"alice@Example.org", "login:alice@example.org", "alice@example.org", "example.org"},
	{"Alice", "login:alice@example.org", "alice@example.org", "example.org"},
	{"alice+x", "login:alice@example.org", "alice@example.org", "example.org"},
	{"login:alice@example.org", "login:alice@example.org", "alice@example.org", "example.org"},
	{"info@example.org", "login:alice@example.org", "alice@example.org", "example.org"},
	{"login:old", "login:bob@example.org", "bob@example.org", "example.org"},
	{"login:addr:x@y", "login:addr:x@y", "login:addr:x@y", "y"},
	{"login:@example.net", "login:@example.net", "login:@example.net", "example.net"},
	{"login:login:a@b", "login:login:a@b", "login:login:a@b", "b"},
	{"LOGIN:a@b", "login:login:a@b", "login:login:a@b", "b"},
	{"addr:192.0.2.9", "addr:192.0.2.9", "addr:192.0.2.9", ""},
	{"addr:192.0.2.9/32", "addr:192.0.2.9", "addr:192.0.2.9", ""},
	{"addr:2001:DB8:1::77", "addr:2001:db8:1::/64", "addr:2001:db8:1::/64", ""},
	{"addr:2001:db8:1::/64", "addr:2001:db8:1::/64", "addr:2001:db8:1::/64", ""},
	{"addr:::1", "addr:::/64", "addr:::/64", ""},
	{"cert:DD:ee", "login:alice@example.org", "alice@example.org", "example.org"},
	{"addr:192.0.2.50", "sender:help@example.org", "sender:help@example.org", "example.org"},
	{"client:192.0.2.50", "client:192.0.2.50", "client:192.0.2.50", ""},
	{"from:desk@example.org", "from:desk@example.org", "from:desk@example.org", "example.org"},
	{"cert:AA:BB", "cert:aa:bb", "cert:aa:bb", ""},
	{"sender:Carol+x@example.org", "sender:carol@example.org", "sender:carol@example.org",
		"example.org"},
	{"sender:desk@example.org", "sender:help@example.org", "sender:help@example.org",
		"example.org"},
	{"from:Carol+x@example.org", "from:carol@example.org", "from:carol@example.org",
		"example.org"},
	{"from_domain:Example.net.", "from_domain:example.net", "from_domain:example.net",
		"example.net"},
	{"client:192.0.2.9", "client:192.0.2.9", "client:192.0.2.9", ""},
	{"client:2001:db8::1", "client:2001:db8::/64", "client:2001:db8::/64", ""},
	{"net:192.0.2.9", "net:192.0.2.0/24", "net:192.0.2.0/24", ""},
	{"net:192.0.2.0/24", "net:192.0.2.0/24", "net:192.0.2.0/24", ""},
	{"net:2001:db8::/64", "net:2001:db8::/64", "net:2001:db8::/64", ""},
	{"to_domain:b\303\274cher.example", "to_domain:xn--bcher-kva.example",
		"to_domain:xn--bcher-kva.example", "xn--bcher-kva.example"},
	{"pair:Info|Example.net", "pair:login:alice@example.org|example.net",
		"pair:login:alice@example.org|example.net", "example.org"},
	{"pair:addr:192.0.2.9|example.net", "pair:addr:192.0.2.9|example.net",
		"pair:addr:192.0.2.9|example.net", ""},
	{"pair:login:a|b@c.d|example.net", "pair:login:a|b@c.d|example.net",
		"pair:login:a|b@c.d|example.net", "c.d"},
	{"provider:Google", "provider:google", "provider:google", ""},
	{"egress:2001:DB8::25", "egress:2001:db8::25", "egress:2001:db8::25", ""},
	{"egress:default", "egress:default", "egress:default", ""},
	{"server:", "server:", "server:", ""},
	{"@Example.ORG.", "domain:example.org", "domain:example.org", "example.org"},
	{"domain:example.org", "domain:example.org", "domain:example.org", "example.org"},

	{"", NULL, NULL, NULL},
	{"login:", NULL, NULL, NULL},
	{"cert:", NULL, NULL, NULL},
	{"sender:", NULL, NULL, NULL},
	{"from:", NULL, NULL, NULL},
	{"provider:", NULL, NULL, NULL},
	{"addr:", NULL, NULL, NULL},
	{"addr:nonsense", NULL, NULL, NULL},
	{"addr:192.0.2.9/64", NULL, NULL, NULL},
	{"addr:192.0.2.0/24", NULL, NULL, NULL},
	{"addr:2001:db8::/48", NULL, NULL, NULL},
	{"addr:::ffff:192.0.2.9/64", NULL, NULL, NULL},
	{"net:192.0.2.0/25", NULL, NULL, NULL},
	{"net:example.org", NULL, NULL, NULL},
	{"egress:mail.example.org", NULL, NULL, NULL},
	{"server:other", NULL, NULL, NULL},
	{"@", NULL, NULL, NULL},
	{"@.", NULL, NULL, NULL},
	{"@a@b", NULL, NULL, NULL},
	{"domain:a@b", NULL, NULL, NULL},
	{"to_domain:", NULL, NULL, NULL},
	{"pair:", NULL, NULL, NULL},
	{"pair:a@b", NULL, NULL, NULL},
	{"pair:a@b|", NULL, NULL, NULL},
	{"pair:|example.net", NULL, NULL, NULL},
	{"pair:@example.org|example.net", NULL, NULL, NULL},
	{"pair:server:|example.net", NULL, NULL, NULL},
	{"pair:pair:a@b|c|d", NULL, NULL, NULL},
	{"pair:addr:x|d", NULL, NULL, NULL},
	{"pair:a@b|c@d", NULL, NULL, NULL},
	{"a\nb", NULL, NULL, NULL},
	{"a\177", NULL, NULL, NULL},
};

START_TEST(what_a_person_types)
{
	struct config *config = world_new("");
	struct account_name name, untouched;
	memset(&name, 0x5a, sizeof(name));
	memcpy(&untouched, &name, sizeof(name));
	struct errbuf err = {.text = ""};
	int r = subject_parse(span_of(typed[_i].typed), config, &name, &err);
	if (typed[_i].account) {
		ck_assert_msg(r == 0, "%s", err.text);
		ck_assert_str_eq(name.key, typed[_i].account);
		struct span key = account_name_key(&name);
		ck_assert(span_equal(subject_shown(key), span_of(typed[_i].shown)));
		ck_assert(span_equal(subject_domain(key), span_of(typed[_i].domain)));
		check_typed_again(&name, config);
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_str_ne(err.text, "");
		ck_assert_mem_eq(&name, &untouched, sizeof(name));
	}
	config_unref(config);
}
END_TEST

START_TEST(typed_bytes_that_are_no_text)
{
	struct config *config = world_new("");
	struct account_name name;
	struct errbuf err = {.text = ""};
	ck_assert_int_eq(subject_parse(SPAN("a\0b"), config, &name, &err), -EINVAL);
	ck_assert_int_eq(subject_parse(span_make(NULL, 0), config, &name, &err), -EINVAL);
	/* Nobody asks for the words. */
	ck_assert_int_eq(subject_parse(SPAN("addr:x"), config, &name, NULL), -EINVAL);
	/* What is long is told of in short. */
	char text[3000];
	struct span word = SPAN("addr:");
	memset(text, 'x', sizeof(text));
	memcpy(text, word.p, word.n);
	ck_assert_int_eq(
		subject_parse(span_make(text, sizeof(text)), config, &name, &err), -EINVAL);
	ck_assert_uint_lt(strlen(err.text), 200);
	config_unref(config);
}
END_TEST

/* ---- kinds ---- */

START_TEST(kinds_are_told_apart_by_their_words)
{
	for (int i = 0; i < ACCOUNT_KINDS; i++) {
		struct span word = span_of(kind_rows[i].word);
		ck_assert_int_eq(kind_of_key(word), i);
		ck_assert_uint_eq(kind_rows[i].word_n, word.n);
		ck_assert(span_ends(word, SPAN(":")));
		ck_assert_uint_ge(kind_rows[i].share, 1);
		ck_assert_int_eq(kind_rows[i].sends, i <= ACCOUNT_SENDER);
		word.n--;
		ck_assert_int_eq(kind_of_key(word), ACCOUNT_KINDS);
	}
	ck_assert_int_eq(kind_of_key(SPAN("")), ACCOUNT_KINDS);
	ck_assert_int_eq(kind_of_key(SPAN("Login:x")), ACCOUNT_KINDS);
	ck_assert_int_eq(kind_of_key(SPAN(" login:x")), ACCOUNT_KINDS);
	ck_assert_uint_eq(subject_domain(SPAN("x@example.org")).n, 0);
}
END_TEST

/*
 * The configuration and the requests make one name of one account: whatever a person writes for it
 * in a class is the account that a request, or a person at the prompt, is.
 */
START_TEST(configuration_and_prompt_agree)
{
	static const char *const written[] = {"alice", "Alice@Example.ORG.",
		"alice+news@example.org", "alice+news@example.net", "a@b@EXAMPLE.org",
		"addr:192.0.2.9", "addr:192.0.2.9/32", "addr:2001:DB8::9",
		"addr:2001:db8:0:0:7::/64", "cert:AA:BB:0c", "sender:Bob+x@example.org",
		"sender:bob@xn--bcher-kva.example", "login:addr:x",
		"b\xc3\xbc@b\xc3\xbc\143her.example"};
	for (size_t i = 0; i < ROWS(written); i++) {
		char text[1024];
		struct account_name name;
		struct errbuf err;
		snprintf(text, sizeof(text),
			"login_domain = \"example.org\"; local_domains = [ \"example.org\" ]; "
			"recipient_delimiter = \"+\"; classes = ( { name = \"c\"; match = ( { "
			"login = "
			"\"%s\"; } ); } );",
			written[i]);
		struct config *config = config_of(text);
		ck_assert_int_eq(subject_parse(span_of(written[i]), config, &name, &err), 0);
		const struct class_query query = {.account = account_name_key(&name)};
		ck_assert_msg(
			strcmp(config->classes[config_class_of(config, &query)].name, "c") == 0,
			"%s is %s", written[i], name.key);
		config_unref(config);
	}
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"name_of_a_key", name_of_a_key, ROWS(keys)},
		{"keys_with_a_recipient", keys_with_a_recipient, 0},
		{"egress_of_a_class", egress_of_a_class, 0},
		{"longest_names", longest_names, 0},
		{"what_a_person_types", what_a_person_types, ROWS(typed)},
		{"typed_bytes_that_are_no_text", typed_bytes_that_are_no_text, 0},
		{"kinds_are_told_apart_by_their_words", kinds_are_told_apart_by_their_words, 0},
		{"configuration_and_prompt_agree", configuration_and_prompt_agree, 0},
	};
	return SUITE_RUN("key", rows);
}
