/* SPDX-License-Identifier: ISC */
/*
 * config.h: what is accepted, what every mistake is told as, and where. Files and --set are in
 * test_config_files.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policyd/config.h"
#include "suite.h"

/* A limit with that action; and bytes for it. */
#define ACTION(word) "limits = ( { name = \"a\"; rate = \"1/1h\"; action = \"" word "\"; } );"
#define B50          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* The least that loads without a word. */
#define LISTEN "listen = ( { address = \"unix:/run/p.sock\"; } );\n"
#define LIMITS "limits = ( { name = \"hourly\"; rate = \"200/1h\"; } );\n"

struct loaded {
	int r;
	struct config *config;
	struct config_report *report;
};

static struct loaded parse(const char *text, size_t n)
{
	struct loaded loaded = {.report = config_report_new()};

	loaded.r = config_parse(span_make(text, n), "t.conf", &loaded.config, loaded.report);
	return loaded;
}

static void loaded_free(struct loaded *loaded)
{
	if (loaded->r == 0)
		config_unref(loaded->config);
	config_report_free(loaded->report);
}

/* All messages in one line, as TAP wants it. */
static const char *report_text(const struct config_report *report)
{
	static char text[16384];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < report->n && n < sizeof(text) - 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s | ",
			report->line[i].error ? "E" : "W", report->line[i].text);
	return text;
}

