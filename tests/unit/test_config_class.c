/* SPDX-License-Identifier: ISC */
/*
 * config.h: classes, aliases, overrides and providers: what is looked up in a snapshot, and the
 * mistakes that settings make together.
 */
#include "config_help.h"

/* ---- mistakes ---- */

#define CLASS_OF(match) "classes = ( { name = \"a\"; match = ( " match " ); } );"
#define OVERRIDE(text)  "overrides = ( { limit = \"hourly\"; rate = \"5/1h\"; " text " } );"
#define LIMIT(text)     "limits = ( { name = \"x\"; rate = \"5/1h\"; }, { name = \"z\";\n" text " } );"

/* Each stands on line 2 of the text, behind LEAST. */
static const struct {
	const char *text, *told;
} mistakes[] = {
	/* Classes. */
	{"classes = ( { name = \"a b\"; } );",
		"E t.conf:2: classes.name \"a b\": a class's name has"},
	{"classes = ( { name = \"a\"; } );",
		"W t.conf:2: classes \"a\" has no match: nobody belongs"},
	{"classes = ( { name = \"default\"; },\n{ name = \"default\"; } );",
		"E t.conf:3: classes.name \"default\" is taken already at t.conf:2: join them"},
	{"classes = ( { name = \"null_sender\"; match = (\n{ login = \"a\"; } ); } );",
		"E t.conf:3: classes.match: null_sender is the class of bounces"},
	{CLASS_OF("\n{ }"), "E t.conf:3: classes.match: an element needs login, domain, context"},
	{CLASS_OF("\n{ login = \"a\"; domain = \"b\"; }"),
		"E t.conf:3: classes.match: an element has one of login, domain, context, network"},
	{CLASS_OF("{ login = \"a\"; network = [ ]; }"), "an element has one of"},
	{CLASS_OF("{ logn = \"a\"; }, { login = \"b\"; }"),
		"unknown setting \"logn\" in classes.match"},
	{CLASS_OF("\n{ login = \"@example.org\"; }"),
		"E t.conf:3: classes.match.login \"@example.org\": this is no account: write a "
		"login"},
	{CLASS_OF("{ login = \"addr:host\"; }"),
		"classes.match.login \"addr:host\": this is no address"},
	{CLASS_OF("{ login = \"sender:bob\"; }"), "a sender is an address: write \"sender:alice@"},
	{CLASS_OF("{ login = \"cert:\"; }"), "this is no account"},
	{CLASS_OF("{ domain = \"@a.example\"; }"), "this is no domain: write \"example.org\""},
	{CLASS_OF("{ network = [ \"10.0.0.1/8\" ]; }"), "write \"10.0.0.0/8\""},
	{CLASS_OF("{ file = \"list\"; }"),
		"classes.match.file \"list\": the path must be absolute"},
	{CLASS_OF("{ file = \"/nowhere/list\"; }"),
		"\"/nowhere/list\": cannot be read: No such file"},
	{"classes = ( { name = \"a\"; match = ( { login = \"x\"; } ); limits = [ \"houry\" ]; } );",
		"E t.conf:2: classes.limits \"houry\": no limit has that name (did you mean "
		"\"hourly\"?)"},
	{"classes = ( { name = \"default\"; limits = [ \"nothing\" ]; } );",
		"no limit has that name: write one of limits.name"},
	{"classes = ( { name = \"default\"; egress = \"192.0.2.1\"; } );",
		"E t.conf:2: classes.egress \"192.0.2.1\" is none of egress.addresses: add it "
		"there, or "
		"leave egress out"},
	{"egress = { addresses = ( { address = \"192.0.2.2\"; } ); };\n"
	 "classes = ( { name = \"default\"; egress = \"192.0.2.1\"; } );",
		"E t.conf:3: classes.egress \"192.0.2.1\" is none of egress.addresses: add it "
		"there, or "
		"write one"},
	{"classes = ( { name = \"default\"; egress = \"mail\"; } );",
		"classes.egress \"mail\": this is no"},
	{"classes = ( { name = \"default\"; posture = { hold = \"half\"; }; } );",
		"E t.conf:2: classes.posture.hold \"half\": write pass, slow, shift, ramp, a share "
		"as "
		"50%, DEFER_IF_PERMIT"},
	{"classes = ( { name = \"default\"; posture = { hold = \"150%\"; }; } );",
		"classes.posture.hold \"150%\": a share is 0% to 100%: write \"50%\""},
	{"classes = ( { name = \"default\"; posture = { hold = \"DISCARD\"; }; } );",
		"classes.posture.hold \"DISCARD\": write pass"},
	{"classes = ( { name = \"default\"; posture = { kind = \"people\"; }; } );",
		"classes.posture.kind \"people\": write one of \"auto\", \"human\""},
	/* Signals and ladder. */
	{"signals = { tune = (\n{ name = \"new-recipient\"; } ); };",
		"E t.conf:3: signals.tune.name \"new-recipient\": no signal has that name (did "
		"you mean \"new-recipients\"?)"},
	{"signals = { tune = ( { name = \"qqqqqqqqqq\"; } ); };",
		"no signal has that name: \"policyctl signals\" shows those that there are"},
	{"signals = { tune = ( { name = \"trap\"; },\n{ name = \"trap\"; weight = 5; } ); };",
		"E t.conf:3: signals.tune \"trap\" stands already at t.conf:2: join them"},
	{"signals = { tune = ( { weight = 5; } ); };", "E t.conf:2: signals.tune.name is missing"},
	{"signals = { home_countries = [ \"DEU\" ]; };",
		"E t.conf:2: signals.home_countries \"DEU\": a country has two letters"},
	{"signals = { home_networks = [ \"192.0.2.1/24\" ]; };",
		"signals.home_networks \"192.0.2.1/24\": bits are set beyond the prefix: write "
		"\"192.0.2.0/24\""},
	{"signals = { trap_recipients = [ \"trap\" ]; };",
		"E t.conf:2: signals.trap_recipients \"trap\": this is no address: write"},
	{"signals = { trap_recipients = [ \"a b@example.org\" ]; };", "this is no address"},
	{"signals = { trap_recipients = [ \"a@\" ]; };", "this is no address"},
	{"signals = { mode = \"on\"; };", "signals.mode \"on\": write one of \"enforce\""},
	{"ladder = {\nslow = 20; };",
		"E t.conf:2: ladder: note is 20 and slow 20: each step needs a higher score than "
		"the one before; write slow = 21; or more"},
	{"ladder = { suspend = 69; };", "ladder: hold is 70 and suspend 69: each step"},
	{"ladder = { note = 0; };", "ladder.note 0: write a value from 1 to 100000"},
	{"ladder = { slow_rate = \"unlimited\"; };",
		"E t.conf:2: ladder.slow_rate \"unlimited\": this would slow nobody: write "
		"\"10/1h\""},
	{"ladder = { slow_rate = \"10/message\"; };",
		"ladder.slow_rate \"10/message\": this counts recipients in a window"},
	{"ladder = { max_auto = \"5/message\"; };",
		"ladder.max_auto \"5/message\": this counts accounts in a window"},
	{"classes = ( { name = \"default\";\nladder = { hold = 30; }; } );",
		"E t.conf:3: classes.ladder of \"default\": slow is 40 and hold 30: each step "
		"needs a higher score than the one before; write hold = 41; or more"},
	{"ladder = { hold = 200; suspend = 300; };\n"
	 "classes = ( { name = \"default\"; ladder = { suspend = 199; }; } );",
		"E t.conf:3: classes.ladder of \"default\": hold is 200 and suspend 199"},
	{"classes = ( { name = \"default\"; ladder = { home_countries = [ \"1A\" ]; }; } );",
		"classes.ladder.home_countries \"1A\": a country has two letters"},
	{"geoip = { databases = [ \"city.mmdb\" ]; };",
		"E t.conf:2: geoip.databases \"city.mmdb\": the path must be absolute"},
	/* Ties. */
	{"classes = ( { name = \"a\"; match = ( { login = \"Bob@Example.org\"; } ); },\n"
	 "{ name = \"b\"; match = (\n{ login = \"bob@example.ORG.\"; } ); } );",
		"E t.conf:4: account \"login:bob@example.org\" is in class \"b\" and, at t.conf:2, "
		"in "
		"class \"a\": remove one of them"},
	{"classes = ( { name = \"a\"; match = ( { domain = \"EXAMPLE.org\"; } ); },\n"
	 "{ name = \"b\"; match = (\n{ domain = \"example.org\"; } ); } );",
		"E t.conf:4: domain \"example.org\" is in class \"b\" and, at t.conf:2, in class "
		"\"a\""},
	{"classes = ( { name = \"a\"; match = ( { context = \"bulk\"; } ); },\n"
	 "{ name = \"b\"; match = (\n{ context = \"bulk\"; } ); } );",
		"E t.conf:4: context \"bulk\" is in class \"b\" and, at t.conf:2, in class \"a\""},
	{"classes = ( { name = \"a\"; match = ( { network = [ \"10.0.0.0/8\" ]; } ); },\n"
	 "{ name = \"b\"; match = (\n{ network = [ \"::1\", \"10.0.0.0/8\" ]; } ); } );",
		"E t.conf:4: network \"10.0.0.0/8\" is in class \"b\" and, at t.conf:2, in class "
		"\"a\""},
	/* Limits. */
	{LIMIT("rate = \"5M/1h\";"),
		"limits.rate \"5M/1h\" of \"z\": k, M and G are sizes: write unit = \"bytes\""},
	{LIMIT("rate = \"5/message\"; unit = \"messages\";"),
		"limits.rate \"5/message\" of \"z\": a message has recipients, external-recipients "
		"and"},
	{LIMIT("rate = \"5/message\"; unit = \"rejected-recipients\";"),
		"a message has recipients"},
	{LIMIT("rate = \"5/message\"; key = \"server\";"),
		"limits.key \"server\" of \"z\": a cap per message counts by account"},
	{LIMIT("rate = \"5/1h\"; unit = \"rejected-recipients\"; key = \"recipient_domain\";"),
		"limits.key \"recipient_domain\" of \"z\": Postfix tells how many"},
	{LIMIT("rate = \"5/1h\"; unit = \"rejected-recipients\"; key = "
	       "\"account+recipient_domain\";"),
		"Postfix tells how many recipients it refused, not which"},
	{LIMIT("rate = \"5/1h\"; unit = \"rejected-recipients\"; key = \"provider\";"),
		"Postfix tells how many recipients it refused, not which"},
	{LIMIT("rate = \"5M/1h\"; unit = \"bytes\"; action = \"PREPEND X: y\";"),
		"limits.action PREPEND of \"z\": the size is known at END-OF-MESSAGE, where "
		"Postfix"},
	{LIMIT("rate = \"5/1h\"; action = \"PREPEND X: y\";") "commit_at = \"rcpt\";",
		"limits.action PREPEND of \"z\" is an answer at DATA, which commit_at = \"rcpt\" "
		"never"},
	{LIMIT("rate = \"5/1h\"; action = \"FILTER slow:\";") "commit_at = \"rcpt\";",
		"limits.action FILTER of \"z\" is an answer at DATA"},
	/* Overrides. */
	{OVERRIDE(""), "E t.conf:2: overrides: account is missing: write account = "},
	{OVERRIDE("account = \"a\"; domain = \"b\";"),
		"overrides: account and domain exclude each"},
	{OVERRIDE("account = \"addr:x\";"),
		"E t.conf:2: overrides.account \"addr:x\": this is no address"},
	{OVERRIDE("domain = \"@x\";"), "overrides.domain \"@x\": this is no domain"},
	{"overrides = ( { account = \"a\"; limit = \"daly\"; rate = \"5/1d\"; } );",
		"E t.conf:2: overrides.limit \"daly\": no limit has that name (did you mean "
		"\"daily\"?)"},
	{"overrides = ( { account = \"a\"; limit = \"hourly\"; rate = \"500/1d\"; } );",
		"E t.conf:2: overrides.rate \"500/1d\": limit \"hourly\" counts per 1h: write "
		"\"500/1h\""},
	{"overrides = ( { account = \"a\"; limit = \"hourly\"; rate = \"5/message\"; } );",
		"limit \"hourly\" counts per 1h: write \"5/1h\""},
	{"overrides = ( { account = \"a\"; limit = \"hourly\"; rate = \"5M/1h\"; } );",
		"overrides.rate \"5M/1h\": limit \"hourly\" counts recipients, which have no k, M "
		"or G"},
	{OVERRIDE("account = \"a\"; until = \"2026-02-30\";"),
		"overrides.until \"2026-02-30\": this is no"},
	{OVERRIDE("account = \"a\"; until = \"2026-13-01\";"),
		"this is no time: write \"2026-12-31\" or"},
	{OVERRIDE("account = \"a\"; until = \"2026-12-31 18:00\";"), "this is no time"},
	{OVERRIDE("account = \"a\"; until = \"2026-12-31T18:00:00\";"), "this is no time"},
	{OVERRIDE("account = \"a\"; until = \"2026-12-31T24:00:00Z\";"), "this is no time"},
	{OVERRIDE("account = \"a\"; until = \"Friday\";"), "this is no time"},
	{"overrides = ( { account = \"Bob\"; limit = \"hourly\"; rate = \"5/1h\"; },\n"
	 "{ account = \"bob\"; limit = \"daily\"; rate = \"5/1d\"; },\n"
	 "{ account = \"login:bob\"; limit = \"hourly\"; rate = \"6/1h\"; } );",
		"E t.conf:4: overrides: \"login:bob\" has one for limit \"hourly\" already at "
		"t.conf:2"},
	{"overrides = ( { domain = \"A.example\"; limit = \"hourly\"; rate = \"5/1h\"; },\n"
	 "{ domain = \"a.example\"; limit = \"hourly\"; rate = \"6/1h\"; } );",
		"E t.conf:3: overrides: \"domain:a.example\" has one for limit \"hourly\" already"},
	/* Providers. */
	{"providers = ( { name = \"x y\"; domains = [ ]; } );", "a provider's name has 1 to 40"},
	{"providers = ( { name = \"x\"; } );", "providers.domains is missing"},
	{"providers = ( { name = \"x\"; domains = [ \"a@b\" ]; } );", "this is no domain"},
	{"providers = ( { name = \"x\"; domains = [ \"a.example\" ]; },\n"
	 "{ name = \"y\"; domains = [ \"b.example\", \"A.example\" ]; } );",
		"E t.conf:3: providers.domains \"a.example\" is listed already at t.conf:2"},
};

