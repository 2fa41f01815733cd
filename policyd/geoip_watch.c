/* SPDX-License-Identifier: ISC */
/*
 * A job holds copies of all that it needs, and what the loop does meanwhile (a reload) makes it void:
 * then what it has read is thrown away, and the next look reads again.
 */
#include "geoip_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/writer.h"

#define LOOK_EVERY_S 2

struct file {
	char *path;
	struct geoip_stamp stamp;
	bool is_loaded, is_failing; /* is_failing: it was told */
};

struct geoip_watch {
	struct writer *worker;
	struct event *collect;
	struct geoip *geoip;
	struct file *file;
	size_t n;
	uint64_t configured; /* how often */
	unsigned ticks;
	bool is_looking;
	uint64_t errors;
};

struct look {
	struct file file; /* its path is a copy */
	struct geoip_database *database;
	int result;
	struct errbuf err;
};

struct job {
	struct writer_job base; /* first */
	uint64_t configured;
	size_t n;
	struct look *look;
};

/* ---- on the worker ---- */

static void job_run(void *ctx, struct writer_job *base)
{
	struct job *job = (struct job *)base;
	(void)ctx;
	for (size_t i = 0; i < job->n; i++) {
		struct look *look = &job->look[i];
		look->result = geoip_database_open(
			look->file.path, &look->file.stamp, &look->database, &look->err);
	}
}

/* ---- on the loop ---- */

static struct job *job_new(const struct geoip_watch *watch)
{
	struct job *job = xcalloc(1, sizeof(*job));
	job->configured = watch->configured;
	job->n = watch->n;
	job->look = xcalloc(watch->n, sizeof(*job->look));
	for (size_t i = 0; i < watch->n; i++) {
		job->look[i].file = watch->file[i];
		job->look[i].file.path = xstrdup(watch->file[i].path);
	}
	return job;
}

static void job_free(struct job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		geoip_database_close(job->look[i].database);
		free(job->look[i].file.path);
	}
	free(job->look);
	free(job);
}

static void tell_read(struct file *file, const struct geoip_database *database)
{
	log_event(LEVEL_NOTICE, "geoip", F_STR("database", file->path),
		F_STR("type", geoip_database_type(database)),
		F_STR("knows", geoip_database_knows(database)),
		F_STR("result", file->is_loaded ? "read again" : "read"));
	file->is_loaded = true;
	file->is_failing = false;
}

/* Once, until it is read again: it may be damaged in ever new ways. */
static void tell_failed(struct geoip_watch *watch, struct file *file, const char *error)
{
	watch->errors++;
	if (file->is_failing)
		return;
	file->is_failing = true;
	log_event(LEVEL_WARNING, "geoip", F_STR("error", error),
		F_STR("effect", file->is_loaded ? "what was read before stays"
						: "signals that need it are silent"));
}

static void look_take(struct geoip_watch *watch, size_t at, struct look *look)
{
	struct file *file = &watch->file[at];
	file->stamp = look->file.stamp;
	if (look->result == 0) {
		tell_read(file, look->database);
		geoip_put(watch->geoip, at, look->database);
		look->database = NULL;
	} else if (look->result < 0 && look->result != -EAGAIN) {
		tell_failed(watch, file, look->err.text);
	}
}

static void job_take(struct geoip_watch *watch, struct job *job)
{
	for (size_t i = 0; job->configured == watch->configured && i < job->n; i++)
		look_take(watch, i, &job->look[i]);
	job_free(job);
}

static void job_done(void *ctx, struct writer_job *base)
{
	struct geoip_watch *watch = ctx;
	watch->is_looking = false;
	job_take(watch, (struct job *)base);
}

static void look_begin(struct geoip_watch *watch)
{
	if (watch->is_looking || watch->n == 0)
		return;
	struct job *job = job_new(watch);
	job->base = (struct writer_job){.run = job_run, .done = job_done, .ctx = watch};
	watch->is_looking = writer_submit(watch->worker, &job->base);
	if (!watch->is_looking)
		job_free(job);
}

