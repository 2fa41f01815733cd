/* SPDX-License-Identifier: ISC */
/*
 * blocklist.h: patterns of codes, rows of the configuration over those of the catalogue, keys, and every
 * mistake with its file, line and remedy. What the shipped catalogue holds is test_catalogue's business.
 */
#include "config_help.h"
#include "policyd/blocklist.h"

/* ---- patterns ---- */

static const struct {
	const char *text, *has, *has_not;
} patterns[] = {
	{"127.0.0.2", "127.0.0.2", "127.0.0.3 127.0.1.2 126.0.0.2 127.0.0.1"},
	{"127.0.0.4-7", "127.0.0.4 127.0.0.5 127.0.0.7", "127.0.0.3 127.0.0.8"},
	{"127.0.0.2-2", "127.0.0.2", "127.0.0.3"},
	{"127.0.*.3", "127.0.0.3 127.0.10.3 127.0.255.3", "127.0.0.2 127.1.0.3"},
	{"127.0.10.*", "127.0.10.0 127.0.10.255", "127.0.9.1 127.0.11.1"},
	{"127.0-1.2-3.0-255", "127.0.2.0 127.1.3.255", "127.2.2.0 127.0.4.0"},
	{"127.0.0.&64", "127.0.0.64 127.0.0.65 127.0.0.127 127.0.0.255",
		"127.0.0.63 127.0.0.128 127.0.1.64"},
	{"127.0.0.&6", "127.0.0.2 127.0.0.4 127.0.0.6 127.0.0.14", "127.0.0.1 127.0.0.8 127.0.0.0"},
	{"127.0.0.&255", "127.0.0.1 127.0.0.255", "127.0.0.0"},
	{"0.0.0.0", "0.0.0.0", "0.0.0.1"},
};

static void code_of(struct span word, uint8_t code[4])
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(word, &ip), 0);
	memcpy(code, ip.byte + 12, 4);
}

START_TEST(pattern_row)
{
	struct code_pattern pattern;
	struct span has = span_of(patterns[_i].has), has_not = span_of(patterns[_i].has_not);
	uint8_t code[4];

	ck_assert_int_eq(code_pattern_parse(span_of(patterns[_i].text), &pattern), 0);
	for (struct span word = span_word(&has); word.n; word = span_word(&has)) {
		code_of(word, code);
		ck_assert_msg(code_pattern_has(&pattern, code), "%s", word.p);
	}
	for (struct span word = span_word(&has_not); word.n; word = span_word(&has_not)) {
		code_of(word, code);
		ck_assert_msg(!code_pattern_has(&pattern, code), "%s", word.p);
	}
}
END_TEST

static const char *const no_patterns[] = {"", "127", "127.0.0", "127.0.0.", ".0.0.2", "127.0.0.2.",
	"127.0.0.2.3", "127.0.0.256", "127.0.0.1000", "127.0.0.-1", "127.0.0.5-", "127.0.0.-5",
	"127.0.0.7-4", "127.0.0.&0", "127.0.0.&256", "127.0.0.&", "127.0.&1.2", "127.0.0.**",
	"127.0.0.1-2-3", "127.0.0.x", "127.0.0. 2", " 127.0.0.2", "127.0.0.2 ", "127.0.0.+2", "*",
	"&4", "127..0.2", "127.0.0.*-2", "127.0.0.&4-8"};

START_TEST(no_pattern_row)
{
	struct code_pattern pattern = {.bits = 77};

	ck_assert_int_eq(code_pattern_parse(span_of(no_patterns[_i]), &pattern), -EINVAL);
	ck_assert_uint_eq(pattern.bits, 77);
}
END_TEST

/* ---- lists ---- */

static const struct blocklist *list_of(const struct config *config, const char *name)
{
	const struct blocklist *list = config_blocklist_of(config, span_of(name));

	ck_assert_msg(list != NULL, "%s", name);
	return list;
}

/* The names of those that are asked, in order. */
static const char *asked(const struct config *config)
{
	static char text[1024];
	size_t n, used = 0;
	const struct blocklist *list = config_blocklists(config, &n);

	text[0] = '\0';
	for (size_t i = 0; i < n && list[i].is_enabled; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s%s", i ? " " : "", list[i].name);
	return text;
}

#define POINTS_OF_BOTH                                                                             \
	"+2.0.0.127 +2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 -1.0.0.127 "  \
	"-1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"

static const char *tests(const struct blocklist *list)
{
	static char text[1024];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < list->test_n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%c%s", i ? " " : "",
			list->test[i].is_listed ? '+' : '-', list->test[i].label);
	return text;
}

