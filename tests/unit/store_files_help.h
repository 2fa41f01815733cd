/* SPDX-License-Identifier: ISC */
/* store_files_help.h - the files of a store, and what becomes of a store whose files were touched. */
#ifndef POLICYD_TESTS_STORE_FILES_HELP_H
#define POLICYD_TESTS_STORE_FILES_HELP_H

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store_help.h"

static inline int open_at(const char *state, const char *name, int flags)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", state, name);
	return open(path, flags | O_CLOEXEC, 0600);
}

static inline bool exists(const char *state, const char *name)
{
	int fd = open_at(state, name, O_RDONLY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static inline void remove_at(const char *state, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", state, name);
	ck_assert_int_eq(unlink(path), 0);
}

/* Runs SQL on the database behind the store's back. */
static inline void meddle(const char *state, const char *sql)
{
	char path[128];
	sqlite3 *db;
	char *error = NULL;

	(void)snprintf(path, sizeof(path), "%s/policyd.db", state);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK, "%s", error);
	sqlite3_close(db);
}

static inline struct answer suspend(struct store *s, const char *account)
{
	return put(s, suspension(account, (wall_t){T0}, WALL_NEVER));
}

static inline void count_one(void *ctx, const struct policy_event *event)
{
	unsigned *n = ctx;

	ck_assert_int_eq(event->kind, EVENT_SUSPEND);
	++*n;
}

/* How many suspensions hold after a start. */
static inline unsigned standing_after_start(const char *state)
{
	struct store *s = open_store(state);
	struct errbuf err;
	unsigned n = 0;

	ck_assert(!store_was_lost(s, NULL));
	ck_assert_int_eq(
		store_load(s, &(struct store_load_query){.wall = {T0}, .acts_since = WALL_NEVER},
			count_one, &n, &err),
		0);
	store_free(s);
	return n;
}

#endif
