/* SPDX-License-Identifier: ISC */
/*
 * egress dossier: all that a removal form asks for, and whether it is time to ask. What is known is gathered at
 * once; what was done is read from the audit trail, of the address and of each culprit, one after the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "dossier.h"
#include "egress_view.h"
#include "handle_standing.h"
#include "policyd/blocklist.h"
#include "policyd/mem.h"
#include "standing_view.h"
#include "text.h"
#include "view.h"

/* Falls that are older speak of another listing; the last one always counts. */
#define FALLS_KEPT_US (30 * DAY_US)
/* What led to a fall began before it. */
#define BEFORE_US    DAY_US
#define ACCOUNTS_MAX 32
#define ROWS_OF_ONE  50
#define LISTINGS_MAX 100

struct work {
	struct dossier dossier;
	char subject[SUBJECT_TEXT_SIZE];
	struct ip ip;
	struct now now;
	wall_t since; /* of the trail */
	/* Whose trail is read: the address, then those that stand out. */
	struct asked {
		char *key;
		const char *command; /* of a culprit that is not suspended, in the rows; or NULL */
		wall_t fell;
		bool was_judged;
	} asked[ACCOUNTS_MAX + 1];
	size_t asked_n, at;
	bool is_nobody; /* nobody stands out in the last fall */
};

static void work_free(void *ctx)
{
	struct work *work = ctx;
	struct dossier *dossier = &work->dossier;
	json_t *rows[] = {dossier->address, dossier->reasons, dossier->checks, dossier->listings,
		dossier->removals, dossier->falls, dossier->culprits, dossier->findings,
		dossier->actions};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_decref(rows[i]);
	for (size_t i = 0; i < work->asked_n; i++)
		free(work->asked[i].key);
	free(work);
}

static void reason_add(struct work *work, json_t *sentence)
{
	json_array_append_new(work->dossier.reasons, sentence);
}

/* ---- what is known ---- */

static bool listing_add(void *ctx, const struct listing *listing)
{
	struct work *work = ctx;
	if (strcmp(listing->subject, work->subject) != 0 || listing->verdict != SEEN_LISTED ||
		listing->kind == LISTING_WELCOME || listing->kind == LISTING_SCORE)
		return true;
	int64_t us = listing->worst ? listing->worst->removal_us : listing->list->removal_us;
	json_t *row = egress_view_listing(listing, work->now), *stretch = text_stretch(us);
	json_object_set_new(row, "title", text_json(span_of(listing->list->title)));
	json_object_set_new(row, "expected",
		json_sprintf("about %s after it was asked for", json_string_value(stretch)));
	json_array_append_new(work->dossier.listings, row);
	json_decref(stretch);
	return json_array_size(work->dossier.listings) < LISTINGS_MAX;
}

static json_t *address_json(const struct work *work, const struct egress *e)
{
	const struct egress_address *address;
	json_t *json = json_pack("{s:s, s:n}", "address", work->subject, "helo");
	for (size_t i = 0; (address = egress_address_at(e, i)); i++) {
		if (ip_equal(&address->ip, &work->ip) && address->helo[0])
			json_object_set_new(json, "helo", text_json(span_of(address->helo)));
	}
	return json;
}

/* ---- reverse DNS: what lists look at first ---- */

struct house {
	struct work *work;
	bool is_seen[AUDIT_CHECKS];
};

static bool is_asked_by_lists(enum audit_check check)
{
	return check == CHECK_PTR || check == CHECK_FCRDNS || check == CHECK_HELO;
}

static bool house_look(void *ctx, const struct audit_finding *finding)
{
	struct house *house = ctx;
	struct work *work = house->work;
	const char *name = audit_rows[finding->check].name;
	if (audit_rows[finding->check].subject != AUDIT_ADDRESS ||
		strcmp(finding->subject, work->subject) != 0)
		return true;
	house->is_seen[finding->check] = true;
	if (finding->result != AUDIT_PASS)
		json_array_append_new(
			work->dossier.findings, standing_view_finding(finding, work->now));
	if (!is_asked_by_lists(finding->check))
		return true;
	if (finding->result == AUDIT_FAIL || finding->result == AUDIT_UNKNOWN) {
		json_t *evidence = text_json(span_of(finding->evidence));
		const char *text = json_string_value(evidence);
		reason_add(work, json_sprintf("%s %s%s%s", name,
					 finding->result == AUDIT_FAIL ? "fails" : "is not known",
					 *text ? ": " : "", text));
		json_decref(evidence);
	}
	return true;
}

