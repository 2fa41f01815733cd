/* SPDX-License-Identifier: ISC */
/*
 * writer.h - the one thread that waits for the disk, behind a bounded queue.
 *
 * The loop thread hands over jobs; the writer runs them in order, as many at once as are waiting,
 * between one begin and one end (so the store commits a group with one fsync). Finished jobs come
 * back through writer_collect() on the loop thread, after writer_fd() has become readable. No
 * callback ever runs before the submitting call has returned.
 */
#ifndef POLICYD_WRITER_H
#define POLICYD_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/err.h"

struct writer;

/* A job is a caller's struct that begins with this. It is the writer's from submit to done. */
struct writer_job {
	struct writer_job *next;
	/* On the writer thread. What it learns it leaves in its own struct. */
	void (*run)(void *ctx, struct writer_job *job);
	/* On the loop thread, once, from writer_collect(); frees the job. */
	void (*done)(void *ctx, struct writer_job *job);
	void *ctx;
	/*
	 * Nobody waits for it: it may lie for up to half a second, until others have come too, so
	 * that they share one end() (a commit). It is never overtaken.
	 */
	bool may_wait;
};

/*
 * Called on the writer thread around each group of jobs; end() finishes what the jobs began
 * (commits). When end() cannot, it marks the jobs' results itself. Both may be NULL.
 */
struct writer_group {
	void (*begin)(void *ctx);
	void (*end)(void *ctx);
	void *ctx;
};

/* max_jobs bounds what is submitted and not yet collected. NULL: err says why. */
struct writer *writer_new(const struct writer_group *group, size_t max_jobs, struct errbuf *err);
/* Runs what is queued, joins the thread, collects; NULL is fine. */
void writer_free(struct writer *w);
/* False when the queue is full (or stopping): the job was not taken, the caller keeps it. */
bool writer_submit(struct writer *w, struct writer_job *job);
int writer_fd(const struct writer *w);
void writer_collect(struct writer *w);

#endif
