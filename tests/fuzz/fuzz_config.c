/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes config_parse(): whatever the text, there is a snapshot or at least one error, each message
 * is one printable line, and nothing is lost or read beyond its end. Files and --set are not fuzzed.
 */
#include <stdlib.h>
#include <string.h>

#include "policyd/config.h"

/* Larger texts only take longer; the bounds have tests of their own. */
#define TEXT_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_line(const struct config_line *line)
{
	check(strncmp(line->text, "fuzz.conf:", 10) == 0);
	for (const char *at = line->text; *at; at++)
		check(*at >= 0x20 && *at < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report *report;
	struct config *config;
	size_t errors = 0;
	int r;

	if (size > TEXT_MAX)
		return 0;
	report = config_report_new();
	r = config_parse(span_make((const char *)data, size), "fuzz.conf", &config, report);
	for (size_t i = 0; i < report->n; i++) {
		check_line(&report->line[i]);
		errors += report->line[i].error;
	}
	check((r == 0) == (errors == 0) && (r == 0) == (report->errors == 0));
	if (r == 0) {
		check(config->listen_n > 0 && config->limits_n <= CONFIG_LIMITS_MAX);
		config_unref(config);
	}
	config_report_free(report);
	return 0;
}
