/* SPDX-License-Identifier: ISC */
/*
 * What modules keep as one record of theirs: a row each, replaced as a whole. A value that waits is
 * replaced where it lies, so that a disk that hangs gathers at most two for each name.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"
#include "store_private.h"

/* It takes its own place again, so it may be written when room is short. */
int keep_run(struct store *s, struct store_job *base, struct errbuf *err)
{
	struct keep_job *job = (struct keep_job *)base;
	const struct sql *sql = &s->sql;

	/* Undone and run again, it still has what it took. */
	if (!job->value)
		job->value = atomic_exchange(&job->kept->newest, NULL);
	sql_bind_text(sql, SQL_KEPT_PUT, 1, job->kept->name);
	sql_bind_bytes(sql, SQL_KEPT_PUT, 2, span_make(job->value->bytes, job->value->n));
	sql_bind_int(sql, SQL_KEPT_PUT, 3, job->value->at.us);
	return sql_run(sql, SQL_KEPT_PUT, err);
}

static void keep_tell(struct store_job *base)
{
	struct keep_job *job = (struct keep_job *)base;

	if (job->kept->queued == job)
		job->kept->queued = NULL;
	if (base->result != 0)
		((struct store *)base->base.ctx)->keeps_failed++;
	free(job->value);
}

static const struct store_job_kind keep_kind = {
	.run = keep_run, .tell = keep_tell, .may_wait = true};

static struct kept *kept_of(struct store *s, const char *name)
{
	size_t size = strlen(name) + 1;
	struct kept *kept = s->kept;

	while (kept && strcmp(kept->name, name) != 0)
		kept = kept->next;
	if (kept)
		return kept;
	kept = xcalloc(1, sizeof(*kept) + size);
	memcpy(kept->name, name, size);
	kept->next = s->kept;
	s->kept = kept;
	return kept;
}

int store_keep(struct store *s, const char *name, struct span value, wall_t at)
{
	struct kept *kept;
	struct kept_value *fresh;
	struct keep_job *job;

	if (value.n > STORE_KEPT_MAX)
		return -E2BIG;
	kept = kept_of(s, name);
	fresh = xcalloc(1, sizeof(*fresh) + value.n);
	fresh->at = at;
	fresh->n = value.n;
	if (value.n > 0)
		memcpy(fresh->bytes, value.p, value.n);
	fresh = atomic_exchange(&kept->newest, fresh);
	/* Not taken yet: the job that is queued will take the new one. */
	if (fresh && kept->queued) {
		free(fresh);
		return 0;
	}
	/* Of a group that failed before it came to it. */
	free(fresh);
	job = xcalloc(1, sizeof(*job));
	job->kept = kept;
	kept->queued = job;
	if (store_submit(s, &job->base, &keep_kind) == 0)
		return 0;
	kept->queued = NULL;
	return -EAGAIN;
}

static int kept_all_run(struct store *s, struct store_job *base, struct errbuf *err)
{
	(void)s;
	(void)base;
	(void)err;
	return 0;
}

static void kept_all_tell(struct store_job *base)
{
	struct kept_all_job *job = (struct kept_all_job *)base;
	const struct store *s = base->base.ctx;

	if (base->result == 0 && s->keeps_failed == job->failed)
		job->done(job->ctx, NULL);
	else
		job->done(job->ctx, base->result != 0 ? base->error : s->failure.text);
}

/* As a read: it comes after its group's commit, and says nothing of whether the disk can be written. */
static const struct store_job_kind kept_all_kind = {
	.run = kept_all_run, .tell = kept_all_tell, .is_read = true};

int store_kept_all(struct store *s, store_keep_done *done, void *ctx)
{
	struct kept_all_job *job = xcalloc(1, sizeof(*job));

	job->failed = s->keeps_failed;
	job->done = done;
	job->ctx = ctx;
	return store_submit(s, &job->base, &kept_all_kind);
}

int store_kept(struct store *s, const char *name, struct bytes *ret, struct errbuf *err)
{
	struct span value;
	int r;

	/* The connection is the writer thread's as soon as there is a job. */
	assert(s->pending == 0);
	sql_bind_text(&s->sql, SQL_KEPT_GET, 1, name);
	r = sql_row(&s->sql, SQL_KEPT_GET, err);
	if (r != SQL_ROW)
		return r == SQL_END ? -ENOENT : r;
	value = sql_column_bytes(&s->sql, SQL_KEPT_GET, 0);
	*ret = (struct bytes){
		.p = xstrndup(value.n ? value.p : "", value.n), .n = value.n, .size = value.n};
	sql_reset(&s->sql, SQL_KEPT_GET);
	return 0;
}

void keep_free(struct store *s)
{
	while (s->kept) {
		struct kept *kept = s->kept;

		s->kept = kept->next;
		free(atomic_load(&kept->newest));
		free(kept);
	}
}
