/* SPDX-License-Identifier: ISC */
/* egress delist, egress delists: removals that were asked for outside, and what became of them. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "handle_standing.h"
#include "policyd/blocklist.h"
#include "policyd/mem.h"
#include "standing_view.h"
#include "text.h"

void handle_egress_delists(struct control_call *call)
{
	if (standing_must_be(call) != 0)
		return;
	call_answer(call, standing_view_removals(call->setup, SPAN(""), true, call_now(call)));
}

/* ---- egress delist ---- */

/* What policyd itself knows of that listing. */
struct delist {
	char subject[SUBJECT_TEXT_SIZE];
	const struct blocklist *list;
	bool is_refused;
	enum verdict_state verdict;
	wall_t since;
	int64_t expected_us;
	const char *delist, *removal;
};

/* Of the work, which may outlive the snapshot that the list is in. */
struct delist_extra {
	char subject[SUBJECT_TEXT_SIZE];
	bool is_refused;
	enum verdict_state verdict;
	wall_t since;
	int64_t expected_us;
};

static bool delist_look(void *ctx, const struct listing *listing)
{
	struct delist *delist = ctx;
	if (strcmp(listing->subject, delist->subject) != 0 ||
		strcmp(listing->list->name, delist->list->name) != 0)
		return true;
	delist->verdict = listing->verdict;
	delist->since = listing->since;
	if (listing->verdict == SEEN_LISTED && listing->worst) {
		delist->expected_us = listing->worst->removal_us;
		delist->delist = listing->worst->delist;
		delist->removal = listing->worst->removal;
	}
	return false;
}

static int word_parse(const struct control_call *call, bool *ret_is_refused, struct errbuf *err)
{
	bool is_requested = json_is_true(json_object_get(call->args, "requested"));
	*ret_is_refused = json_is_true(json_object_get(call->args, "refused"));
	if (is_requested != *ret_is_refused)
		return 0;
	err_set(err, "say one of --requested (the removal was asked for) and --refused (the list "
		     "said no)");
	return -EINVAL;
}

static int delist_parse(struct control_call *call, struct delist *ret, struct errbuf *err)
{
	const struct egress_argument argument = {.name = "address"};
	const struct config *config = engine_config(call->setup->engine);
	struct span subject;
	if (json_object_get(call->args, "list") == NULL ||
		json_object_get(call->args, "address") == NULL) {
		err_set(err, "LIST and ADDRESS are both needed: egress delist zen 192.0.2.10 "
			     "--requested --note TEXT");
		return -EINVAL;
	}
	int r = egress_list_of(config, span_trim(call_arg(call, "list")), &ret->list, err);
	if (r == 0)
		r = egress_argument_of(call, &argument, ret->subject, &subject, err);
	if (r == 0)
		r = word_parse(call, &ret->is_refused, err);
	if (r == 0)
		r = desk_check_text(call, "note", err);
	if (r != 0)
		return r;
	ret->expected_us = ret->list->removal_us;
	ret->delist = ret->list->delist;
	ret->removal = ret->list->removal;
	egress_listings(call->setup->egress, call_now(call), delist_look, ret);
	return 0;
}

static void delist_before(struct control_call *call, struct desk_work *work, struct now now)
{
	const struct delist_extra *extra = work->extra;
	struct span subject = span_of(extra->subject);
	const struct delist_order order = {.subject = subject,
		.list = work->event.limit,
		.is_refused = extra->is_refused,
		.expected_us = extra->expected_us,
		.note = call_arg(call, "note"),
		.author = work->event.author};
	(void)now;
	ledger_listing(call->setup->ledger, subject, order.list, extra->verdict, extra->since);
	ledger_delist(call->setup->ledger, &order, work->event.at);
	const struct ledger_entry *entry = ledger_find(call->setup->ledger, subject, order.list);
	if (entry && entry->back_us)
		json_object_set_new(work->answer, "relisted", text_stretch(entry->back_us));
}

static json_t *delist_answer(const struct delist *delist, struct now now)
{
	wall_t due = {.us = now.wall.us + delist->expected_us};
	json_t *answer = json_pack("{s:o, s:o, s:s, s:s, s:o}", "subject",
		text_json(span_of(delist->subject)), "list", text_json(span_of(delist->list->name)),
		"told", delist->is_refused ? "refused" : "requested", "verdict",
		verdict_state_name(delist->verdict), "since", text_moment(delist->since));
	json_object_set_new(answer, "expected",
		delist->is_refused ? json_null() : text_stretch(delist->expected_us));
	json_object_set_new(
		answer, "expected_at", delist->is_refused ? json_null() : text_time(due));
	json_object_set_new(answer, "delist", text_or_null(delist->delist));
	json_object_set_new(answer, "removal", text_or_null(delist->removal));
	if (delist->verdict != SEEN_LISTED)
		json_object_set_new(answer, "note",
			json_sprintf(
				"policyd does not see it listed there now: \"egress check %s\" "
				"looks",
				delist->subject));
	return answer;
}

static void delist_begin(struct control_call *call, const struct delist *delist, struct now now)
{
	struct span subject = span_of(delist->subject);
	struct delist_extra *extra = xcalloc(1, sizeof(*extra));
	struct desk_work *work = standing_work(EVENT_DELIST, standing_sort(subject), subject, now);
	span_copy(subject, extra->subject, sizeof(extra->subject));
	extra->is_refused = delist->is_refused;
	extra->verdict = delist->verdict;
	extra->since = delist->since;
	extra->expected_us = delist->expected_us;
	desk_set_limit(work, delist->list->name);
	desk_set_reason(
		work, delist->is_refused ? "refused: " : "requested: ", call_arg(call, "note"));
	work->answer = delist_answer(delist, now);
	work->extra = extra;
	work->before = delist_before;
	desk_commit(call, work);
}

void handle_egress_delist(struct control_call *call)
{
	struct delist delist = {.verdict = SEEN_UNKNOWN};
	struct errbuf err;
	if (json_object_size(call->args) == 0) {
		handle_egress_delists(call);
		return;
	}
	if (standing_must_be(call) != 0)
		return;
	if (delist_parse(call, &delist, &err) != 0)
		call_fail(call, EX_USAGE, "%s", err.text);
	else
		delist_begin(call, &delist, call_now(call));
}
