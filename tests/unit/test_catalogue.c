/* SPDX-License-Identifier: ISC */
/*
 * conf/blocklists.conf as it is built in: a literal table of what must stand in it, so that no edit loses a
 * list, a code or a test point unseen; and catalogues of one's own.
 */
#include "config_help.h"
#include "policyd/blocklist.h"

#define SUBJECT_4 "ipv4"
#define SUBJECT_6 "ipv6"
#define BOTH      "ipv4 ipv6"
#define DOMAIN    "domain"

/* codes: CODE KIND SEVERITY, in order; an answer of those codes below. */
#define POINTS_OF_BOTH                                                                             \
	"+2.0.0.127 +2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 "             \
	"-1.0.0.127 -1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"

static const struct row {
	const char *name, *zone, *subjects;
	bool is_default;
	const char *codes, *errors, *tests;
} lists[] = {
	{"zen", "zen.spamhaus.org", BOTH, true,
		"127.0.0.2 b5, 127.0.0.3 b5, 127.0.0.4-7 b5, 127.0.0.9 b5, 127.0.0.10 p4, "
		"127.0.0.11 p4",
		"", POINTS_OF_BOTH},
	{"zen-dqs", "<key>.zen.dq.spamhaus.net", BOTH, false,
		"127.0.0.2 b5, 127.0.0.3 b5, 127.0.0.4-7 b5, 127.0.0.9 b5, 127.0.0.10 p4, "
		"127.0.0.11 p4",
		"", POINTS_OF_BOTH},
	{"xbl", "xbl.spamhaus.org", BOTH, false, "127.0.0.4-7 b5", "", POINTS_OF_BOTH},
	{"authbl", "<key>.authbl.dq.spamhaus.net", BOTH, false, "127.0.0.20 b4", "",
		POINTS_OF_BOTH},
	{"spamcop", "bl.spamcop.net", SUBJECT_4, true, "127.0.0.2 b4", "", "+2.0.0.127 -1.0.0.127"},
	{"mailspike", "rep.mailspike.net", SUBJECT_4, true,
		"127.0.0.10 b3, 127.0.0.11 b3, 127.0.0.12 b3, 127.0.0.13-16 s1, 127.0.0.17-20 w1",
		"", "+2.0.0.127 -1.0.0.127"},
	{"psbl", "psbl.surriel.com", SUBJECT_4, false, "127.0.0.2 b3", "", "+2.0.0.127 -1.0.0.127"},
	{"barracuda", "b.barracudacentral.org", SUBJECT_4, false, "127.0.0.2 b4", "",
		"+2.0.0.127 -1.0.0.127"},
	{"abusix", "<key>.combined.mail.abusix.zone", BOTH, false,
		"127.0.0.2-3 b4, 127.0.0.200 b4, 127.0.0.4 b4, 127.0.0.11-12 p2", "",
		"+2.0.0.127 +2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 "
		"-1.0.0.127 -1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"},
	{"uceprotect-1", "dnsbl-1.uceprotect.net", SUBJECT_4, false, "127.0.0.2 b2", "",
		"+2.0.0.127 -1.0.0.127"},
	{"uceprotect-2", "dnsbl-2.uceprotect.net", SUBJECT_4, false, "127.0.0.2 n1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"uceprotect-3", "dnsbl-3.uceprotect.net", SUBJECT_4, false, "127.0.0.2 n1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"spamrats", "all.spamrats.com", SUBJECT_4, false,
		"127.0.0.36 p2, 127.0.0.37 p2, 127.0.0.38 b3, 127.0.0.43 b3", "",
		"+2.0.0.127 -1.0.0.127"},
	{"sem", "bl.spameatingmonkey.net", SUBJECT_4, false, "127.0.0.2-3 b2", "",
		"+2.0.0.127 -1.0.0.127"},
	{"sem-ipv6", "bl.ipv6.spameatingmonkey.net", SUBJECT_6, false, "127.0.0.2-3 b2", "",
		"+2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 "
		"-1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"},
	{"0spam", "bl.0spam.org", SUBJECT_4, false, "127.0.0.2-255 b2", "",
		"+2.0.0.127 -1.0.0.127"},
	{"0spam-net", "nbl.0spam.org", SUBJECT_4, false, "127.0.0.2-255 n1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"hostkarma", "hostkarma.junkemailfilter.com", SUBJECT_4, false,
		"127.0.0.1 w1, 127.0.0.2 b2, 127.0.0.3 s1, 127.0.0.4 b1, 127.0.0.5 w1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"blocklist-de", "bl.blocklist.de", BOTH, false, "127.0.0.2-255 b2", "", POINTS_OF_BOTH},
	{"gbudb", "truncate.gbudb.net", SUBJECT_4, false, "127.0.0.2 b2", "",
		"+2.0.0.127 -1.0.0.127"},
	{"dronebl", "dnsbl.dronebl.org", BOTH, false, "127.0.0.2-255 b2", "", POINTS_OF_BOTH},
	{"s5h", "all.s5h.net", BOTH, false, "127.0.0.2 b1", "", POINTS_OF_BOTH},
	{"virusfree", "bip.virusfree.cz", BOTH, false, "127.0.0.2 b2", "", POINTS_OF_BOTH},
	{"backscatterer", "ips.backscatterer.org", SUBJECT_4, false, "127.0.0.2 p1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"spfbl", "dnsbl.spfbl.net", BOTH, false, "127.0.0.2-4 b1", "", POINTS_OF_BOTH},
	{"suomispam", "bl.suomispam.net", SUBJECT_4, false, "127.0.0.2 b1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"nordspam", "bl.nordspam.com", SUBJECT_4, false, "127.0.0.2 b1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"senderscore", "score.senderscore.com", SUBJECT_4, false,
		"127.0.4.0-69 s2, 127.0.4.70-79 s1, 127.0.4.80-89 s1, 127.0.4.90-100 s1", "",
		"+2.0.0.127 -1.0.0.127"},
	{"senderscore-rpbl", "bl.score.senderscore.com", SUBJECT_4, false,
		"127.0.0.&1 b3, 127.0.0.&2 b3, 127.0.0.&4 b3, 127.0.0.&8 b3, 127.0.0.&16 b3", "",
		"+2.0.0.127 -1.0.0.127"},
	{"dnswl", "list.dnswl.org", BOTH, false,
		"127.0.1-255.0 w1, 127.0.1-255.1 w1, 127.0.1-255.2 w1, 127.0.1-255.3 w1",
		"127.0.0.255 127.0.10.3", POINTS_OF_BOTH},
	{"dbl", "dbl.spamhaus.org", DOMAIN, true,
		"127.0.1.2 b5, 127.0.1.4 b5, 127.0.1.5 b5, 127.0.1.6 b5, 127.0.1.102-106 b4",
		"127.0.1.255", "+dbltest.com -invalid"},
	{"dbl-dqs", "<key>.dbl.dq.spamhaus.net", DOMAIN, false,
		"127.0.1.2 b5, 127.0.1.4 b5, 127.0.1.5 b5, 127.0.1.6 b5, 127.0.1.102-106 b4",
		"127.0.1.255", "+dbltest.com -invalid"},
	{"zrd", "<key>.zrd.dq.spamhaus.net", DOMAIN, false, "127.0.2.2-24 p3", "",
		"+test -invalid"},
	{"surbl", "multi.surbl.org", DOMAIN, false,
		"127.0.0.&4 b4, 127.0.0.&8 b4, 127.0.0.&16 b4, 127.0.0.&32 b4, 127.0.0.&64 b4, "
		"127.0.0.&128 b4",
		"127.0.0.1", "+test.surbl.org -invalid"},
	{"uribl", "multi.uribl.com", DOMAIN, false, "127.0.0.&2 b4, 127.0.0.&4 b2, 127.0.0.&8 b1",
		"127.0.0.1", "+test.uribl.com -invalid"},
	{"sem-uri", "uribl.spameatingmonkey.net", DOMAIN, false, "127.0.0.&2 b2", "",
		"+test -invalid"},
	{"sem-fresh15", "fresh15.spameatingmonkey.net", DOMAIN, false, "127.0.0.&2 p1", "",
		"+test -invalid"},
};

static char text[4096];
static size_t used;

static void add(const char *part)
{
	int n = snprintf(text + used, sizeof(text) - used, "%s", part);
	ck_assert(n >= 0 && (size_t)n < sizeof(text) - used);
	used += (size_t)n;
}

static const char *codes_of(const struct blocklist *list)
{
	char part[128];

	used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < list->code_n; i++) {
		snprintf(part, sizeof(part), "%s%s %c%u", i ? ", " : "", list->code[i].code,
			listing_kind_name(list->code[i].kind)[0], list->code[i].severity);
		add(part);
	}
	return text;
}

static const char *subjects_of(const struct blocklist *list)
{
	used = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < BLOCKLIST_SUBJECTS; i++) {
		if (!(list->subjects & 1u << i))
			continue;
		add(used ? " " : "");
		add(blocklist_subject_name((enum blocklist_subject)i));
	}
	return text;
}

