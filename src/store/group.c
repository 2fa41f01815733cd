/* SPDX-License-Identifier: ISC */
/*
 * Transactions, on the writer thread: a group of jobs is committed as one. What the jobs do is in
 * write.c and read.c; who asked for them does not matter here.
 *
 * Nothing is reported as done that is not committed. When anything happens to a group that could
 * touch an event in it, the whole group is undone and its events are tried again, each alone and in
 * order: a flood of decisions that fills the disk must not undo a suspension. Decisions of such a
 * group are lost.
 */
#include "store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "policyd/mem.h"

/* Left for the counters' file by decisions, which would take all there is; beside the reserve. */
#define SNAPSHOT_ROOM (UINT64_C(160) * 1024)
/* The write-ahead log comes to that even where rows only take the places of others (open.c). */
#define LOG_ROOM (UINT64_C(272) * 1024)

#define EXPIRE_EVERY 500 /* rows written; a look forgets up to 2000, so it gains on any flood */

static void chain_append(struct job_chain *chain, struct store_job *job)
{
	job->next = NULL;
	*chain->end = job;
	chain->end = &job->next;
}

static void chain_empty(struct job_chain *chain)
{
	*chain = (struct job_chain){.end = &chain->first};
}

static void job_settle(
	const struct store *s, struct store_job *job, int result, const struct errbuf *err)
{
	struct errbuf more = *err;

	free(job->error);
	job->error = NULL;
	job->result = result;
	if (result == 0)
		return;
	if (result == -EBADMSG) {
		store_mark_damaged(s);
		err_set(&more,
			"%.300s; what is in force stays so. Restart policyd: it keeps the file"
			" aside and makes a new one",
			err->text);
	}
	job->error = xstrdup(more.text);
}

/* Some errors end the transaction by themselves (https://www.sqlite.org/lang_transaction.html). */
static bool is_in_transaction(const struct store *s)
{
	return !sqlite3_get_autocommit(s->sql.db);
}

static void undo(const struct store *s)
{
	/* If even this fails the next BEGIN will, and its text reaches people. */
	if (is_in_transaction(s) && sql_run(&s->sql, SQL_ROLLBACK, NULL) != 0)
		return;
}

static int commit(struct store *s, struct errbuf *err)
{
	int r = sql_run(&s->sql, SQL_COMMIT, err);

	if (r == 0)
		s->commits++;
	else
		undo(s);
	return r;
}

/* A job that fails leaves the others' work as it was, or the transaction is over. */
static int run_guarded(struct store *s, struct store_job *job, struct errbuf *err)
{
	int released;
	int r = sql_run(&s->sql, SQL_SAVEPOINT, err);

	if (r != 0)
		return r;
	r = job->kind->run(s, job, err);
	if (r != 0 && is_in_transaction(s) && sql_run(&s->sql, SQL_SAVEPOINT_ROLLBACK, NULL) != 0)
		undo(s);
	if (!is_in_transaction(s))
		return r;
	released = sql_run(&s->sql, SQL_SAVEPOINT_RELEASE, r == 0 ? err : NULL);
	if (released != 0)
		undo(s);
	return r != 0 ? r : released;
}

static void run_in_group(struct store *s, struct store_job *job)
{
	struct store_group *g = &s->group;
	struct errbuf err = {{0}};
	int r;

	if (!g->is_begun) {
		g->is_begun = true;
		g->result = rescue_check(s, job->kind->is_vital, &g->why);
		if (g->result == 0)
			g->result = sql_run(&s->sql, SQL_BEGIN, &g->why);
	}
	if (g->result != 0)
		return;
	r = run_guarded(s, job, &err);
	job_settle(s, job, r, &err);
	if (r != 0 && (job->kind->is_vital || !is_in_transaction(s))) {
		g->result = r;
		g->why = err;
	}
}