static const struct {
	const char *text, *asked;
} selections[] = {
	{"", "zen spamcop mailspike dbl"},
	{"blocklists = ( );", ""},
	{"blocklists = ( { name = \"psbl\"; } );", "psbl"},
	{"blocklists = ( { name = \"sem\"; }, { name = \"zen\"; } );", "sem zen"},
	{"blocklists = ( { name = \"zen\"; enabled = false; }, { name = \"s5h\"; } );", "s5h"},
	{"blocklists = ( { name = \"ours\"; zone = \"bl.example.org\"; } );", "ours"},
	{"blocklists = ( { name = \"a\"; zone = \"a.example\"; enabled = false; },\n"
	 "{ name = \"b\"; zone = \"b.example\"; enabled = true; } );",
		"b"},
};

START_TEST(selection_row)
{
	struct config *config = config_of(selections[_i].text);

	ck_assert_str_eq(asked(config), selections[_i].asked);
	/* All others are known, behind them. */
	size_t n;
	const struct blocklist *list = config_blocklists(config, &n);
	bool behind = false;
	for (size_t i = 0; i < n; i++) {
		ck_assert(!(behind && list[i].is_enabled));
		behind = behind || !list[i].is_enabled;
	}
	ck_assert_ptr_nonnull(config_blocklist_of(config, SPAN("uribl")));
	config_unref(config);
}
END_TEST

START_TEST(own_list)
{
	struct config *config = config_of(
		"blocklists = (\n{ name = \"ours\"; title = \"Ours\"; zone = \"BL.Example.ORG.\";\n"
		"codes = ( { code = \"127.0.0.2\"; severity = 5; text = \"t\"; delist = \"d\"; },\n"
		"{ code = \"127.0.0.&8\"; kind = \"neighbour\"; severity = 1; } );\n"
		"errors = ( { code = \"127.0.1.255\"; text = \"e\"; } ); delist = \"page\"; "
		"removal "
		"= \"r\";\nhome = \"h\"; note = \"n\"; clients = true; interval = \"20m\"; } );");
	const struct blocklist *list = list_of(config, "OURS");

	ck_assert_ptr_eq(list, list_of(config, "bl.example.org."));
	ck_assert_str_eq(list->name, "ours");
	ck_assert_str_eq(list->title, "Ours");
	ck_assert_str_eq(list->zone, "bl.example.org");
	ck_assert_str_eq(list->zone_asked, "bl.example.org");
	ck_assert_uint_eq(list->subjects, 3);
	ck_assert(list->is_own && list->is_enabled && list->clients && !list->has_key_missing);
	ck_assert_uint_eq(list->code_n, 2);
	ck_assert_str_eq(list->code[0].delist, "d");
	ck_assert_str_eq(list->code[0].removal, "r");
	ck_assert_int_eq((int)list->code[0].kind, LISTING_BEHAVIOUR);
	ck_assert_str_eq(list->code[1].delist, "page");
	ck_assert_int_eq((int)list->code[1].kind, LISTING_NEIGHBOUR);
	ck_assert_uint_eq(list->code[1].severity, 1);
	ck_assert_uint_eq(list->code[1].pattern.bits, 8);
	ck_assert_uint_eq(list->error_n, 1);
	ck_assert_str_eq(list->error[0].text, "e");
	ck_assert_str_eq(tests(list), POINTS_OF_BOTH);
	ck_assert_int_eq(list->interval_us, 20 * MINUTE_US);
	ck_assert_int_eq(list->interval_min_us, 5 * MINUTE_US);
	ck_assert_str_eq(list->place.file, "t.conf");
	ck_assert_uint_eq(list->place.line, 3);
	config_unref(config);
}
END_TEST

/* What is given goes over the catalogue, what is not stays. */
START_TEST(merged)
{
	struct config *config = config_of(
		"blocklists = (\n{ name = \"zen\"; interval = \"30m\"; },\n"
		"{ name = \"psbl\"; codes = ( { code = \"127.0.0.2\"; severity = 1; } ); },\n"
		"{ name = \"dbl\"; zone = \"dbl.example.org\"; interval = \"10s\"; test_clean = [ "
		"\"Ok.Example\" ]; },\n"
		"{ name = \"uribl\"; errors = ( ); } );");
	const struct blocklist *list = list_of(config, "zen");

	ck_assert_str_eq(list->zone, "zen.spamhaus.org");
	ck_assert_str_eq(list->title, "Spamhaus ZEN");
	ck_assert_uint_eq(list->code_n, 6);
	ck_assert_int_eq(list->interval_us, 30 * MINUTE_US);
	ck_assert(!list->is_own);
	ck_assert_uint_eq(list->place.line, 3);
	list = list_of(config, "psbl");
	ck_assert_uint_eq(list->code_n, 1);
	ck_assert_uint_eq(list->code[0].severity, 1);
	ck_assert_ptr_null(list->code[0].text);
	ck_assert_str_eq(list->code[0].delist, "https://psbl.org/remove");
	list = list_of(config, "dbl");
	ck_assert_str_eq(list->zone, "dbl.example.org");
	ck_assert_uint_eq(list->code_n, 5);
	ck_assert_str_eq(tests(list), "+dbltest.com -ok.example");
	/* It is another server: how often it may be asked is whose who runs it. */
	ck_assert_int_eq(list->interval_min_us, 10 * SECOND_US);
	ck_assert_uint_eq(list_of(config, "uribl")->error_n, 0);
	ck_assert_uint_eq(list_of(config, "uribl")->code_n, 3);
	config_unref(config);
}
END_TEST

