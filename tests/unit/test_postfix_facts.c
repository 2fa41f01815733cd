/* SPDX-License-Identifier: ISC */
/* postfix_facts.h: a postconf of our own in PATH, well-behaved and not. */
#include "postfix_facts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

static char folder[] = "/tmp/policyd-postconf-XXXXXX";

/* Becomes what "postconf" is. */
static void postconf_is(const char *script)
{
	char path[100];
	ck_assert_int_gt(snprintf(path, sizeof(path), "%s/postconf", folder), 0);
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	char list[300];
	ck_assert_int_gt(snprintf(list, sizeof(list), "%s:/bin:/usr/bin", folder), 0);
	ck_assert_int_eq(setenv("PATH", list, 1), 0);
}

/* $1: what it prints of main.cf, $2: of master.cf. */
#define SAYS(main_cf, master_cf)                                                                   \
	"case \"$*\" in *-P) printf '" master_cf "' ;; *) printf '" main_cf "' ;; esac"

static const char *or_none(const char *text)
{
	return text ? text : "(none)";
}

static const struct {
	const char *script, *content_filter, *smtpd_proxy_filter;
} answers[] = {
	{SAYS("\\n\\n", ""), "(none)", "(none)"},
	{SAYS("scan:[127.0.0.1]:10024\\n\\n", ""), "scan:[127.0.0.1]:10024", "(none)"},
	{SAYS("\\n127.0.0.1:10025\\n", ""), "(none)", "127.0.0.1:10025"},
	{SAYS("a:b\\nc:d", ""), "a:b", "c:d"},
	{SAYS("", ""), "(none)", "(none)"},
	{SAYS("\\n\\n", "submission/inet/content_filter = scan:x\\n"), "scan:x", "(none)"},
	{SAYS("\\n\\n", "smtpd/pass/smtpd_proxy_filter = p:1\\n"), "(none)", "p:1"},
	/* The way back from the filter has none, and pickup is no smtpd. */
	{SAYS("\\n\\n", "127.0.0.1:10026/inet/content_filter = \\n"), "(none)", "(none)"},
	{SAYS("\\n\\n", "pickup/unix/content_filter = scan:y\\n"), "(none)", "(none)"},
	{SAYS("main:x\\n\\n", "127.0.0.1:10026/inet/content_filter =\\n"), "main:x", "(none)"},
	{SAYS("\\n\\n", "relay/unix/syslog_name = postfix/relay\\nrubbish\\n=\\n\\n"
			"submission/inet/content_filter=scan:z"),
		"scan:z", "(none)"},
};

START_TEST(answer)
{
	struct postfix_answers got;
	struct errbuf err;
	postconf_is(answers[_i].script);
	ck_assert_int_eq(postfix_ask(NULL, &got, &err), 0);
	ck_assert_str_eq(or_none(got.content_filter), answers[_i].content_filter);
	ck_assert_str_eq(or_none(got.smtpd_proxy_filter), answers[_i].smtpd_proxy_filter);
	postfix_answers_deinit(&got);
	ck_assert_ptr_null(got.content_filter);
}
END_TEST

/* No shell stands between: a folder's name is one argument, whatever it holds. */
START_TEST(directory_is_one_argument)
{
	struct postfix_answers got;
	struct errbuf err;
	postconf_is("test \"$1\" = -c && test \"$2\" = '/etc/a b;$(x)' || exit 3; echo \"$#\"");
	ck_assert_int_eq(postfix_ask("/etc/a b;$(x)", &got, &err), 0);
	ck_assert_str_eq(got.content_filter, "6");
	postfix_answers_deinit(&got);
}
END_TEST

static const struct {
	const char *script;
	int result;
	const char *error;
} failures[] = {
	{"exit 1", -EIO, "postconf ended with 1: run \"postconf -n\" to see why"},
	{"kill -9 $$", -EIO, "ended with 255"},
	{"exec yes", -E2BIG, "said more than 65536 bytes"},
	{"printf 'a\\000b\\n'", -EIO, "ended with 0"},
	{"exec sleep 60", -ETIMEDOUT, "no answer within 5 s"},
	{"exec >&-; exec sleep 60", -ETIMEDOUT, "no answer within 5 s"},
	{"case \"$*\" in *-P) exit 7 ;; esac; echo scan:x", -EIO, "ended with 7"},
};