START_TEST(mistake_row)
{
	struct loaded loaded;

	if (strncmp(mistakes[_i].text, "limits", 6) == 0) {
		static char text[4096];
		int n = snprintf(text, sizeof(text), "listen = ( { address = \"unix:/a\"; } );\n%s",
			mistakes[_i].text);
		loaded = (struct loaded){.report = config_report_new()};
		loaded.r = config_parse(
			span_make(text, (size_t)n), "t.conf", &loaded.config, loaded.report);
	} else {
		loaded = load_text(mistakes[_i].text);
	}
	ck_assert_msg(loaded.report->n == 1 && strstr(told_by(loaded.report), mistakes[_i].told),
		"%s WAS TOLD AS %s", mistakes[_i].text, told_by(loaded.report));
	ck_assert_int_eq(loaded.r, loaded.report->errors ? -EINVAL : 0);
	loaded_free(&loaded);
}
END_TEST

/* Keys that an override cannot stand for. */
static const struct {
	const char *key, *who, *told;
} keys[] = {
	{"account", "account", ""},
	{"account+recipient_domain", "account", ""},
	{"account", "domain", ""},
	{"sender_domain", "domain", ""},
	{"sender_domain", "account", "counts by sender_domain: write domain instead of account"},
	{"sender", "account", "counts by sender, which is no account"},
	{"client_address", "account", "which is no account"},
	{"client_net", "domain", "which is no account"},
	{"recipient_domain", "domain", "which is no account"},
	{"provider", "account", "which is no account"},
	{"egress", "account", "which is no account"},
	{"server", "domain", "which is no account"},
};

