/* SPDX-License-Identifier: ISC */
/*
 * config.h: what a snapshot tells of itself and is compared by: dumps that load again, what needs a
 * restart, what Postfix could not carry out, files that change, secrets.
 */
#include <fcntl.h>

#include "config_help.h"
#include "policyd/blocklist.h"

struct lines {
	char text[131072];
	size_t n, lines;
};

static void take(void *ctx, const char *line)
{
	struct lines *lines = ctx;

	ck_assert_ptr_null(strchr(line, '\n'));
	lines->n += (size_t)snprintf(
		lines->text + lines->n, sizeof(lines->text) - lines->n, "%s\n", line);
	ck_assert_uint_lt(lines->n, sizeof(lines->text));
	lines->lines++;
}

static const char *dump(const struct config *config, enum config_dump what)
{
	static struct lines lines;

	lines = (struct lines){0};
	config_dump(config, what, take, &lines);
	ck_assert_uint_gt(lines.lines, 0);
	return lines.text;
}

/* A configuration that loads. */
static struct config *again(const char *text)
{
	struct config_report *report = config_report_new();
	struct config *config = NULL;
	int r = config_parse(span_of(text), "dump.conf", &config, report);

	ck_assert_msg(r == 0, "%s", told_by(report));
	config_report_free(report);
	return config;
}

/* ---- the round trip ---- */