/* One mistake in an otherwise whole configuration, and its line in the report. */
static const struct mistake {
	const char *text;
	const char *told; /* begins with "E " or "W " */
} mistakes[] = {
	/* Unknown and missing. */
	{"\n\nlimts = 3;", "E t.conf:3: unknown setting \"limts\" (did you mean \"limits\"?)"},
	{"LIMITS = 3;", "E t.conf:1: unknown setting \"LIMITS\" (did you mean \"limits\"?)"},
	{"zzzzzzz = 1;", "E t.conf:1: unknown setting \"zzzzzzz\": remove it"},
	{"control = { oprators = [ \"a\" ]; };",
		"\"oprators\" in control (did you mean \"operators\"?)"},
	{"control = {\n x = 1; };",
		"E t.conf:2: unknown setting \"x\" in control (known here: socket, "},
	{"limits = ( { rate = \"1/1h\"; } );", "E t.conf:1: limits.name is missing: add name = "},
	{"limits = ( {\n name = \"a\";\n} );", "limits.rate is missing: add rate = \"200/1h\";"},
	{"listen = ( { mode = \"0600\"; } );", "E t.conf:1: listen.address is missing"},
	{"listen = ( );", "E t.conf:1: listen needs at least one element"},
	/* Types. */
	{"listen = { };",
		"listen: a list of groups is expected, as in listen = ( { ... }, { ... } );"},
	{"listen = ( \"unix:/a\" );", "listen: a list of groups is expected"},
	{"state = \"/x\";", "state: a group is expected, as in state = { ... };"},
	{"connections_max = \"12\";",
		"a whole number without quotes is expected, as in connections_max = 4096;"},
	{"connections_max = 1.5;", "connections_max: a whole number without quotes"},
	{"connections_max = true;", "connections_max: a whole number without quotes"},
	{"user = 5;", "user: a string is expected, as in user = \"...\";"},
	{"reserve_max = 60;", "a duration in quotes is expected, as in reserve_max = \"1h\";"},
	{"control = { mode = 0660; };",
		"a string of octal digits is expected, as in mode = \"0660\";"},
	{"local_domains = \"a.example\";",
		"a list of strings is expected, as in local_domains = [ "},
	{"local_domains = ( \"a.example\",\n 5 );", "E t.conf:2: local_domains: a list of strings"},
	{"trusted_networks = \"::1\";", "as in trusted_networks = [ \"192.0.2.0/24\", "},
	/* Numbers. */
	{"connections_max = 15;", "connections_max 15: write a value from 16 to 100000"},
	{"connections_max = 100001;", "connections_max 100001: write a value from 16 to 100000"},
	{"connections_max = -20;", "connections_max -20: write a value from 16 to 100000"},
	{"connections_max = 99999999999L;", "connections_max 99999999999: write a value from"},
	{"\nconnections_max = 4294967396;",
		"E t.conf:2: the number \"4294967396\" does not fit into 32 bits"},
	{"connections_max = 0x100001000;", "the number \"0x100001000\" does not fit into 32 bits"},
	{"connections_max = -4294967396;", "the number \"-4294967396\" does not fit"},
	{"connections_max = 18446744073709555712L;", "does not fit into 64 bits"},
	{"connections_max = -2147483649; # 1", "t.conf:1: the number \"-2147483649\" does not fit"},
	/* Durations and sizes. */
	{"reserve_max = \"30s\";", "reserve_max \"30s\": write a value from 1m to 1d"},
	{"reserve_max = \"2d\";", "reserve_max \"2d\": write a value from 1m to 1d"},
	{"reserve_max = \"1 hour\";",
		"reserve_max \"1 hour\": a duration is a whole number and one of"},
	{"record = { max_bytes = \"1k\"; };",
		"record.max_bytes \"1k\": write a value of at least 1M"},
	{"record = { max_bytes = \"1 GB\"; };", "record.max_bytes \"1 GB\": a size is"},
	/* Rates. */
	{"limits = ( { name = \"a\"; rate = 0; } );",
		"a rate in quotes, N/window, N/message or unlimited, is expected"},
	{"limits = ( { name = \"a\"; rate = \"0\"; } );", "write \"200/1h\" or \"unlimited\""},
	{"limits = ( { name = \"a\"; rate = \"200\"; } );", "write \"200/1h\" or \"unlimited\""},
	{"limits = ( { name = \"a\"; rate = \"0/1h\"; } );", "counts at least 1"},
	{"limits = ( { name = \"a\"; rate = \"9/32d\"; } );", "the window is 1m to 31d"},
	/* Words. */
	{"limits = ( { name = \"a\"; rate = \"1/1h\"; action = \"DEFFER\"; } );",
		"limits.action \"DEFFER\": write one of \"BCC\", \"PREPEND\", \"FILTER\", "
		"\"HOLD\", "
		"\"REDIRECT\", \"DISCARD\", \"DEFER_IF_PERMIT\", \"DEFER\", \"REJECT\", or 4NN or "
		"5NN and a text (did you mean \"DEFER\"?)"},
	{ACTION("FILTER"),
		"limits.action \"FILTER\": needs a transport with ':': write \"FILTER slow"},
	{ACTION("FILTER slow"), "needs a transport with ':'"},
	{ACTION("FILTER :x"), "needs a transport with ':'"},
	{ACTION("FILTER slow: x"), "needs a transport with ':'"},
	{ACTION("PREPEND"), "needs a header: write \"PREPEND X-Limited: yes\""},
	{ACTION("PREPEND X-Limited"), "needs a header"},
	{ACTION("PREPEND X-Limited:"), "needs a header"},
	{ACTION("PREPEND X Limited: yes"), "needs a header"},
	{ACTION("PREPEND : yes"), "needs a header"},
	{ACTION("redirect"), "needs one address: write \"REDIRECT abuse@example.org\""},
	{ACTION("REDIRECT abuse"), "needs one address"},
	{ACTION("REDIRECT abuse@"), "needs one address"},
	{ACTION("REDIRECT @example.org"), "needs one address"},
	{ACTION("REDIRECT a@b.example, c@d.example"), "needs one address"},
	{ACTION("REDIRECT a@b.example c@d.example"), "needs one address"},
	{ACTION("BCC <a@b.example>"), "needs one address: write \"BCC abuse@example.org\""},
	{ACTION("DUNNO"), "mode = \"observe\""},
	{ACTION("INFO x"), "mode = \"observe\""},
	{ACTION("WARN"), "mode = \"observe\""},
	{ACTION("OK"), "would end Postfix's restrictions"},
	{ACTION("permit"), "would end Postfix's restrictions"},
	{ACTION("RELAY"), "would end Postfix's restrictions"},
	{ACTION("DEFER_IF_REJECT"), "does nothing to mail that is accepted"},
	{ACTION("421 4.7.1 bye"), "ends the SMTP session and takes other mail with it: write 450"},
	{ACTION("521 5.7.1 bye"), "ends the SMTP session and takes other mail with it: write 550"},
	{ACTION("450"),
		"a code needs a text, Postfix takes a bare one for permission: write \"450 4.7.1"},
	{ACTION("550 "), "a code needs a text"},
	{ACTION("399 x"), "a code is 400 to 599"},
	{ACTION("600 x"), "a code is 400 to 599"},
	{ACTION("45 x"), "a code is 400 to 599"},
	{ACTION("4500 x"), "a code is 400 to 599"},
	{ACTION("99999999999999999999 x"), "a code is 400 to 599"},
	{ACTION("4xx x"), "write one of"},
	{ACTION("REJECT z\xc3\xbcgig"), "printable ASCII, at most 200 bytes"},
	{ACTION("REJECT " B50 B50 B50 B50 "b"), "printable ASCII, at most 200 bytes"},
	{"suspension = { action = \"DISCARD\"; };",
		"would lose mail without a word; write one of \"HOLD\", \"DEFER_IF_PERMIT\", "
		"\"DEFER\", \"REJECT\""},
	{"suspension = { action = \"DUNNO\"; };", "would let a suspended account send"},
	{"suspension = { action = \"PREPEND X: y\"; };", "would let a suspended account send"},
	{"suspension = { action = \"REDIRECT a@b.example\"; };", "mail elsewhere"},
	{"suspension = { action = \"421 4.7.1 x\"; };", "ends the SMTP session"},
	{"limits = ( { name = \"a\"; rate = \"1/1h\"; unit = \"recipient\"; } );",
		"limits.unit \"recipient\": write one of \"messages\", \"recipients\", "
		"\"external-recipients\", \"bytes\", \"rejected-recipients\", "
		"\"new-recipients\" (did you "
		"mean \"recipients\"?)"},
	{"limits = ( { name = \"a\"; rate = \"1/1h\"; key = \"user\"; } );",
		"write one of \"account\""},
	{"limits = ( { name = \"a\"; rate = \"1/1h\"; mode = \"obsrve\"; } );",
		"did you mean \"observe\"?"},
	{"commit_at = \"never\";",
		"commit_at \"never\": write one of \"auto\", \"rcpt\", \"data\", \"eom\""},
	/* Addresses, paths, names. */
	{"listen = ( { address = \"/run/a\"; } );",
		"write \"unix:/path\", \"inet:127.0.0.1:10040\""},
	{"listen = ( { address = \"unix:a\"; } );", "the path must be absolute"},
	{"listen = ( { address = \"unix:\"; } );", "the path must be absolute"},
	{"listen = ( { address = \"inet:127.0.0.1\"; } );", "the port is missing"},
	{"listen = ( { address = \"inet:127.0.0.1:0\"; } );", "a port is 1 to 65535"},
	{"listen = ( { address = \"inet:127.0.0.1:65536\"; } );", "a port is 1 to 65535"},
	{"listen = ( { address = \"inet:127.0.0.1:\"; } );", "a port is 1 to 65535"},
	{"listen = ( { address = \"inet:localhost:25\"; } );", "an address is wanted, not a name"},
	{"listen = ( { address = \"inet::25\"; } );", "an address is wanted"},
	{"listen = ( { address = \"inet:::1:25\"; } );", "\"inet:[::1]:10040\""},
	{"listen = ( { address = \"inet:[127.0.0.1]:25\"; } );", "an address is wanted"},
	{"control = { socket = \"control.sock\"; };", "a socket's path must be absolute"},
	{"state = { directory = \"var\"; };", "state.directory \"var\": the path must be absolute"},
	{"record = { file = \"a.jsonl\"; };", "record.file \"a.jsonl\": the path must be absolute"},
	{"control = { mode = \"0668\"; };", "control.mode \"0668\": permissions are"},
	{"control = { mode = \"rw-rw\"; };", "write \"0660\""},
	{"control = { mode = \"4755\"; };", "permissions are"},
	{"limits = ( { name = \"per hour\"; rate = \"1/1h\"; } );",
		"a limit's name has 1 to 40 letters"},
	{"limits = ( { name = \"12345678901234567890123456789012345678901\"; rate = \"1/1h\"; } );",
		"a limit's name has 1 to 40 letters"},
	{"local_domains = [ \"@example.org\" ];", "this is no domain: write \"example.org\""},
	{"local_domains = [ \"example.org.\" ];", "this is no domain"},
	{"local_domains = [ \".example.org\" ];", "this is no domain"},
	{"login_domain = \"exa mple\";", "login_domain \"exa mple\": this is no domain"},
	{"egress = { dkim_selectors = [ \"example.org\" ]; };", "write SELECTOR._domainkey.DOMAIN"},
	{"egress = { dkim_selectors = [ \"s1.example.org\" ]; };",
		"write SELECTOR._domainkey.DOMAIN"},
	{"egress = { dkim_selectors = [ \"._domainkey.example.org\" ]; };",
		"write SELECTOR._domainkey.DOMAIN"},
	{"egress = { dkim_selectors = [ \"s1._domainkey.org\" ]; };",
		"write SELECTOR._domainkey.DOMAIN"},
	{"egress = { dkim_selectors = [ \"s1._domainkey.a._domainkey.example.org\" ]; };",
		"write SELECTOR._domainkey.DOMAIN"},
	{"egress = { dkim_selectors = [ \"s1._domainkey.\" ]; };",
		"write SELECTOR._domainkey.DOMAIN"},
	{"egress = { addresses = ( { address = \"192.0.2.10\"; warm_up = \"2026-13-01\"; } ); };",
		"this is no day"},
	{"egress = { addresses = ( { address = \"192.0.2.10\"; warm_up = \"2026-02-31\"; } ); };",
		"this is no day"},
	{"egress = { addresses = ( { address = \"192.0.2.10\"; warm_up = \"tomorrow\"; } ); };",
		"this is no day"},
	{"egress = { addresses = ( { address = \"192.0.2.10\"; warm_up = \"2026-12-01T00:00:00Z\"; "
	 "} ); };",
		"this is no day"},
	{"client_certificates = [ \"sha1$xy\" ];", "a fingerprint is hexadecimal"},
	{"trusted_networks = [ \"192.0.2.1/24\" ];", "write \"192.0.2.0/24\""},
	{"trusted_networks = [ \"2001:db8::1/32\" ];", "write \"2001:db8::/32\""},
	{"trusted_networks = [ \"10.0.0.0/33\" ];", "this is no network"},
	{"trusted_networks = [ \"10.0.0.1/33\" ];", "this is no network"},
	{"trusted_networks = [ \"localnet\" ];", "this is no network"},
	{"trusted_networks = [\n\"::1\",\n\"x\"\n];", "E t.conf:3: trusted_networks \"x\""},
	{"trusted_networks = [\n\"::1\" # y \"z\n , /* \" */\n\"x\" \"y\"\n\n];",
		"E t.conf:4: trusted_networks \"xy\""},
	{"user = \"\";", "user \"\": empty: leave the setting out instead"},
	{"user = \"a\\nb\";", "user \"a\\x0ab\": control characters are not taken"},
	{"user = \"a\\x7f\";", "control characters are not taken"},
	{"user = \"a\\x00b\";", "E t.conf:1: \\x00 in a string"},
	{"pid_file = \"run/policyd.pid\";",
		"pid_file \"run/policyd.pid\": the path must be absolute"},
	{"postfix = { config_directory = \"etc\"; };",
		"postfix.config_directory \"etc\": the path"},
	{"recipient_delimiter = \"+a\";", "recipient_delimiter \"+a\": this is 1 to 8 marks"},
	{"recipient_delimiter = \"@\";", "this is 1 to 8 marks"},
	{"recipient_delimiter = \" \";", "this is 1 to 8 marks"},
	{"recipient_delimiter = \"\xc3\xbc\";", "this is 1 to 8 marks"},
	{"recipient_delimiter = \"+-_.=!#$%\";", "this is 1 to 8 marks"},
	{"exempt_recipients = [ \"abuse@example.org\" ];",
		"this is no local part: write \"abuse\""},
	{"exempt_recipients = [ \"ab use\" ];", "this is no local part"},
	{"emergency_rate = \"50/message\";",
		"emergency_rate \"50/message\": this counts recipients"},
	{"emergency_rate = \"5M/1h\";", "emergency_rate \"5M/1h\": this counts recipients"},
	{"\nexempt_foreign_rate = \"5/message\";",
		"E t.conf:2: exempt_foreign_rate \"5/message\": this"},
	{"exempt_foreign_rate = \"unlimited\";", "let anybody send without limit to abuse@"},
	{"token = { header = \"X-Token:\"; };",
		"token.header \"X-Token:\": this is no header's name"},
	{"token = { header = \"X Token\"; };", "this is no header's name"},
	{"token = { header = \"X-T\xc3\xb6ken\"; };", "this is no header's name"},
	{"token = { key_file = \"key\"; };", "token.key_file \"key\": the path must be absolute"},
	{"token = { key_file = \"/nowhere/key\"; };",
		"token.key_file \"/nowhere/key\": cannot be read: No such file"},
	{"account_aliases = \"a\";", "account_aliases \"a\": the path must be absolute"},
	{"\naccount_aliases = \"/nowhere/a\";",
		"E t.conf:2: account_aliases \"/nowhere/a\": cannot be read: No such file"},
	{"account_aliases = \"/\";", "account_aliases \"/\": cannot be read: Is a directory"},
	{"account_aliases = \"/dev/null\";", "account_aliases \"/dev/null\": is no regular file"},
	{"egress = { addresses = ( { address = \"mail.example.org\"; } ); };",
		"egress.addresses.address \"mail.example.org\": this is no address: write "
		"\"192.0.2"},
	{"egress = {\n addresses = ( { } ); };", "E t.conf:2: egress.addresses.address is missing"},
	{"egress = { addresses = ( { address = \"192.0.2.1\"; helo = \"-\"; } ); };", "no domain"},
	{"egress = { addresses = ( { address = \"192.0.2.1\"; transport = \"a:b\"; } ); };",
		"a transport's name has 1 to 40 letters"},
	{"egress = { addresses = ( { address = \"192.0.2.1\"; },\n"
	 "{ address = \"::ffff:192.0.2.1\"; } ); };",
		"E t.conf:2: egress.addresses.address \"::ffff:192.0.2.1\" is taken already at "
		"t.conf:1"},
	/* The text as such. */
	{"\nuser = ;", "E t.conf:2: syntax error: look for a missing ';'"},
	{"user \"a\";", "E t.conf:1: syntax error: no string is expected here; look for"},
	{"\"user\" = \"a\";", "E t.conf:1: syntax error: no string is expected here"},
	{"local_domains = [ \"a\";\n\"b\" ];", "E t.conf:2: syntax error: no string is expected"},
	{"control = { socket = \"/a\",\n\"b\" };",
		"E t.conf:2: syntax error: no string is expected"},
	{"user = \"a\";\nuser = \"b\";",
		"E t.conf:2: duplicate setting name: a setting stands once"},
	{"local_domains = [ \"a\", 1 ];", "E t.conf:1: mismatched element type in array: "},
	{"\n/* no end\n\n", "E t.conf:2: the comment that begins here is never closed"},
	{"@include \"/etc/passwd\"",
		"E t.conf:1: @include is not taken: put the file into conf.d/"},
	{"cluster = ((((((((((((((((((1))))))))))))))))));",
		"E t.conf:1: brackets are nested too deeply"},
	/* Warnings. */
	{"trusted_networks = [ \"0.0.0.0/0\" ];",
		"W t.conf:1: trusted_networks \"0.0.0.0/0\": everybody"},
	{"trusted_networks = [ \"::/0\" ];", "W t.conf:1: trusted_networks \"::/0\": everybody"},
	{"trusted_networks = [ \"10.0.0.0/7\" ];",
		"W t.conf:1: trusted_networks \"10.0.0.0/7\": everybody"},
	{"relay_networks = [ \"0.0.0.0/0\" ];",
		"W t.conf:1: relay_networks \"0.0.0.0/0\": everybody"},
	{"aup = \"\xc3\xa9\";", "W t.conf:1: aup \"\\xc3\\xa9\": replies are ASCII"},
	{"limits = ( );", "W t.conf:1: no limits: nothing is limited"},
	{"egress = { audit = false; probe = true; };", "W t.conf:1: egress.probe asks nobody"},
	{"cluster = { any = \"thing\"; };\n",
		"W t.conf:1: the module for \"cluster\" is not built into this policyd; "
		"the setting is ignored"},
	{"contact = \"\xc3\xa9\";", "W t.conf:1: contact \"\\xc3\\xa9\": replies are ASCII"},
	{"listen = ( { address = \"inet:[::1]:25\"; mode = \"0660\"; } );",
		"W t.conf:1: listen.mode is ignored"},
	{"listen = ( { address = \"inet:[::1]:25\"; group = \"x\"; } );",
		"W t.conf:1: listen.group is ignored"},
	/* What must differ. */
	{"listen = ( { address = \"unix:/a\"; },\n { address = \"unix:/a\"; } );",
		"E t.conf:2: listen.address \"unix:/a\" is taken already at t.conf:1"},
	{"listen = ( { address = \"inet:[::1]:25\"; },\n { address = \"inet:[0::1]:25\"; } );",
		"E t.conf:2: listen.address \"inet:[0::1]:25\" is taken already at t.conf:1"},
	{"listen = ( { address = \"unix:/run/policyd/control.sock\"; } );",
		"is the control socket too"},
	{"limits = ( { name = \"a\"; rate = \"1/1h\"; },\n { name = \"a\"; rate = \"2/1d\"; } );",
		"E t.conf:2: limits.name \"a\" is taken already at t.conf:1"},
};