static const char *tests_of(const struct blocklist *list)
{
	used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < list->test_n; i++) {
		add(i ? " " : "");
		add(list->test[i].is_listed ? "+" : "-");
		add(list->test[i].label);
	}
	return text;
}

static bool is_error(const struct blocklist *list, struct span word)
{
	struct ip ip;

	ck_assert_int_eq(ip_parse(word, &ip), 0);
	for (size_t i = 0; i < list->error_n; i++) {
		if (code_pattern_has(&list->error[i].pattern, ip.byte + 12))
			return true;
	}
	return false;
}

/* Loads without a word, and the default configuration asks what the table says. */
START_TEST(loads)
{
	struct loaded loaded = load_text("");
	size_t n, enabled = 0;

	ck_assert_msg(loaded.r == 0 && loaded.report->n == 0, "%s", told_by(loaded.report));
	const struct blocklist *list = config_blocklists(loaded.config, &n);
	ck_assert_uint_eq(n, ROWS(lists));
	for (size_t i = 0; i < n; i++)
		enabled += list[i].is_enabled;
	ck_assert_uint_eq(enabled, 4);
	ck_assert_uint_gt(blocklist_catalogue_n, 10000);
	ck_assert_uint_eq(strlen(blocklist_catalogue), blocklist_catalogue_n);
	loaded_free(&loaded);
}
END_TEST

