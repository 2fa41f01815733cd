/* SPDX-License-Identifier: ISC */
/*
 * The manual beside the program: conf/policyd.conf.5 has the settings as the program's own table has
 * them, and the words of every enum.
 */
#include <stdio.h>

#include "config_help.h"

static char page[256 * 1024];

static void page_read(void)
{
	static const char test[] = "tests/unit/test_config_manual.c";
	char path[1024];
	int top = (int)(sizeof(__FILE__) - sizeof(test));
	snprintf(path, sizeof(path), "%.*sconf/policyd.conf.5", top, __FILE__);
	FILE *file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	size_t n = fread(page, 1, sizeof(page) - 1, file);
	page[n] = '\0';
	(void)fclose(file);
}

/* Each line of the program's is the next line of the page's. */
static void take_line(void *ctx, const char *line)
{
	const char **at = ctx;
	size_t n = strlen(line);
	ck_assert_msg(strncmp(*at, line, n) == 0 && (*at)[n] == '\n',
		"conf/policyd.conf.5 has \"%.80s\" where the program has \"%.80s\": bring it up to "
		"date",
		*at, line);
	*at += n + 1;
}

START_TEST(settings_are_those_of_the_program)
{
	page_read();
	const char *at = strstr(page, "\n.Ss Settings\n");
	ck_assert_ptr_nonnull(at);
	at++;
	config_dump(NULL, CONFIG_DUMP_MANUAL, take_line, &at);
	ck_assert_msg(strncmp(at, ".Sh ", 4) == 0, "conf/policyd.conf.5 has more: %.80s", at);
}
END_TEST

START_TEST(words_are_those_of_the_program)
{
	page_read();
	for (int i = 0; i < KEY_COUNT; i++)
		ck_assert_msg(
			strstr(page, key_name((enum key)i)) != NULL, "%s", key_name((enum key)i));
	for (int i = 0; i < UNIT_COUNT; i++)
		ck_assert_msg(strstr(page, unit_name((enum unit)i)) != NULL, "%s",
			unit_name((enum unit)i));
	for (int i = 0; i < ACTION_COUNT; i++)
		ck_assert_msg(i == ACTION_DUNNO || strstr(page, action_rows[i].word) != NULL, "%s",
			action_rows[i].word);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"settings_are_those_of_the_program", settings_are_those_of_the_program, 0},
		{"words_are_those_of_the_program", words_are_those_of_the_program, 0},
	};
	return SUITE_RUN("config_manual", rows);
}