static void house_gather(struct work *work, const struct audit *audit)
{
	struct house house = {.work = work};
	if (audit)
		audit_findings(audit, work->now, house_look, &house);
	for (unsigned i = 0; i < AUDIT_CHECKS; i++) {
		if (is_asked_by_lists((enum audit_check)i) && !house.is_seen[i])
			reason_add(work, json_sprintf("%s is not known: nobody has looked (see "
						      "egress.audit)",
						 audit_rows[i].name));
	}
}

/* ---- culprits ---- */

static void asked_add(struct work *work, const char *key, const char *command, wall_t fell)
{
	for (size_t i = 0; i < work->asked_n; i++) {
		if (strcmp(work->asked[i].key, key) == 0)
			return;
	}
	if (work->asked_n == ACCOUNTS_MAX + 1)
		return;
	work->asked[work->asked_n++] =
		(struct asked){.key = xstrdup(key), .command = command, .fell = fell};
}

static void fall_add(struct work *work, const struct control_setup *setup, const struct fall *fall)
{
	bool is_last = json_array_size(work->dossier.falls) == 0;
	bool is_nobody = true;
	if (!is_last && fall->at.us < work->now.wall.us - FALLS_KEPT_US)
		return;
	json_array_append_new(work->dossier.falls, standing_view_fall(fall, work->now));
	for (size_t i = 0; i < fall->n; i++) {
		const struct culprit *culprit = &fall->culprit[i];
		if (!culprit->stands_out)
			continue;
		json_t *row = standing_view_culprit(setup, fall, culprit, work->now);
		is_nobody = false;
		json_array_append_new(work->dossier.culprits, row);
		asked_add(work, culprit->account,
			json_string_value(json_object_get(row, "command")), fall->at);
	}
	work->is_nobody |= is_last && is_nobody;
	if (fall->at.us - BEFORE_US < work->since.us)
		work->since.us = fall->at.us - BEFORE_US;
}

static void culprits_gather(struct work *work, const struct control_setup *setup)
{
	const struct fall *fall;
	char key[EVENT_ACCOUNT_MAX + 1] = "egress:";
	span_copy(span_of(work->subject), key + strlen(key), sizeof(key) - strlen(key));
	asked_add(work, key, NULL, (wall_t){0});
	work->since.us = work->now.wall.us - BEFORE_US;
	for (size_t i = 0; (fall = culprits_at(setup->culprits, i)); i++) {
		if (ip_equal(&fall->egress, &work->ip))
			fall_add(work, setup, fall);
	}
	for (size_t i = 0; i < json_array_size(work->dossier.listings); i++)
		work->since.us = work->since.us < work->now.wall.us - FALLS_KEPT_US
					 ? work->since.us
					 : work->now.wall.us - FALLS_KEPT_US;
}

/* ---- the end ---- */

static void judge_culprit(struct work *work, const struct asked *asked, size_t *left)
{
	json_t *account = view_account(span_of(asked->key));
	const char *name = json_string_value(account);
	json_t *word = standing_view_word(name);
	if (asked->command && !asked->was_judged)
		json_array_insert_new(work->dossier.reasons, (*left)++,
			json_sprintf(
				"%s stands out and is not suspended: %s", name, asked->command));
	json_array_append_new(work->dossier.checks,
		json_sprintf("queue not looked at: policyd cannot see it; run postqueue -j | grep "
			     "-F -e %s, and delete what is theirs",
			json_string_value(word)));
	/* Nobody but a person can tell whether an account is clean again. */
	if (asked->command && asked->was_judged)
		json_array_append_new(work->dossier.checks,
			json_sprintf(
				"%s stood out and was released since, with a verdict: see that "
				"it sends nothing bad any more",
				name));
	json_decref(word);
	json_decref(account);
}

static void judge_culprits(struct work *work)
{
	size_t left = 0;
	for (size_t i = 1; i < work->asked_n; i++)
		judge_culprit(work, &work->asked[i], &left);
	if (work->asked_n == 1)
		json_array_append_new(work->dossier.checks,
			json_string(
				"queue not looked at: policyd cannot see it; run postqueue -p | "
				"less, and delete what should not leave"));
	if (work->is_nobody || json_array_size(work->dossier.falls) == 0)
		json_array_append_new(work->dossier.checks,
			json_sprintf("nobody stands out; %s", standing_unseen));
}