START_TEST(list_row)
{
	const struct row *row = &lists[_i];
	struct config *config = config_of("");
	const struct blocklist *list = config_blocklist_of(config, span_of(row->name));
	struct span errors = span_of(row->errors);

	ck_assert_msg(list != NULL, "no %s", row->name);
	ck_assert_ptr_eq(config_blocklist_of(config, span_of(row->zone)), list);
	ck_assert_str_eq(list->name, row->name);
	ck_assert_str_eq(list->zone, row->zone);
	ck_assert_str_eq(list->zone_asked, row->zone);
	ck_assert_str_eq(subjects_of(list), row->subjects);
	ck_assert_str_eq(codes_of(list), row->codes);
	ck_assert_str_eq(tests_of(list), row->tests);
	ck_assert_int_eq(list->is_enabled, row->is_default);
	ck_assert_int_eq(list->has_key_missing, strstr(row->zone, "<key>") != NULL);
	ck_assert(!list->is_own && !list->clients);
	/* What wants a key or is not sure to be alive is nobody's default. */
	ck_assert(!list->is_enabled || !list->has_key_missing);
	ck_assert(!list->is_enabled || !list->note || !strstr(list->note, "confirmed"));
	for (struct span word = span_word(&errors); word.n; word = span_word(&errors))
		ck_assert_msg(is_error(list, word), "%s", word.p);
	ck_assert_uint_eq(list->error_n != 0, row->errors[0] != '\0');
	for (size_t i = 0; i < list->code_n; i++)
		ck_assert_ptr_nonnull(list->code[i].text);
	ck_assert_int_eq(list->interval_us, 15 * MINUTE_US);
	ck_assert_int_eq(list->interval_min_us, 5 * MINUTE_US);
	ck_assert_str_eq(list->place.file, "blocklists.conf (built in)");
	ck_assert_uint_gt(list->place.line, 1);
	config_unref(config);
}
END_TEST

/* What a real answer of each means. */
static const struct {
	const char *list, *code, *kind;
	unsigned severity;
	const char *says;
} answers[] = {
	{"zen", "127.0.0.2", "behaviour", 5, "SBL"},
	{"zen", "127.0.0.3", "behaviour", 5, "CSS"},
	{"zen", "127.0.0.4", "behaviour", 5, "XBL"},
	{"zen", "127.0.0.7", "behaviour", 5, "XBL"},
	{"zen", "127.0.0.9", "behaviour", 5, "DROP"},
	{"zen", "127.0.0.10", "policy", 4, "PBL"},
	{"zen", "127.0.0.11", "policy", 4, "PBL"},
	{"senderscore", "127.0.4.42", "score", 2, "bad"},
	{"senderscore", "127.0.4.99", "score", 1, "good"},
	{"uribl", "127.0.0.14", "behaviour", 4, "black"},
	{"surbl", "127.0.0.128", "behaviour", 4, "cracked"},
	{"dnswl", "127.0.15.3", "welcome", 1, "high"},
	{"dbl", "127.0.1.104", "behaviour", 4, "abused"},
};

