/* SPDX-License-Identifier: ISC */
/* The trail that changes leave: audit. What they are is the other handlers' business. */
#include <sysexits.h>

#include "call.h"
#include "view.h"

#define AUDIT_DEFAULT 100
#define AUDIT_MAX     10000

static void audit_done(void *ctx, json_t *rows, const char *error)
{
	struct control_call *call = ctx;
	if (!rows) {
		call_fail(call, EX_TEMPFAIL, "the store cannot be read: %s", error);
		return;
	}
	view_rename_accounts(rows);
	call_answer(call, rows);
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
		r = subject_parse(account, engine_config(call->setup->engine), name, err);
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