static void metrics_set(const struct geoip_watch *watch)
{
	struct geoip_figures figures;
	geoip_figures(watch->geoip, &figures);
	metric_set(METRIC_GEOIP_LOADED, figures.loaded);
	metric_set(METRIC_GEOIP_MISSING, figures.databases - figures.loaded);
	metric_set(METRIC_GEOIP_LOOKUPS, figures.lookups);
	metric_set(METRIC_GEOIP_CACHED, figures.cached);
	metric_set(METRIC_GEOIP_ERRORS, watch->errors + figures.damaged);
}

void geoip_watch_tick(struct geoip_watch *watch)
{
	if (watch->ticks++ % LOOK_EVERY_S == 0)
		look_begin(watch);
	metrics_set(watch);
}

static void on_collect(evutil_socket_t fd, short what, void *arg)
{
	const struct geoip_watch *watch = arg;
	(void)fd;
	(void)what;
	writer_collect(watch->worker);
}

/* ---- which there are ---- */

static bool is_as_before(const struct geoip_watch *watch, const struct config_strings *paths)
{
	bool is_same = watch->n == paths->n;
	for (size_t i = 0; is_same && i < paths->n; i++)
		is_same = strcmp(watch->file[i].path, paths->text[i]) == 0;
	return is_same;
}

static void files_free(struct geoip_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		free(watch->file[i].path);
	free(watch->file);
}

static struct file *file_loaded(struct geoip_watch *watch, const char *path)
{
	for (size_t i = 0; i < watch->n; i++) {
		if (watch->file[i].is_loaded && strcmp(watch->file[i].path, path) == 0)
			return &watch->file[i];
	}
	return NULL;
}

/* Others, or the same in another order: what was read is moved, not read again. */
static void files_set(struct geoip_watch *watch, const struct config_strings *paths)
{
	struct geoip *geoip = geoip_new(paths->n);
	struct file *file = xcalloc(paths->n, sizeof(*file));
	for (size_t i = 0; i < paths->n; i++) {
		file[i].path = xstrdup(paths->text[i]);
		struct file *old = file_loaded(watch, paths->text[i]);
		if (!old)
			continue;
		geoip_put(geoip, i, geoip_take(watch->geoip, (size_t)(old - watch->file)));
		file[i].stamp = old->stamp;
		file[i].is_failing = old->is_failing;
		file[i].is_loaded = true;
		old->is_loaded = false;
	}
	geoip_close(watch->geoip);
	files_free(watch);
	watch->geoip = geoip;
	watch->file = file;
	watch->n = paths->n;
	watch->configured++;
}

void geoip_watch_configure(struct geoip_watch *watch, const struct config *config)
{
	if (!is_as_before(watch, &config->geoip.databases))
		files_set(watch, &config->geoip.databases);
	look_begin(watch);
}

int geoip_watch_new(struct event_base *base, const struct config *config, struct geoip_watch **ret,
	struct errbuf *err)
{
	struct writer *worker = writer_new(&(struct writer_group){0}, 1, err);
	if (!worker)
		return -ENOMEM;
	struct geoip_watch *watch = xcalloc(1, sizeof(*watch));
	watch->worker = worker;
	watch->collect =
		event_new(base, writer_fd(worker), EV_READ | EV_PERSIST, on_collect, watch);
	event_add(watch->collect, NULL);
	files_set(watch, &config->geoip.databases);
	struct job *job = job_new(watch);
	job_run(NULL, &job->base);
	job_take(watch, job);
	metrics_set(watch);
	*ret = watch;
	return 0;
}

void geoip_watch_free(struct geoip_watch *watch)
{
	if (!watch)
		return;
	event_free(watch->collect);
	writer_free(watch->worker);
	geoip_close(watch->geoip);
	files_free(watch);
	free(watch);
}

/* ---- asking ---- */

void geoip_watch_locate(void *ctx, const struct request *request, struct geo *ret)
{
	struct geoip_watch *watch = ctx;
	if (watch->n)
		geoip_locate(watch->geoip, request->client_address, ret);
}