START_TEST(mistake_row)
{
	const struct mistake *row = &mistakes[_i];
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s\n%s%s", row->text,
		strncmp(row->text, "listen", 6) ? LISTEN : "",
		strncmp(row->text, "limits", 6) ? LIMITS : "");
	struct loaded loaded = parse(text, (size_t)n);
	const char *told = report_text(loaded.report);

	ck_assert_msg(loaded.report->n == 1 && strstr(told, row->told), "%s WAS TOLD AS %s",
		row->text, told);
	ck_assert_uint_eq(loaded.report->errors, loaded.report->line[0].error);
	ck_assert_int_eq(loaded.r, loaded.report->errors ? -EINVAL : 0);
	loaded_free(&loaded);
}
END_TEST

/* Taken without a word. */
static const char *const fine[] = {
	"",
	"# a comment that ends without newline: 4294967396",
	"// \"\n",
	"/* 4294967396 \" */",
	"user = \"4294967396\";",
	"contact = \"a \\\"quoted\\\" 99999999999\";",
	"connections_max = 100L;",
	"connections_max = 0x20;",
	"commit_at = \"DATA\";",
	"suspension = { action = \"defer_if_permit\"; };",
	"suspension = { action = \"DEFER\"; };",
	"suspension = { action = \"550 5.7.1 write to abuse@example.org\"; };",
	"suspension = { action = \"hold\"; };",
	ACTION("450 4.7.1 try again"),
	ACTION("599 x"),
	ACTION("FILTER smtp:[192.0.2.9]:25"),
	ACTION("PREPEND X-Limited: yes"),
	ACTION("bcc abuse@example.org"),
	ACTION("REDIRECT odd+name@example.org"),
	ACTION("REJECT " B50 B50 B50 B50),
	"emergency_rate = \"unlimited\";",
	"exempt_foreign_rate = \"1/31d\";",
	"recipient_delimiter = \"+-_.=!#$\";",
	"exempt_recipients = [ \"abuse\", \"z\xc3\xbcrich\" ];",
	"relay_networks = [ \"127.0.0.0/8\" ]; trusted_networks = [ \"127.0.0.0/8\" ];",
	"token = { header = \"X-T\"; };",
	"lost_connection_grace = \"0\";",
	"trusted_networks = [ \"10.0.0.0/8\", \"192.0.2.1\", \"2001:db8::/48\", \"fe80::/16\" ];",
	"trusted_networks = ( );",
	"local_domains = ( \"example.org\", \"xn--bcher-kva.example\", \"\xc3\xbc.example\" );",
	"local_domains = [ \"localhost\" ];",
	("egress = { dkim_selectors = [ \"s1._domainkey.example.org\", "
	 "\"a.b._DomainKey.example.org\" ]; };"),
	"egress = { addresses = ( { address = \"192.0.2.10\"; warm_up = \"2028-02-29\"; } ); };",
	"control = { mode = \"660\"; };",
	"limits = ( { name = \"a\"; rate = \"unlimited\"; } );",
	"limits = ( { name = \"A.b_c-9\"; rate = \"1/31d\"; action = \"hold\" } )",
	"limits = ( { name = \"a\", rate = \"1/1m\", mode : \"observe\", } );",
	"listen = ( { address = \"inet:1.2.3.4:1\"; }, { address = \"inet:1.2.3.4:65535\"; } );",
	"listen = ( { address = \"unix:/a\"; }, { address = \"inet:[::ffff:1.2.3.5]:1\"; } );",
};