static const struct {
	const char *text, *tests;
} points[] = {
	{"", POINTS_OF_BOTH},
	{"subjects = [ \"ipv4\" ];", "+2.0.0.127 -1.0.0.127"},
	{"subjects = [ \"ipv6\" ];",
		"+2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 "
		"-1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"},
	{"subjects = [ \"domain\" ];", "+test -invalid"},
	{"test_listed = [ \"192.0.2.1\", \"2001:db8::ab\" ];",
		"+1.2.0.192 +b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 "
		"-1.0.0.127 -1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"},
	{"subjects = [ \"domain\" ]; test_listed = [ \"Bad.Example\", \"x.bl.example.org\" ]; "
	 "test_clean = [ \"2.0.0.127\" ];",
		"+bad.example +x -2.0.0.127"},
	{"subjects = [ \"domain\", \"ipv4\" ]; test_listed = [ \"127.0.0.2\", \"test\" ];",
		"+2.0.0.127 +test -1.0.0.127 -invalid"},
	{"subjects = [ \"domain\" ]; test_listed = [ \"notbl.example.org\" ];",
		"+notbl.example.org -invalid"},
};

START_TEST(point_row)
{
	char text[1024];

	snprintf(text, sizeof(text),
		"blocklists = ( { name = \"a\"; zone = \"bl.example.org\"; %s } );",
		points[_i].text);
	struct config *config = config_of(text);
	ck_assert_str_eq(tests(list_of(config, "a")), points[_i].tests);
	config_unref(config);
}
END_TEST

START_TEST(dead_lists)
{
	struct config *config = config_of("");
	static const char *const dead[] = {"dnsbl.sorbs.net", "SPAM.dnsbl.SORBS.net", "sorbs",
		"dnsbl.sorbs.net.", "<key>.dnsbl.sorbs.net", "NixSpam"};
	static const char *const alive[] = {
		"sorbs.net", "xdnsbl.sorbs.net", "zen.spamhaus.org", "", "net", "."};

	for (int i = 0; i < ROWS(dead); i++)
		ck_assert_msg(config_dead_list_of(config, span_of(dead[i])) != NULL, "%s", dead[i]);
	for (int i = 0; i < ROWS(alive); i++)
		ck_assert_msg(
			config_dead_list_of(config, span_of(alive[i])) == NULL, "%s", alive[i]);
	config_unref(config);
}
END_TEST

/* The presets of lists within lists say what leaving them out says. */
START_TEST(presets_written)
{
	struct config *config =
		config_of("blocklists = ( { name = \"a\"; zone = \"a.example\"; codes = ( { code = "
			  "\"127.0.0.2\"; } ); },\n"
			  "{ name = \"b\"; zone = \"b.example\"; enabled = true; interval = "
			  "\"15m\"; interval_min = \"5m\";\n"
			  "clients = false; subjects = [ \"ipv4\", \"ipv6\" ]; codes = ( { code = "
			  "\"127.0.0.2\"; kind = \"behaviour\"; severity = 3; } ); } );");
	const struct blocklist *a = list_of(config, "a"), *b = list_of(config, "b");

	ck_assert_int_eq(a->interval_us, b->interval_us);
	ck_assert_int_eq(a->interval_min_us, b->interval_min_us);
	ck_assert_uint_eq(a->subjects, b->subjects);
	ck_assert(a->is_enabled && b->is_enabled && !a->clients && !b->clients);
	ck_assert_int_eq((int)a->code[0].kind, (int)b->code[0].kind);
	ck_assert_uint_eq(a->code[0].severity, b->code[0].severity);
	config_unref(config);
}
END_TEST

/* ---- mistakes ---- */

#define OWN(rest) "blocklists = (\n{ name = \"a\"; zone = \"bl.example.org\";\n" rest "\n} );"
#define CODE(text)                                                                                 \
	OWN("codes = ( {\ncode = \"" text "\";\n} );"),                                            \
		"E t.conf:5: blocklists.codes.code \"" text "\": "

