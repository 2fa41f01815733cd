/* SPDX-License-Identifier: ISC */
/*
 * Who would have been named, had a listing come at those moments: a stream of requests through the real engine in
 * virtual time, as policyctl simulate does it, and at each TIME (epoch seconds) a fall of the posture.
 *
 * usage: culprits_at CONF STREAM TIME...      one line of JSON for each TIME, as soon as it has come
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "policyd/culprit.h"
#include "policyd/mem.h"
#include "policyd/replay.h"

static struct config *config_of(const char *path)
{
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	if (config_load(&(struct config_source){.path = path}, &config, report) != 0) {
		for (size_t i = 0; i < report->n; i++)
			(void)fprintf(stderr, "%s\n", report->line[i].text);
		exit(EX_CONFIG);
	}
	config_report_free(report);
	return config;
}

static struct now at_s(double s)
{
	int64_t us = (int64_t)(s * 1e6);
	return (struct now){.mono = {.us = us}, .wall = {.us = us}};
}

static void pass(struct engine *e, struct now now)
{
	struct effect effect;
	if (engine_next_due(e).us <= now.mono.us)
		engine_tick(e, now);
	while (engine_effect(e, &effect))
		;
}

static json_t *culprit_json(const struct culprit *culprit)
{
	return json_pack("{s:s, s:I, s:f, s:f, s:f, s:s, s:s, s:b}", "account", culprit->account,
		"used", (json_int_t)culprit->used, "usual", culprit->usual, "share", culprit->share,
		"score", culprit->score, "step", step_name(culprit->step), "would",
		step_name(culprit->would), "stands_out", culprit->stands_out);
}

static void fall_print(const struct fall *fall, double at_s)
{
	json_t *all = json_array();
	for (size_t i = 0; i < fall->n; i++)
		json_array_append_new(all, culprit_json(&fall->culprit[i]));
	json_t *line = json_pack("{s:f, s:I, s:f, s:o}", "ts", at_s, "recipients",
		(json_int_t)fall->recipients, "window_s", (double)fall->window_us / SECOND_US,
		"culprits", all);
	(void)json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(16));
	(void)putchar('\n');
	json_decref(line);
}

static void fall(struct engine *e, double s)
{
	struct culprits *c = culprits_new();
	struct ip ip = {{0}};
	struct now now = at_s(s);
	pass(e, now);
	culprits_begin(c, &ip, POSTURE_HOLD, "a listing", now);
	while (culprits_step(c, e, now))
		;
	fall_print(culprits_at(c, 0), s);
	culprits_free(c);
}

static void ask(struct engine *e, const struct jsonl_line *line)
{
	struct verdict verdict;
	uint64_t ticket;
	pass(e, line->now);
	if (engine_begin(e, 0, &line->request, line->now, &verdict, &ticket) != ENGINE_DONE)
		exit(EX_SOFTWARE);
}

int main(int argc, char **argv)
{
	struct jsonl_scan *scan = xcalloc(1, sizeof(*scan));
	FILE *in = argc > 3 ? fopen(argv[2], "re") : NULL;
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	int next = 3;
	if (!in)
		return EX_USAGE;
	struct config *config = config_of(argv[1]);
	struct engine *e = engine_new(
		&(struct engine_setup){.config = config, .charge = &charge_local, .seed = {1, 2}});
	while ((n = getline(&text, &size, in)) > 0) {
		struct jsonl_line line;
		struct errbuf err;
		json_t *object = NULL;
		if (jsonl_read(scan, span_make(text, (size_t)n), &line, &object, &err) != 0)
			return EX_DATAERR;
		for (; next < argc && strtod(argv[next], NULL) * 1e6 <= (double)line.now.wall.us;
			next++)
			fall(e, strtod(argv[next], NULL));
		if (!line.event)
			ask(e, &line);
		json_decref(object);
	}
	for (; next < argc; next++)
		fall(e, strtod(argv[next], NULL));
	free(text);
	free(scan);
	(void)fclose(in);
	engine_free(e);
	config_unref(config);
	return EX_OK;
}
