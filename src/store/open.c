/* SPDX-License-Identifier: ISC */
/*
 * Opening a store, and what becomes of a database that cannot be used: it is kept aside, and a new
 * one is made, because a mail server without any limits is worse than one that has forgotten its
 * suspensions and says so. What is of a newer version, or somebody else's, is left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aside.h"
#include "policyd/mem.h"
#include "store_private.h"

#define NAME "policyd.db"
/* Made when damage was met at work; the next start then looks at the whole file. */
#define NAME_DAMAGED "policyd.db-damaged"

/* Up to this size all of the file is looked at in each start: some 50 ms. */
#define CHECK_BYTES (16 * 1024 * 1024)

/*
 * How long the write-ahead log may get before it is worked into the database (in pages of 4 KiB),
 * and what is left of it afterwards: long is fast, but a state directory may be as small as 1 MiB.
 */
/* clang-format off */
static const char log_short[] =
	"PRAGMA wal_autocheckpoint = 64; PRAGMA journal_size_limit = 262144";
static const char log_long[] =
	"PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 8388608";

/* Of a large file, what is read at start anyway; the event table is what the audit shows. */
static const char *const checks_large[] = {
	"PRAGMA quick_check(standing)", "PRAGMA quick_check(override)", "PRAGMA quick_check(meta)",
	NULL,
};
static const char *const checks_all[] = {"PRAGMA quick_check(1)", NULL};
/* clang-format on */

int store_tune(const struct store *s, const struct sql *sql, struct errbuf *err)
{
	return sql_text(sql, directory_is_small(&s->directory) ? log_short : log_long, err);
}

void store_mark_damaged(const struct store *s)
{
	int fd = openat(s->directory.fd, NAME_DAMAGED, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		S_IRUSR | S_IWUSR);

	/* Without it the next start may not see the damage, and work with it as this one did. */
	if (fd >= 0)
		close(fd);
}

/* The size of a file in the state directory, -1 when there is none. */
static off_t size_of(const struct store *s, const char *name)
{
	struct stat st;

	return fstatat(s->directory.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : -1;
}

/* 0; -EBADMSG: the query found something; others as SQLite fails. */
static int check_one(const struct sql *sql, const char *query, struct errbuf *err)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(sql->db, query, -1, &statement, NULL);
	int r = 0;

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code != SQLITE_ROW) {
		r = sql_failure(sql, code, err);
	} else if (!span_equal(
			   span_of((const char *)sqlite3_column_text(statement, 0)), SPAN("ok"))) {
		/* It tells several lines; the first is a heading. */
		err_set(err, "%s: damaged (%.200s)", sql->path,
			(const char *)sqlite3_column_text(statement, 0));
		for (char *p = err ? err->text : NULL; p && *p; p++)
			*p = *p == '\n' ? ' ' : *p;
		r = -EBADMSG;
	}
	sqlite3_finalize(statement);
	return r;
}

static int check(const struct store *s, struct errbuf *err)
{
	bool is_whole = size_of(s, NAME_DAMAGED) >= 0 || size_of(s, NAME) <= CHECK_BYTES;
	const char *const *query = is_whole ? checks_all : checks_large;
	int r = 0;

	for (; r == 0 && *query; query++)
		r = check_one(&s->sql, *query, err);
	return r;
}

static int try_open(struct store *s, struct errbuf *err)
{
	int r = directory_make_database(&s->directory, s->path, err);

	if (r == 0)
		r = sql_open(&s->sql, s->path, err);
	if (r == 0)
		r = check(s, err);
	return r;
}

static void tell_lost(struct store *s, const char *what, const char *where)
{
	s->was_lost = true;
	err_set(&s->loss,
		"%.300s%s%s. A new one was made: suspensions, overrides and the audit start empty",
		what, *where ? "; moved to " : "", where);
}

/* Nothing there, or nothing in it, although policyd has worked in this directory. */
static void look_for_missing(struct store *s)
{
	struct errbuf what;

	if (size_of(s, NAME) > 0 ||
		(size_of(s, NAME "-wal") <= 0 && size_of(s, "counters.snapshot") < 0))
		return;
	err_set(&what, "%s: it is missing or empty, but other files of policyd are there", s->path);
	tell_lost(s, what.text, "");
}

static int open_database(struct store *s, struct errbuf *err)
{
	char moved[ASIDE_NAME_SIZE];
	struct errbuf what = {{0}};
	int r;

	look_for_missing(s);
	/* Of a rescue that was killed. */
	(void)unlinkat(s->directory.fd, NAME ".new", 0);
	r = try_open(s, &what);
	if (r == -EBADMSG) {
		sql_close(&s->sql);
		r = aside_move(s->directory.fd, NAME, moved);
		if (r == 0) {
			tell_lost(s, what.text, moved);
			r = try_open(s, &what);
		}
	}
	if (r == 0)
		(void)unlinkat(s->directory.fd, NAME_DAMAGED, 0);
	else
		err_set(err, "%s", what.text);
	return r;
}

static int read_snapshot_note(struct store *s, struct errbuf *err)
{
	int r;

	sql_bind_text(&s->sql, SQL_META_GET, 1, META_SNAPSHOT);
	r = sql_row(&s->sql, SQL_META_GET, err);
	if (r < 0)
		return r;
	s->had_snapshot = r == SQL_ROW;
	sql_reset(&s->sql, SQL_META_GET);
	return 0;
}

static int start(struct store *s, struct errbuf *err)
{
	int r = store_tune(s, &s->sql, err);

	if (r == 0)
		r = read_snapshot_note(s, err);
	if (r == 0)
		r = sql_row(&s->sql, SQL_NEWEST, err);
	if (r < 0)
		return r;
	s->group.newest.us = sql_column_int(&s->sql, SQL_NEWEST, 0);
	sql_reset(&s->sql, SQL_NEWEST);
	/* A disk that is full must not keep policyd from starting: the next look tries again. */
	r = group_expire(s, err);
	if (r != 0 && r != -ENOSPC)
		return r;
	rescue_remember(s);
	s->writer =
		writer_new(&(struct writer_group){.begin = group_begin, .end = group_end, .ctx = s},
			STORE_PLACES, err);
	return s->writer ? 0 : -ENOMEM;
}

static int name_database(struct store *s, const char *directory, struct errbuf *err)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/" NAME, directory);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		err_set(err, "%.40s...: the name of the state directory is too long", directory);
		return -ENAMETOOLONG;
	}
	s->path = xstrdup(path);
	return 0;
}

int store_open(const struct store_setup *setup, struct store **ret, struct errbuf *err)
{
	struct store *s = xcalloc(1, sizeof(*s));
	int r;

	/* jansson chooses its hash seed at first use, which must not be in two threads at once. */
	json_object_seed(0);
	s->directory = DIRECTORY_CLOSED;
	store_configure(s, setup);
	r = name_database(s, setup->directory, err);
	if (r == 0)
		r = directory_open(&s->directory, setup->directory, err);
	if (r == 0)
		r = open_database(s, err);
	if (r == 0)
		r = start(s, err);
	if (r != 0) {
		store_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	writer_free(s->writer);
	sql_close(&s->sql);
	directory_close(&s->directory);
	keep_free(s);
	free(s->path);
	free(s);
}
