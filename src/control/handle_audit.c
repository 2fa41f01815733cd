/* SPDX-License-Identifier: ISC */
/* The trail that changes leave: audit. What they are is the other handlers' business. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "call.h"
#include "policyd/blocklist.h"
#include "view.h"

#define AUDIT_DEFAULT 100
#define AUDIT_MAX     10000

/* In the accounts of events: "blocklist:zen". No kind of account. */
static const char list_word[] = "blocklist:";

/* What egress tells of stands as the log has it; a domain that has an override is @example.org. */
static bool is_of_egress(const json_t *row)
{
	static const enum event_kind kinds[] = {EVENT_LISTING, EVENT_LIST_STATE, EVENT_POSTURE,
		EVENT_AUDIT, EVENT_DELIST, EVENT_PROGRAMME};
	const char *event = json_string_value(json_object_get(row, "event"));
	for (size_t i = 0; event && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(event, event_rows[kinds[i]].name) == 0)
			return true;
	}
	return false;
}

static void rows_rename(json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (!is_of_egress(row))
			view_rename_account(row);
	}
}

static void audit_done(void *ctx, json_t *rows, const char *error)
{
	struct control_call *call = ctx;
	if (!rows) {
		call_fail(call, EX_TEMPFAIL, "the store cannot be read: %s", error);
		return;
	}
	rows_rename(rows);
	call_answer(call, rows);
}

/* A list is asked for as audit shows it; by its zone as well. One that is no more has its rows still. */
static void list_name(struct span typed, const struct config *config, struct account_name *ret)
{
	const struct blocklist *list = config_blocklist_of(config, typed);
	int n = snprintf(ret->key, sizeof(ret->key), "%s%.*s", list_word,
		(int)(typed.n < sizeof(ret->key) ? typed.n : sizeof(ret->key)), typed.p);
	if (list)
		n = snprintf(ret->key, sizeof(ret->key), "%s%s", list_word, list->name);
	ret->n = n < 0 ? 0 : strlen(ret->key);
}

static int audit_account(const struct control_call *call, struct span typed,
	struct account_name *ret, struct errbuf *err)
{
	const struct config *config = engine_config(call->setup->engine);
	struct span word = span_of(list_word);
	if (!span_starts(typed, word))
		return subject_parse(typed, config, ret, err);
	list_name(span_make(typed.p + word.n, typed.n - word.n), config, ret);
	return 0;
}

static int audit_query(struct control_call *call, struct account_name *name,
	struct store_audit_query *ret, struct errbuf *err)
{
	struct now now = call_now(call);
	struct span account = call_arg(call, "account"), since = call_arg(call, "since");
	struct store_audit_query query = {0};
	int64_t us = 0;
	int r = call_count(call, &(struct call_range){AUDIT_DEFAULT, AUDIT_MAX}, &query.limit, err);
	if (r == 0 && account.n)
		r = audit_account(call, account, name, err);
	if (r == 0 && since.n)
		r = duration_parse(since, &us, err);
	if (r != 0)
		return r;
	if (account.n)
		query.account = account_name_key(name);
	if (since.n && us < now.wall.us)
		query.since.us = now.wall.us - us;
	*ret = query;
	return 0;
}

void handle_audit(struct control_call *call)
{
	struct store_audit_query query;
	struct account_name name;
	struct errbuf err;
	if (audit_query(call, &name, &query, &err) != 0)
		call_fail(call, EX_USAGE, "%s", err.text);
	else if (store_audit(call->setup->store, &query, audit_done, call) != 0)
		call_fail(call, EX_TEMPFAIL, "the store is busy; try again");
}
