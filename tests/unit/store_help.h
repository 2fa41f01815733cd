/* SPDX-License-Identifier: ISC */
/* store_help.h - a store in a directory of its own, and calls that wait for their answer. */
#ifndef POLICYD_TESTS_STORE_HELP_H
#define POLICYD_TESTS_STORE_HELP_H

#include <check.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policyd/store.h"

#define T0 (INT64_C(1790000000) * SECOND_US) /* 2026-09-21T14:13:20Z */

/* An answer that has come: of an event or of a read. */
struct answer {
	bool is_there;
	int result;
	int64_t id;
	char error[512];
	json_t *rows;
};

static inline void on_event(void *ctx, int result, int64_t id, const char *error)
{
	struct answer *answer = ctx;

	ck_assert(!answer->is_there);
	ck_assert((result == 0) == (error == NULL));
	answer->is_there = true;
	answer->result = result;
	answer->id = id;
	(void)snprintf(answer->error, sizeof(answer->error), "%s", error ? error : "");
}

static inline void on_rows(void *ctx, json_t *rows, const char *error)
{
	struct answer *answer = ctx;

	ck_assert(!answer->is_there);
	ck_assert((rows != NULL) == (error == NULL));
	answer->is_there = true;
	answer->rows = rows;
	(void)snprintf(answer->error, sizeof(answer->error), "%s", error ? error : "");
}

static inline void await(struct store *s, const struct answer *answer)
{
	while (!answer->is_there) {
		struct pollfd fd = {.fd = store_fd(s), .events = POLLIN};

		ck_assert_int_eq(poll(&fd, 1, 30000), 1);
		store_collect(s);
	}
}

static inline struct policy_event suspension(const char *account, wall_t at, wall_t until)
{
	return (struct policy_event){.kind = EVENT_SUSPEND,
		.at = at,
		.account = span_of(account),
		.until = until,
		.reason = SPAN("spam run"),
		.author = SPAN("root (uid 0)")};
}

/* Stores it and waits. */
static inline struct answer put(struct store *s, struct policy_event event)
{
	struct answer answer = {0};

	ck_assert_int_eq(store_event(s, &event, on_event, &answer), 0);
	ck_assert(!answer.is_there);
	await(s, &answer);
	return answer;
}

/* The rows, or NULL; the caller drops them. */
static inline json_t *audit(struct store *s, struct store_audit_query query)
{
	struct answer answer = {0};

	ck_assert_int_eq(store_audit(s, &query, on_rows, &answer), 0);
	await(s, &answer);
	return answer.rows;
}

static inline json_t *why(struct store *s, const char *reference)
{
	struct answer answer = {0};

	ck_assert_int_eq(store_why(s, span_of(reference), on_rows, &answer), 0);
	await(s, &answer);
	return answer.rows;
}

static inline const char *text_at(const json_t *rows, size_t i, const char *name)
{
	return json_string_value(json_object_get(json_array_get(rows, i), name));
}

static inline struct decision decision_of(const char *reference, wall_t at)
{
	struct decision d = {.at = at,
		.stage = STAGE_RCPT,
		.action = ACTION_DEFER_IF_PERMIT,
		.rule = "hourly",
		.text = "4.7.1 too many",
		.used = 200,
		.limit = 200,
		.room_at = {.us = T0 + HOUR_US},
		.account = "login:alice@example.org",
		.instance = "1a.2b.3c",
		.queue_id = "4XyZ",
		.client = "192.0.2.7",
		.sender = "alice@example.org",
		.recipient = "bob@example.net"};

	(void)span_copy(span_of(reference), d.reference, sizeof(d.reference));
	return d;
}

static inline struct store_setup setup_of(const char *directory)
{
	return (struct store_setup){.directory = directory,
		.keep_decisions_us = 14 * DAY_US,
		.keep_audit_us = 730 * DAY_US,
		.max_decisions = 1000000};
}

static inline struct store *open_store(const char *directory)
{
	struct store_setup setup = setup_of(directory);
	struct store *s = NULL;
	struct errbuf err = {0};
	int r = store_open(&setup, &s, &err);

	ck_assert_msg(r == 0, "%d %s", r, err.text);
	return s;
}

/* A new directory for state and nothing else; remove_state() takes it away. */
static inline char *make_state(void)
{
	char *path = strdup("/tmp/policyd-store-XXXXXX");

	ck_assert_ptr_nonnull(path);
	ck_assert_ptr_nonnull(mkdtemp(path));
	return path;
}

static inline void remove_state(char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	ck_assert_int_eq(rmdir(path), 0);
	free(path);
}

#endif