/* Something in every setting, with all that needs escaping. */
static const char everything[] =
	"listen = ( { address = \"unix:/run/p.sock\"; } );\n"
	"user = \"po\\\"li\\\\cyd #1 // x\"; pid_file = \"/run/p.pid\"; connections_max = 100;\n"
	"request_deadline = \"1500ms\"; trusted_networks = [ \"127.0.0.0/8\", \"::1\" ];\n"
	"relay_networks = [ \"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\", \"192.0.2.4\", "
	"\"2001:db8::/48\" ];\n"
	"client_certificates = [ \"3E:4B\" ]; local_domains = [ \"example.org\", "
	"\"b\xc3\xbc\x63her.example\" ];\n"
	"count_local_recipients = false; recipient_delimiter = \"+-\"; account_aliases = "
	"\"%s/aliases\";\n"
	"exempt_recipients = [ \"abuse\" ]; exempt_foreign_rate = \"10_000/1h\"; login_domain = "
	"\"example.org\";\n"
	"commit_at = \"data\"; reserve_max = \"90m\"; lost_connection_grace = \"0\"; accounts_max "
	"= 5000;\n"
	"messages_max = 2048; contact = \"+49 1\"; aup = \"https://example.org/aup\"; "
	"emergency_rate = \"unlimited\";\n"
	"filter_bypasses_content_filter = true;\n"
	"limits = ( { name = \"hourly\"; rate = \"1/1h\"; }, { name = \"daily\"; rate = \"1/1d\"; "
	"},\n"
	"{ name = \"cap\"; rate = \"25M/message\"; unit = \"bytes\"; action = \"552 "
	"5.3.4 too large\"; },\n"
	"{ name = \"out\"; rate = \"1536k/1d\"; unit = \"bytes\"; action = \"FILTER slow:\"; mode "
	"= \"observe\"; },\n"
	"{ name = \"all\"; rate = \"unlimited\"; key = \"server\"; action = \"PREPEND X-A: "
	"\\\"b\\\" \\\\\"; } );\n"
	"classes = ( { name = \"n\"; match = ( { file = \"%s/list\"; }, { network = [ "
	"\"10.0.0.0/8\" ]; },\n"
	"{ context = \"c\"; }, { domain = \"n.example\"; } ); limits = [ \"out\" ]; egress = "
	"\"192.0.2.9\"; ladder = { mode = \"observe\"; hold = 71; suspend = 72; home_countries = [ "
	"\"at\" ]; "
	"home_networks = [ \"10.1.0.0/16\" ]; }; posture = { kind = \"human\"; essential = true; "
	"watch = \"slow\"; throttle = \"33%\"; hold = \"FILTER slow:\"; recover = \"450 4.7.1 "
	"later\"; }; } );\n"
	"overrides = ( { account = \"bob\"; limit = \"out\"; rate = \"2M/1d\"; until = "
	"\"2031-01-01\"; },\n"
	"{ domain = \"a.example\"; limit = \"cap\"; rate = \"unlimited\"; } );\n"
	"providers = ( { name = \"x\"; domains = [ \"x.example\" ]; } );\n"
	"egress = { addresses = ( { address = \"192.0.2.9\"; helo = \"m.example.org\"; transport = "
	"\"slow\"; warm_up = \"2031-01-02\"; } ); map = ( { egress = \"192.0.2.9\"; domain = "
	"\"e.example\"; context = \"c\"; server_address = \"::1\"; } ); audit = false; "
	"audit_interval = \"2h\"; probe = true; dkim_selectors = [ \"s._domainkey.e.example\" ]; "
	"domains = [ "
	"\"d.example\" ]; who_am_i = \"me.example@[::1]:53\";\n"
	"catalogue = \"%s/catalogue\"; listed_looks = 1; listed_of = 2; clean_looks = 1; "
	"check_after = 0; };\n"
	"blocklists = ( { name = \"known\"; }, { name = \"own\"; title = \"T\"; zone = "
	"\"<key>.bl.example\"; subjects = [ \"ipv4\" ];\n"
	"enabled = false; codes = ( { code = \"127.0.0.2\"; kind = \"policy\"; severity = 5; "
	"text = \"t\"; delist = \"d\"; removal = \"r\"; } );\n"
	"errors = ( { code = \"127.0.0.9\"; text = \"t\"; } ); test_listed = [ \"127.0.0.3\" ]; "
	"test_clean = [ \"127.0.0.4\" ];\n"
	"home = \"h\"; delist = \"d\"; removal = \"r\"; note = \"n\"; key_file = "
	"\"%s/listkey\"; interval = \"20m\"; interval_min = \"6m\"; clients = true; "
	"removal_time = \"3d\"; } );\n"
	"dns = { servers = [ \"127.0.0.1:53\" ]; resolv_conf = \"/r\"; timeout = \"2s\"; "
	"attempts = 3; in_flight_max = 9; queue_max = 99; cache_max = 999; };\n"
	"token = { key_file = \"%s/key\"; header = \"X-T\"; }; postfix = { config_directory = "
	"\"/etc/postfix\"; };\n"
	"suspension = { action = \"450 4.7.1 later\"; }; state = { snapshot = \"5s\"; directory = "
	"\"/d\"; };\n"
	"control = { mode = \"0600\"; operators = [ \"a\", \"b\" ]; }; record = { file = \"/r\"; "
	"max_bytes = \"3M\"; };\n"
	"signals = { mode = \"enforce\"; tune = ( { name = \"travel\"; mode = \"observe\"; weight "
	"= 50; "
	"} ); home_countries = [ \"de\" ]; home_networks = [ \"192.0.2.0/24\" ]; trap_recipients = "
	"[ "
	"\"Trap@A.example\", \"@T.example\" ]; memory_max = \"9M\"; };\n"
	"ladder = { mode = \"observe\"; note = 1; slow = 2; hold = 3; suspend = 4; slow_rate = "
	"\"1/1m\"; "
	"hold_messages = 0; suspend_for = \"2h\"; probation = \"0s\"; forgive = \"1d\"; cool_down "
	"= "
	"\"5m\"; max_auto = \"unlimited\"; max_auto_percent = 7; };\n"
	"geoip = { databases = [ \"/g.mmdb\" ]; };\n"
	"cluster = { x = 1; };\n";