START_TEST(override_key_row)
{
	char text[512];
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(text, sizeof(text),
		"listen = ( { address = \"unix:/a\"; } );\n"
		"limits = ( { name = \"x\"; rate = \"5/1h\"; key = \"%s\"; } );\n"
		"overrides = ( { %s = \"example.org\"; limit = \"x\"; rate = \"6/1h\"; } );",
		keys[_i].key, keys[_i].who);
	int r = config_parse(span_make(text, (size_t)n), "t.conf", &config, report);

	ck_assert_int_eq(r, keys[_i].told[0] ? -EINVAL : 0);
	ck_assert_msg(strstr(told_by(report), keys[_i].told), "%s", told_by(report));
	config_unref(config);
	config_report_free(report);
}
END_TEST

/* ---- what is looked up ---- */

static const char *class_of(const struct config *config, struct class_query query)
{
	return config->classes[config_class_of(config, &query)].name;
}

static const char *class_of_account(const struct config *config, const char *key)
{
	return class_of(config, (struct class_query){.account = span_of(key)});
}

static const char *class_of_client(const struct config *config, const char *address)
{
	struct ip ip;

	ck_assert_int_eq(ip_parse(span_of(address), &ip), 0);
	return class_of(config, (struct class_query){.account = SPAN("x"), .client = &ip});
}

