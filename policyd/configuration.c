/* SPDX-License-Identifier: ISC */
/*
 * policyctl config: check, show, defaults. What is right and how it is written is src/config's
 * business.
 */
#include "configuration.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "geoip.h"
#include "policyd/mem.h"
#include "policyd/utf8.h"
#include "postfix_facts.h"

#define CONFIG_DEFAULT "/etc/policyd/policyd.conf"

static const char *text_of(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

const char *configuration_path(const json_t *args)
{
	const char *path = text_of(args, "c");
	return path ? path : CONFIG_DEFAULT;
}

static wall_t wall_now(void)
{
	return (wall_t){.us = (int64_t)time(NULL) * SECOND_US};
}

int configuration_load(const json_t *args, struct config **ret, struct config_report *report)
{
	const json_t *set = json_object_get(args, "set");
	size_t n = json_array_size(set);
	const char **value = xcalloc(n, sizeof(*value));
	for (size_t i = 0; i < n; i++)
		value[i] = json_string_value(json_array_get(set, i));
	const struct config_source source = {
		.path = configuration_path(args), .set = value, .set_n = n, .wall = wall_now()};
	int r = config_load(&source, ret, report);
	free(value);
	return r;
}

/* Bytes of a file may be no UTF-8, which JSON takes nothing else of. */
static json_t *utf8_json(const char *bytes, size_t size)
{
	size_t n;
	char *text = utf8_repair(span_make(bytes, size), &n);
	json_t *json = json_stringn(text, n);
	free(text);
	return json;
}

static json_t *messages_json(const struct config_report *report)
{
	json_t *messages = json_array();
	for (size_t i = 0; i < report->n; i++) {
		const char *text = report->line[i].text;
		json_array_append_new(messages, utf8_json(text, strlen(text)));
	}
	return json_pack("{s:o}", "messages", messages);
}

static int refuse(const json_t *args, const struct config_report *report, json_t **ret_data,
	struct errbuf *err)
{
	*ret_data = messages_json(report);
	err_set(err, "%s: the configuration is not good (%zu %s)", configuration_path(args),
		report->errors, report->errors == 1 ? "error" : "errors");
	return EX_CONFIG;
}

int configuration_check(const json_t *args, json_t **ret_data, struct errbuf *err)
{
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int code = EX_OK;
	int r = configuration_load(args, &config, report);
	if (r == 0)
		r = postfix_check(config, text_of(args, "postfix"), report);
	if (r == 0) {
		geoip_check(config, report);
		*ret_data = messages_json(report);
	} else {
		code = refuse(args, report, ret_data, err);
	}
	config_unref(config);
	config_report_free(report);
	return code;
}

static void line_put(void *ctx, const char *line)
{
	fprintf(ctx, "%s\n", line);
}

/* {"text":..} of a dump. 0, or the exit code. */
static int dump_json(
	const struct config *config, enum config_dump what, json_t **ret_data, struct errbuf *err)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	if (out)
		config_dump(config, what, line_put, out);
	if (!out || fclose(out) != 0) {
		free(text);
		err_set(err, "out of memory");
		return EX_OSERR;
	}
	*ret_data = json_pack("{s:o}", "text", utf8_json(text, n));
	free(text);
	return EX_OK;
}

int configuration_show(const json_t *args, json_t **ret_data, struct errbuf *err)
{
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int code;
	if (configuration_load(args, &config, report) == 0)
		code = dump_json(config, CONFIG_DUMP_EFFECTIVE, ret_data, err);
	else
		code = refuse(args, report, ret_data, err);
	config_unref(config);
	config_report_free(report);
	return code;
}

int configuration_defaults(const json_t *args, json_t **ret_data, struct errbuf *err)
{
	(void)args;
	return dump_json(NULL, CONFIG_DUMP_DEFAULTS, ret_data, err);
}