static const struct {
	const char *text, *place, *remedy;
} mistakes[] = {
	{"blocklists = (\n{ name = \"zem\"; } );",
		"E t.conf:3: blocklists \"zem\": no list of the catalogue has that name",
		"(did you mean \"zen\"?)"},
	{"blocklists = (\n{ name = \"zen.spamhaus.org\"; } );", "E t.conf:3: blocklists",
		"(did you mean \"zen\"?)"},
	{"blocklists = (\n{ name = \"quite-unknown\"; } );",
		"E t.conf:3: blocklists \"quite-unknown\"", "add zone = \"bl.example.org\";"},
	{"blocklists = (\n{ zone = \"a.example\"; } );", "E t.conf:3: blocklists.name is missing",
		""},
	{"blocklists = (\n{ name = \"a b\"; } );", "E t.conf:3: blocklists.name \"a b\"",
		"write \"zen\""},
	{"blocklists = (\n{ name = \"zen\"; },\n{ name = \"zen\"; } );",
		"E t.conf:4: blocklists.name \"zen\" is taken already at t.conf:3", "join them"},
	{"blocklists = (\n{ name = \"ivmsip\"; } );",
		"E t.conf:3: blocklists \"ivmsip\": the catalogue has no zone for it",
		"add zone ="},
	/* dead ones */
	{"blocklists = (\n{ name = \"sorbs\"; } );",
		"E t.conf:3: blocklists \"sorbs\": \"sorbs\" is a dead list: SORBS closed on 5 "
		"June 2024",
		"remove it"},
	{"blocklists = (\n{ name = \"x\"; zone = \"spam.dnsbl.sorbs.net\"; } );",
		"E t.conf:3: blocklists \"x\": \"spam.dnsbl.sorbs.net\" is a dead list",
		"remove it"},
	{"blocklists = (\n{ name = \"x\"; zone = \"cbl.abuseat.org\"; enabled = false; } );",
		"E t.conf:3: blocklists \"x\"", "use \"zen\""},
	{"blocklists = (\n{ name = \"ix.dnsbl.manitu.net\"; } );", "E t.conf:3: blocklists",
		"empty since 16 January 2025"},
	{"blocklists = (\n{ name = \"zen\"; zone = \"dnsbl.njabl.org\"; } );",
		"E t.conf:3: blocklists \"zen\": \"dnsbl.njabl.org\" is a dead list", "remove it"},
	/* zones */
	{"blocklists = ( { name = \"a\";\nzone = \"a b\"; } );",
		"E t.conf:3: blocklists.zone \"a b\": this is no zone", "write \"bl.example.org\""},
	{"blocklists = ( { name = \"a\";\nzone = \"192.0.2.1\"; } );",
		"E t.conf:3: blocklists.zone", "write \"bl.example.org\""},
	{"blocklists = ( { name = \"a\";\nzone = \".\"; } );", "E t.conf:3: blocklists.zone",
		"write"},
	{"blocklists = ( { name = \"a\";\nzone = \"a..example\"; } );",
		"E t.conf:3: blocklists.zone", "write"},
	{"blocklists = ( { name = \"a\";\nzone = \"b\xc3\xbc.example\"; } );",
		"E t.conf:3: blocklists.zone", "write"},
	{"blocklists = ( { name = \"a\";\nzone = \"<key>.<key>.example\"; } );",
		"E t.conf:3: blocklists.zone", "write it once"},
	{"blocklists = ( { name = \"a\";\nzone = \"<kay>.example\"; } );",
		"E t.conf:3: blocklists.zone", "no zone"},
	{"blocklists = (\n{ name = \"a\"; zone = \"<key>.bl.example\"; } );",
		"E t.conf:3: blocklists \"a\": its zone \"<key>.bl.example\" holds a key of yours",
		"add key_file = \"/etc/policyd/a.key\";"},
	{"blocklists = (\n{ name = \"zen-dqs\"; } );", "E t.conf:3: blocklists \"zen-dqs\"",
		"key_file = \"/etc/policyd/zen-dqs.key\""},
	{"blocklists = (\n{ name = \"a\"; zone = "
	 "\"a123456789b123456789c123456789d123456789e123456789."
	 "a123456789b123456789c123456789d123456789e123456789."
	 "a123456789b123456789c123456789d12345678"
	 "9e123456789.a123456789b123456789c123456789d123456789e123456789\"; } );",
		"E t.conf:3: blocklists \"a\": its zone has 203 bytes", "shorten it"},
	/* codes */
	{CODE("127.0.0.256"), "an octet is at most 255"},
	{CODE("127.0.0"), "write \"127.0.0.2\""},
	{CODE("x"), "write \"127.0.0.2\""},
	{CODE("127.0.0.7-4"), "the wrong way round: write 4-7"},
	{CODE("127.0.0.&0"), "no bit is set"},
	{CODE("10.0.0.2"), "write \"127.0.0.2\""},
	{CODE("*.0.0.2"), "127.0.0.0/8"},
	{CODE("126-127.0.0.2"), "127.0.0.0/8"},
	{CODE("127.255.255.254"), "127.255.255.x are errors of lists, never listings"},
	{CODE("127.*.*.9"), "127.255.255.x are errors"},
	{CODE("127.0.0.*"), "begin at 2, as in \"127.0.0.2-255\""},
	{CODE("127.0.0.1-9"), "or write \"127.0.0.1\" as a code of its own"},
	{OWN("codes = (\n{ kind = \"policy\"; } );"),
		"E t.conf:5: blocklists.codes.code is missing", ""},
	{OWN("codes = ( { code = \"127.0.0.2\";\nkind = \"policies\"; } );"),
		"E t.conf:5: blocklists.codes.kind \"policies\"", "(did you mean \"policy\"?)"},
	{OWN("codes = ( { code = \"127.0.0.2\";\nseverity = 6; } );"),
		"E t.conf:5: blocklists.codes.severity 6", "from 1 to 5"},
	{OWN("errors = ( {\ncode = \"192.0.2.1\"; } );"), "E t.conf:5: blocklists.errors.code",
		"127.0.0.0/8"},
	/* the rest */
	{OWN("subjects = [ \"ipv4\",\n\"ipv5\" ];"), "E t.conf:5: blocklists.subjects \"ipv5\"",
		"write \"ipv4\", \"ipv6\" or \"domain\" (did you mean"},
	{OWN("test_listed = [\n\"a b\" ];"), "E t.conf:5: blocklists.test_listed \"a b\"",
		"write \"127.0.0.2\" or \"dbltest.com\""},
	{OWN("test_listed = [ \"dbltest.com\" ];"),
		"E t.conf:3: blocklists.test_listed \"dbltest.com\"", "write \"127.0.0.2\""},
	{OWN("subjects = [ \"ipv4\" ]; test_clean = [ \"::1\" ];"),
		"E t.conf:3: blocklists.test_clean \"::1\"", "IPv4 addresses: write \"127.0.0.2\""},
	{OWN("subjects = [ \"ipv6\" ]; test_clean = [ \"127.0.0.1\" ];"),
		"E t.conf:3:", "write \"::ffff:7f00:2\""},
	{OWN("interval = \"1m\"; interval_min = \"2m\";"),
		"E t.conf:3: blocklists \"a\": interval \"1m\" is below interval_min",
		"write \"2m\" or more"},
	{"blocklists = (\n{ name = \"zen\"; interval = \"1m\"; } );",
		"E t.conf:3: blocklists \"zen\": interval \"1m\" is below interval_min",
		"write \"5m\" or more"},
	{OWN("interval =\n\"1s\";"), "E t.conf:4: blocklists.interval \"1s\"", "from 10s to 1d"},
	{OWN("key_file =\n\"key\";"), "E t.conf:4: blocklists.key_file", "must be absolute"},
	{OWN("colour = \"red\";"), "E t.conf:4: unknown setting \"colour\" in blocklists", ""},
	{"blocklists = { name = \"zen\"; };", "E t.conf:2: blocklists: a list of groups", ""},
	/* what is only said */
	{OWN("codes = ( { code = \"127.0.0.2-9\"; },\n{ code = \"127.0.0.4\"; } );"),
		"W t.conf:5: blocklists.codes.code \"127.0.0.4\" has codes of \"127.0.0.2-9\" at "
		"t.conf:4",
		"let each code be in one of them"},
	{OWN("codes = ( { code = \"127.0.0.&6\"; },\n{ code = \"127.0.0.&4\"; } );"),
		"W t.conf:5: blocklists.codes.code \"127.0.0.&4\" has codes", ""},
	{OWN("codes = ( { code = \"127.0.0.9\"; } );\nerrors = ( { code = \"127.0.0.*\"; } );"),
		"W t.conf:4: blocklists.codes.code \"127.0.0.9\" is an error by errors.code",
		"remove one"},
	{"blocklists = (\n{ name = \"a\"; zone = \"b.example\"; },\n{ name = \"b\"; zone = "
	 "\"B.example\"; } "
	 ");",
		"W t.conf:4: blocklists \"b\" and \"a\" ask the same zone", "remove one of them"},
	{"blocklists = (\n{ name = \"zen\"; enabled = false; } );",
		"W t.conf:3: blocklists: none of them is asked", "or leave blocklists out"},
	{"blocklists = (\n{ name = \"zen\"; interval_min = \"1m\"; } );",
		"W t.conf:3: blocklists \"zen\": interval_min \"1m\" is less than the \"5m\"",
		"refuse"},
	/* addresses, DNS */
	{"egress = { addresses = ( {\naddress = \"mail.example.org\"; } ); };",
		"E t.conf:3: egress.addresses.address \"mail.example.org\": this is no address",
		"write \"192.0.2.10\", \"2001:db8::10\" or \"auto\""},
	{"egress = { addresses = ( {\naddress = \"192.0.2.0/24\"; } ); };",
		"E t.conf:3: egress.addresses.address", "this is no address"},
	{"egress = { addresses = ( { address = \"auto\"; },\n{ address = \"auto\"; } ); };",
		"E t.conf:3: egress.addresses.address \"auto\" stands already at t.conf:2",
		"remove one"},
	{"egress = { addresses = ( { address = \"192.0.2.1\"; },\n{ address = "
	 "\"::ffff:192.0.2.1\"; } ); };",
		"E t.conf:3: egress.addresses.address", "is taken already at t.conf:2"},
	{"egress = { addresses = ( {\naddress = \"10.0.0.5\"; } ); };",
		"W t.conf:3: egress.addresses.address \"10.0.0.5\"",
		"write the one that mail arrives from"},
	{"egress = { addresses = ( {\naddress = \"fd00::5\"; } ); };",
		"W t.conf:3: egress.addresses", "the world never sees"},
	{"egress = {\nlisted_looks = 4; };",
		"E t.conf:2: egress.listed_looks 4 of egress.listed_of 3", "write 3 or less"},
	{"egress = {\ndomains = [ \"a@b\" ]; };", "E t.conf:3: egress.domains \"a@b\"",
		"no domain"},
	{"egress = {\nwho_am_i = \"a b\"; };", "E t.conf:3: egress.who_am_i", "NAME@SERVER"},
	{"egress = {\nwho_am_i = \"192.0.2.1\"; };", "E t.conf:3: egress.who_am_i", "NAME@SERVER"},
	{"egress = {\nwho_am_i = \"me.example@ns.example\"; };", "E t.conf:3: egress.who_am_i",
		"write \"me.example@192.0.2.53\""},
	{"egress = {\ncatalogue = \"blocklists.conf\"; };", "E t.conf:3: egress.catalogue",
		"must be absolute"},
	{"egress = {\ncatalogue = \"/nonexistent/list\"; };",
		"E t.conf:2: egress.catalogue \"/nonexistent/list\": cannot be read",
		"No such file"},
	{"classes = (\n{ name = \"n\"; match = ( { login = \"a\"; } ); egress = \"192.0.2.7\"; } "
	 ");\n"
	 "egress = { addresses = ( { address = \"192.0.2.1\"; } ); };",
		"E t.conf:3: classes.egress \"192.0.2.7\" is none of egress.addresses",
		"add it there"},
	{"classes = (\n{ name = \"n\"; match = ( { login = \"a\"; } ); egress = \"192.0.2.7\"; } "
	 ");\n"
	 "egress = { addresses = ( { address = \"auto\"; } ); };",
		"W t.conf:3: classes.egress \"192.0.2.7\" is none of egress.addresses", "\"auto\""},
	{"dns = { servers = [\n\"localhost\" ]; };", "E t.conf:3: dns.servers \"localhost\"",
		"write \"127.0.0.1\", \"127.0.0.1:53\" or \"[::1]:53\""},
	{"dns = { servers = [\n\"127.0.0.1:0\" ]; };", "E t.conf:3: dns.servers", "write"},
	{"dns = { servers = [\n\"[127.0.0.1\" ]; };", "E t.conf:3: dns.servers", "write"},
	{"dns = { servers = [\n\"[::1]53\" ]; };", "E t.conf:3: dns.servers", "write"},
	{"dns = { servers = [\n\"127.0.0.1:65536\" ]; };", "E t.conf:3: dns.servers", "write"},
	{"dns = {\nservers = [ \"127.0.0.1\", \"127.0.0.1\" ]; };", "W t.conf:2: dns.servers",
		"twice"},
	{"dns = {\nservers = [ \"127.0.0.1\", \"127.0.0.2\", \"127.0.0.3\", \"127.0.0.4\", "
	 "\"127.0.0.5\", "
	 "\"127.0.0.6\", \"127.0.0.7\", \"127.0.0.8\", \"127.0.0.9\" ]; };",
		"E t.conf:2: dns.servers: at most 8", "remove some"},
	{"dns = { resolv_conf =\n\"resolv.conf\"; };", "E t.conf:2: dns.resolv_conf", "absolute"},
};

