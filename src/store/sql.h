/* SPDX-License-Identifier: ISC */
/*
 * sql.h - the few calls of SQLite that the store is made of, with our errors. Private to src/store.
 *
 * A struct sql is one connection and its prepared statements, used by one thread at a time.
 */
#ifndef POLICYD_STORE_SQL_H
#define POLICYD_STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "policyd/err.h"
#include "policyd/span.h"

/* Every statement that runs more than once; its text is in sql.c. */
enum sql_statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_SAVEPOINT,
	SQL_SAVEPOINT_RELEASE,
	SQL_SAVEPOINT_ROLLBACK,
	SQL_EVENT_INSERT,
	SQL_STANDING_PUT,
	SQL_STANDING_DROP,
	SQL_STANDING_LIST,
	SQL_OVERRIDE_PUT,
	SQL_OVERRIDE_DROP,
	SQL_OVERRIDE_LIST,
	SQL_ACT_LIST,
	SQL_META_PUT,
	SQL_META_GET,
	SQL_KEPT_PUT,
	SQL_KEPT_GET,
	SQL_DECISION_INSERT,
	SQL_DECISION_DROP_OLDEST,
	SQL_DECISION_EXPIRE,
	SQL_STANDING_EXPIRE,
	SQL_OVERRIDE_EXPIRE,
	SQL_EVENT_EXPIRE,
	SQL_NEWEST,
	SQL_WHY,
	SQL_AUDIT,
	SQL_STATEMENTS
};

struct sql {
	char *path; /* of the database file */
	sqlite3 *db;
	sqlite3_stmt *statement[SQL_STATEMENTS];
};

/*
 * Opens the file, brings it to our schema (schema.c) and prepares. -EBADMSG: the file is damaged;
 * -EPROTO: it is not ours. Half-built on failure: sql_close().
 */
MUST_CHECK int sql_open(struct sql *sql, const char *path, struct errbuf *err);
/* Zero is fine. */
void sql_close(struct sql *sql);

/* The errno value of a result code, negative (-EBADMSG: damaged); err says it for people. */
MUST_CHECK int sql_failure(const struct sql *sql, int code, struct errbuf *err);
/*
 * The same where the tables of the file meet our statements for the first time: those have no
 * mistakes, so a general error says that the tables are not what the file promised.
 */
MUST_CHECK int sql_failure_of_schema(const struct sql *sql, int code, struct errbuf *err);
/* One or several statements as text, results ignored. 0 or negative. */
MUST_CHECK int sql_text(const struct sql *sql, const char *text, struct errbuf *err);

/*
 * Parameters by number, from 1, before the first sql_row() or sql_run() of a statement. A span must
 * live until then. Binding fails only by a mistake of ours.
 */
void sql_bind_int(const struct sql *sql, enum sql_statement s, int index, int64_t value);
void sql_bind_null(const struct sql *sql, enum sql_statement s, int index);
void sql_bind_text(const struct sql *sql, enum sql_statement s, int index, const char *text);
/* Foreign bytes go in as a BLOB, so that NUL and what is no UTF-8 come out as they went in. */
void sql_bind_bytes(const struct sql *sql, enum sql_statement s, int index, struct span bytes);

enum sql_row { SQL_END, SQL_ROW };
/* The next row, SQL_END after the last, or negative. Anything but SQL_ROW resets the statement. */
MUST_CHECK int sql_row(const struct sql *sql, enum sql_statement s, struct errbuf *err);
/* Leaves a statement before its last row. */
void sql_reset(const struct sql *sql, enum sql_statement s);
/* All of a statement that gives no rows. 0 or negative. */
MUST_CHECK int sql_run(const struct sql *sql, enum sql_statement s, struct errbuf *err);

/* Columns from 0, valid until the next call for that statement. */
struct span sql_column_bytes(const struct sql *sql, enum sql_statement s, int column);
int64_t sql_column_int(const struct sql *sql, enum sql_statement s, int column);
bool sql_column_is_null(const struct sql *sql, enum sql_statement s, int column);

/*
 * schema.c: from whatever the file is to the present schema, or a refusal that leaves it untouched.
 */
MUST_CHECK int schema_prepare(const struct sql *sql, struct errbuf *err);

#endif