START_TEST(fine_row)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s\n%s%s", fine[_i],
		strncmp(fine[_i], "listen", 6) ? LISTEN : "",
		strncmp(fine[_i], "limits", 6) ? LIMITS : "");
	struct loaded loaded = parse(text, (size_t)n);

	ck_assert_msg(loaded.r == 0 && loaded.report->n == 0, "%s WAS TOLD AS %s", fine[_i],
		report_text(loaded.report));
	loaded_free(&loaded);
}
END_TEST

/* design.md section 12, as it stands. */
/* clang-format off */
static const char contract[] =
	"listen = ( { address = \"unix:/var/spool/postfix/policyd/policyd.sock\"; mode = \"0660\"; group = \"postfix\"; },\n"
	"           { address = \"inet:127.0.0.1:10040\"; } );\n"
	"trusted_networks = [ \"127.0.0.0/8\", \"2001:db8:1::/48\" ];\n"
	"local_domains = [ \"example.org\" ];\n"
	"limits = ( { name = \"hourly\"; key = \"account\"; unit = \"recipients\"; rate = \"200/1h\"; action = \"DEFER_IF_PERMIT\"; },\n"
	"           { name = \"daily\";  key = \"account\"; unit = \"messages\";   rate = \"1000/1d\"; mode = \"observe\"; } );\n"
	"suspension = { action = \"REJECT\"; };              # or HOLD, DEFER_IF_PERMIT\n"
	"state = { directory = \"/var/lib/policyd\"; };\n"
	"control = { socket = \"/run/policyd/control.sock\"; };\n"
	"dns = { servers = [ \"127.0.0.1:53\" ]; };           # default: /etc/resolv.conf\n"
	"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mail.example.org\"; } ); };\n"
	"blocklists = ( { name = \"zen\"; },                    # of the catalogue, or one of your own:\n"
	"               { name = \"ours\"; zone = \"bl.example.org\"; codes = ( { code = \"127.0.0.2\"; kind = \"behaviour\"; severity = 5; } ); } );\n"
	"classes = ( { name = \"newsletter\"; match = ( { login = \"news@example.org\"; } ); } );\n"
	"geoip = { databases = [ \"/var/lib/GeoIP/GeoLite2-City.mmdb\", \"/var/lib/GeoIP/GeoLite2-ASN.mmdb\" ]; };\n"
	"feedback = { source = \"file\"; postfix_log = \"/var/log/mail.log\"; };    # or \"journal\" (own reader process)\n"
	"cluster = { engine = \"redis\"; address = \"inet:127.0.0.1:6379\"; deadline = \"50ms\"; };\n"
	"web = { listen = ( \"inet:127.0.0.1:8025\" ); };\n";