/* Taken as it stands. */
static const char more[] =
	"posture = { mode = \"enforce\"; watch_severity = 2; throttle_severity = 3; hold_severity "
	"= 4; audit_severity = 1; calm = \"9m\"; unknown_keep = \"9h\"; ramp = [ \"20%\", "
	"\"100%\" ]; ramp_step = \"7m\"; receiver_watch = 1; receiver_throttle = 2; receiver_hold "
	"= 3; receiver_half_life = \"8m\"; flagged_watch = \"pass\"; flagged_throttle = \"10%\"; "
	"flagged_hold = \"REJECT\"; flagged_recover = \"shift\"; };\n";

#define SECRET   "0123456789abcdef"
#define LIST_KEY "q1w2e3r4t5z6u7i8o9p0"

static struct config *everything_load(void)
{
	static char text[16384];

	file_write("aliases", "robert bob\n");
	file_write("list", "alice\n");
	file_write("key", SECRET "\n");
	file_write("listkey", LIST_KEY "\n");
	file_write("catalogue",
		"lists = ( { name = \"known\"; zone = \"known.example\"; interval = "
		"\"1h\"; } );\n");
	ck_assert_int_eq(chmod("key", 0600), 0);
	ck_assert_int_eq(chmod("listkey", 0600), 0);
	int n = snprintf(text, sizeof(text), "%s", in_directory(everything));
	ck_assert_int_gt(n, 0);
	ck_assert_uint_lt(span_copy(span_of(more), text + n, sizeof(text) - (size_t)n) + (size_t)n,
		sizeof(text) - 1);
	return again(text);
}

/* Without the comments that tell where a group came from. */
static void places_strip(char *text)
{
	char *to = text;

	for (const char *at = text; *at;) {
		if (strncmp(at, "\t# ", 3) == 0 && at > text && at[-1] == '{')
			at += strcspn(at, "\n");
		*to++ = *at;
		if (*at)
			at++;
	}
	*to = '\0';
}

START_TEST(effective_round_trip)
{
	directory_make();
	struct config *config = everything_load();
	char *first = strdup(dump(config, CONFIG_DUMP_EFFECTIVE));
	ck_assert_ptr_nonnull(first);
	struct config *back = again(first);
	char *second = strdup(dump(back, CONFIG_DUMP_EFFECTIVE));
	ck_assert_ptr_nonnull(second);
	places_strip(first);
	places_strip(second);
	ck_assert_str_eq(first, second);
	/* It is what was written, too. */
	ck_assert_str_eq(back->user, "po\"li\\cyd #1 // x");
	ck_assert_int_eq(back->request_deadline_us, 1500000);
	ck_assert_uint_eq(back->relay_networks.n, 5);
	ck_assert_uint_eq(back->limits[2].rate.n, UINT64_C(25) << 20);
	ck_assert_int_eq(back->limits[2].rate.window_us, RATE_PER_MESSAGE);
	ck_assert_uint_eq(back->limits[2].action.code, 552);
	ck_assert_int_eq(back->limits[2].action.action, ACTION_REJECT);
	ck_assert_str_eq(back->limits[2].action.text, "5.3.4 too large");
	ck_assert_uint_eq(back->limits[3].rate.n, 1536 * 1024);
	ck_assert_str_eq(back->limits[4].action.text, "X-A: \"b\" \\");
	ck_assert_int_eq(back->limits[0].action.action, ACTION_COUNT);
	ck_assert_uint_eq(back->classes_n, 3);
	ck_assert_uint_eq(back->class_default, config->class_default);
	ck_assert_uint_eq(back->classes[0].limit_set, config->classes[0].limit_set);
	ck_assert(back->cluster && !back->web);
	ck_assert_uint_eq(back->classes[0].ladder.hold, 71);
	ck_assert_str_eq(back->classes[0].ladder.home_countries.text[0], "AT");
	ck_assert_uint_eq(back->signals.tune[0].signal_at, config->signals.tune[0].signal_at);
	ck_assert_uint_eq(back->signals.tune[0].weight, 50);
	ck_assert_str_eq(back->signals.trap_recipients.text[0], "trap@a.example");
	ck_assert_uint_eq(back->ladder.max_auto.n, RATE_UNLIMITED);
	ck_assert_str_eq(back->geoip.databases.text[0], "/g.mmdb");
	ck_assert_uint_eq(back->token.key_file.n, strlen(SECRET));
	/* What a row leaves to the catalogue is still the catalogue's. */
	ck_assert_int_eq(
		config_blocklist_of(back, SPAN("known"))->interval_us, INT64_C(3600000000));
	ck_assert_str_eq(
		config_blocklist_of(back, SPAN("own"))->zone_asked, LIST_KEY ".bl.example");
	free(first);
	free(second);
	config_unref(config);
	config_unref(back);
	directory_remove();
}
END_TEST