static int by_time(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;
	const char *first = json_string_value(json_object_get(*left, "at"));
	const char *second = json_string_value(json_object_get(*right, "at"));
	return strcmp(first ? first : "", second ? second : "");
}

static void actions_sort(struct work *work)
{
	size_t n = json_array_size(work->dossier.actions);
	json_t **row = xcalloc(n + 1, sizeof(json_t *)), *sorted = json_array();
	for (size_t i = 0; i < n; i++)
		row[i] = json_array_get(work->dossier.actions, i);
	qsort(row, n, sizeof(json_t *), by_time);
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, row[i]);
	free(row);
	json_decref(work->dossier.actions);
	work->dossier.actions = sorted;
}

static void finish(struct control_call *call)
{
	struct work *work = call->work;
	const struct dossier *dossier = &work->dossier;
	judge_culprits(work);
	actions_sort(work);
	bool is_ready = json_array_size(dossier->reasons) == 0;
	json_t *data = json_pack("{s:s, s:b, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O}",
		"address", work->subject, "ready", is_ready, "helo",
		json_object_get(dossier->address, "helo"), "reasons", dossier->reasons, "checks",
		dossier->checks, "listings", dossier->listings, "removals", dossier->removals,
		"falls", dossier->falls, "culprits", dossier->culprits, "findings",
		dossier->findings, "actions", dossier->actions);
	json_object_set_new(data, "text", dossier_text(dossier, work->now));
	call_answer(call, data);
}

/* ---- the trail ---- */

static void trail_read(struct control_call *call);

/* A verdict after the fall is a person's word that the account is judged. */
static void row_take(struct work *work, struct asked *asked, json_t *row)
{
	const char *event = json_string_value(json_object_get(row, "event"));
	const char *limit = json_string_value(json_object_get(row, "limit"));
	const char *at = json_string_value(json_object_get(row, "at"));
	char fell[WALL_TEXT_SIZE];
	bool is_release = event && strcmp(event, event_rows[EVENT_RELEASE].name) == 0;
	wall_format(asked->fell, fell);
	if (is_release && limit && *limit && at &&
		strncmp(at, fell, strlen("2026-01-01T00:00:00")) >= 0)
		asked->was_judged = true;
	if (asked != &work->asked[0])
		view_rename_account(row);
	json_array_append(work->dossier.actions, row);
}

static void trail_done(void *ctx, json_t *rows, const char *error)
{
	struct control_call *call = ctx;
	struct work *work = call->work;
	size_t i;
	json_t *row;
	if (call_is_void(call)) {
		json_decref(rows);
		call_end(call);
		return;
	}
	if (!rows) {
		call_fail(call, EX_TEMPFAIL, "the store cannot be read: %s", error);
		return;
	}
	json_array_foreach(rows, i, row)
	{
		row_take(work, &work->asked[work->at], row);
	}
	json_decref(rows);
	work->at++;
	trail_read(call);
}

static void trail_read(struct control_call *call)
{
	struct work *work = call->work;
	if (work->at == work->asked_n) {
		finish(call);
		return;
	}
	const struct store_audit_query query = {.account = span_of(work->asked[work->at].key),
		.since = work->since,
		.limit = ROWS_OF_ONE};
	if (store_audit(call->setup->store, &query, trail_done, call) != 0)
		call_fail(call, EX_TEMPFAIL, "the store is busy; try again");
}

void handle_egress_dossier(struct control_call *call)
{
	char buf[SUBJECT_TEXT_SIZE];
	struct span address;
	struct ip ip;
	if (standing_must_be(call) != 0 || standing_address_of(call, buf, &address, &ip) != 0)
		return;
	struct work *work = xcalloc(1, sizeof(*work));
	work->ip = ip;
	work->now = call_now(call);
	span_copy(address, work->subject, sizeof(work->subject));
	work->dossier = (struct dossier){.reasons = json_array(),
		.checks = json_array(),
		.listings = json_array(),
		.falls = json_array(),
		.culprits = json_array(),
		.findings = json_array(),
		.actions = json_array()};
	work->dossier.address = address_json(work, call->setup->egress);
	work->dossier.removals = standing_view_removals(call->setup, address, true, work->now);
	call->work = work;
	call->work_free = work_free;
	egress_listings(call->setup->egress, work->now, listing_add, work);
	culprits_gather(work, call->setup);
	house_gather(work, call->setup->audit);
	trail_read(call);
}
