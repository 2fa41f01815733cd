/* SPDX-License-Identifier: ISC */
/*
 * policyctl simulate: what the rules would have done to a stream. The replay itself is src/replay.
 */
#include "simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "configuration.h"
#include "policyd/render.h"
#include "policyd/replay.h"

static const char *text_of(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

/* Every error of the configuration goes to standard error; err only says that there were some. */
static int config_get(const json_t *args, struct config **ret, struct errbuf *err)
{
	struct config_report *report = config_report_new();
	int r = configuration_load(args, ret, report);
	for (size_t i = 0; i < report->n; i++)
		fprintf(stderr, "%s\n", report->line[i].text);
	if (r != 0)
		err_set(err, "%s: the configuration is not good (%zu in all)",
			configuration_path(args), report->errors);
	config_report_free(report);
	return r == 0 ? EX_OK : EX_CONFIG;
}

/* ---- progress ---- */

static void show_progress(void *ctx, uint64_t lines, uint64_t done, uint64_t total)
{
	(void)ctx;
	if (total)
		fprintf(stderr, "\r%3" PRIu64 " %%  %" PRIu64 " lines", done * 100 / total, lines);
	else
		fprintf(stderr, "\r%" PRIu64 " lines", lines);
}

/* ---- the summary ---- */

static void print_actions(FILE *out, const struct replay_summary *s)
{
	fprintf(out, "\nanswers\n");
	for (int i = 0; i < ACTION_COUNT; i++) {
		if (s->by_action[i])
			fprintf(out, "  %-16s %10" PRIu64 "  %5.1f %%\n", action_rows[i].word,
				s->by_action[i],
				100.0 * (double)s->by_action[i] / (double)s->requests);
	}
}

static void print_rules(FILE *out, const struct replay_summary *s)
{
	if (s->rules)
		fprintf(out, "\nrules that would have acted\n  %-24s %-8s %10s %10s\n", "rule",
			"mode", "requests", "accounts");
	for (size_t i = 0; i < s->rules; i++)
		fprintf(out, "  %-24s %-8s %10" PRIu64 " %10" PRIu64 "\n", s->rule[i].name,
			s->rule[i].observed ? "observe" : "enforce", s->rule[i].requests,
			s->rule[i].accounts);
}

static void print_worst(FILE *out, const struct replay_summary *s)
{
	if (s->worst_n)
		fprintf(out,
			"\naccounts that were hit most (of %" PRIu64 ")\n  %-40s %8s %8s %8s\n",
			s->accounts, "account", "refused", "held", "observed");
	for (size_t i = 0; i < s->worst_n; i++) {
		const struct replay_account *a = &s->worst[i];
		char *name = render_escape(span_of(a->name), NULL);
		fprintf(out, "  %-40s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", name, a->refused,
			a->held, a->observed);
		free(name);
	}
}

/* The same for machines. */
static json_t *summary_json(const struct replay_summary *s)
{
	json_t *answers = json_object(), *rules = json_array(), *worst = json_array();
	for (int i = 0; i < ACTION_COUNT; i++) {
		if (s->by_action[i])
			json_object_set_new(answers, action_rows[i].word,
				json_integer((json_int_t)s->by_action[i]));
	}
	for (size_t i = 0; i < s->rules; i++)
		json_array_append_new(
			rules, json_pack("{s:s, s:b, s:I, s:I}", "rule", s->rule[i].name,
				       "observed", (int)s->rule[i].observed, "requests",
				       (json_int_t)s->rule[i].requests, "accounts",
				       (json_int_t)s->rule[i].accounts));
	for (size_t i = 0; i < s->worst_n; i++) {
		char *name = render_escape(span_of(s->worst[i].name), NULL);
		json_array_append_new(worst, json_pack("{s:s, s:I, s:I, s:I}", "account", name,
						     "refused", (json_int_t)s->worst[i].refused,
						     "held", (json_int_t)s->worst[i].held,
						     "observed", (json_int_t)s->worst[i].observed));
		free(name);
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "requests", (json_int_t)s->requests,
		"outbound", (json_int_t)s->outbound, "events", (json_int_t)s->events, "bad_lines",
		(json_int_t)s->bad_lines, "answers", answers, "rules", rules, "accounts", worst);
}

static void print_summary(FILE *out, const struct replay_summary *s, double seconds)
{
	char first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];
	fprintf(out, "%" PRIu64 " requests (%" PRIu64 " outbound), %" PRIu64 " events", s->requests,
		s->outbound, s->events);
	if (s->lines)
		fprintf(out, ", %s to %s", wall_format(s->first, first),
			wall_format(s->last, last));
	fprintf(out, "\n%.0f requests a second\n",
		seconds > 0 ? (double)s->requests / seconds : 0.0);
	if (s->bad_lines)
		fprintf(out,
			"%" PRIu64 " lines are no requests and were passed over; the first: %s\n",
			s->bad_lines, s->first_bad);
	if (s->requests)
		print_actions(out, s);
	print_rules(out, s);
	print_worst(out, s);
}