START_TEST(failure)
{
	struct postfix_answers got = {0};
	struct errbuf err;
	struct timespec began, ended;
	postconf_is(failures[_i].script);
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &began), 0);
	ck_assert_int_eq(postfix_ask(NULL, &got, &err), failures[_i].result);
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &ended), 0);
	ck_assert_msg(strstr(err.text, failures[_i].error), "%s", err.text);
	ck_assert_ptr_null(got.content_filter);
	ck_assert_int_lt(ended.tv_sec - began.tv_sec, 9);
}
END_TEST

/* ---- the check ---- */

static struct config *config_with(const char *more)
{
	char text[500];
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(text, sizeof(text), "listen = ( { address = \"unix:/p\"; } );\n%s", more);
	ck_assert_int_eq(config_parse(span_make(text, (size_t)n), "test.conf", &config, report), 0);
	config_report_free(report);
	return config;
}

#define HOLD "limits = ( { name = \"a\"; rate = \"1/1h\"; action = \"HOLD\"; } );"

START_TEST(check)
{
	struct config *config = config_with(HOLD);
	struct config_report *report = config_report_new();
	postconf_is(SAYS("\\n\\n", ""));
	ck_assert_int_eq(postfix_check(config, NULL, report), 0);
	ck_assert_uint_eq(report->n, 0);
	postconf_is(SAYS("\\nproxy:1\\n", ""));
	ck_assert_int_eq(postfix_check(config, NULL, report), -EINVAL);
	ck_assert_uint_eq(report->errors, 1);
	ck_assert_ptr_nonnull(strstr(report->line[0].text, "test.conf:2: "));
	ck_assert_ptr_nonnull(strstr(report->line[0].text, "smtpd_proxy_filter"));
	config_report_free(report);
	config_unref(config);
}
END_TEST

/* One warning, and no error: mail goes on. */
START_TEST(check_cannot_ask)
{
	struct config *config = config_with(HOLD);
	struct config_report *report = config_report_new();
	postconf_is("exit 1");
	ck_assert_int_eq(postfix_check(config, "/etc/postfix", report), 0);
	ck_assert_uint_eq(report->n, 1);
	ck_assert_uint_eq(report->errors, 0);
	ck_assert_ptr_nonnull(strstr(report->line[0].text, "/etc/postfix: postconf ended with 1"));
	ck_assert_ptr_nonnull(strstr(report->line[0].text, "not checked against Postfix"));
	config_report_free(report);
	config_unref(config);
}
END_TEST

/* Where nothing depends on the answer nobody is asked, unless a directory is named. */
START_TEST(check_asks_only_where_it_matters)
{
	struct config *config = config_with(
		"limits = ( { name = \"a\"; rate = \"1/1h\"; action = \"REJECT\"; } );");
	struct config_report *report = config_report_new();
	postconf_is("exit 1");
	ck_assert_int_eq(postfix_check(config, NULL, report), 0);
	ck_assert_uint_eq(report->n, 0);
	ck_assert_int_eq(postfix_check(config, "/etc/postfix", report), 0);
	ck_assert_uint_eq(report->n, 1);
	config_unref(config);
	config = config_with("postfix = { config_directory = \"/etc/other\"; };");
	ck_assert_int_eq(postfix_check(config, NULL, report), 0);
	ck_assert_uint_eq(report->n, 2);
	ck_assert_ptr_nonnull(strstr(report->line[1].text, "/etc/other: "));
	config_unref(config);
	config = config_with("suspension = { action = \"HOLD\"; };");
	ck_assert_int_eq(postfix_check(config, NULL, report), 0);
	ck_assert_uint_eq(report->n, 3);
	config_unref(config);
	config_report_free(report);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"answer", answer, ROWS(answers)},
		{"directory_is_one_argument", directory_is_one_argument, 0},
		{"failure", failure, ROWS(failures)},
		{"check", check, 0},
		{"check_cannot_ask", check_cannot_ask, 0},
		{"check_asks_only_where_it_matters", check_asks_only_where_it_matters, 0},
	};
	char path[100];
	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	int result = SUITE_RUN("postfix_facts", rows);
	if (snprintf(path, sizeof(path), "%s/postconf", folder) > 0)
		(void)unlink(path);
	(void)rmdir(folder);
	return result;
}
