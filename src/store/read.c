/* SPDX-License-Identifier: ISC */
/* What is read: what holds at start, rows for people later. Who may see them is not asked here. */
#include "store_private.h"

#include <assert.h>
#include <errno.h>

#include "policyd/clock.h"

#define WHY_ROWS 100

/* How a column of a statement becomes a member of a row; NULL is null for each. */
struct column {
	const char *name;
	enum { COLUMN_INT, COLUMN_BOOL, COLUMN_TIME, COLUMN_BYTES } kind;
};

/* clang-format off */
static const struct column why_columns[] = {
	{"at",        COLUMN_TIME},
	{"account",   COLUMN_BYTES},
	{"action",    COLUMN_BYTES},
	{"code",      COLUMN_INT},
	{"observed",  COLUMN_BOOL},
	{"rule",      COLUMN_BYTES},
	{"used",      COLUMN_INT},
	{"limit",     COLUMN_INT},
	{"room_at",   COLUMN_TIME},
	{"stage",     COLUMN_BYTES},
	{"sender",    COLUMN_BYTES},
	{"recipient", COLUMN_BYTES},
	{"client",    COLUMN_BYTES},
	{"instance",  COLUMN_BYTES},
	{"queue_id",  COLUMN_BYTES},
	{"text",      COLUMN_BYTES},
	{"reference", COLUMN_BYTES},
};

static const struct column audit_columns[] = {
	{"id",      COLUMN_INT},
	{"at",      COLUMN_TIME},
	{"event",   COLUMN_BYTES},
	{"account", COLUMN_BYTES},
	{"limit",   COLUMN_BYTES},
	{"rate",    COLUMN_BYTES},
	{"until",   COLUMN_TIME},
	{"author",  COLUMN_BYTES},
	{"reason",  COLUMN_BYTES},
};
/* clang-format on */

struct row_shape {
	enum sql_statement statement;
	const struct column *column;
	size_t n;
};
static const struct row_shape why_shape = {
	SQL_WHY, why_columns, sizeof(why_columns) / sizeof(why_columns[0])};
static const struct row_shape audit_shape = {
	SQL_AUDIT, audit_columns, sizeof(audit_columns) / sizeof(audit_columns[0])};

static json_t *value_of(const struct sql *sql, const struct row_shape *shape, size_t i)
{
	const enum sql_statement s = shape->statement;
	char time[WALL_TEXT_SIZE];

	if (sql_column_is_null(sql, s, (int)i))
		return json_null();
	switch (shape->column[i].kind) {
	case COLUMN_INT:
		return json_integer(sql_column_int(sql, s, (int)i));
	case COLUMN_BOOL:
		return json_boolean(sql_column_int(sql, s, (int)i));
	case COLUMN_TIME:
		return json_string(
			wall_format((wall_t){.us = sql_column_int(sql, s, (int)i)}, time));
	case COLUMN_BYTES:
		return json_of_bytes(sql_column_bytes(sql, s, (int)i));
	}
	return NULL;
}

/* json_object_set_new() takes the value over, also when it fails or the value is NULL. */
static int row_append(const struct sql *sql, const struct row_shape *shape, json_t *rows)
{
	json_t *row = json_object();

	if (json_array_append_new(rows, row) != 0)
		return -ENOMEM;
	for (size_t i = 0; i < shape->n; i++) {
		if (json_object_set_new(row, shape->column[i].name, value_of(sql, shape, i)) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* The statement's parameters are bound. */
static int read_rows(
	const struct sql *sql, const struct row_shape *shape, json_t **ret, struct errbuf *err)
{
	json_t *rows = json_array();
	int r;

	while ((r = sql_row(sql, shape->statement, err)) == SQL_ROW) {
		r = row_append(sql, shape, rows);
		if (r != 0) {
			sql_reset(sql, shape->statement);
			err_set(err, "out of memory");
			break;
		}
	}
	if (r != 0) {
		json_decref(rows);
		return r;
	}
	*ret = rows;
	return 0;
}

int why_run(struct store *s, struct store_job *base, struct errbuf *err)
{
	struct read_job *job = (struct read_job *)base;

	sql_bind_text(&s->sql, SQL_WHY, 1, job->reference);
	sql_bind_int(&s->sql, SQL_WHY, 2, WHY_ROWS);
	return read_rows(&s->sql, &why_shape, &job->rows, err);
}

int audit_run(struct store *s, struct store_job *base, struct errbuf *err)
{
	struct read_job *job = (struct read_job *)base;

	if (job->audit.account.n > 0)
		sql_bind_bytes(&s->sql, SQL_AUDIT, 1, job->audit.account);
	else
		sql_bind_null(&s->sql, SQL_AUDIT, 1);
	sql_bind_int(&s->sql, SQL_AUDIT, 2, job->audit.since.us);
	sql_bind_int(&s->sql, SQL_AUDIT, 3, job->audit.limit);
	return read_rows(&s->sql, &audit_shape, &job->rows, err);
}

struct loader {
	const struct sql *sql;
	store_load_each *each;
	void *ctx;
};

/* Acts are of several kinds; what a newer policyd wrote and this one does not know says nothing. */
static enum event_kind kind_of(const struct sql *sql, enum sql_statement statement)
{
	enum event_kind kind = EVENT_COUNT;

	if (statement == SQL_STANDING_LIST)
		return EVENT_SUSPEND;
	if (statement == SQL_OVERRIDE_LIST)
		return EVENT_OVERRIDE_SET;
	return event_kind_of(sql_column_bytes(sql, statement, 10), &kind) == 0 ? kind : EVENT_COUNT;
}

static int load_rows(
	const struct loader *loader, enum sql_statement statement, wall_t bound, struct errbuf *err)
{
	const struct sql *sql = loader->sql;
	int r;

	sql_bind_int(sql, statement, 1, bound.us);
	while ((r = sql_row(sql, statement, err)) == SQL_ROW) {
		loader->each(loader->ctx,
			&(struct policy_event){
				.kind = kind_of(sql, statement),
				.id = sql_column_int(sql, statement, 0),
				.at = {.us = sql_column_int(sql, statement, 1)},
				.account = sql_column_bytes(sql, statement, 2),
				.until = {.us = sql_column_int(sql, statement, 3)},
				.reason = sql_column_bytes(sql, statement, 4),
				.author = sql_column_bytes(sql, statement, 5),
				.limit = sql_column_bytes(sql, statement, 6),
				.rate = {.n = (uint64_t)sql_column_int(sql, statement, 7),
					.window_us = sql_column_int(sql, statement, 8),
					.is_size = sql_column_int(sql, statement, 9) != 0},
			});
	}
	return r;
}

int store_load(struct store *s, const struct store_load_query *query, store_load_each *each,
	void *ctx, struct errbuf *err)
{
	const struct loader loader = {.sql = &s->sql, .each = each, .ctx = ctx};
	int r;

	/* The connection is the writer thread's as soon as there is a job. */
	assert(s->pending == 0);
	r = load_rows(&loader, SQL_ACT_LIST, query->acts_since, err);
	if (r == 0)
		r = load_rows(&loader, SQL_STANDING_LIST, query->wall, err);
	if (r == 0)
		r = load_rows(&loader, SQL_OVERRIDE_LIST, query->wall, err);
	return r;
}