static const char classes[] =
	"login_domain = \"example.org\"; local_domains = [ \"example.org\" ];\n"
	"recipient_delimiter = \"+\";\n"
	"classes = (\n"
	"{ name = \"people\"; match = ( { domain = \"example.org\"; }, { login = "
	"\"Carol+x@else.example\"; } ); },\n"
	"{ name = \"news\"; match = ( { login = \"NEWS+weekly\"; }, { login = \"cert:AB:CD\"; },\n"
	"  { domain = \"b\\xc3\\xbccher.example\"; } ); limits = [ \"daily\" ]; },\n"
	"{ name = \"sub\"; match = ( { domain = \"sub.example.org\"; }, { context = \"bulk\"; } ); "
	"},\n"
	"{ name = \"wide\"; match = ( { network = [ \"10.0.0.0/8\", \"2001:db8::/32\" ]; } ); },\n"
	"{ name = \"narrow\"; match = ( { network = [ \"10.1.0.0/16\", \"10.1.2.3\", "
	"\"2001:db8:0:8000::/49\" ]; },\n"
	"  { login = \"addr:10.9.9.9\"; }, { login = \"addr:2001:db8::1\"; }, { login = "
	"\"sender:Eve+1@Example.org\"; } ); } );\n";

START_TEST(class_precedence)
{
	struct config *config = config_of(classes);
	struct ip ip;

	ck_assert_uint_eq(config->classes_n, 7);
	ck_assert_uint_eq(config->class_default, 5);
	ck_assert_str_eq(config->classes[5].name, "default");
	ck_assert_str_eq(config->classes[6].name, "null_sender");
	ck_assert_str_eq(config->classes[5].place.file, "t.conf");
	ck_assert_uint_eq(config->classes[5].place.line, 1);
	/* Exact account, in canonical form. */
	ck_assert_str_eq(class_of_account(config, "login:news@example.org"), "news");
	ck_assert_str_eq(class_of_account(config, "login:news"), "default");
	ck_assert_str_eq(class_of_account(config, "cert:ab:cd"), "news");
	ck_assert_str_eq(class_of_account(config, "addr:10.9.9.9"), "narrow");
	ck_assert_str_eq(class_of_account(config, "addr:2001:db8::/64"), "narrow");
	ck_assert_str_eq(class_of_account(config, "sender:eve@example.org"), "narrow");
	/* The delimiter is for local domains only. */
	ck_assert_str_eq(class_of_account(config, "login:carol+x@else.example"), "people");
	ck_assert_str_eq(class_of_account(config, "login:carol@else.example"), "default");
	/* The account before its domain, the longest domain, the domain before context and network. */
	struct class_query query = {.account = SPAN("login:news@example.org"),
		.domain = SPAN("example.org"),
		.context = SPAN("bulk")};
	ck_assert_str_eq(class_of(config, query), "news");
	query.account = SPAN("login:bob@example.org");
	ck_assert_str_eq(class_of(config, query), "people");
	query.domain = SPAN("a.sub.example.org");
	ck_assert_str_eq(class_of(config, query), "sub");
	query.domain = SPAN("notexample.org");
	ck_assert_str_eq(class_of(config, query), "sub");
	query.context = SPAN("bul");
	ck_assert_str_eq(class_of(config, query), "default");
	ck_assert_int_eq(ip_parse(SPAN("10.200.0.1"), &ip), 0);
	query.client = &ip;
	ck_assert_str_eq(class_of(config, query), "wide");
	query.context = SPAN("bulk");
	ck_assert_str_eq(class_of(config, query), "sub");
	query.domain = SPAN("xn--bcher-kva.example");
	ck_assert_str_eq(class_of(config, query), "news");
	/* A null sender without login before all. */
	query.is_null_sender = true;
	ck_assert_str_eq(class_of(config, query), "null_sender");
	config_unref(config);
}
END_TEST

