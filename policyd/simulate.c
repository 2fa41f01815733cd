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
#include "geoip.h"
#include "policyd/replay.h"
#include "simulate_view.h"

static const char *text_of(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

static bool is_log(const json_t *args)
{
	const char *format = text_of(args, "format");
	return format && strcmp(format, "postfix-log") == 0;
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

/* ---- where clients stand ---- */

static void look(void *ctx, const struct ip *client, struct geo *ret)
{
	geoip_look(ctx, client, ret);
}

/* NULL: none, which is said and no more: a replay goes on with what is left. */
static struct geoip *geo_open(const struct config *config)
{
	struct errbuf err = {.text = ""};
	struct geoip *geoip = geoip_open(config, &err);
	if (err.text[0])
		fprintf(stderr, "%s\n", err.text);
	return geoip;
}

/* ---- progress ---- */

#define BAR_WIDTH 30

struct progress {
	double began;
	const char *name; /* of the configuration, where there are two; else "" */
};

static double seconds_of(clockid_t clock)
{
	struct timespec t = {0};
	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void show_progress(void *ctx, uint64_t lines, uint64_t done, uint64_t total)
{
	static const char full[] = "##############################";
	const struct progress *progress = ctx;
	if (total == 0 || done == 0 || done > total) {
		fprintf(stderr, "\r%s%" PRIu64 " lines", progress->name, lines);
		return;
	}
	double passed = seconds_of(CLOCK_MONOTONIC) - progress->began;
	double left = passed * (double)(total - done) / (double)done;
	fprintf(stderr, "\r%s[%-*.*s] %3" PRIu64 " %%  %" PRIu64 " lines  %.0f s left \033[K",
		progress->name, BAR_WIDTH, (int)(done * BAR_WIDTH / total), full,
		done * 100 / total, lines, left);
}

/* ---- files ---- */

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

static bool ends_in(const char *path, const char *suffix)
{
	return span_ends(span_of(path), span_of(suffix));
}

static int report_write(const char *path, const struct replay_report *report, struct errbuf *err)
{
	FILE *file = fopen(path, "we");
	if (!file) {
		err_set(err, "%s: %s", path, strerror(errno));
		return EX_CANTCREAT;
	}
	if (ends_in(path, ".html"))
		replay_report_html(file, report);
	else
		view_text(file, &(struct view){report->summary, 0, report->accounts_max});
	return decisions_close(file, path, err);
}

/* ---- the run ---- */

struct run {
	const json_t *args;
	struct replay_summary summary;
	double seconds; /* of the processor */
	const char *config;
	const char *name; /* before the progress */
};

static int run_code(int r)
{
	if (r == 0)
		return EX_OK;
	return r == -EINVAL || r == -E2BIG || r == -EIO ? EX_DATAERR : EX_NOINPUT;
}

/* One configuration over the input. decisions may be NULL. */
static int run_one(struct run *run, FILE *decisions, struct errbuf *err)
{
	struct config *config = NULL;
	struct progress progress = {seconds_of(CLOCK_MONOTONIC), run->name};
	int code = config_get(run->args, &config, err);
	if (code != EX_OK)
		return code;
	struct geoip *geoip = geo_open(config);
	struct replay_setup setup = {
		.config = config,
		.format = is_log(run->args) ? REPLAY_POSTFIX_LOG : REPLAY_JSONL,
		.wall = {.us = (int64_t)time(NULL) * SECOND_US},
		.input = text_of(run->args, "input"),
		.events = text_of(run->args, "events"),
		.decisions = decisions,
		.geo = geoip ? look : NULL,
		.geo_ctx = geoip,
		.progress = isatty(STDERR_FILENO) ? show_progress : NULL,
		.progress_ctx = &progress,
	};
	double began = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	code = run_code(replay_run(&setup, &run->summary, err));
	run->seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - began;
	run->config = configuration_path(run->args);
	if (setup.progress)
		(void)fputs("\r\033[K", stderr);
	geoip_close(geoip);
	config_unref(config);
	if (code == EX_OK && run->summary.requests == 0 && run->summary.bad_lines) {
		err_set(err, "%s: holds no request; the first line that is none: %s", setup.input,
			run->summary.first_bad);
		code = EX_DATAERR;
	}
	return code;
}

static int run_simulate(const json_t *args, json_t **ret_data, struct errbuf *err)
{
	struct run run = {.args = args, .name = ""};
	const char *path = text_of(args, "decisions"), *report = text_of(args, "report");
	FILE *decisions;
	int code = decisions_open(path, text_of(args, "input"), &decisions, err);
	if (code != EX_OK)
		return code;
	code = run_one(&run, decisions, err);
	FILE *out = decisions == stdout ? stderr : stdout;
	int closed = decisions_close(decisions, path, err);
	code = code == EX_OK ? closed : code;
	if (code == EX_OK && report)
		code = report_write(report,
			&(struct replay_report){
				&run.summary, run.config, text_of(args, "input"), REPORT_ACCOUNTS},
			err);
	if (code == EX_OK && ret_data)
		*ret_data = view_json(&run.summary);
	else if (code == EX_OK)
		view_text(out, &(struct view){&run.summary, run.seconds, VIEW_ACCOUNTS});
	replay_summary_free(&run.summary);
	return code;
}

/* Another configuration over the same input, and where the two differ. */
static int run_compare(const json_t *args, json_t **ret_data, struct errbuf *err)
{
	json_t *other = json_copy((json_t *)(uintptr_t)args);
	json_object_set_new(other, "c", json_string(text_of(args, "compare")));
	struct run a = {.args = args, .name = "A "}, b = {.args = other, .name = "B "};
	int code = run_one(&a, NULL, err);
	if (code == EX_OK)
		code = run_one(&b, NULL, err);
	struct view_compare compare = {&a.summary, &b.summary, a.config, b.config};
	if (code == EX_OK && ret_data) {
		*ret_data = view_compare_json(&compare);
	} else if (code == EX_OK) {
		printf("%" PRIu64 " requests\n", a.summary.requests);
		view_compare_text(stdout, &compare);
	}
	replay_summary_free(&a.summary);
	replay_summary_free(&b.summary);
	json_decref(other);
	return code;
}

/* What cannot go together. */
static int check_args(const json_t *args, struct errbuf *err)
{
	const char *format = text_of(args, "format"), *report = text_of(args, "report");
	const char *input = text_of(args, "input");
	bool is_comparing = text_of(args, "compare") != NULL;
	if (format && !is_log(args) && strcmp(format, "jsonl") != 0)
		err_set(err, "unknown format \"%.40s\": jsonl or postfix-log", format);
	else if (report && !ends_in(report, ".html") && !ends_in(report, ".txt"))
		err_set(err, "--report %s: its name says what it is to be, .html or .txt", report);
	else if (report && is_same_file(report, input))
		err_set(err, "--report %s: is the input itself", report);
	else if (is_comparing && strcmp(input, "-") == 0)
		err_set(err, "--compare reads the input twice: give a file instead of -");
	else if (is_comparing && (report || text_of(args, "decisions")))
		err_set(err, "--compare goes with neither --report nor --decisions");
	else
		return EX_OK;
	return EX_USAGE;
}

int simulate_run(const json_t *args, json_t **ret_data, struct errbuf *err)
{
	int code = check_args(args, err);
	if (code != EX_OK)
		return code;
	return text_of(args, "compare") ? run_compare(args, ret_data, err)
					: run_simulate(args, ret_data, err);
}