/* ---- the run ---- */

static double seconds_now(void)
{
	struct timespec t = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Opening the decisions empties them: that must not be the stream that is to be read. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

static int decisions_open(const char *path, const char *input, FILE **ret, struct errbuf *err)
{
	*ret = NULL;
	if (!path)
		return EX_OK;
	if (is_same_file(path, input)) {
		err_set(err, "--decisions %s: is the input itself", path);
		return EX_USAGE;
	}
	*ret = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	if (*ret)
		return EX_OK;
	err_set(err, "%s: %s", path, strerror(errno));
	return EX_CANTCREAT;
}

/* Decisions that did not reach the disk must not look as if they had. */
static int decisions_close(FILE *file, const char *path, struct errbuf *err)
{
	if (!file)
		return EX_OK;
	bool is_bad = ferror(file) != 0 || fflush(file) != 0;
	if (file != stdout && fclose(file) != 0)
		is_bad = true;
	if (!is_bad)
		return EX_OK;
	err_set(err, "%s: could not be written: %s", path, strerror(errno));
	return EX_IOERR;
}

static int replay(
	const struct replay_setup *setup, FILE *out, json_t **ret_data, struct errbuf *err)
{
	struct replay_summary summary;
	double began = seconds_now();
	int r = replay_run(setup, &summary, err);
	if (setup->progress)
		(void)fputs("\r\033[K", stderr);
	if (r != 0)
		return r == -EINVAL || r == -E2BIG || r == -EIO ? EX_DATAERR : EX_NOINPUT;
	if (ret_data)
		*ret_data = summary_json(&summary);
	else
		print_summary(out, &summary, seconds_now() - began);
	if (summary.requests == 0 && summary.bad_lines) {
		err_set(err, "%s: holds no request", setup->input);
		return EX_DATAERR;
	}
	return EX_OK;
}

int simulate_run(const json_t *args, json_t **ret_data, struct errbuf *err)
{
	const char *format = text_of(args, "format"), *path = text_of(args, "decisions");
	struct config *config = NULL;
	FILE *decisions;
	if (format && strcmp(format, "jsonl") != 0) {
		err_set(err, "unknown format \"%.40s\"; this policyctl reads jsonl", format);
		return EX_USAGE;
	}
	int code = config_get(args, &config, err);
	if (code != EX_OK)
		return code;
	code = decisions_open(path, text_of(args, "input"), &decisions, err);
	if (code == EX_OK) {
		struct replay_setup setup = {
			.config = config,
			.input = text_of(args, "input"),
			.events = text_of(args, "events"),
			.decisions = decisions,
			.progress = isatty(STDERR_FILENO) ? show_progress : NULL,
		};
		code = replay(&setup, decisions == stdout ? stderr : stdout, ret_data, err);
		int closed = decisions_close(decisions, path, err);
		code = code == EX_OK ? closed : code;
	}
	config_unref(config);
	return code;
}