/* clang-format on */

START_TEST(contract_sample)
{
	static const char *const later[] = {"feedback", "cluster", "web"};
	struct loaded loaded = parse(contract, sizeof(contract) - 1);
	const struct config *config = loaded.config;
	char quoted[32];

	ck_assert_msg(loaded.r == 0, "%s", report_text(loaded.report));
	ck_assert_uint_eq(loaded.report->n, ROWS(later));
	for (int i = 0; i < ROWS(later); i++) {
		snprintf(quoted, sizeof(quoted), "\"%s\"", later[i]);
		ck_assert_ptr_nonnull(strstr(loaded.report->line[i].text, quoted));
		ck_assert(!loaded.report->line[i].error);
	}
	ck_assert_uint_eq(config->listen_n, 2);
	ck_assert_str_eq(config->listen[0].group, "postfix");
	ck_assert_uint_eq(config->listen[0].mode, 0660);
	ck_assert_uint_eq(config->trusted_networks.n, 2);
	ck_assert_uint_eq(config->trusted_networks.net[0].bits, 104);
	ck_assert_str_eq(config->local_domains.text[0], "example.org");
	ck_assert_uint_eq(config->limits_n, 2);
	ck_assert_uint_eq(config->limits[0].rate.n, 200);
	ck_assert_int_eq(config->limits[0].unit, UNIT_RECIPIENTS);
	ck_assert_int_eq(config->limits[0].mode, MODE_ENFORCE);
	ck_assert_str_eq(config->limits[1].name, "daily");
	ck_assert_int_eq(config->limits[1].unit, UNIT_MESSAGES);
	ck_assert_int_eq(config->limits[1].mode, MODE_OBSERVE);
	ck_assert_int_eq(config->limits[1].action.action, ACTION_COUNT);
	ck_assert_int_eq(config->limits[0].action.action, ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(config->limits[1].place.file, "t.conf");
	ck_assert_uint_eq(config->limits[1].place.line, 6);
	ck_assert_int_eq(config->suspension.action.action, ACTION_REJECT);
	ck_assert_str_eq(config->egress.addresses[0].helo, "mail.example.org");
	ck_assert_str_eq(config->classes[0].name, "newsletter");
	ck_assert_str_eq(config->classes[0].match[0].login, "news@example.org");
	ck_assert_uint_eq(config->classes[0].match[0].place.line, 14);
	ck_assert_uint_eq(config->geoip.databases.n, 2);
	ck_assert_int_eq(config->signals.mode, MODE_OBSERVE);
	ck_assert(config->feedback && config->web);
	loaded_free(&loaded);
}
END_TEST

START_TEST(presets)
{
	struct loaded loaded = parse(LISTEN LIMITS, sizeof(LISTEN LIMITS) - 1);
	const struct config *config = loaded.config;

	ck_assert_int_eq(loaded.r, 0);
	ck_assert_ptr_null(config->user);
	ck_assert_uint_eq(config->connections_max, 4096);
	ck_assert_int_eq(config->reserve_max_us, INT64_C(3600000000));
	ck_assert_int_eq(config->commit_at, COMMIT_AUTO);
	ck_assert_str_eq(config->state.directory, "/var/lib/policyd");
	ck_assert_str_eq(config->control.socket, "/run/policyd/control.sock");
	ck_assert_uint_eq(config->control.mode, 0660);
	ck_assert_uint_eq(config->record.max_bytes, UINT64_C(1) << 30);
	ck_assert_ptr_null(config->record.file);
	ck_assert_uint_eq(config->control.operators.n, 0);
	ck_assert_int_eq(config->limits[0].key, KEY_ACCOUNT);
	loaded_free(&loaded);
}
END_TEST

/* All mistakes at once, in the order of the lines, whatever order they are found in. */
START_TEST(all_errors_in_order)
{
	static const char text[] = "cluster = 1;\n"
				   "limits = (\n"
				   "  { name = \"a\"; rate = 5; },\n"
				   "  { nam = \"b\"; rate = \"1/1h\"; },\n"
				   "  { name = \"a\"; rate = \"1/1h\"; } );\n"
				   "state = { directory = \"x\"; max_decisions = 1; };\n"
				   "accounts_max = 4294967396;\n"
				   "foo = 1;\n";
	static const char *const told[] = {
		"t.conf:1: listen is missing",
		"t.conf:1: the module for \"cluster\"",
		"t.conf:3: limits.rate: ",
		"t.conf:4: unknown setting \"nam\" in limits",
		"t.conf:4: limits.name is missing",
		"t.conf:5: limits.name \"a\" is taken already at t.conf:3",
		"t.conf:6: state.directory \"x\"",
		"t.conf:6: state.max_decisions 1: write a value from",
		"t.conf:7: the number \"4294967396\"",
		"t.conf:8: unknown setting \"foo\"",
	};
	struct loaded loaded = parse(text, sizeof(text) - 1);

	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_uint_eq(loaded.report->errors, ROWS(told) - 1);
	ck_assert_msg(loaded.report->n == ROWS(told), "%s", report_text(loaded.report));
	for (int i = 0; i < ROWS(told); i++) {
		/* cluster's warning was found first, listen's absence last. */
		const char *want = i < 2 ? told[1 - i] : told[i];
		ck_assert_msg(strncmp(loaded.report->line[i].text, want, strlen(want)) == 0,
			"%s instead of %s", loaded.report->line[i].text, want);
	}
	loaded_free(&loaded);
}
END_TEST

START_TEST(nul_byte)
{
	static const char text[] = LISTEN "# comment \0 \n" LIMITS;
	struct loaded loaded = parse(text, sizeof(text) - 1);

	ck_assert_uint_eq(loaded.report->n, 1);
	ck_assert_str_eq(loaded.report->line[0].text, "t.conf:2: a NUL byte: this is no text file");
	loaded_free(&loaded);
}
END_TEST

/* n times text between begin and end, loaded. */
static struct loaded parse_many(const char *begin, const char *text, size_t n, const char *end)
{
	size_t size = strlen(begin) + n * strlen(text) + strlen(end) + 1;
	char *all = malloc(size);
	struct loaded loaded;
	char *at = all;

	ck_assert_ptr_nonnull(all);
	at = stpcpy(at, begin);
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, text);
	at = stpcpy(at, end);
	loaded = parse(all, (size_t)(at - all));
	free(all);
	return loaded;
}