static void run_alone(struct store *s, struct store_job *job)
{
	struct errbuf err = {{0}};
	int r = rescue_check(s, true, &err);

	if (r == 0)
		r = sql_run(&s->sql, SQL_BEGIN, &err);
	if (r == 0) {
		r = job->kind->run(s, job, &err);
		if (r == 0)
			r = commit(s, &err);
		else
			undo(s);
	}
	job_settle(s, job, r, &err);
}

static void settle_writes(struct store *s)
{
	struct store_group *g = &s->group;

	if (g->is_begun && g->result == 0)
		g->result = commit(s, &g->why);
	if (g->result == 0)
		return;
	undo(s);
	for (struct store_job *job = g->writes.first; job; job = job->next) {
		if (job->kind->is_vital)
			run_alone(s, job);
		else
			job_settle(s, job, g->result, &g->why);
	}
}

static void run_reads(struct store *s)
{
	for (struct store_job *job = s->group.reads.first; job; job = job->next) {
		struct errbuf err = {{0}};
		int r = job->kind->run(s, job, &err);

		job_settle(s, job, r, &err);
	}
}

int group_expire(struct store *s, struct errbuf *err)
{
	const struct sql *sql = &s->sql;
	int64_t decisions_end = s->group.newest.us - s->keep_decisions_us;
	int64_t audit_end = s->group.newest.us - s->keep_audit_us;
	int r = sql_run(sql, SQL_BEGIN, err);

	if (r != 0)
		return r;
	sql_bind_int(sql, SQL_DECISION_EXPIRE, 1, decisions_end);
	sql_bind_int(sql, SQL_DECISION_EXPIRE, 2, s->max_decisions);
	r = sql_run(sql, SQL_DECISION_EXPIRE, err);
	if (r == 0) {
		sql_bind_int(sql, SQL_STANDING_EXPIRE, 1, audit_end);
		r = sql_run(sql, SQL_STANDING_EXPIRE, err);
	}
	if (r == 0) {
		sql_bind_int(sql, SQL_OVERRIDE_EXPIRE, 1, audit_end);
		r = sql_run(sql, SQL_OVERRIDE_EXPIRE, err);
	}
	if (r == 0) {
		sql_bind_int(sql, SQL_EVENT_EXPIRE, 1, audit_end);
		r = sql_run(sql, SQL_EVENT_EXPIRE, err);
	}
	if (r == 0)
		return commit(s, err);
	undo(s);
	return r;
}

/* What decisions may take without taking it from what must always find room. */
static uint64_t room_for_decisions(const struct store *s)
{
	struct stat log;
	uint64_t room = directory_room(s->directory.fd), kept = SNAPSHOT_ROOM + LOG_ROOM;
	if (fstatat(s->directory.fd, "policyd.db-wal", &log, 0) == 0)
		kept -= (uint64_t)log.st_size < LOG_ROOM ? (uint64_t)log.st_size : LOG_ROOM;
	return room > kept ? room - kept : 0;
}

void group_begin(void *store)
{
	struct store *s = store;
	struct store_group *g = &s->group;

	chain_empty(&g->writes);
	chain_empty(&g->reads);
	g->is_begun = false;
	g->is_rescue_tried = false;
	g->result = 0;
	g->room_bytes = room_for_decisions(s);
}

void group_run(void *store, struct writer_job *base)
{
	struct store *s = store;
	struct store_job *job = (struct store_job *)base;

	if (job->kind->is_read) {
		chain_append(&s->group.reads, job);
		return;
	}
	chain_append(&s->group.writes, job);
	run_in_group(s, job);
}

void group_end(void *store)
{
	struct store *s = store;
	struct store_group *g = &s->group;

	settle_writes(s);
	run_reads(s);
	if (g->since_expiry < EXPIRE_EVERY || g->result != 0)
		return;
	/* What could not be forgotten now is found again by the next look. */
	if (group_expire(s, NULL) == 0)
		g->since_expiry = 0;
}