START_TEST(answer_row)
{
	struct config *config = config_of("");
	const struct blocklist *list = config_blocklist_of(config, span_of(answers[_i].list));
	const struct blocklist_code *found = NULL;
	struct ip ip;

	ck_assert_int_eq(ip_parse(span_of(answers[_i].code), &ip), 0);
	for (size_t i = 0; i < list->code_n && !found; i++) {
		if (code_pattern_has(&list->code[i].pattern, ip.byte + 12))
			found = &list->code[i];
	}
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(listing_kind_name(found->kind), answers[_i].kind);
	ck_assert_uint_eq(found->severity, answers[_i].severity);
	ck_assert_msg(strstr(found->text, answers[_i].says) != NULL, "%s", found->text);
	/* Never an error of the list, nor of all lists. */
	ck_assert(!is_error(list, span_of(answers[_i].code)));
	config_unref(config);
}
END_TEST

static const char *const dead[] = {"dnsbl.sorbs.net", "web.dnsbl.sorbs.net", "ix.dnsbl.manitu.net",
	"db.wpbl.info", "dnsbl.njabl.org", "combined.njabl.org", "dnsbl.ahbl.org", "ircbl.ahbl.org",
	"rhsbl.ahbl.org", "bl.spamcannibal.org", "cbl.abuseat.org", "ubl.unsubscore.com",
	"ubl.lashback.com", "dnsbl.inps.de", "rfc-ignorant.org", "dsn.rfc-ignorant.org",
	"combined.abuse.ch", "spam.abuse.ch", "rbl.megarbl.net", "bl.emailbasura.org",
	"combined.rbl.msrbl.net", "virbl.bit.nl", "relays.bl.kunden.de", "bl.spamsources",
	"spamsources.fabel.dk", "dul.ru", "webiron", "all.rbl.webiron.net"};

START_TEST(dead_row)
{
	char written[256];

	snprintf(written, sizeof(written), "blocklists = ( { name = \"x\"; zone = \"%s\"; } );",
		dead[_i]);
	struct loaded loaded = load_text(written);
	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_msg(loaded.report->n == 1 && strstr(told_by(loaded.report), "is a dead list: "),
		"%s", told_by(loaded.report));
	config_report_free(loaded.report);
}
END_TEST

/* No list is dead by the same file, and none lies below a dead one. */
START_TEST(living_are_not_dead)
{
	struct config *config = config_of("");

	for (int i = 0; i < ROWS(lists); i++) {
		ck_assert_ptr_null(config_dead_list_of(config, span_of(lists[i].zone)));
		ck_assert_ptr_null(config_dead_list_of(config, span_of(lists[i].name)));
	}
	config_unref(config);
}
END_TEST

/* ---- catalogues of one's own ---- */

static const struct {
	const char *catalogue, *told; /* with the directory in place of %s; "": nothing */
} files[] = {
	{"", ""},
	{"lists = ( { name = \"a\"; zone = \"a.example\"; } );", ""},
	{"lists = (\n{ name = \"a\"; zone = \"a.example\"; },\n{ name = \"a\"; zone = "
	 "\"b.example\"; } );",
		"E %s/cat:3: blocklists.name \"a\" is taken already at %s/cat:2"},
	{"lists = (\n{ name = \"a\"; } );",
		"E %s/cat:2: blocklists \"a\": the catalogue has no zone for it"},
	{"lists = ( { name = \"a\"; enabled = false; } );", ""},
	{"\nlists = ( { name = \"a\" zone } );", "E %s/cat:2: syntax error"},
	{"listen = 1;", "E %s/cat:1: unknown setting \"listen\""},
	{"list = ( );", "E %s/cat:1: unknown setting \"list\" (did you mean \"lists\"?)"},
	{"lists = ( { name = \"a\"; zone = \"a.example\";\ncodes = ( { code = \"127.0.0.300\"; } "
	 "); } );",
		"E %s/cat:2: blocklists.codes.code \"127.0.0.300\": an octet is at most 255"},
	{"lists = ( { name = \"a\"; zone = \"x.dead.example\"; } );\ndead = ( { zone = "
	 "\"dead.example\"; hint "
	 "= \"it is gone\"; } );",
		"E %s/cat:1: blocklists \"a\": \"x.dead.example\" is a dead list: it is gone"},
	{"dead = ( { zone = \"dead.example\"; } );", "E %s/cat:1: dead.hint is missing"},
	{"lists = (\n{ name = \"a\"; zone = \"<key>.example\"; } );",
		"E %s/cat:2: blocklists \"a\": its zone \"<key>.example\" holds a key of yours"},
	{"lists = ( { name = \"a\"; zone = \"a.example\";\ninterval = \"1m\"; } );",
		"E %s/cat:1: blocklists \"a\": interval \"1m\" is below interval_min"},
};