START_TEST(mistake_row)
{
	struct loaded loaded = load_text(mistakes[_i].text);
	const struct config_report *report = loaded.report;
	const char *place = mistakes[_i].place;
	bool is_error = place[0] == 'E', found = false;

	for (size_t i = 0; i < report->n; i++) {
		const char *text = report->line[i].text;

		found = found || (report->line[i].error == is_error &&
					 strncmp(text, place + 2, strlen(place + 2)) == 0 &&
					 strstr(text, mistakes[_i].remedy));
	}
	ck_assert_msg(found, "%s WAS TOLD AS %s", mistakes[_i].text, told_by(report));
	/* Once is enough. */
	ck_assert_msg(report->n == 1, "%s WAS TOLD AS %s", mistakes[_i].text, told_by(report));
	ck_assert_int_eq(loaded.r, is_error ? -EINVAL : 0);
	if (loaded.r == 0)
		config_unref(loaded.config);
	config_report_free(loaded.report);
}
END_TEST

static const char *const fine[] = {
	"egress = { addresses = ( { address = \"auto\"; helo = \"mail.example.org\"; }, { address "
	"= "
	"\"2001:db8::1\"; } ); };",
	"egress = { who_am_i = \"me.example\"; };",
	"egress = { who_am_i = \"me.example@[::1]:53\"; };",
	"egress = { listed_looks = 3; listed_of = 3; };",
	"dns = { servers = [ \"127.0.0.1\", \"::1\", \"[::1]\", \"[::1]:53\", \"127.0.0.1:5353\" "
	"]; };",
	"dns = { timeout = \"0s\"; attempts = 0; };",
	OWN("codes = ( { code = \"127.0.0.1\"; kind = \"welcome\"; }, { code = \"127.0.0.2-255\"; "
	    "} );"),
	OWN("codes = ( { code = \"127.0.0.&1\"; }, { code = \"127.0.0.&2\"; } );"),
	OWN("errors = ( { code = \"127.255.255.254\"; }, { code = \"127.0.0.*\"; } );"),
};

