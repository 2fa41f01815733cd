/* SPDX-License-Identifier: ISC */
/* policyctl config: check, show, defaults. What postconf says is test_postfix_facts.c's. */
#include "configuration.h"

#include <stdio.h>
#include <sysexits.h>

#include "replay_help.h"

#define LISTEN "listen = ( { address = \"unix:/p\"; } );\n"
#define GOOD   LISTEN "connections_max = 77; limits = ( { name = \"a\"; rate = \"1/1h\"; } );\n"

/* Arguments of config check and show for a file that holds text. */
static json_t *args_for(const char *text)
{
	char path[100];
	write_file(path_in("test.conf", path), text, strlen(text));
	return json_pack("{s:s}", "c", path);
}

static const char *message_of(const json_t *data, size_t i)
{
	const char *text = json_string_value(json_array_get(json_object_get(data, "messages"), i));
	return text ? text : "";
}

START_TEST(check_good)
{
	struct errbuf err;
	json_t *data = NULL, *args = args_for(GOOD);
	ck_assert_int_eq(configuration_check(args, &data, &err), EX_OK);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "messages")), 0);
	json_decref(data);
	json_decref(args);
	/* A warning is told, and no reason to refuse. */
	args = args_for(LISTEN);
	ck_assert_int_eq(configuration_check(args, &data, &err), EX_OK);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "messages")), 1);
	ck_assert_ptr_nonnull(strstr(message_of(data, 0), "no limits"));
	json_decref(data);
	json_decref(args);
}
END_TEST

START_TEST(check_bad)
{
	struct errbuf err;
	json_t *data = NULL, *args = args_for(GOOD "limit = 1;\nuser = 5;\n");
	ck_assert_int_eq(configuration_check(args, &data, &err), EX_CONFIG);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "messages")), 2);
	ck_assert_ptr_nonnull(strstr(message_of(data, 0), "/test.conf:3: "));
	ck_assert_ptr_nonnull(strstr(err.text, "not good (2 errors)"));
	json_decref(data);
	json_decref(args);
	/* A file of any bytes is told in text that JSON takes. */
	args = args_for("\xff\xfe = \"\xc3\";\n");
	ck_assert_int_eq(configuration_check(args, &data, &err), EX_CONFIG);
	ck_assert_uint_gt(strlen(message_of(data, 0)), 0);
	json_decref(data);
	json_decref(args);
	args = json_pack("{s:s}", "c", "/nonexistent/policyd.conf");
	ck_assert_int_eq(configuration_check(args, &data, &err), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(message_of(data, 0), "/nonexistent/policyd.conf"));
	json_decref(data);
	json_decref(args);
}
END_TEST

/* What is shown loads again, and shows the same. */
START_TEST(show)
{
	struct errbuf err;
	json_t *data = NULL, *again = NULL, *args = args_for(GOOD);
	ck_assert_int_eq(configuration_show(args, &data, &err), EX_OK);
	const char *text = json_string_value(json_object_get(data, "text"));
	ck_assert_ptr_nonnull(strstr(text, "connections_max = 77;\n"));
	json_t *shown = args_for(text);
	ck_assert_int_eq(configuration_show(shown, &again, &err), EX_OK);
	ck_assert_ptr_nonnull(strstr(
		json_string_value(json_object_get(again, "text")), "connections_max = 77;\n"));
	json_decref(again);
	json_decref(shown);
	json_decref(data);
	json_decref(args);
}
END_TEST

START_TEST(show_bad)
{
	struct errbuf err;
	json_t *data = NULL, *args = args_for("nonsense");
	ck_assert_int_eq(configuration_show(args, &data, &err), EX_CONFIG);
	ck_assert_ptr_null(json_object_get(data, "text"));
	ck_assert_uint_gt(strlen(message_of(data, 0)), 0);
	json_decref(data);
	json_decref(args);
}
END_TEST

START_TEST(defaults)
{
	struct errbuf err;
	json_t *data = NULL;
	ck_assert_int_eq(configuration_defaults(NULL, &data, &err), EX_OK);
	const char *text = json_string_value(json_object_get(data, "text"));
	ck_assert_ptr_nonnull(strstr(text, "connections_max"));
	ck_assert_ptr_nonnull(strstr(text, "4096"));
	json_decref(data);
}
END_TEST

START_TEST(path)
{
	json_t *args = json_pack("{s:s}", "c", "x.conf");
	ck_assert_str_eq(configuration_path(args), "x.conf");
	ck_assert_str_eq(configuration_path(NULL), "/etc/policyd/policyd.conf");
	json_decref(args);
}
END_TEST

START_TEST(set)
{
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	json_t *args = args_for(GOOD);
	json_object_set_new(args, "set", json_pack("[s]", "connections_max=88"));
	ck_assert_int_eq(configuration_load(args, &config, report), 0);
	ck_assert_uint_eq(config->connections_max, 88);
	config_unref(config);
	config_report_free(report);
	json_decref(args);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"check_good", check_good, 0},
		{"check_bad", check_bad, 0},
		{"show", show, 0},
		{"show_bad", show_bad, 0},
		{"defaults", defaults, 0},
		{"path", path, 0},
		{"set", set, 0},
	};
	if (!folder_begin())
		return EXIT_FAILURE;
	return folder_end(SUITE_RUN("configuration", rows));
}
