/* SPDX-License-Identifier: ISC */
/*
 * SQLite's calls with our errors and types, and the text of every statement. What belongs into one
 * transaction is decided in write.c.
 */
#include "sql.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

#define BUSY_TIMEOUT_MS 5000

/* Rows that retention looks at in one transaction, so that no commit after it waits long. */
#define EXPIRE_ROWS "2000"

/* clang-format off */
static const char *const statement_text[SQL_STATEMENTS] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_SAVEPOINT] = "SAVEPOINT job",
	[SQL_SAVEPOINT_RELEASE] = "RELEASE job",
	[SQL_SAVEPOINT_ROLLBACK] = "ROLLBACK TO job",
	[SQL_EVENT_INSERT] =
		"INSERT INTO event (at_us, kind, account, until_us, reason, author, limit_name, rate)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_STANDING_PUT] =
		"INSERT OR REPLACE INTO standing (account, event, at_us, until_us, reason, author)"
		" SELECT account, id, at_us, until_us, reason, author FROM event WHERE id = ?1",
	[SQL_STANDING_DROP] =
		"DELETE FROM standing WHERE account = (SELECT account FROM event WHERE id = ?1)",
	[SQL_OVERRIDE_PUT] =
		"INSERT OR REPLACE INTO override (account, limit_name, rate_n, window_us, is_size,"
		" event, at_us, until_us, reason, author)"
		" SELECT account, limit_name, ?2, ?3, ?4, id, at_us, until_us, reason, author"
		" FROM event WHERE id = ?1",
	[SQL_OVERRIDE_DROP] =
		"DELETE FROM override WHERE (account, limit_name) ="
		" (SELECT account, limit_name FROM event WHERE id = ?1)",
	/* These three have the same columns; the last has the kind behind them. */
	[SQL_STANDING_LIST] =
		"SELECT event, at_us, account, until_us, reason, author, x'', 0, 0, 0"
		" FROM standing WHERE until_us > ?1",
	[SQL_OVERRIDE_LIST] =
		"SELECT event, at_us, account, until_us, reason, author, limit_name, rate_n,"
		" window_us, is_size FROM override WHERE until_us > ?1",
	[SQL_ACT_LIST] =
		"SELECT id, at_us, account, 0, reason, author, coalesce(limit_name, x''), 0, 0, 0,"
		" kind FROM event WHERE at_us >= ?1 AND kind IN ('reset', 'release', 'signal')"
		" ORDER BY id",
	[SQL_META_PUT] = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
	[SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[SQL_KEPT_PUT] = "INSERT OR REPLACE INTO kept (name, value, at_us) VALUES (?1, ?2, ?3)",
	[SQL_KEPT_GET] = "SELECT value FROM kept WHERE name = ?1",
	[SQL_DECISION_INSERT] =
		"INSERT INTO decision (at_us, reference, stage, action, observed, used, room,"
		" room_at_us, code, rule, text, account, instance, queue_id, client, sender,"
		" recipient) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
		" ?15, ?16, ?17)",
	[SQL_DECISION_DROP_OLDEST] =
		"DELETE FROM decision WHERE id = (SELECT min(id) FROM decision)",
	/* Ids have no gaps but at the old end, so they count the rows; count(*) reads all. */
	[SQL_DECISION_EXPIRE] =
		"DELETE FROM decision WHERE id IN (SELECT id FROM"
		" (SELECT id, at_us FROM decision ORDER BY id LIMIT " EXPIRE_ROWS ")"
		" WHERE at_us < ?1 OR id <= (SELECT max(id) FROM decision) - ?2)",
	[SQL_STANDING_EXPIRE] =
		"DELETE FROM standing WHERE account IN"
		" (SELECT account FROM standing WHERE until_us < ?1 LIMIT " EXPIRE_ROWS ")",
	[SQL_OVERRIDE_EXPIRE] =
		"DELETE FROM override WHERE (account, limit_name) IN"
		" (SELECT account, limit_name FROM override WHERE until_us < ?1"
		" LIMIT " EXPIRE_ROWS ")",
	[SQL_EVENT_EXPIRE] =
		"DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at_us < ?1"
		" AND id NOT IN (SELECT event FROM standing)"
		" AND id NOT IN (SELECT event FROM override) ORDER BY at_us LIMIT " EXPIRE_ROWS ")",
	[SQL_NEWEST] =
		"SELECT max(coalesce((SELECT at_us FROM event ORDER BY id DESC LIMIT 1), 0),"
		" coalesce((SELECT at_us FROM decision ORDER BY id DESC LIMIT 1), 0))",
	[SQL_WHY] =
		"SELECT at_us, account, action, code, observed, rule, used, room, room_at_us, stage,"
		" sender, recipient, client, instance, queue_id, text, reference FROM decision"
		" WHERE id IN (SELECT id FROM decision WHERE reference = ?1"
		" ORDER BY id DESC LIMIT ?2)"
		" ORDER BY id",
	/* Without an account it goes back from the newest, with one along its index. */
	[SQL_AUDIT] =
		"SELECT id, at_us, kind, account, limit_name, rate, until_us, author, reason"
		" FROM event WHERE id IN"
		" (SELECT id FROM event WHERE ?1 IS NULL AND at_us >= ?2"
		" UNION ALL SELECT id FROM event WHERE account = ?1 AND at_us >= ?2"
		" ORDER BY id DESC LIMIT ?3) ORDER BY id",
};