static const struct crowd {
	const char *begin, *text, *end;
	size_t n;
	const char *told;
} crowds[] = {
	{LISTEN LIMITS "local_domains = [ \"a\"", ", \"b\"", " ];", 9999, ""},
	{LISTEN LIMITS "local_domains = [ \"a\"", ", \"b\"", " ];", 10000,
		"E t.conf:3: local_domains: a list has at most 10000 elements, this one has 10001"},
	{LISTEN "limits = ( { name = \"z\"; rate = \"1/1h\" }",
		",\n{ name = \"a\"; rate = \"1/1h\"; }", ");", 60,
		"E t.conf:62: limits: at most 60 are taken: remove this"},
	{LISTEN LIMITS "providers = ( { name = \"z\"; domains = [ ]; }",
		",\n{ name = \"a\"; domains = [ ]; }", ");", 1000,
		"E t.conf:1003: providers: at most 1000 are taken: remove this"},
	{LISTEN LIMITS "providers = ( { name = \"z\"; domains = [ ]; }",
		",\n{ name = \"a\"; domains = [ ]; }", ");", 999, ""},
	{LISTEN LIMITS "classes = ( { name = \"a\"; match = ( { login = \"a\"; }",
		",\n{ login = \"a\"; }", "); } );", 1000,
		"E t.conf:1003: classes.match: at most 1000 are taken: remove this"},
	{LISTEN LIMITS "cluster = {", "*=1,", "};", 10001, "more than 10000 settings in one file"},
	{LISTEN LIMITS "cluster = ", "(", "", 200000, "brackets are nested too deeply"},
	{LISTEN LIMITS, "x", " = 1;", 100000, "unknown setting \"xxxxxxxx"},
	{LISTEN LIMITS "user = \"", "a", "\";", 5000,
		"user \"aaaaaaaaaaaaaaaaaaaaaa...\": longer than 4096"},
	{LISTEN LIMITS "trusted_networks = [ \"::1\"", ", \"x\"", " ];", 2000,
		"1000 more messages are not shown"},
};