START_TEST(fine_row)
{
	struct loaded loaded = load_text(fine[_i]);

	ck_assert_msg(loaded.r == 0 && loaded.report->n == 0, "%s", told_by(loaded.report));
	loaded_free(&loaded);
}
END_TEST

START_TEST(too_many)
{
	char text[16384] = "blocklists = (";
	size_t n = strlen(text);

	for (int i = 0; i <= BLOCKLISTS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"%s\n{ name = \"l%d\"; zone = \"l%d.example\"; }", i ? "," : "", i, i);
	snprintf(text + n, sizeof(text) - n, " );");
	struct loaded loaded = load_text(text);
	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_str_eq(told_by(loaded.report), "E t.conf:103: blocklists: at most 100 are asked, "
						 "these are 101: remove some, or add "
						 "enabled = false; | ");
	config_report_free(loaded.report);
}
END_TEST

/* ---- keys ---- */

#define KEY "abcdefgh23456789SECRET"

static void take(void *ctx, const char *line)
{
	(void)ctx;
	ck_assert_msg(!strstr(line, "SECRET"), "%s", line);
}

static struct loaded load_key(const char *content, mode_t mode, const char *zone)
{
	char text[512];

	file_write("key", content);
	ck_assert_int_eq(chmod("key", mode), 0);
	snprintf(text, sizeof(text),
		"blocklists = (\n{ name = \"a\"; zone = \"%s\"; key_file = \"%s/key\"; } );", zone,
		directory);
	return load_text(text);
}