static const struct code_row {
	int code;
	int error;
	const char *text; /* NULL: SQLite's own */
} code_rows[] = {
	{SQLITE_FULL,     ENOSPC,  "disk full"},
	{SQLITE_READONLY, EROFS,   NULL},
	{SQLITE_BUSY,     EAGAIN,  "in use by another program"},
	{SQLITE_LOCKED,   EAGAIN,  NULL},
	{SQLITE_NOMEM,    ENOMEM,  NULL},
	{SQLITE_PERM,     EACCES,  NULL},
	{SQLITE_AUTH,     EACCES,  NULL},
	{SQLITE_CANTOPEN, EACCES,  NULL},
	{SQLITE_NOTADB,   EBADMSG, "damaged"},
	{SQLITE_CORRUPT,  EBADMSG, "damaged"},
};
/* clang-format on */

/* What else is known: of the disk its own word, of a damaged file what was seen. */
static const char *detail_of(const struct sql *sql, int code)
{
	int error = errno;

	/* What fails at a commit SQLite does not note. */
	if (sqlite3_system_errno(sql->db) != 0)
		error = sqlite3_system_errno(sql->db);
	switch (code & 0xff) {
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return error != 0 ? strerror(error) : NULL;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return sqlite3_errmsg(sql->db);
	default:
		return NULL;
	}
}

int sql_failure(const struct sql *sql, int code, struct errbuf *err)
{
	struct code_row found = {.error = EIO};
	const char *detail;

	for (size_t i = 0; i < sizeof(code_rows) / sizeof(code_rows[0]); i++) {
		/* The low byte is the kind, what is above tells details. */
		if (code_rows[i].code == (code & 0xff))
			found = code_rows[i];
	}
	if (!found.text)
		found.text = sqlite3_errmsg(sql->db);
	detail = detail_of(sql, code);
	err_set(err, "%s: %s%s%s%s", sql->path, found.text, detail ? " (" : "",
		detail ? detail : "", detail ? ")" : "");
	return -found.error;
}

int sql_failure_of_schema(const struct sql *sql, int code, struct errbuf *err)
{
	return sql_failure(sql, code == SQLITE_ERROR ? SQLITE_CORRUPT : code, err);
}

int sql_text(const struct sql *sql, const char *text, struct errbuf *err)
{
	int code;

	errno = 0;
	code = sqlite3_exec(sql->db, text, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : sql_failure(sql, code, err);
}

static int prepare_all(struct sql *sql, struct errbuf *err)
{
	for (unsigned i = 0; i < SQL_STATEMENTS; i++) {
		int code = sqlite3_prepare_v3(sql->db, statement_text[i], -1,
			SQLITE_PREPARE_PERSISTENT, &sql->statement[i], NULL);

		if (code != SQLITE_OK)
			return sql_failure_of_schema(sql, code, err);
	}
	return 0;
}

int sql_open(struct sql *sql, const char *path, struct errbuf *err)
{
	int code, r;

	sql->path = xstrdup(path);
	/* No mutex: the loop thread touches it only before the writer starts and after it ended. */
	code = sqlite3_open_v2(path, &sql->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (code != SQLITE_OK)
		return sql_failure(sql, code, err);
	sqlite3_busy_timeout(sql->db, BUSY_TIMEOUT_MS);
	r = schema_prepare(sql, err);
	if (r == 0)
		r = prepare_all(sql, err);
	return r;
}

void sql_close(struct sql *sql)
{
	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_finalize(sql->statement[i]);
	sqlite3_close(sql->db);
	free(sql->path);
	*sql = (struct sql){0};
}

void sql_bind_int(const struct sql *sql, enum sql_statement s, int index, int64_t value)
{
	int code = sqlite3_bind_int64(sql->statement[s], index, value);

	assert(code == SQLITE_OK);
}

void sql_bind_null(const struct sql *sql, enum sql_statement s, int index)
{
	int code = sqlite3_bind_null(sql->statement[s], index);

	assert(code == SQLITE_OK);
}

void sql_bind_text(const struct sql *sql, enum sql_statement s, int index, const char *text)
{
	int code = sqlite3_bind_text(sql->statement[s], index, text, -1, SQLITE_STATIC);

	assert(code == SQLITE_OK);
}

void sql_bind_bytes(const struct sql *sql, enum sql_statement s, int index, struct span bytes)
{
	/* A NULL pointer would bind NULL, which is not the empty string. */
	int code = sqlite3_bind_blob64(
		sql->statement[s], index, bytes.n ? bytes.p : "", bytes.n, SQLITE_STATIC);

	assert(code == SQLITE_OK);
}

int sql_row(const struct sql *sql, enum sql_statement s, struct errbuf *err)
{
	int code, r = SQL_END;

	errno = 0;
	code = sqlite3_step(sql->statement[s]);
	if (code == SQLITE_ROW)
		return SQL_ROW;
	if (code != SQLITE_DONE)
		r = sql_failure(sql, code, err);
	sql_reset(sql, s);
	return r;
}

void sql_reset(const struct sql *sql, enum sql_statement s)
{
	sqlite3_reset(sql->statement[s]);
	sqlite3_clear_bindings(sql->statement[s]);
}

int sql_run(const struct sql *sql, enum sql_statement s, struct errbuf *err)
{
	int r = sql_row(sql, s, err);

	assert(r != SQL_ROW);
	return r;
}

struct span sql_column_bytes(const struct sql *sql, enum sql_statement s, int column)
{
	/* The order matters: the pointer first, then the length of what it points to. */
	const char *p = sqlite3_column_blob(sql->statement[s], column);

	return span_make(p, (size_t)sqlite3_column_bytes(sql->statement[s], column));
}

int64_t sql_column_int(const struct sql *sql, enum sql_statement s, int column)
{
	return sqlite3_column_int64(sql->statement[s], column);
}

bool sql_column_is_null(const struct sql *sql, enum sql_statement s, int column)
{
	return sqlite3_column_type(sql->statement[s], column) == SQLITE_NULL;
}