START_TEST(class_networks)
{
	struct config *config = config_of(classes);

	ck_assert_str_eq(class_of_client(config, "10.0.0.0"), "wide");
	ck_assert_str_eq(class_of_client(config, "10.255.255.255"), "wide");
	ck_assert_str_eq(class_of_client(config, "10.1.255.255"), "narrow");
	ck_assert_str_eq(class_of_client(config, "10.2.0.0"), "wide");
	ck_assert_str_eq(class_of_client(config, "11.0.0.0"), "default");
	ck_assert_str_eq(class_of_client(config, "9.255.255.255"), "default");
	ck_assert_str_eq(class_of_client(config, "2001:db8:0:7fff::1"), "wide");
	ck_assert_str_eq(class_of_client(config, "2001:db8:0:8000::"), "narrow");
	ck_assert_str_eq(class_of_client(config, "2001:db9::"), "default");
	config_unref(config);
}
END_TEST

/* A limit that no class names belongs to all, a named one to those that name it. */
START_TEST(class_limits)
{
	struct config *config = config_of("classes = ( { name = \"a\"; match = ( { login = \"a\"; "
					  "} ); limits = [ \"daily\" ]; },\n"
					  "{ name = \"b\"; match = ( { login = \"b\"; } ); limits "
					  "= [ \"daily\", \"daily\" ]; },\n"
					  "{ name = \"c\"; match = ( { login = \"c\"; } ); } );");

	ck_assert_uint_eq(config->classes[0].limit_set, 3);
	ck_assert_uint_eq(config->classes[1].limit_set, 3);
	ck_assert_uint_eq(config->classes[2].limit_set, 1);
	ck_assert_uint_eq(config->classes[config->class_default].limit_set, 1);
	ck_assert_uint_eq(config->classes[config->class_null_sender].limit_set, 1);
	ck_assert_int_eq(config_limit_of(config, SPAN("daily")), 1);
	ck_assert_int_eq(config_limit_of(config, SPAN("dail")), -1);
	ck_assert_int_eq(config_limit_of(config, SPAN("")), -1);
	config_unref(config);
	config = config_of("");
	ck_assert_uint_eq(config->classes_n, 2);
	ck_assert_uint_eq(config->classes[0].limit_set, 3);
	ck_assert_uint_eq(config->classes[1].limit_set, 3);
	config_unref(config);
}
END_TEST

START_TEST(class_egress)
{
	struct config *config =
		config_of("classes = ( { name = \"default\"; egress = \"2001:DB8::0:2\"; } );\n"
			  "egress = { addresses = ( { address = \"192.0.2.1\"; }, { address = "
			  "\"2001:db8::2\"; } ); };");

	ck_assert_uint_eq(config->classes[0].egress_at, 1);
	ck_assert_uint_eq(config->classes[config->class_null_sender].egress_at, 0);
	config_unref(config);
	config = config_of("");
	ck_assert_uint_eq(config->classes[0].egress_at, UINT32_MAX);
	config_unref(config);
}
END_TEST

START_TEST(given_classes)
{
	struct config *config = config_of("classes = ( { name = \"null_sender\"; limits = [ "
					  "\"daily\" ]; },\n{ name = \"default\"; } );");

	ck_assert_uint_eq(config->classes_n, 2);
	ck_assert_uint_eq(config->class_null_sender, 0);
	ck_assert_uint_eq(config->class_default, 1);
	ck_assert_uint_eq(config->classes[0].limit_set, 3);
	ck_assert_uint_eq(config->classes[1].limit_set, 1);
	ck_assert_uint_eq(config->classes[1].place.line, 3);
	config_unref(config);
}
END_TEST

START_TEST(local_domains)
{
	struct config *config = config_of("local_domains = [ \"Example.ORG\", \"b\xc3\xbc"
					  "cher.example\" ];");

	ck_assert(config_is_local(config, SPAN("example.org")));
	ck_assert(config_is_local(config, SPAN("xn--bcher-kva.example")));
	ck_assert(!config_is_local(config, SPAN("sub.example.org")));
	ck_assert(!config_is_local(config, SPAN("")));
	config_unref(config);
}
END_TEST

/* An address, with all its extensions where the domain is ours, or whatever is in a domain. */
START_TEST(traps)
{
	struct config *config = config_of(
		"local_domains = [ \"example.org\" ]; recipient_delimiter = \"+\";\n"
		"signals = { trap_recipients = [ \"Trap@Example.ORG\", \"a+b@x.example\", "
		"\"@B\xc3\xbc"
		"cher.example\" ]; };");
	struct config *none = config_of("");

	ck_assert(config_is_trap(config, SPAN("trap@example.org")));
	ck_assert(config_is_trap(config, SPAN("TRAP+list@example.org")));
	ck_assert(config_is_trap(config, SPAN("a+b@X.example")));
	ck_assert(config_is_trap(config, SPAN("any@xn--bcher-kva.example")));
	ck_assert(!config_is_trap(config, SPAN("a@x.example")));
	ck_assert(!config_is_trap(config, SPAN("trap@sub.example.org")));
	ck_assert(!config_is_trap(config, SPAN("any@sub.xn--bcher-kva.example")));
	ck_assert(!config_is_trap(config, SPAN("trap")));
	ck_assert(!config_is_trap(config, SPAN("")));
	ck_assert(!config_is_trap(none, SPAN("trap@example.org")));
	config_unref(config);
	config_unref(none);
}
END_TEST

