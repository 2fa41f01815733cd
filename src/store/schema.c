/* SPDX-License-Identifier: ISC */
/*
 * The tables, and how an older database becomes the present one. Statements that use them are in
 * sql.c.
 *
 * Foreign bytes are BLOBs: an account or an address may hold NUL and what is no UTF-8. Words of
 * ours (kinds, actions, stages) are stored as words, so that enums may be reordered.
 */
#include "sql.h"

#include <errno.h>
#include <stdio.h>

/*
 * "plcy": tells our files from other SQLite databases (https://www.sqlite.org/fileformat.html
 * 1.3.17).
 */
#define APPLICATION_ID 0x706c6379

/*
 * One text a version; user_version says how many have been done. A step that was released is never
 * changed, another one is added.
 */
/* clang-format off */
static const char *const migrations[] = {
	/* What was done. Ids are never used twice: people quote them. */
	"CREATE TABLE event ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at_us INTEGER NOT NULL,"
	" kind TEXT NOT NULL,"
	" account BLOB NOT NULL,"
	" until_us INTEGER,"
	" reason BLOB NOT NULL,"
	" author BLOB NOT NULL"
	") STRICT;"
	"CREATE INDEX event_by_account ON event (account);"
	"CREATE INDEX event_by_at ON event (at_us);"
	/* What holds because of it. */
	"CREATE TABLE standing ("
	" account BLOB NOT NULL PRIMARY KEY,"
	" event INTEGER NOT NULL REFERENCES event (id),"
	" at_us INTEGER NOT NULL,"
	" until_us INTEGER NOT NULL,"
	" reason BLOB NOT NULL,"
	" author BLOB NOT NULL"
	") STRICT;"
	"CREATE INDEX standing_by_event ON standing (event);"
	/* room is struct decision's limit, which is a word of SQL. */
	"CREATE TABLE decision ("
	" id INTEGER PRIMARY KEY,"
	" at_us INTEGER NOT NULL,"
	" reference TEXT NOT NULL,"
	" stage TEXT NOT NULL,"
	" action TEXT NOT NULL,"
	" observed INTEGER NOT NULL,"
	" used INTEGER NOT NULL,"
	" room INTEGER NOT NULL,"
	" room_at_us INTEGER,"
	" rule BLOB NOT NULL,"
	" text BLOB NOT NULL,"
	" account BLOB NOT NULL,"
	" instance BLOB NOT NULL,"
	" queue_id BLOB NOT NULL,"
	" client BLOB NOT NULL,"
	" sender BLOB NOT NULL,"
	" recipient BLOB NOT NULL"
	") STRICT;"
	"CREATE INDEX decision_by_reference ON decision (reference);",

	/* Overrides; limit is a word of SQL. */
	"ALTER TABLE event ADD COLUMN limit_name BLOB;"
	"ALTER TABLE event ADD COLUMN rate TEXT;"
	/* rate_n is struct rate's, -1 for unlimited. */
	"CREATE TABLE override ("
	" account BLOB NOT NULL,"
	" limit_name BLOB NOT NULL,"
	" rate_n INTEGER NOT NULL,"
	" window_us INTEGER NOT NULL,"
	" is_size INTEGER NOT NULL,"
	" event INTEGER NOT NULL REFERENCES event (id),"
	" at_us INTEGER NOT NULL,"
	" until_us INTEGER NOT NULL,"
	" reason BLOB NOT NULL,"
	" author BLOB NOT NULL,"
	" PRIMARY KEY (account, limit_name)"
	") STRICT;"
	"CREATE INDEX override_by_event ON override (event);"
	/* The code that was said in place of the action's word. */
	"ALTER TABLE decision ADD COLUMN code INTEGER;"
	/* What policyd knows about its state as a whole. */
	"CREATE TABLE meta ("
	" key TEXT NOT NULL PRIMARY KEY,"
	" value TEXT NOT NULL"
	") STRICT;",

	/* What modules know and could learn again, each as one record of its own. */
	"CREATE TABLE kept ("
	" name TEXT NOT NULL PRIMARY KEY,"
	" value BLOB NOT NULL,"
	" at_us INTEGER NOT NULL"
	") STRICT;",
};
/* clang-format on */
#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

/*
 * FULL: a commit that was acknowledged survives a power cut. Where WAL is not to be had (some
 * network file systems) SQLite stays with its rollback journal, which is as safe and only slower.
 */
/* clang-format off */
static const char settings[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA foreign_keys = ON;"
	"PRAGMA trusted_schema = OFF;";
/* clang-format on */

/* The one number that a query gives. */
static int read_number(const struct sql *sql, const char *query, int *ret, struct errbuf *err)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(sql->db, query, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : sql_failure(sql, code, err);
}

/* Looks without changing anything: the file may be somebody else's. */
static int identify(const struct sql *sql, int *ret_version, struct errbuf *err)
{
	int id = 0, version = 0, tables = 0, r;

	r = read_number(sql, "PRAGMA application_id", &id, err);
	if (r == 0)
		r = read_number(sql, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = read_number(sql, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (r != 0)
		return r;
	if (id != APPLICATION_ID && (id != 0 || version != 0 || tables != 0)) {
		err_set(err,
			"%s: a database of another program; move it away or set state.directory",
			sql->path);
		return -EPROTO;
	}
	if (version < 0 || version > VERSION) {
		err_set(err,
			"%s: written by a newer policyd (schema %d, this one knows %d);"
			" install that version again, or restore a backup made before the upgrade",
			sql->path, version, VERSION);
		return -EPROTO;
	}
	*ret_version = version;
	return 0;
}

static int define(const struct sql *sql, const char *text, struct errbuf *err)
{
	int code = sqlite3_exec(sql->db, text, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : sql_failure_of_schema(sql, code, err);
}

/* One step, whole or not at all. */
static int migrate(const struct sql *sql, int version, struct errbuf *err)
{
	char numbers[96];
	int r;

	(void)snprintf(numbers, sizeof(numbers),
		"PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
		version + 1);
	r = sql_text(sql, "BEGIN IMMEDIATE", err);
	if (r == 0)
		r = define(sql, migrations[version], err);
	if (r == 0)
		r = sql_text(sql, numbers, err);
	if (r != 0 && !sqlite3_get_autocommit(sql->db)) {
		/* Its own failure would only hide the first one, and closing rolls back too. */
		(void)sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return r;
}

int schema_prepare(const struct sql *sql, struct errbuf *err)
{
	int version;
	int r = identify(sql, &version, err);

	if (r == 0)
		r = sql_text(sql, settings, err);
	for (; r == 0 && version < VERSION; version++)
		r = migrate(sql, version, err);
	return r;
}
