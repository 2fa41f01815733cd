/* SPDX-License-Identifier: ISC */
/* config_help.h - configurations from text, and files beside them in a directory of the test's own. */
#ifndef POLICYD_TEST_CONFIG_HELP_H
#define POLICYD_TEST_CONFIG_HELP_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/config.h"
#include "suite.h"

/* The least that loads without a word, in one line; what a test writes begins on the next. */
#define LEAST                                                                                      \
	"listen = ( { address = \"unix:/run/p.sock\"; } ); limits = ( { name = \"hourly\"; rate "  \
	"= "                                                                                       \
	"\"200/1h\"; }, { name = \"daily\"; rate = \"1000/1d\"; } );\n"

struct loaded {
	int r;
	struct config *config;
	struct config_report *report;
};

/* LEAST and text. */
static inline struct loaded load_text(const char *text)
{
	static char whole[65536];
	struct loaded loaded = {.report = config_report_new()};
	int n = snprintf(whole, sizeof(whole), LEAST "%s", text);

	ck_assert(n > 0 && (size_t)n < sizeof(whole));
	loaded.r =
		config_parse(span_make(whole, (size_t)n), "t.conf", &loaded.config, loaded.report);
	return loaded;
}

static inline void loaded_free(struct loaded *loaded)
{
	config_unref(loaded->config);
	config_report_free(loaded->report);
}

/* All messages in one line, as TAP wants it. */
static inline const char *told_by(const struct config_report *report)
{
	static char text[16384];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < report->n && n < sizeof(text) - 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s | ",
			report->line[i].error ? "E" : "W", report->line[i].text);
	return text;
}

/* Loads without an error; the snapshot is the caller's. */
static inline struct config *config_of(const char *text)
{
	struct loaded loaded = load_text(text);

	ck_assert_msg(loaded.r == 0, "%s", told_by(loaded.report));
	config_report_free(loaded.report);
	return loaded.config;
}

/* ---- files ---- */

static char directory[64];

static inline void directory_make(void)
{
	snprintf(directory, sizeof(directory), "/tmp/test_config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
}

static inline void directory_remove(void)
{
	char command[128];

	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static inline void file_write(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* format with the directory in place of its %s. */
static inline const char *in_directory(const char *format)
{
	static char text[16384];
	size_t n = 0;

	for (const char *at = format; *at && n < sizeof(text) - sizeof(directory); at++) {
		if (at[0] == '%' && at[1] == 's') {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", directory);
			at++;
		} else {
			text[n++] = *at;
		}
	}
	text[n] = '\0';
	return text;
}

#endif