START_TEST(key_is_masked)
{
	directory_make();
	struct loaded loaded = load_key(" " KEY "\n", 0600, "dq-<key>.BL.example");
	ck_assert_msg(loaded.r == 0 && loaded.report->n == 0, "%s", told_by(loaded.report));
	const struct blocklist *list = list_of(loaded.config, "a");
	ck_assert_str_eq(list->zone, "dq-<key>.bl.example");
	ck_assert_str_eq(list->zone_asked, "dq-" KEY ".bl.example");
	config_dump(loaded.config, CONFIG_DUMP_EFFECTIVE, take, NULL);
	loaded_free(&loaded);
	/* A mistake elsewhere in the row. */
	loaded = load_key(KEY, 0600, "<key>.dnsbl.sorbs.net");
	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_ptr_nonnull(strstr(told_by(loaded.report), "<key>.dnsbl.sorbs.net"));
	ck_assert_ptr_null(strstr(told_by(loaded.report), "SECRET"));
	config_report_free(loaded.report);
	directory_remove();
}
END_TEST

static const struct {
	const char *content;
	mode_t mode;
	const char *zone, *told;
} keys[] = {
	{KEY, 0644, "<key>.a.example", "is open to others: chmod 600"},
	{KEY, 0640, "<key>.a.example", "is open to others: chmod 600"},
	{"SECRET", 0600, "<key>.a.example", "holds no key"},
	{"", 0600, "<key>.a.example", "holds no key"},
	{KEY " SECRET", 0600, "<key>.a.example", "holds no key"},
	{KEY "\nSECRET\n", 0600, "<key>.a.example", "holds no key"},
	{KEY ".SECRET", 0600, "<key>.a.example", "8 to 63 letters, digits and '-'"},
	{"-SECRETSECRET", 0600, "<key>.a.example", "holds no key"},
	{KEY KEY KEY, 0600, "<key>.a.example", "holds no key"},
};

