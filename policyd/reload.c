/* SPDX-License-Identifier: ISC */
/*
 * Snapshots of the configuration are counted without a lock: the worker gets one that the loop holds
 * a reference to meanwhile, only looks at it, and hands back a new one with its only reference.
 */
#include "reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "candidate.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/policy_server.h"
#include "policyd/writer.h"

#define LOOK_EVERY_S 5

struct waiter {
	struct waiter *next;
	reload_done *done;
	void *ctx;
};

struct reload {
	struct reload_setup setup;
	struct writer *worker;
	struct event *collect, *look;
	struct config *running;
	struct waiter *serving, *waiting; /* of the reload under way, and of the next */
	bool is_under_way, is_wanted, is_looking, is_stopping;
	char *complaint; /* what was told about files of lines; NULL: they are fine */
};

/* One configuration read, on the worker. */
struct job {
	struct writer_job base; /* first */
	const char *path;    /* of all of it; NULL: only files of lines, when they have changed */
	struct config *from; /* what runs; the job's reference is the loop's to drop */
	struct config_report *report;
	struct config *config; /* the new one, or NULL */
	int result;            /* when it is NULL; 0: nothing has changed */
};

/* ---- on the worker ---- */

static void job_run(void *ctx, struct writer_job *base)
{
	struct job *job = (struct job *)base;
	(void)ctx;
	if (job->path)
		job->result = candidate_load(job->path, &job->config, job->report);
	else if (config_lines_changed(job->from))
		job->result = config_reread_lines(job->from, &job->config, job->report);
}

/* ---- on the loop ---- */

static void job_free(struct job *job)
{
	config_unref(job->from);
	config_unref(job->config);
	config_report_free(job->report);
	free(job);
}

/* False: it was not taken. */
static bool submit(
	struct reload *reload, const char *path, void (*done)(void *ctx, struct writer_job *base))
{
	struct job *job = xcalloc(1, sizeof(*job));
	job->base = (struct writer_job){.run = job_run, .done = done, .ctx = reload};
	job->path = path;
	job->from = config_ref(reload->running);
	job->report = config_report_new();
	if (writer_submit(reload->worker, &job->base))
		return true;
	job_free(job);
	return false;
}

static void report_log(const struct config_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		log_event(report->line[i].error ? LEVEL_ERROR : LEVEL_WARNING, "configuration",
			F_STR("message", report->line[i].text));
}

/* Takes over text; NULL: there is nothing to complain about. */
static void complaint_set(struct reload *reload, char *text)
{
	free(reload->complaint);
	reload->complaint = text;
}

static void take_over(struct reload *reload, struct config *config)
{
	reload->setup.apply(reload->setup.ctx, config);
	config_unref(reload->running);
	reload->running = config_ref(config);
	complaint_set(reload, NULL);
}

/* ---- the whole configuration ---- */

/* Settings that keep their values until a restart. */
struct names {
	char **text;
	size_t n;
	size_t joined_n;
	char joined[512]; /* "listen state.directory" */
};

static void name_add(void *ctx, const char *path)
{
	struct names *names = ctx;
	names->text = xrealloc(names->text, names->n + 1, sizeof(*names->text));
	names->text[names->n++] = xstrdup(path);
	if (names->n > 1)
		names->joined_n += span_copy(SPAN(" "), names->joined + names->joined_n,
			sizeof(names->joined) - names->joined_n);
	names->joined_n += span_copy(span_of(path), names->joined + names->joined_n,
		sizeof(names->joined) - names->joined_n);
}

static void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->text[i]);
	free(names->text);
}

static void waiters_tell(struct waiter **first, const struct reload_result *result)
{
	while (*first) {
		struct waiter *waiter = *first;
		*first = waiter->next;
		waiter->done(waiter->ctx, result);
		free(waiter);
	}
}

static void begin(struct reload *reload);

static void all_tell(struct reload *reload, const struct job *job)
{
	struct names names = {0};
	bool is_done = job->config != NULL;
	if (is_done)
		config_restart_needed(reload->setup.started_with, job->config, name_add, &names);
	report_log(job->report);
	log_event(is_done ? LEVEL_NOTICE : LEVEL_ERROR, "reload",
		F_STR("result", is_done ? "done" : "refused: the old configuration stays"),
		F_STR("restart", names.joined));
	waiters_tell(&reload->serving, &(struct reload_result){
					       .is_done = is_done,
					       .report = job->report,
					       .restart_n = names.n,
					       .restart = (const char *const *)names.text,
				       });
	names_deinit(&names);
}

