/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes config_parse(): whatever the text, there is a snapshot or at least one error, each message
 * is one printable line, and nothing is lost or read beyond its end. What a snapshot is asked answers,
 * and its dump loads again. Files and --set are not fuzzed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/config.h"

/* Larger texts only take longer; the bounds have tests of their own. */
#define TEXT_MAX 16384
#define DUMP_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* A list that a setting names may be a file of this host: then the message begins with its path. */
static void check_line(const struct config_line *line)
{
	check(strncmp(line->text, "fuzz.conf:", 10) == 0 || line->text[0] == '/');
	for (const char *at = line->text; *at; at++)
		check(*at >= 0x20 && *at < 0x7f);
}

/* ---- a snapshot ---- */

static void check_lookups(const struct config *config)
{
	static const char *const names[] = {"login:a", "addr:127.0.0.1", "domain:a.example", ""};
	struct ip ip = {.byte = {[10] = 0xff, [11] = 0xff, [12] = 10}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct span name = span_of(names[i]);
		struct class_query query = {.account = name,
			.domain = SPAN("a.b.example"),
			.context = SPAN("c"),
			.client = i % 2 ? &ip : NULL};

		check(config_class_of(config, &query) < config->classes_n);
		(void)config_alias_of(config, name);
		for (unsigned j = 0; j < config->limits_n; j++)
			(void)config_override_of(config, name, j, (wall_t){0});
	}
	check(config_provider_of(config, SPAN("gmail.com")).n != 0);
	for (size_t i = 0; i < config->limits_n; i++)
		check(config_limit_of(config, span_of(config->limits[i].name)) == (ptrdiff_t)i);
	for (size_t i = 0; i < config->local_domains.n; i++)
		(void)config_is_local(config, span_of(config->local_domains.text[i]));
}

struct dump {
	char *text;
	size_t n;
};

static void take(void *ctx, const char *line)
{
	struct dump *dump = ctx;
	size_t n = strlen(line);

	dump->text = realloc(dump->text, dump->n + n + 1);
	check(dump->text != NULL);
	memcpy(dump->text + dump->n, line, n);
	dump->text[dump->n + n] = '\n';
	dump->n += n + 1;
}

static void path_differs(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	abort();
}

/* Only small ones: a dump writes all presets out, and may exceed the bounds of one file. */
static void check_dump(const struct config *config)
{
	struct dump dump = {0};
	struct config *back;
	struct config_report *report = config_report_new();

	config_dump(config, CONFIG_DUMP_EFFECTIVE, take, &dump);
	check(config_parse(span_make(dump.text, dump.n), "fuzz.conf", &back, report) == 0);
	config_restart_needed(config, back, path_differs, NULL);
	config_unref(back);
	config_report_free(report);
	free(dump.text);
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
		check_lookups(config);
		if (size < DUMP_MAX)
			check_dump(config);
		config_unref(config);
	}
	config_report_free(report);
	return 0;
}