START_TEST(key_row)
{
	directory_make();
	struct loaded loaded = load_key(keys[_i].content, keys[_i].mode, keys[_i].zone);
	const char *told = told_by(loaded.report);

	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_uint_eq(loaded.report->n, 1);
	ck_assert_msg(strncmp(told, "E t.conf:3: ", 12) == 0 && strstr(told, keys[_i].told) &&
			      !strstr(told, "SECRET"),
		"%s", told);
	config_report_free(loaded.report);
	directory_remove();
}
END_TEST

START_TEST(key_of_no_use)
{
	directory_make();
	struct loaded loaded = load_key(KEY, 0600, "a.example");
	ck_assert_int_eq(loaded.r, 0);
	ck_assert_uint_eq(loaded.report->n, 1);
	ck_assert_ptr_nonnull(
		strstr(told_by(loaded.report), "W t.conf:3: blocklists \"a\": key_file does "
					       "nothing: its zone \"a.example\" has no "
					       "<key>"));
	loaded_free(&loaded);
	/* Too long with its key: a label has 63 bytes. */
	loaded = load_key(
		KEY, 0600, "a123456789b123456789c123456789d123456789e123456789<key>.example");
	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_ptr_null(strstr(told_by(loaded.report), "SECRET"));
	config_report_free(loaded.report);
	directory_remove();
}
END_TEST

START_TEST(key_is_known_without_key)
{
	struct config *config = config_of(
		"blocklists = ( { name = \"zen-dqs\"; enabled = false; }, { name = \"zen\"; } );");
	const struct blocklist *list = list_of(config, "zen-dqs");

	ck_assert(list->has_key_missing && !list->is_enabled);
	ck_assert(!list_of(config, "zen")->has_key_missing);
	config_unref(config);
}
END_TEST

/* What only root may read, and a catalogue, are not read again with files of lines. */
START_TEST(key_survives_reread)
{
	directory_make();
	file_write("key", KEY);
	ck_assert_int_eq(chmod("key", 0600), 0);
	file_write("list", "alice\n");
	file_write("catalogue", "lists = ( { name = \"known\"; zone = \"<key>.example\"; } );\n");
	struct config *config = config_of(in_directory(
		"blocklists = ( { name = \"known\"; key_file = \"%s/key\"; } );\n"
		"classes = ( { name = \"n\"; match = ( { file = \"%s/list\"; } ); } );\n"
		"egress = { catalogue = \"%s/catalogue\"; };"));
	struct config *again;
	ck_assert_int_eq(unlink("key"), 0);
	ck_assert_int_eq(unlink("catalogue"), 0);
	file_write("list", "alice\nbob\n");
	ck_assert(config_lines_changed(config));
	struct config_report *report = config_report_new();
	int r = config_reread_lines(config, &again, report);
	ck_assert_msg(r == 0, "%s", told_by(report));
	config_unref(config);
	ck_assert_str_eq(list_of(again, "known")->zone_asked, KEY ".example");
	config_unref(again);
	config_report_free(report);
	directory_remove();
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"pattern_row", pattern_row, ROWS(patterns)},
		{"no_pattern_row", no_pattern_row, ROWS(no_patterns)},
		{"selection_row", selection_row, ROWS(selections)},
		{"own_list", own_list, 0},
		{"merged", merged, 0},
		{"point_row", point_row, ROWS(points)},
		{"dead_lists", dead_lists, 0},
		{"presets_written", presets_written, 0},
		{"mistake_row", mistake_row, ROWS(mistakes)},
		{"fine_row", fine_row, ROWS(fine)},
		{"too_many", too_many, 0},
		{"key_is_masked", key_is_masked, 0},
		{"key_row", key_row, ROWS(keys)},
		{"key_of_no_use", key_of_no_use, 0},
		{"key_is_known_without_key", key_is_known_without_key, 0},
		{"key_survives_reread", key_survives_reread, 0},
	};
	return SUITE_RUN("blocklist", rows);
}