/* What is left out of a class's ladder is nothing by itself; the ladder's own is what holds then. */
START_TEST(class_ladder)
{
	struct config *config = config_of(
		"ladder = { note = 5; };\n"
		"classes = ( { name = \"a\"; match = ( { login = \"x\"; } ); ladder = { slow = "
		"60; home_countries = [ \"fr\" ]; }; } );\n"
		"signals = { tune = ( { name = \"trap\"; weight = 0; } ); home_countries = [ "
		"\"De\" ]; };");
	const struct config_class_ladder *ladder = &config->classes[0].ladder;

	ck_assert_uint_eq(ladder->slow, 60);
	ck_assert(ladder->note == 0 && ladder->hold == 0 && ladder->suspend == 0);
	ck_assert_int_eq(ladder->mode, MODE_ENFORCE);
	ck_assert_str_eq(ladder->home_countries.text[0], "FR");
	ck_assert_str_eq(config->signals.home_countries.text[0], "DE");
	ck_assert_uint_eq(config->signals.tune[0].weight, 0);
	ck_assert_uint_eq(config->classes[config->class_default].ladder.slow, 0);
	ck_assert_uint_eq(config->ladder.note, 5);
	ck_assert_uint_eq(config->ladder.slow, 40);
	config_unref(config);
}
END_TEST

static const char *provider_of(const struct config *config, const char *domain)
{
	static char name[64];

	span_copy(config_provider_of(config, span_of(domain)), name, sizeof(name));
	return name;
}

START_TEST(providers)
{
	struct config *config = config_of(
		"providers = ( { name = \"ours\"; domains = [ \"A.example\", \"b.example\" ]; },\n"
		"{ name = \"google\"; domains = [ \"workspace.example\" ]; },\n"
		"{ name = \"special\"; domains = [ \"gmail.com\" ]; } );");

	ck_assert_str_eq(provider_of(config, "a.example"), "ours");
	ck_assert_str_eq(provider_of(config, "workspace.example"), "google");
	ck_assert_str_eq(provider_of(config, "googlemail.com"), "google");
	ck_assert_str_eq(provider_of(config, "gmail.com"), "special");
	ck_assert_str_eq(provider_of(config, "hotmail.co.uk"), "microsoft");
	ck_assert_str_eq(provider_of(config, "vip.126.com"), "163");
	ck_assert_str_eq(provider_of(config, "sub.gmail.com"), "sub.gmail.com");
	ck_assert_str_eq(provider_of(config, "nobody.example"), "nobody.example");
	ck_assert_str_eq(provider_of(config, ""), "");
	config_unref(config);
}
END_TEST

#define AT_S(s) ((wall_t){.us = INT64_C(s) * SECOND_US})

START_TEST(overrides)
{
	struct config *config = config_of(
		"login_domain = \"example.org\";\n"
		"overrides = ( { account = \"Bob\"; limit = \"hourly\"; rate = \"5/1h\"; until = "
		"\"2026-12-31\"; },\n"
		"{ account = \"bob@example.org\"; limit = \"daily\"; rate = \"unlimited\"; },\n"
		"{ domain = \"Example.org\"; limit = \"daily\"; rate = \"7/1d\"; until = "
		"\"2026-12-31T18:00:01Z\"; } );");
	struct span bob = SPAN("login:bob@example.org"), domain = SPAN("domain:example.org");
	const struct config_override *override;

	/* 2027-01-01T00:00:00Z: a date means that day too. */
	override = config_override_of(config, bob, 0, AT_S(1798761599));
	ck_assert_ptr_eq(override, &config->overrides[0]);
	ck_assert_uint_eq(override->rate.n, 5);
	ck_assert_ptr_null(config_override_of(config, bob, 0, AT_S(1798761600)));
	override = config_override_of(config, bob, 1, AT_S(99999999999));
	ck_assert_ptr_eq(override, &config->overrides[1]);
	ck_assert_int_eq(override->until_at.us, WALL_NEVER.us);
	ck_assert_uint_eq(override->limit_at, 1);
	ck_assert_ptr_null(config_override_of(config, domain, 0, AT_S(0)));
	ck_assert_ptr_nonnull(config_override_of(config, domain, 1, AT_S(1798740000)));
	ck_assert_ptr_null(config_override_of(config, domain, 1, AT_S(1798740001)));
	ck_assert_ptr_null(config_override_of(config, SPAN("login:alice@example.org"), 0, AT_S(0)));
	ck_assert_ptr_null(config_override_of(config, bob, 59, AT_S(0)));
	config_unref(config);
}
END_TEST

/* Only who knows the time is told what is over. */
START_TEST(override_past)
{
	struct config_report *report = config_report_new();
	struct config *config = NULL;

	directory_make();
	file_write("p.conf", LEAST OVERRIDE("account = \"a\"; until = \"2026-01-01\";"));
	struct config_source source = {.path = "p.conf", .wall = AT_S(1767312000)};
	ck_assert_int_eq(config_load(&source, &config, report), 0);
	ck_assert_uint_eq(report->n, 1);
	ck_assert_msg(strstr(told_by(report), "W p.conf:2: overrides.until \"2026-01-01\" is past"),
		"%s", told_by(report));
	config_unref(config);
	source.wall.us -= 1;
	ck_assert_int_eq(config_load(&source, &config, report), 0);
	config_unref(config);
	source.wall.us = 0;
	ck_assert_int_eq(config_load(&source, &config, report), 0);
	ck_assert_uint_eq(report->n, 1);
	config_unref(config);
	config_report_free(report);
	directory_remove();
}
END_TEST