START_TEST(effective_shows)
{
	directory_make();
	struct config *config = everything_load();
	const char *text = dump(config, CONFIG_DUMP_EFFECTIVE);

	ck_assert_ptr_null(strstr(text, SECRET));
	ck_assert_ptr_null(strstr(text, LIST_KEY));
	ck_assert_ptr_nonnull(strstr(text, "zone = \"<key>.bl.example\";"));
	ck_assert_ptr_nonnull(strstr(text, "rate = \"1536k/1d\";"));
	ck_assert_ptr_nonnull(strstr(text, "suspension = {\t# dump.conf:"));
	ck_assert_ptr_nonnull(strstr(text, "local_domains = [ \"example.org\", "));
	ck_assert_ptr_nonnull(strstr(text, "reserve_max = \"90m\";"));
	for (size_t i = 0; i < setting_sections_n; i++) {
		for (size_t j = 0; j < setting_sections[i].n; j++)
			ck_assert_msg(strstr(text, setting_sections[i].row[j].name), "no %s",
				setting_sections[i].row[j].name);
	}
	config_unref(config);
	config = config_of("");
	text = dump(config, CONFIG_DUMP_EFFECTIVE);
	ck_assert_ptr_nonnull(strstr(text, "# user is not set\n"));
	ck_assert_ptr_nonnull(strstr(text, "# blocklists is not set\n"));
	config_unref(config);
	/* None is not the same as the default selection. */
	config = config_of("blocklists = ( );");
	text = dump(config, CONFIG_DUMP_EFFECTIVE);
	ck_assert_ptr_nonnull(strstr(text, "\nblocklists = ( );\n"));
	config_unref(config);
	directory_remove();
}
END_TEST

START_TEST(set_places)
{
	static const char *const set[] = {"token={ header = \"X\"; }"};
	struct config_report *report = config_report_new();
	struct config *config = NULL;

	directory_make();
	file_write("p\nq.conf", LEAST);
	struct config_source source = {.path = "p\nq.conf", .set = set, .set_n = 1};
	ck_assert_int_eq(config_load(&source, &config, report), 0);
	const char *text = dump(config, CONFIG_DUMP_EFFECTIVE);
	ck_assert_ptr_nonnull(strstr(text, "token = {\t# --set token\n"));
	ck_assert_ptr_nonnull(strstr(text, "( {\t# p?q.conf:1\n"));
	config_unref(again(text));
	config_unref(config);
	config_report_free(report);
	directory_remove();
}
END_TEST

START_TEST(defaults)
{
	const char *text = dump(NULL, CONFIG_DUMP_DEFAULTS);

	for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
		ck_assert_int_eq(*at, '#');
	ck_assert_ptr_nonnull(strstr(text,
		"# reserve_max: how long an unfinished message may hold a reservation\n"
		"#\ta duration, as \"90s\" or \"4h\", 1m to 1d; default \"1h\"; takes effect at a "
		"reload\n"));
	ck_assert_ptr_nonnull(strstr(text, "# limits.rate: "));
	ck_assert_ptr_nonnull(strstr(text, "# classes.match.login: "));
	ck_assert_ptr_nonnull(strstr(text, "one of \"auto\", \"rcpt\", \"data\", \"eom\"; default "
					   "\"auto\"; takes effect at a reload"));
	ck_assert_ptr_nonnull(strstr(text, "a string; no default; takes effect at a restart"));
	ck_assert_ptr_nonnull(strstr(text, "; required; "));
}
END_TEST

