/* SPDX-License-Identifier: ISC */
/*
 * config.h, what comes from outside of one text: conf.d, --set, unreadable files, the sample that is
 * installed, and the rows of the schema. Files are made in a temporary directory.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/blocklist.h"
#include "policyd/config.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

#define LISTEN "listen = ( { address = \"unix:/run/p.sock\"; } );\n"
#define LIMITS "limits = ( { name = \"hourly\"; rate = \"200/1h\"; } );\n"

/* A directory of its own for every test; names are relative to it. */
static char directory[64];
static struct config *config;
static struct config_report *report;

static void setup_report(void)
{
	report = config_report_new();
	config = NULL;
}

static void teardown_report(void)
{
	config_unref(config);
	config_report_free(report);
}

static void setup(void)
{
	setup_report();
	snprintf(directory, sizeof(directory), "/tmp/test_config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
}

static void teardown(void)
{
	char command[128];

	teardown_report();
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static int load(const char *path)
{
	return config_load(&(struct config_source){.path = path}, &config, report);
}

static int load_set(const char *const *set, size_t n)
{
	struct config_source source = {.path = "p.conf", .set = set, .set_n = n};

	return config_load(&source, &config, report);
}

/* The message with that number, or "" so that comparing tells. */
static const char *told(size_t i)
{
	return i < report->n ? report->line[i].text : "";
}

static void assert_told(size_t i, const char *begin)
{
	ck_assert_msg(strncmp(told(i), begin, strlen(begin)) == 0, "told \"%s\", not \"%s\"",
		told(i), begin);
}

START_TEST(dropins_merge)
{
	write_file("p.conf",
		LISTEN LIMITS "local_domains = [ \"a.example\" ];\n"
			      "state = { directory = \"/one\"; keep_audit = \"2d\"; };\n"
			      "contact = \"first\";\n");
	ck_assert_int_eq(mkdir("conf.d", 0700), 0);
	write_file("conf.d/20.conf", "contact = \"third\"; local_domains = ( \"c.example\" );");
	write_file("conf.d/10.conf", "\n\nlimits = ( { name = \"daily\"; rate = \"1000/1d\"; } );\n"
				     "contact = \"second\"; local_domains = [ \"b.example\" ];\n"
				     "state = { directory = \"/two\"; };\n"
				     "listen = ( { address = \"inet:127.0.0.1:10040\"; } );\n");
	write_file("conf.d/00.conf.bak", "this is not read");
	write_file("conf.d/.30.conf", "nor is this");
	ck_assert_int_eq(load("p.conf"), 0);
	ck_assert_uint_eq(report->n, 0);
	ck_assert_str_eq(config->contact, "third");
	ck_assert_uint_eq(config->local_domains.n, 3);
	ck_assert_str_eq(config->local_domains.text[1], "b.example");
	ck_assert_str_eq(config->local_domains.text[2], "c.example");
	ck_assert_uint_eq(config->listen_n, 2);
	ck_assert_uint_eq(config->limits_n, 2);
	ck_assert_str_eq(config->limits[0].place.file, "p.conf");
	ck_assert_uint_eq(config->limits[0].place.line, 2);
	ck_assert_str_eq(config->limits[1].place.file, "conf.d/10.conf");
	ck_assert_uint_eq(config->limits[1].place.line, 3);
	ck_assert_str_eq(config->state.directory, "/two");
	ck_assert_int_eq(config->state.keep_audit_us, INT64_C(172800000000));
}
END_TEST

START_TEST(dropins_beside_the_file)
{
	char path[128];

	ck_assert_int_eq(mkdir("conf.d", 0700), 0);
	write_file("p.conf", LIMITS);
	write_file("conf.d/a.conf", LISTEN);
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(path, sizeof(path), "%s/p.conf", directory);
	ck_assert_int_eq(load(path), 0);
	ck_assert_uint_eq(config->listen_n, 1);
}
END_TEST

START_TEST(errors_of_all_files)
{
	const char *const set[] = {"contact=\"\"", "limts=1"};

	ck_assert_int_eq(mkdir("conf.d", 0700), 0);
	write_file("p.conf", LISTEN LIMITS "web = { };\nuser = 5;\n");
	write_file("conf.d/a.conf", "user = ");
	write_file("conf.d/b.conf", "\nweb = { };\n" LIMITS);
	ck_assert_int_eq(load_set(set, 2), -EINVAL);
	ck_assert_uint_eq(report->n, 6);
	ck_assert_uint_eq(report->errors, 5);
	assert_told(0, "p.conf:3: the module for \"web\"");
	assert_told(1, "p.conf:4: user: a string is expected");
	assert_told(2, "conf.d/a.conf:2: syntax error");
	assert_told(3, "conf.d/b.conf:3: limits.name \"hourly\" is taken already at p.conf:2");
	assert_told(4, "--set contact: contact \"\": empty");
	assert_told(5, "--set limts: unknown setting \"limts\" (did you mean \"limits\"?)");
}
END_TEST

START_TEST(unreadable_files)
{
	ck_assert_int_eq(load("none.conf"), -ENOENT);
	assert_told(0, "none.conf: cannot be read: No such file or directory");
	ck_assert_int_eq(load("."), -EISDIR);
	assert_told(1, ".: cannot be read: Is a directory");
	ck_assert_uint_eq(report->n, 2);
	ck_assert_uint_eq(report->errors, 2);
}
END_TEST

START_TEST(unreadable_dropin)
{
	ck_assert_int_eq(mkdir("conf.d", 0700), 0);
	ck_assert_int_eq(mkdir("conf.d/a.conf", 0700), 0);
	write_file("p.conf", LISTEN);
	write_file("conf.d/b.conf", "user = 1;");
	ck_assert_int_eq(load("p.conf"), -EISDIR);
	ck_assert_uint_eq(report->n, 2);
	assert_told(0, "conf.d/a.conf: cannot be read: Is a directory");
	assert_told(1, "conf.d/b.conf:1: user: a string is expected");
}
END_TEST

START_TEST(too_many_dropins)
{
	char path[64];

	ck_assert_int_eq(mkdir("conf.d", 0700), 0);
	write_file("p.conf", LISTEN LIMITS);
	for (int i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "conf.d/%03d.conf", i);
		write_file(path, "contact = \"x\";");
	}
	ck_assert_int_eq(load("p.conf"), 0);
	config_unref(config);
	config = NULL;
	write_file("conf.d/one-more.conf", "");
	ck_assert_int_eq(load("p.conf"), -E2BIG);
	assert_told(0, "p.conf: conf.d/ has 257 files *.conf: at most 256");
}
END_TEST

START_TEST(file_size)
{
	FILE *file = fopen("p.conf", "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_gt(fprintf(file, LISTEN LIMITS "#"), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(truncate("p.conf", 1024 * 1024 + 1), 0);
	ck_assert_int_eq(load("p.conf"), -EFBIG);
	assert_told(0, "p.conf: larger than 1048576 bytes");
}
END_TEST

START_TEST(set_takes_values)
{
	static const char *const set[] = {
		"suspension.action=\"HOLD\"",
		"commit_at=data",
		" connections_max = 0x20",
		"reserve_max=2h",
		"control.mode=0600",
		"control.operators=[\"a\", \"b\"]",
		"state={ directory = \"/s\"; }",
		"state.max_decisions=5000",
		"ladder.hold=80",
		"trusted_networks=[]",
		"cluster.members=[\"a\",\"b\"]",
		"feedback.source=file",
		"contact=\"it = \\\"x\\\"; # no comment\"",
		"limits=( { name = \"only\"; rate = \"1/1m\"; } )",
	};

	write_file("p.conf", LISTEN LIMITS "trusted_networks = [ \"::1\" ];\n");
	ck_assert_msg(load_set(set, ROWS(set)) == 0, "%s", told(0));
	ck_assert_uint_eq(report->n, 2);
	assert_told(0, "--set cluster.members: the module for \"cluster\"");
	assert_told(1, "--set feedback.source: the module for \"feedback\"");
	ck_assert_int_eq(config->suspension.action.action, ACTION_HOLD);
	ck_assert_int_eq(config->commit_at, COMMIT_DATA);
	ck_assert_uint_eq(config->connections_max, 32);
	ck_assert_int_eq(config->reserve_max_us, INT64_C(7200000000));
	ck_assert_uint_eq(config->control.mode, 0600);
	ck_assert_uint_eq(config->control.operators.n, 2);
	ck_assert_str_eq(config->state.directory, "/s");
	ck_assert_uint_eq(config->state.max_decisions, 5000);
	ck_assert_uint_eq(config->ladder.hold, 80);
	ck_assert_uint_eq(config->trusted_networks.n, 0);
	ck_assert_str_eq(config->contact, "it = \"x\"; # no comment");
	ck_assert_uint_eq(config->limits_n, 1);
	ck_assert_str_eq(config->limits[0].name, "only");
	ck_assert_str_eq(config->limits[0].place.file, "--set limits");
}
END_TEST

/* An assignment that is not taken, and what is said. */
static const struct {
	const char *set, *told;
} bad_sets[] = {
	{"commit_at", "--set commit_at: a value is missing: write NAME=VALUE"},
	{"", "--set \"\": a value is missing"},
	{"=1", "--set \"\": unknown setting \"\""},
	{"comit_at=data",
		"--set comit_at: unknown setting \"comit_at\" (did you mean \"commit_at\"?)"},
	{"state.dir=\"/x\"", "--set state.dir: unknown setting \"dir\" in state (known here: "},
	{"state.=1", "--set state.: unknown setting \"\" in state"},
	{"a\nb=1", "--set \"a\\x0ab\": unknown setting \"a\\x0ab\""},
	{"user.name=x", "--set user.name: user is no group with settings of its own"},
	{"limits.rate=\"1/1h\"", "--set limits.rate: limits is no group with settings of its own"},
	{"commit_at=dta", "--set commit_at: commit_at \"dta\": write one of"},
	{"connections_max=many", "--set connections_max: connections_max: a whole number"},
	{"connections_max=4294967396",
		"--set connections_max: the number \"4294967396\" does not fit"},
	{"connections_max=1.5", "--set connections_max: connections_max: a whole number"},
	{"user=\"a\"; contact = \"b\"", "--set user: one value is expected"},
	{"user=", "--set user: syntax error"},
	{"user=\"a", "--set user: the string that begins here is never closed"},
	{"user=a b", "--set user: syntax error"},
	{"user=}", "--set user: syntax error"},
	{"local_domains=example.org", "--set local_domains: local_domains: a list of strings"},
	{"limits=( 1 )", "--set limits: limits: a list of groups is expected"},
	{"cluster.members=[", "--set cluster.members: syntax error"},
};

START_TEST(bad_set_row)
{
	write_file("p.conf", LISTEN LIMITS);
	ck_assert_int_eq(load_set(&bad_sets[_i].set, 1), -EINVAL);
	assert_told(0, bad_sets[_i].told);
	ck_assert_uint_eq(report->errors, 1);
}
END_TEST

/* The last one counts, and what was allocated before is not lost (ASan). */
START_TEST(set_twice)
{
	static const char *const set[] = {
		"user=a",
		"user=b",
		"local_domains=[\"a\",\"b\"]",
		"local_domains=[\"c\"]",
		"listen=( { address = \"unix:/a\"; group = \"x\"; } )",
		"listen=( { address = \"unix:/b\"; } )",
	};

	write_file("p.conf", LIMITS);
	ck_assert_int_eq(load_set(set, ROWS(set)), 0);
	ck_assert_str_eq(config->user, "b");
	ck_assert_uint_eq(config->local_domains.n, 1);
	ck_assert_uint_eq(config->listen_n, 1);
	ck_assert_str_eq(config->listen[0].address, "unix:/b");
	ck_assert_ptr_null(config->listen[0].group);
}
END_TEST

static const char *sample_path(char *buf, size_t size)
{
	static const char test[] = "tests/unit/test_config_files.c";
	struct span top = span_make(__FILE__, sizeof(__FILE__) - sizeof(test));

	ck_assert(span_ends(SPAN(__FILE__), SPAN(test)));
	snprintf(buf, size, "%.*sconf/policyd.conf", (int)top.n, top.p);
	return buf;
}

START_TEST(sample_loads)
{
	char path[1024];

	ck_assert_msg(load(sample_path(path, sizeof(path))) == 0 && report->n == 0, "%s", told(0));
	ck_assert_uint_eq(config->limits_n, 2);
	ck_assert_uint_eq(config->limits[0].rate.n, 200);
	ck_assert_uint_eq(config->limits[1].rate.n, 1000);
	ck_assert_str_eq(config->listen[0].group, "postfix");
}
END_TEST

/* True when the text sets name somewhere, be it in a comment. */
static bool is_shown(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
		if (at > text && strchr("\n\t #{", at[-1]) && strncmp(at + n, " = ", 3) == 0)
			return true;
	}
	return false;
}

START_TEST(sample_shows_every_setting)
{
	static char text[65536];
	char path[1024];
	FILE *file = fopen(sample_path(path, sizeof(path)), "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	for (size_t i = 0; i < setting_sections_n; i++) {
		for (size_t j = 0; j < setting_sections[i].n; j++) {
			const struct setting_row *row = &setting_sections[i].row[j];
			ck_assert_msg(strcmp(row->type, "LATER") == 0 || is_shown(text, row->name),
				"the sample has no %s", row->name);
		}
	}
}
END_TEST

/* One line without its '#': only settings follow one at once, prose has a blank between. */
static void uncomment(const char *line, FILE *to)
{
	static const char here[] = "\"/etc/policyd/";
	const char *at = line[0] == '#' && !strchr(" #\n", line[1]) ? line + 1 : line;
	const char *path = strstr(at, here);

	if (path)
		fprintf(to, "%.*s\"%s/%s", (int)(path - at), at, directory, path + strlen(here));
	else
		fputs(at, to);
}

/* A file beside the sample's copy. */
static void write_beside(const char *name, const char *text, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	write_file(path, text);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* Every example works when its '#' goes, all of them at once. */
START_TEST(sample_uncommented)
{
	char path[1024], line[512];

	snprintf(directory, sizeof(directory), "/tmp/test_config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	write_beside("aliases", "bob.smith bob@example.org\n", 0644);
	write_beside("applications", "@apps2.example.org\n", 0644);
	write_beside("token.key", "0123456789abcdef0123456789abcdef\n", 0600);
	write_beside("authbl.key", "abcdefghijklmnopqrstuvwxyz\n", 0600);
	write_beside("blocklists.conf", blocklist_catalogue, 0644);
	FILE *from = fopen(sample_path(path, sizeof(path)), "r");
	snprintf(path, sizeof(path), "%s/p.conf", directory);
	FILE *to = fopen(path, "w");
	ck_assert(from && to);
	while (fgets(line, sizeof(line), from))
		uncomment(line, to);
	ck_assert_int_eq(fclose(from) | fclose(to), 0);
	ck_assert_msg(load(path) == 0 && report->n == 0, "%s", told(0));
	ck_assert_uint_eq(config->limits_n, 6);
	ck_assert_uint_eq(config->classes_n, 4);
	ck_assert_uint_eq(config->overrides_n, 2);
	ck_assert_uint_eq(config->listen_n, 2);
	ck_assert_str_eq(config->egress.addresses[0].address, "auto");
	ck_assert_str_eq(config->egress.addresses[1].address, "192.0.2.10");
	ck_assert_uint_eq(config->classes[0].egress_at, 1);
	ck_assert_uint_eq(config->blocklists_n, 6);
	ck_assert_uint_eq(config->dns.servers.n, 2);
	ck_assert_ptr_nonnull(config->egress.catalogue);
	ck_assert_uint_eq(config->account_aliases.n, 1);
	ck_assert_uint_eq(config->token.key_file.n, 32);
	ck_assert_str_eq(config->record.file, "/var/lib/policyd/record.jsonl");
	teardown();
	setup_report();
}
END_TEST

/* A bound or preset as a number: of a COUNT, DURATION or SIZE. */
static uint64_t number_of(const struct setting_row *row, const char *text)
{
	struct span span = span_of(text);
	uint64_t n = 0;
	int64_t us = 0;
	int r = strcmp(row->type, "COUNT") == 0  ? span_to_u64(span, &n)
		: strcmp(row->type, "SIZE") == 0 ? size_parse(span, &n, NULL)
						 : duration_parse(span, &us, NULL);

	ck_assert_msg(r == 0, "%s: %s", row->name, text);
	return n + (uint64_t)us;
}

static void check_row(const struct setting_row *row)
{
	bool is_number = strcmp(row->type, "COUNT") == 0 || strcmp(row->type, "DURATION") == 0 ||
			 strcmp(row->type, "SIZE") == 0;
	uint64_t low, high, preset;

	ck_assert_str_ne(row->text, "");
	ck_assert(strcmp(row->reload, "LIVE") == 0 || strcmp(row->reload, "RESTART") == 0);
	ck_assert_msg(is_number || (!row->low && !row->high), "%s has bounds", row->name);
	if (!is_number)
		return;
	low = row->low ? number_of(row, row->low) : 0;
	high = row->high ? number_of(row, row->high) : UINT64_MAX;
	preset = number_of(row, row->preset);
	ck_assert_msg(low <= preset && preset <= high, "%s", row->name);
}

/* That every preset parses is what loading the least configuration asserts. */
START_TEST(schema_rows)
{
	for (size_t i = 0; i < setting_sections_n; i++) {
		const struct setting_section *section = &setting_sections[i];

		ck_assert_uint_gt(section->n, 0);
		for (size_t j = 0; j < section->n; j++) {
			check_row(&section->row[j]);
			for (size_t k = 0; k < j; k++)
				ck_assert_str_ne(section->row[j].name, section->row[k].name);
		}
	}
}
END_TEST

static void load_limit(const char *key, const char *unit, const char *mode)
{
	char text[256];

	snprintf(text, sizeof(text),
		LISTEN "limits = ( { name = \"a\"; rate = \"1/1h\"; key = \"%s\"; unit = \"%s\"; "
		       "mode = \"%s\"; } );",
		key, unit, mode);
	config_unref(config);
	config = NULL;
	ck_assert_int_eq(config_parse(span_of(text), "words", &config, report), 0);
}

START_TEST(words_round_trip)
{
	char text[256];

	for (int i = 0; i < UNIT_COUNT; i++) {
		load_limit("account", unit_name((enum unit)i), "enforce");
		ck_assert_int_eq(config->limits[0].unit, i);
	}
	for (int i = 0; i < KEY_COUNT; i++) {
		load_limit(key_name((enum key)i), "messages", "enforce");
		ck_assert_int_eq(config->limits[0].key, i);
	}
	for (int i = 0; i < MODE_COUNT; i++) {
		load_limit("account", "messages", mode_name((enum mode)i));
		ck_assert_int_eq(config->limits[0].mode, i);
	}
	static const char *const commits[COMMIT_COUNT] = {"auto", "rcpt", "data", "eom"};
	for (int i = 0; i < COMMIT_COUNT; i++) {
		config_unref(config);
		config = NULL;
		snprintf(text, sizeof(text), LISTEN LIMITS "commit_at = \"%s\";", commits[i]);
		ck_assert_int_eq(config_parse(span_of(text), "words", &config, report), 0);
		ck_assert_int_eq(config->commit_at, i);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_files");
	TCase *files = tcase_create("files"), *rows = tcase_create("rows");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_test(files, dropins_merge);
	tcase_add_test(files, dropins_beside_the_file);
	tcase_add_test(files, errors_of_all_files);
	tcase_add_test(files, unreadable_files);
	tcase_add_test(files, unreadable_dropin);
	tcase_add_test(files, too_many_dropins);
	tcase_add_test(files, file_size);
	tcase_add_test(files, set_takes_values);
	tcase_add_loop_test(files, bad_set_row, 0, ROWS(bad_sets));
	tcase_add_test(files, set_twice);
	suite_add_tcase(suite, files);
	/* The sample's path may be relative to where the test was started. */
	tcase_add_checked_fixture(rows, setup_report, teardown_report);
	tcase_add_test(rows, sample_shows_every_setting);
	tcase_add_test(rows, schema_rows);
	tcase_add_test(rows, words_round_trip);
	tcase_add_test(rows, sample_loads);
	tcase_add_test(rows, sample_uncommented);
	suite_add_tcase(suite, rows);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