START_TEST(crowd_row)
{
	const struct crowd *row = &crowds[_i];
	struct loaded loaded = parse_many(row->begin, row->text, row->n, row->end);
	const struct config_report *report = loaded.report;
	const char *told = report->n ? report->line[report->n - 1].text : "";

	ck_assert_int_eq(loaded.r, row->told[0] ? -EINVAL : 0);
	ck_assert_msg(
		strstr(report_text(report), row->told) || strstr(told, row->told), "%.200s", told);
	ck_assert_uint_le(report->n, 1001);
	loaded_free(&loaded);
}
END_TEST

START_TEST(references)
{
	struct loaded loaded = parse(LISTEN LIMITS, sizeof(LISTEN LIMITS) - 1);

	ck_assert_int_eq(loaded.r, 0);
	ck_assert_ptr_eq(config_ref(loaded.config), loaded.config);
	config_unref(loaded.config);
	ck_assert_str_eq(loaded.config->limits[0].name, "hourly");
	config_unref(NULL);
	config_report_free(NULL);
	loaded_free(&loaded);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"mistake_row", mistake_row, ROWS(mistakes)},
		{"fine_row", fine_row, ROWS(fine)},
		{"crowd_row", crowd_row, ROWS(crowds)},
		{"contract_sample", contract_sample, 0},
		{"presets", presets, 0},
		{"all_errors_in_order", all_errors_in_order, 0},
		{"nul_byte", nul_byte, 0},
		{"references", references, 0},
	};
	return SUITE_RUN("config", rows);
}