START_TEST(manual)
{
	const char *text = dump(NULL, CONFIG_DUMP_MANUAL);
	size_t items = 0, rows = 0;

	for (const char *at = strstr(text, ".It Ic "); at; at = strstr(at + 1, ".It Ic "))
		items++;
	for (size_t i = 0; i < setting_sections_n; i++)
		rows += setting_sections[i].n;
	ck_assert_uint_eq(items, rows);
	ck_assert_ptr_nonnull(
		strstr(text, ".Ss Settings in egress.addresses\n.Bl -tag -width Ds\n"));
	ck_assert_ptr_null(strstr(text, "\n\n"));
	/* Each line is text or one of these requests. */
	for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
		ck_assert_msg(*at != '.' || strncmp(at, ".It ", 4) == 0 ||
				      strncmp(at, ".Ss ", 4) == 0 || strncmp(at, ".Bl ", 4) == 0 ||
				      strncmp(at, ".El\n", 4) == 0 || strncmp(at, ".br\n", 4) == 0,
			"%.40s", at);
}
END_TEST

/* ---- restart ---- */

static void take_path(void *ctx, const char *path)
{
	char *paths = ctx;
	size_t n = strlen(paths);

	snprintf(paths + n, 256 - n, "%s ", path);
}

static const struct {
	const char *text, *paths;
} restarts[] = {
	{"", ""},
	{"contact = \"x\"; state = { keep_audit = \"5d\"; }; control = { operators = [ \"a\" ]; };",
		""},
	{"user = \"x\";", "user "},
	{"connections_max = 5000; pid_file = \"/x\";", "connections_max pid_file "},
	{"state = { directory = \"/x\"; };", "state.directory "},
	{"control = { mode = \"0600\"; group = \"x\"; };", "control.mode control.group "},
	{"record = { file = \"/x\"; };", "record.file "},
	{"blocklists = ( { name = \"zen\"; } ); egress = { domains = [ \"x.example\" ]; }; dns = { "
	 "attempts "
	 "= 1; };",
		""},
	{"listen = ( { address = \"unix:/run/p.sock\"; mode = \"0600\"; } );", "listen "},
	{"listen = ( { address = \"unix:/run/p.sock\"; }, { address = \"unix:/run/q.sock\"; } );",
		"listen "},
	{"listen = ( { address = \"unix:/run/p.sock\"; mode = \"660\"; } );\n", ""},
};

START_TEST(restart_row)
{
	const char *text = restarts[_i].text;
	char paths[256] = "", whole[1024];

	snprintf(whole, sizeof(whole), "%s%s",
		strncmp(text, "listen", 6) ? "listen = ( { address = \"unix:/run/p.sock\"; } );\n"
					   : "",
		text);
	struct config *running = config_of("");
	struct config *wanted = again(whole);
	config_restart_needed(running, wanted, take_path, paths);
	ck_assert_str_eq(paths, restarts[_i].paths);
	config_unref(running);
	config_unref(wanted);
}
END_TEST

/* ---- against Postfix ---- */

