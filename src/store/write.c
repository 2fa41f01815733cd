/* SPDX-License-Identifier: ISC */
/* What jobs write, inside a transaction that group.c has begun and will end. */
#include "store_private.h"

#include <errno.h>
#include <stddef.h>

#define TEXT(name)                                                                                 \
	{                                                                                          \
		.offset = offsetof(struct decision, name),                                         \
		.size = sizeof(((struct decision *)NULL)->name)                                    \
	}
/* In the order of the columns of SQL_DECISION_INSERT from DECISION_TEXTS_AT on. */
const struct decision_text decision_texts[DECISION_TEXTS] = {
	TEXT(rule),
	TEXT(text),
	TEXT(account),
	TEXT(instance),
	TEXT(queue_id),
	TEXT(client),
	TEXT(sender),
	TEXT(recipient),
};
#undef TEXT
#define DECISION_TEXTS_AT 10

/* What an event changes in what holds. */
static const struct event_effect {
	enum sql_statement fact; /* SQL_STATEMENTS: nothing */
	bool has_end, has_rate;
} event_effects[EVENT_COUNT] = {
	[EVENT_SUSPEND] = {.fact = SQL_STANDING_PUT, .has_end = true},
	[EVENT_RELEASE] = {.fact = SQL_STANDING_DROP},
	[EVENT_OVERRIDE_SET] = {.fact = SQL_OVERRIDE_PUT, .has_end = true, .has_rate = true},
	[EVENT_OVERRIDE_UNSET] = {.fact = SQL_OVERRIDE_DROP},
	[EVENT_RESET] = {.fact = SQL_STATEMENTS},
	[EVENT_SIGNAL] = {.fact = SQL_STATEMENTS},
	[EVENT_LADDER] = {.fact = SQL_STATEMENTS},
	[EVENT_LISTING] = {.fact = SQL_STATEMENTS},
	[EVENT_LIST_STATE] = {.fact = SQL_STATEMENTS},
	[EVENT_POSTURE] = {.fact = SQL_STATEMENTS},
	[EVENT_AUDIT] = {.fact = SQL_STATEMENTS},
	[EVENT_DELIST] = {.fact = SQL_STATEMENTS},
	[EVENT_PROGRAMME] = {.fact = SQL_STATEMENTS},
};

static void count_row(struct store *s, wall_t at)
{
	s->group.newest = at;
	s->group.since_expiry++;
}

static int event_insert(const struct sql *sql, const struct policy_event *event,
	const struct event_effect *effect, struct errbuf *err)
{
	char rate[RATE_TEXT_SIZE];

	sql_bind_int(sql, SQL_EVENT_INSERT, 1, event->at.us);
	sql_bind_text(sql, SQL_EVENT_INSERT, 2, event_rows[event->kind].name);
	sql_bind_bytes(sql, SQL_EVENT_INSERT, 3, event->account);
	if (effect->has_end)
		sql_bind_int(sql, SQL_EVENT_INSERT, 4, event->until.us);
	else
		sql_bind_null(sql, SQL_EVENT_INSERT, 4);
	sql_bind_bytes(sql, SQL_EVENT_INSERT, 5, event->reason);
	sql_bind_bytes(sql, SQL_EVENT_INSERT, 6, event->author);
	if (event->limit.n > 0)
		sql_bind_bytes(sql, SQL_EVENT_INSERT, 7, event->limit);
	else
		sql_bind_null(sql, SQL_EVENT_INSERT, 7);
	if (effect->has_rate)
		sql_bind_text(sql, SQL_EVENT_INSERT, 8, rate_format(&event->rate, rate));
	else
		sql_bind_null(sql, SQL_EVENT_INSERT, 8);
	return sql_run(sql, SQL_EVENT_INSERT, err);
}

int event_run(struct store *s, struct store_job *base, struct errbuf *err)
{
	struct event_job *job = (struct event_job *)base;
	const struct policy_event *event = &job->event;
	const struct event_effect *effect = &event_effects[event->kind];
	const struct sql *sql = &s->sql;
	int r = event_insert(sql, event, effect, err);

	if (r != 0)
		return r;
	job->id = sqlite3_last_insert_rowid(sql->db);
	if (effect->fact != SQL_STATEMENTS) {
		sql_bind_int(sql, effect->fact, 1, job->id);
		if (effect->has_rate) {
			sql_bind_int(sql, effect->fact, 2, (int64_t)event->rate.n);
			sql_bind_int(sql, effect->fact, 3, event->rate.window_us);
			sql_bind_int(sql, effect->fact, 4, event->rate.is_size);
		}
		r = sql_run(sql, effect->fact, err);
	}
	if (r == 0)
		count_row(s, event->at);
	return r;
}

int note_run(struct store *s, struct store_job *base, struct errbuf *err)
{
	(void)base;
	sql_bind_text(&s->sql, SQL_META_PUT, 1, META_SNAPSHOT);
	sql_bind_text(&s->sql, SQL_META_PUT, 2, "1");
	return sql_run(&s->sql, SQL_META_PUT, err);
}

/*
 * A row of usual length in the table, its indexes and the write-ahead log: what a group takes is not seen
 * on the disk before its end.
 */
#define DECISION_BYTES 2048

/* When room is short each decision takes the place of the oldest one, and none takes new room. */
static int make_room(struct store *s, struct errbuf *err)
{
	int r;

	if (s->group.room_bytes >= DECISION_BYTES) {
		s->group.room_bytes -= DECISION_BYTES;
		return 0;
	}
	r = sql_run(&s->sql, SQL_DECISION_DROP_OLDEST, err);
	if (r == 0 && sqlite3_changes(s->sql.db) == 0) {
		err_set(err, "%s: disk nearly full, the rest is kept for suspensions", s->sql.path);
		return -ENOSPC;
	}
	return r;
}

static int64_t saturate(uint64_t number)
{
	return number < INT64_MAX ? (int64_t)number : INT64_MAX;
}

int decision_run(struct store *s, struct store_job *base, struct errbuf *err)
{
	const struct decision_job *job = (const struct decision_job *)base;
	const struct sql *sql = &s->sql;
	const char *text = job->texts;
	int r = make_room(s, err);

	if (r != 0)
		return r;
	sql_bind_int(sql, SQL_DECISION_INSERT, 1, job->at.us);
	sql_bind_text(sql, SQL_DECISION_INSERT, 2, job->reference);
	sql_bind_text(sql, SQL_DECISION_INSERT, 3, stage_name(job->stage));
	sql_bind_text(sql, SQL_DECISION_INSERT, 4, action_rows[job->action].word);
	sql_bind_int(sql, SQL_DECISION_INSERT, 5, job->observed);
	sql_bind_int(sql, SQL_DECISION_INSERT, 6, saturate(job->used));
	sql_bind_int(sql, SQL_DECISION_INSERT, 7, saturate(job->limit));
	if (job->room_at.us != 0)
		sql_bind_int(sql, SQL_DECISION_INSERT, 8, job->room_at.us);
	else
		sql_bind_null(sql, SQL_DECISION_INSERT, 8);
	if (job->code != 0)
		sql_bind_int(sql, SQL_DECISION_INSERT, 9, job->code);
	else
		sql_bind_null(sql, SQL_DECISION_INSERT, 9);
	for (int i = 0; i < DECISION_TEXTS; i++) {
		struct span value = span_of(text);

		sql_bind_bytes(sql, SQL_DECISION_INSERT, DECISION_TEXTS_AT + i, value);
		text += value.n + 1;
	}
	r = sql_run(sql, SQL_DECISION_INSERT, err);
	if (r == 0)
		count_row(s, job->at);
	return r;
}