START_TEST(file_row)
{
	directory_make();
	file_write("cat", files[_i].catalogue);
	struct loaded loaded = load_text(in_directory("egress = { catalogue = \"%s/cat\"; };"));
	const char *wanted = in_directory(files[_i].told);
	const char *told = told_by(loaded.report);

	ck_assert_msg(strncmp(told, wanted, strlen(wanted)) == 0, "%s", told);
	ck_assert_uint_eq(loaded.report->n, files[_i].told[0] != '\0');
	ck_assert_int_eq(loaded.r, files[_i].told[0] ? -EINVAL : 0);
	if (loaded.r == 0)
		config_unref(loaded.config);
	config_report_free(loaded.report);
	directory_remove();
}
END_TEST

/* It takes the place of what is built in, of the dead lists too. */
START_TEST(file_replaces)
{
	directory_make();
	file_write("cat",
		"lists = ( { name = \"mine\"; zone = \"mine.example\"; }, { name = \"other\"; zone "
		"= "
		"\"o.example\"; enabled = false; } );\n"
		"dead = ( { zone = \"gone.example\"; name = \"gone\"; hint = \"use mine\"; } );");
	struct config *config = config_of(in_directory("egress = { catalogue = \"%s/cat\"; };"));
	size_t n;
	const struct blocklist *list = config_blocklists(config, &n);

	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(list[0].name, "mine");
	ck_assert(list[0].is_enabled && !list[1].is_enabled);
	ck_assert_str_eq(list[0].place.file, in_directory("%s/cat"));
	ck_assert_str_eq(config_dead_list_of(config, SPAN("a.gone.example")), "use mine");
	ck_assert_ptr_null(config_dead_list_of(config, SPAN("dnsbl.sorbs.net")));
	config_unref(config);
	directory_remove();
}
END_TEST

/* One mistake in the file, not one for each name that is then unknown. */
START_TEST(broken_file_is_told_once)
{
	directory_make();
	file_write("cat", "lists = ( {");
	struct loaded loaded = load_text(
		in_directory("egress = { catalogue = \"%s/cat\"; };\n"
			     "blocklists = ( { name = \"zen\"; }, { name = \"psbl\"; } );"));
	ck_assert_int_eq(loaded.r, -EINVAL);
	ck_assert_uint_eq(loaded.report->n, 1);
	config_report_free(loaded.report);
	directory_remove();
}
END_TEST

/* How long a removal takes: of the code, else of the list, else two days. */
static const struct {
	const char *list, *code;
	int64_t us;
} removals[] = {
	{"zen", "127.0.0.2", 48 * HOUR_US},
	{"zen", "127.0.0.3", 3 * DAY_US},
	{"zen", "127.0.0.11", 30 * MINUTE_US},
	{"spamcop", "127.0.0.2", 24 * HOUR_US},
	{"backscatterer", "127.0.0.2", 28 * DAY_US},
	{"psbl", "127.0.0.2", 48 * HOUR_US},
};

START_TEST(removal_times)
{
	struct config *config = config_of("");
	const struct blocklist *list = config_blocklist_of(config, span_of(removals[_i].list));
	size_t i = 0;
	while (i < list->code_n && strcmp(list->code[i].code, removals[_i].code) != 0)
		i++;
	ck_assert_uint_lt(i, list->code_n);
	ck_assert_int_eq(list->code[i].removal_us, removals[_i].us);
	config_unref(config);
}
END_TEST

START_TEST(programmes)
{
	size_t n;
	struct config *config = config_of("");
	const struct config_programme *programme = config_programmes(config, &n);
	ck_assert_uint_eq(n, 9);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(programme[i].name, programme[j].name);
	}
	ck_assert_str_eq(programme[0].name, "snds");
	ck_assert_int_eq(programme[0].renew_us, 300 * DAY_US);
	config_unref(config);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"loads", loads, 0},
		{"list_row", list_row, ROWS(lists)},
		{"answer_row", answer_row, ROWS(answers)},
		{"dead_row", dead_row, ROWS(dead)},
		{"living_are_not_dead", living_are_not_dead, 0},
		{"file_row", file_row, ROWS(files)},
		{"file_replaces", file_replaces, 0},
		{"broken_file_is_told_once", broken_file_is_told_once, 0},
		{"removal_times", removal_times, ROWS(removals)},
		{"programmes", programmes, 0},
	};
	return SUITE_RUN("catalogue", rows);
}