static const struct {
	const char *action, *rest, *content_filter, *proxy, *told;
} postfix[] = {
	{"DEFER", "", "scan:", "127.0.0.1:10025", ""},
	{"PREPEND X: y", "", "scan:", "127.0.0.1:10025", ""},
	{"FILTER slow:", "", NULL, NULL, ""},
	{"FILTER slow:", "", "", "", ""},
	{"FILTER slow:", "", "scan:", NULL,
		"E dump.conf:3: limits.action FILTER of \"x\": content_filter is set in Postfix"},
	{"FILTER slow:", "filter_bypasses_content_filter = true;", "scan:", NULL, ""},
	{"FILTER slow:", "filter_bypasses_content_filter = true;", NULL, "h:25",
		"E dump.conf:3: limits.action FILTER of \"x\": smtpd_proxy_filter is set"},
	{"HOLD", "", "scan:", NULL, ""},
	{"HOLD", "", NULL, "h:25",
		"E dump.conf:3: limits.action HOLD of \"x\": smtpd_proxy_filter is set in Postfix, "
		"which then"},
	{"DISCARD", "", NULL, "h:25", "limits.action DISCARD of \"x\": smtpd_proxy_filter"},
	{"REDIRECT a@b.example", "", NULL, "h:25", "limits.action REDIRECT of \"x\""},
	{"BCC a@b.example", "", NULL, "h:25", "limits.action BCC of \"x\""},
	{"DEFER", "\nsuspension = { action = \"HOLD\"; };", NULL, "h:25",
		"E dump.conf:6: suspension.action HOLD: smtpd_proxy_filter is set"},
	{"450 4.7.1 x", "\nsuspension = { action = \"HOLD\"; };", "scan:", NULL, ""},
};

START_TEST(postfix_row)
{
	char text[1024];
	struct config_report *report = config_report_new();
	struct postfix_facts facts = {.content_filter = postfix[_i].content_filter,
		.smtpd_proxy_filter = postfix[_i].proxy};

	snprintf(text, sizeof(text),
		"listen = ( { address = \"unix:/a\"; } );\nlimits = ( { name = \"none\"; rate = "
		"\"1/1h\"; },\n"
		"{ name = \"x\"; rate = \"1/1h\"; action = \"%s\";\n} );\n%s",
		postfix[_i].action, postfix[_i].rest);
	struct config *config = again(text);
	int r = config_check_postfix(config, &facts, report);
	const char *told = told_by(report);
	const char *wanted = postfix[_i].told;
	ck_assert_int_eq(r, wanted[0] ? -EINVAL : 0);
	ck_assert_uint_eq(report->n, wanted[0] != '\0');
	ck_assert_uint_eq(report->errors, wanted[0] != '\0');
	ck_assert_msg(strstr(told, wanted), "%s", told);
	config_unref(config);
	config_report_free(report);
}
END_TEST

/* ---- files that change ---- */

#define LIST_CLASS                                                                                 \
	"contact = \"one\"; classes = ( { name = \"a\"; match = ( { file = \"%s/list\"; } ); } "   \
	");\n"

static unsigned class_of(const struct config *config, const char *key)
{
	return config_class_of(config, &(struct class_query){.account = span_of(key)});
}

static int reread(const struct config *config, struct config **ret)
{
	struct config_report *report = config_report_new();
	int r = config_reread_lines(config, ret, report);

	ck_assert_int_eq(r != 0, report->errors != 0);
	config_report_free(report);
	return r;
}