static void all_done(void *ctx, struct writer_job *base)
{
	struct reload *reload = ctx;
	struct job *job = (struct job *)base;
	reload->is_under_way = false;
	if (reload->is_stopping) {
		waiters_tell(&reload->serving, NULL);
		job_free(job);
		return;
	}
	if (job->config)
		take_over(reload, job->config);
	all_tell(reload, job);
	job_free(job);
	notify_tell(reload->setup.notify, "READY=1");
	if (reload->is_wanted)
		begin(reload);
}

static void begin(struct reload *reload)
{
	reload->is_wanted = false;
	reload->serving = reload->waiting;
	reload->waiting = NULL;
	notify_reloading(reload->setup.notify);
	/* There is room for it: of each kind of job there is one. */
	reload->is_under_way = submit(reload, reload->setup.config_path, all_done);
}

void reload_request(struct reload *reload, reload_done *done, void *ctx)
{
	if (done) {
		struct waiter **end = &reload->waiting;
		struct waiter *waiter = xmalloc(sizeof(*waiter));
		*waiter = (struct waiter){.done = done, .ctx = ctx};
		while (*end)
			end = &(*end)->next;
		*end = waiter;
	}
	/* What is being read may have been read before it was edited. */
	if (reload->is_under_way)
		reload->is_wanted = true;
	else
		begin(reload);
}

/* ---- files of lines ---- */

/* As one text, by which a complaint is known again. */
static char *report_text(const struct config_report *report)
{
	size_t n = 0, used = 0;
	for (size_t i = 0; i < report->n; i++)
		n += strlen(report->line[i].text) + 1;
	char *text = xcalloc(n + 1, 1);
	for (size_t i = 0; i < report->n; i++) {
		used += span_copy(span_of(report->line[i].text), text + used, n + 1 - used);
		text[used++] = '\n';
	}
	return text;
}

/* Once for each change, although it is tried again and again. */
static void lists_complain(struct reload *reload, const struct config_report *report)
{
	char *text = report_text(report);
	if (!reload->complaint || strcmp(text, reload->complaint) != 0) {
		report_log(report);
		log_event(LEVEL_ERROR, "lists",
			F_STR("result", "refused: what was read before stays"));
	}
	complaint_set(reload, text);
}

static void lists_done(void *ctx, struct writer_job *base)
{
	struct reload *reload = ctx;
	struct job *job = (struct job *)base;
	reload->is_looking = false;
	/* After a reload it says nothing about what runs now. */
	bool is_of_now = !reload->is_stopping && job->from == reload->running;
	if (is_of_now && job->config) {
		report_log(job->report);
		take_over(reload, job->config);
		log_event(LEVEL_NOTICE, "lists", F_STR("result", "read again"));
	} else if (is_of_now && job->result != 0) {
		lists_complain(reload, job->report);
	} else if (is_of_now) {
		complaint_set(reload, NULL);
	}
	job_free(job);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct reload *reload = arg;
	(void)fd;
	(void)what;
	if (!reload->is_looking && !reload->is_under_way)
		reload->is_looking = submit(reload, NULL, lists_done);
}

static void on_collect(evutil_socket_t fd, short what, void *arg)
{
	const struct reload *reload = arg;
	(void)fd;
	(void)what;
	writer_collect(reload->worker);
}

/* ---- life ---- */

int reload_new(const struct reload_setup *setup, struct reload **ret, struct errbuf *err)
{
	struct timeval often = {.tv_sec = LOOK_EVERY_S};
	/* A reload and a look at the lists. */
	struct writer *worker = writer_new(&(struct writer_group){0}, 2, err);
	if (!worker)
		return -ENOMEM;
	struct reload *reload = xcalloc(1, sizeof(*reload));
	reload->setup = *setup;
	reload->worker = worker;
	reload->running = config_ref(setup->started_with);
	reload->collect =
		event_new(setup->base, writer_fd(worker), EV_READ | EV_PERSIST, on_collect, reload);
	reload->look = event_new(setup->base, -1, EV_PERSIST, on_look, reload);
	event_add(reload->collect, NULL);
	event_add(reload->look, &often);
	*ret = reload;
	return 0;
}

void reload_free(struct reload *reload)
{
	if (!reload)
		return;
	event_free(reload->collect);
	event_free(reload->look);
	reload->is_stopping = true;
	writer_free(reload->worker);
	waiters_tell(&reload->waiting, NULL);
	config_unref(reload->running);
	free(reload->complaint);
	free(reload);
}