/* ---- list files ---- */

static struct loaded load_files(const char *list, const char *aliases, const char *text)
{
	static char copy[16384];

	file_write("list", list);
	file_write("aliases", aliases);
	snprintf(copy, sizeof(copy), "%s", in_directory(text));
	return load_text(copy);
}

#define LIST_CLASS "classes = ( { name = \"a\"; match = ( { file = \"%s/list\"; } ); } );\n"

START_TEST(list_file)
{
	directory_make();
	struct loaded loaded = load_files("# a comment\n\n  alice@Example.org  # and another\r\n"
					  "login:john.doe\njane\n@d.example\ne.example\n"
					  "192.0.2.0/24\n2001:db8::1\naddr:10.0.0.1\n"
					  "a#b@example.org\nsender:s@example.org",
		"", LIST_CLASS);
	const struct config *config = loaded.config;

	ck_assert_msg(loaded.r == 0 && loaded.report->n == 0, "%s", told_by(loaded.report));
	ck_assert_uint_eq(config->classes[0].match[0].file.n, 10);
	ck_assert_str_eq(config->classes[0].match[0].file.line[0].text, "alice@Example.org");
	ck_assert_uint_eq(config->classes[0].match[0].file.line[0].line, 3);
	static const char *const accounts[] = {"login:alice@example.org", "login:john.doe",
		"login:jane", "addr:10.0.0.1", "login:a#b@example.org", "sender:s@example.org"};
	for (int i = 0; i < ROWS(accounts); i++)
		ck_assert_str_eq(class_of_account(config, accounts[i]), "a");
	ck_assert_str_eq(class_of_account(config, "login:e.example"), "default");
	ck_assert_str_eq(
		class_of(config, (struct class_query){.domain = SPAN("x.e.example")}), "a");
	ck_assert_str_eq(class_of(config, (struct class_query){.domain = SPAN("d.example")}), "a");
	ck_assert_str_eq(class_of_client(config, "192.0.2.255"), "a");
	ck_assert_str_eq(class_of_client(config, "2001:db8::1"), "a");
	ck_assert_str_eq(class_of_client(config, "2001:db8::2"), "default");
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

static const struct {
	const char *list, *told;
} bad_lists[] = {
	{"a\nb c\n", "/list:2: \"b c\" is no login, \"@domain\" or network"},
	{"192.0.2.1/24", "/list:1: \"192.0.2.1/24\" is no login"},
	{"192.0.2.0/33", "/list:1: \"192.0.2.0/33\" is no login"},
	{"@", "/list:1: \"@\" is no login"},
	{"@a@b", "/list:1: \"@a@b\" is no login"},
	{".example", "/list:1: \".example\" is no login"},
	{"\n\naddr:x", "/list:3: \"addr:x\": this is no address"},
	{"a\nb\x01\n", "t.conf:2: classes.match.file \"/tmp/test_config."},
	{"a\nb\x01\n", "line 2 holds a control character: remove it"},
};

START_TEST(bad_list_row)
{
	directory_make();
	struct loaded loaded = load_files(bad_lists[_i].list, "", LIST_CLASS);

	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_msg(loaded.report->n == 1 && strstr(told_by(loaded.report), bad_lists[_i].told),
		"%s", told_by(loaded.report));
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

/* Both places are named, be they in a file of lines or in the configuration. */
START_TEST(list_ties)
{
	char wanted[256];

	directory_make();
	struct loaded loaded = load_files("\nbob\n@x.example\n", "",
		"classes = ( { name = \"a\"; match = ( { file = \"%s/list\"; } ); },\n"
		"{ name = \"b\"; match = (\n{ login = \"bob\"; },\n{ domain = \"x.example\"; } ); "
		"} );");
	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_uint_eq(loaded.report->n, 2);
	snprintf(wanted, sizeof(wanted),
		"E t.conf:4: account \"login:bob\" is in class \"b\" and, at %s/list:2, in class "
		"\"a\"",
		directory);
	ck_assert_msg(strstr(told_by(loaded.report), wanted), "%s", told_by(loaded.report));
	snprintf(wanted, sizeof(wanted),
		"E t.conf:5: domain \"x.example\" is in class \"b\" and, at %s/list:3,", directory);
	ck_assert_msg(strstr(told_by(loaded.report), wanted), "%s", told_by(loaded.report));
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

START_TEST(list_bounds)
{
	char line[1100], text[4096];

	directory_make();
	memset(line, 'a', sizeof(line));
	line[1024] = '\0';
	snprintf(text, sizeof(text), "  %s  \n", line);
	struct loaded loaded = load_files(text, "", LIST_CLASS);
	ck_assert_msg(loaded.r == 0, "%s", told_by(loaded.report));
	loaded_free(&loaded);
	line[1024] = 'a';
	line[1025] = '\0';
	snprintf(text, sizeof(text), "b\n%s\n", line);
	loaded = load_files(text, "", LIST_CLASS);
	ck_assert_msg(strstr(told_by(loaded.report), "line 2 is longer than 1024 bytes"), "%s",
		told_by(loaded.report));
	loaded_free(&loaded);
	file_write("list", "");
	ck_assert_int_eq(truncate("list", 64 * 1024 * 1024 + 1), 0);
	loaded = load_text(in_directory(LIST_CLASS));
	ck_assert_msg(strstr(told_by(loaded.report), "larger than 67108864 bytes"), "%s",
		told_by(loaded.report));
	loaded_free(&loaded);
	FILE *file = fopen("list", "w");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 1000001; i++)
		ck_assert_int_eq(fputc('\n', file), '\n');
	ck_assert_int_eq(fclose(file), 0);
	loaded = load_text(in_directory(LIST_CLASS));
	ck_assert_msg(strstr(told_by(loaded.report), "has more than 1000000 lines"), "%s",
		told_by(loaded.report));
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

/* Many names: all are found, and loading takes no long time. */
START_TEST(list_large)
{
	char key[32];

	directory_make();
	FILE *file = fopen("list", "w");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 200000; i++)
		ck_assert_int_gt(fprintf(file, "user%d\n", i), 0);
	ck_assert_int_eq(fclose(file), 0);
	struct config *config = config_of(in_directory(LIST_CLASS));
	for (int i = 0; i < 200001; i++) {
		snprintf(key, sizeof(key), "login:user%d", i);
		ck_assert_str_eq(class_of_account(config, key), i < 200000 ? "a" : "default");
	}
	config_unref(config);
	directory_remove();
}
END_TEST

#define ALIASES                                                                                    \
	"login_domain = \"example.org\"; local_domains = [ \"example.org\" ]; "                    \
	"recipient_delimiter = "                                                                   \
	"\"+\"; account_aliases = \"%s/aliases\";\n"

static const char *alias_of(const struct config *config, const char *key)
{
	static char account[128];

	span_copy(config_alias_of(config, span_of(key)), account, sizeof(account));
	return account;
}

START_TEST(aliases)
{
	directory_make();
	struct loaded loaded = load_files("bob",
		"# ALIAS ACCOUNT\nRobert bob\n"
		"bobby+x@example.org\tbob@Example.org\nbob@old.example bob\naddr:10.0.0.1 bob # "
		"desk\n"
		"robert bob\n",
		ALIASES "overrides = ( { account = \"robert\"; limit = \"hourly\"; rate = "
			"\"5/1h\"; } );\n" LIST_CLASS);
	const struct config *config = loaded.config;

	ck_assert_msg(loaded.r == 0 && loaded.report->n == 0, "%s", told_by(loaded.report));
	ck_assert_str_eq(alias_of(config, "login:robert@example.org"), "login:bob@example.org");
	ck_assert_str_eq(alias_of(config, "login:bobby@example.org"), "login:bob@example.org");
	ck_assert_str_eq(alias_of(config, "login:bob@old.example"), "login:bob@example.org");
	ck_assert_str_eq(alias_of(config, "addr:10.0.0.1"), "login:bob@example.org");
	ck_assert_str_eq(alias_of(config, "login:bob@example.org"), "");
	ck_assert_str_eq(alias_of(config, ""), "");
	/* Who is asked for is the account, so overrides and classes of an alias are its. */
	ck_assert_ptr_nonnull(
		config_override_of(config, SPAN("login:bob@example.org"), 0, AT_S(0)));
	ck_assert_str_eq(class_of_account(config, "login:bob@example.org"), "a");
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

static const struct {
	const char *aliases, *told;
} bad_aliases[] = {
	{"one\n", "/aliases:1: \"one\": an alias is two words"},
	{"one two three\n", "/aliases:1: \"one two three\": an alias is two words"},
	{"one @two\n", "/aliases:1: \"@two\": this is no account"},
	{"\nbob Bob@example.org\n", "/aliases:2: \"login:bob@example.org\" stands for itself"},
	{"bob+x bob\n", "\"login:bob@example.org\" stands for itself"},
	{"a b\nA c\n", "/aliases:2: \"login:a@example.org\" stands for another account at /tmp/"},
	{"b c\na b\n", "/aliases:2: \"login:b@example.org\" is an alias itself (/tmp/test_config."},
	{"a b\nb c\n", "write \"login:c@example.org\", which it stands for"},
	{"sender:x y\n", "a sender is an address"},
};

START_TEST(bad_alias_row)
{
	directory_make();
	struct loaded loaded = load_files("", bad_aliases[_i].aliases, ALIASES);

	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_msg(loaded.report->n == 1 && strstr(told_by(loaded.report), bad_aliases[_i].told),
		"%s", told_by(loaded.report));
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"mistake_row", mistake_row, ROWS(mistakes)},
		{"override_key_row", override_key_row, ROWS(keys)},
		{"class_precedence", class_precedence, 0},
		{"class_networks", class_networks, 0},
		{"class_limits", class_limits, 0},
		{"class_egress", class_egress, 0},
		{"given_classes", given_classes, 0},
		{"local_domains", local_domains, 0},
		{"traps", traps, 0},
		{"class_ladder", class_ladder, 0},
		{"providers", providers, 0},
		{"overrides", overrides, 0},
		{"override_past", override_past, 0},
		{"list_file", list_file, 0},
		{"bad_list_row", bad_list_row, ROWS(bad_lists)},
		{"list_ties", list_ties, 0},
		{"list_bounds", list_bounds, 0},
		{"list_large", list_large, 0},
		{"aliases", aliases, 0},
		{"bad_alias_row", bad_alias_row, ROWS(bad_aliases)},
	};
	return SUITE_RUN("config_class", rows);
}