/* Only the lists: what was edited beside them waits, --set stays. */
START_TEST(lines_reread)
{
	static const char *const set[] = {"aup=\"set\"", "login_domain=example.org"};
	struct config_report *report = config_report_new();
	struct config *config = NULL, *next = NULL;

	directory_make();
	file_write("list", "bob\n");
	file_write("p.conf", in_directory(LEAST LIST_CLASS));
	ck_assert_int_eq(mkdir("conf.d", 0700), 0);
	file_write("conf.d/a.conf", "trusted_networks = [ \"::1\" ];\n");
	struct config_source source = {.path = "p.conf", .set = set, .set_n = ROWS(set)};
	ck_assert_int_eq(config_load(&source, &config, report), 0);
	ck_assert(!config_lines_changed(config));
	file_write("p.conf", "broken");
	ck_assert(!config_lines_changed(config));
	file_write("list", "bob\nalice\n");
	ck_assert(config_lines_changed(config));
	ck_assert_int_eq(reread(config, &next), 0);
	ck_assert_uint_eq(class_of(config, "login:alice@example.org"), config->class_default);
	ck_assert_uint_eq(class_of(next, "login:alice@example.org"), 0);
	ck_assert(!config_lines_changed(next));
	ck_assert(config_lines_changed(config));
	ck_assert_str_eq(next->contact, "one");
	ck_assert_str_eq(next->aup, "set");
	ck_assert_uint_eq(next->trusted_networks.n, 1);
	ck_assert_str_eq(next->classes[0].place.file, "p.conf");
	/* The first may go; and again from the second. */
	config_unref(config);
	file_write("list", "carol\n");
	ck_assert_int_eq(reread(next, &config), 0);
	ck_assert_uint_eq(class_of(config, "login:carol@example.org"), 0);
	ck_assert_uint_eq(class_of(config, "login:bob@example.org"), config->class_default);
	config_unref(next);
	config_unref(config);
	config_report_free(report);
	directory_remove();
}
END_TEST

START_TEST(lines_changes_seen)
{
	directory_make();
	file_write("list", "bob\n");
	struct config *config = config_of(in_directory(LIST_CLASS)), *next = NULL;
	struct timespec same[2];
	struct stat before;

	/* Another file of the same size and time in its place. */
	ck_assert_int_eq(stat("list", &before), 0);
	same[0] = before.st_atim;
	same[1] = before.st_mtim;
	file_write("new", "bab\n");
	ck_assert_int_eq(utimensat(AT_FDCWD, "new", same, 0), 0);
	ck_assert_int_eq(rename("new", "list"), 0);
	ck_assert(config_lines_changed(config));
	ck_assert_int_eq(reread(config, &next), 0);
	config_unref(config);
	/* Gone, and bad: a change, and no snapshot. */
	ck_assert_int_eq(unlink("list"), 0);
	ck_assert(config_lines_changed(next));
	ck_assert_int_eq(reread(next, &config), -EINVAL);
	file_write("list", "a b\n");
	ck_assert_int_eq(reread(next, &config), -EINVAL);
	file_write("list", "");
	ck_assert_int_eq(reread(next, &config), 0);
	config_unref(config);
	config_unref(next);
	directory_remove();
}
END_TEST

/* A pipe without a writer keeps nobody waiting. */
START_TEST(fifos)
{
	struct config_report *report = config_report_new();
	struct config *config = NULL;

	directory_make();
	ck_assert_int_eq(mkfifo("list", 0600), 0);
	struct loaded loaded = load_text(in_directory(LIST_CLASS));
	ck_assert_msg(strstr(told_by(loaded.report), ": is no regular file: give the path"), "%s",
		told_by(loaded.report));
	loaded_free(&loaded);
	loaded = load_text(in_directory("token = { key_file = \"%s/list\"; };"));
	ck_assert_msg(strstr(told_by(loaded.report), ": is no regular file: give the path"), "%s",
		told_by(loaded.report));
	loaded_free(&loaded);
	/* A shell's pipe is fine there; one that nobody writes to is waited for, but not for ever. */
	ck_assert_int_eq(
		config_load(&(struct config_source){.path = "list"}, &config, report), -ETIMEDOUT);
	config_report_free(report);
	directory_remove();
}
END_TEST

/* ---- secrets ---- */

#define KEY_FILE "token = { key_file = \"%s/key\"; };"

static struct loaded load_key(const char *content, mode_t mode)
{
	file_write("key", content);
	ck_assert_int_eq(chmod("key", mode), 0);
	return load_text(in_directory(KEY_FILE));
}

static const struct {
	const char *content;
	mode_t mode;
	size_t n;         /* of the secret */
	const char *told; /* NULL: it is taken */
} secrets[] = {
	{SECRET, 0600, 16, NULL},
	{SECRET "\n", 0400, 16, NULL},
	{SECRET "\r\n", 0700, 16, NULL},
	{SECRET "\n\n", 0600, 17, NULL},
	{SECRET, 0640, 0, "is open to others: chmod 600 /tmp/test_config."},
	{SECRET, 0620, 0, "is open to others: chmod 600"},
	{SECRET, 0604, 0, "is open to others: chmod 600"},
	{SECRET, 0602, 0, "is open to others: chmod 600"},
	{"0123456789abcde\n", 0600, 0, "is shorter than 16 bytes: make one with"},
	{"", 0600, 0, "is shorter than 16 bytes"},
};

START_TEST(secret_row)
{
	directory_make();
	struct loaded loaded = load_key(secrets[_i].content, secrets[_i].mode);
	const char *told = told_by(loaded.report);

	ck_assert_int_eq(loaded.r, secrets[_i].told ? -EINVAL : 0);
	ck_assert_msg(!secrets[_i].told || strstr(told, secrets[_i].told), "%s", told);
	ck_assert_ptr_null(strstr(told, "0123456789"));
	if (loaded.r == 0) {
		ck_assert_uint_eq(loaded.config->token.key_file.n, secrets[_i].n);
		ck_assert_int_eq(memcmp(loaded.config->token.key_file.bytes, SECRET, 16), 0);
	}
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

START_TEST(secret_size)
{
	static char content[4100];

	directory_make();
	memset(content, 's', 4096);
	struct loaded loaded = load_key(content, 0600);
	ck_assert_msg(loaded.r == 0, "%s", told_by(loaded.report));
	loaded_free(&loaded);
	content[4096] = 's';
	loaded = load_key(content, 0600);
	ck_assert_msg(strstr(told_by(loaded.report), "larger than 4096 bytes"), "%s",
		told_by(loaded.report));
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

/* Whoever could read it at the start may be another user by now. */
START_TEST(secret_stays_known)
{
	struct config *next = NULL;

	directory_make();
	struct loaded loaded = load_key(SECRET, 0600);
	ck_assert_int_eq(loaded.r, 0);
	ck_assert_int_eq(unlink("key"), 0);
	ck_assert(!config_lines_changed(loaded.config));
	ck_assert_int_eq(reread(loaded.config, &next), 0);
	loaded_free(&loaded);
	ck_assert_uint_eq(next->token.key_file.n, 16);
	ck_assert_int_eq(memcmp(next->token.key_file.bytes, SECRET, 16), 0);
	config_unref(next);
	directory_remove();
}
END_TEST

START_TEST(token_at_rcpt)
{
	directory_make();
	file_write("key", SECRET);
	ck_assert_int_eq(chmod("key", 0600), 0);
	struct loaded loaded = load_text(in_directory("commit_at = \"rcpt\";\n" KEY_FILE));
	ck_assert_int_eq(loaded.r, 0);
	ck_assert_msg(
		strstr(told_by(loaded.report), "W t.conf:3: token.key_file does nothing with"),
		"%s", told_by(loaded.report));
	loaded_free(&loaded);
	directory_remove();
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"effective_round_trip", effective_round_trip, 0},
		{"effective_shows", effective_shows, 0},
		{"set_places", set_places, 0},
		{"defaults", defaults, 0},
		{"manual", manual, 0},
		{"restart_row", restart_row, ROWS(restarts)},
		{"postfix_row", postfix_row, ROWS(postfix)},
		{"lines_reread", lines_reread, 0},
		{"lines_changes_seen", lines_changes_seen, 0},
		{"fifos", fifos, 0},
		{"secret_row", secret_row, ROWS(secrets)},
		{"secret_size", secret_size, 0},
		{"secret_stays_known", secret_stays_known, 0},
		{"token_at_rcpt", token_at_rcpt, 0},
	};
	return SUITE_RUN("config_dump", rows);
}
