/* SPDX-License-Identifier: ISC */
/*
 * egress culprits, egress posture: who is behind a fall, and what a person orders in its place. Removals are
 * handle_delist.c's business, programmes handle_programmes.c's.
 */
#include "handle_standing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "policyd/mem.h"
#include "policyd/suggest.h"
#include "standing_view.h"
#include "text.h"

int standing_must_be(struct control_call *call)
{
	const struct control_setup *setup = call->setup;
	if (egress_must_be(call) != 0)
		return -ENOSYS;
	if (setup->postures && setup->culprits && setup->ledger)
		return 0;
	call_fail(call, EX_UNAVAILABLE, "this daemon keeps no postures of its addresses");
	return -ENOSYS;
}

const char *standing_sort(struct span subject)
{
	struct ip ip;
	return ip_parse(subject, &ip) == 0 ? "egress" : "domain";
}

struct desk_work *standing_work(
	enum event_kind kind, const char *sort, struct span subject, struct now now)
{
	struct account_name name = {0};
	int n = snprintf(name.key, sizeof(name.key), "%s:%.*s", sort, (int)subject.n, subject.p);
	name.n = n < 0 ? 0 : strlen(name.key);
	struct desk_work *work = desk_new(kind, &name, now);
	work->is_standing = true;
	return work;
}

int standing_address_of(
	struct control_call *call, char buf[SUBJECT_TEXT_SIZE], struct span *ret, struct ip *ret_ip)
{
	const struct egress_argument argument = {.name = "address", .is_address = true};
	struct errbuf err;
	int r = egress_argument_of(call, &argument, buf, ret, &err);
	if (r == 0 && ret->n)
		r = ip_parse(*ret, ret_ip);
	if (r != 0)
		call_fail(call, EX_USAGE, "%s", err.text);
	return r;
}

/* ---- egress culprits ---- */

struct culprits_answer {
	const struct control_setup *setup;
	struct now now;
	json_t *falls, *rows, *to_run, *summary;
};

/* Of each address the last fall alone is looked at: who was behind those before is no news. */
static bool is_last(const struct culprits *culprits, const struct fall *fall, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_equal(&culprits_at(culprits, i)->egress, &fall->egress))
			return false;
	}
	return true;
}

static void say_fall(
	struct culprits_answer *answer, const struct fall *fall, size_t out, size_t left)
{
	char ip[IP_TEXT_SIZE];
	ip_format(&fall->egress, ip);
	if (out == 0 && fall->window_us == 0)
		json_array_append_new(answer->summary,
			json_sprintf("%s: no limit counts recipients, so shares are not known, and "
				     "nobody stands out by score; %s",
				ip, standing_unseen));
	else if (out == 0)
		json_array_append_new(answer->summary,
			json_sprintf("%s: nobody stands out; %s", ip, standing_unseen));
	else
		json_array_append_new(answer->summary,
			left ? json_sprintf("%s: accounts that stand out: %zu, not suspended: %zu",
				       ip, out, left)
			     : json_sprintf("%s: accounts that stand out: %zu, all of them are "
					    "suspended",
				       ip, out));
}

static void fall_add(struct culprits_answer *answer, const struct fall *fall)
{
	size_t out = 0, left = 0;
	for (size_t i = 0; i < fall->n; i++) {
		json_t *row =
			standing_view_culprit(answer->setup, fall, &fall->culprit[i], answer->now);
		json_t *command = json_object_get(row, "command");
		out += fall->culprit[i].stands_out;
		left += json_is_string(command);
		if (json_is_string(command))
			json_array_append_new(
				answer->to_run, json_pack("{s:O}", "command", command));
		json_array_append_new(answer->rows, row);
	}
	say_fall(answer, fall, out, left);
}

void handle_egress_culprits(struct control_call *call)
{
	char buf[SUBJECT_TEXT_SIZE];
	struct span address;
	struct ip ip = {{0}};
	const struct fall *fall;
	struct culprits_answer answer = {.setup = call->setup, .now = call_now(call)};
	if (standing_must_be(call) != 0 || standing_address_of(call, buf, &address, &ip) != 0)
		return;
	answer.falls = json_array();
	answer.rows = json_array();
	answer.to_run = json_array();
	answer.summary = json_array();
	for (size_t i = 0; (fall = culprits_at(call->setup->culprits, i)); i++) {
		if (address.n && !ip_equal(&fall->egress, &ip))
			continue;
		json_array_append_new(answer.falls, standing_view_fall(fall, answer.now));
		if (is_last(call->setup->culprits, fall, i))
			fall_add(&answer, fall);
	}
	if (json_array_size(answer.falls) == 0)
		json_array_append_new(answer.summary,
			json_string("no posture has got worse: there is nobody to look for"));
	call_answer(call, json_pack("{s:o, s:o, s:o, s:o}", "summary", answer.summary, "falls",
				  answer.falls, "culprits", answer.rows, "to_run", answer.to_run));
}

/* ---- egress posture ---- */

struct posture_work {
	struct ip ip;
	enum posture posture; /* POSTURE_COUNT: given back */
};

static int posture_parse(struct span word, enum posture *ret, struct errbuf *err)
{
	char text[SUGGEST_TEXT_SIZE];
	struct suggestion near = {0};
	*ret = posture_of_name(word);
	if (*ret != POSTURE_COUNT || span_equal(word, SPAN("auto")))
		return 0;
	for (unsigned i = 0; i < POSTURE_COUNT; i++)
		suggest_offer(word, posture_name((enum posture)i), &near);
	suggest_offer(word, "auto", &near);
	err_set(err,
		"no posture is called \"%.*s\"%s: ok, watch, recover, throttle or hold; auto "
		"gives it back",
		(int)(word.n < 40 ? word.n : 40), word.p, suggest_text(&near, text));
	return -EINVAL;
}

static void posture_before(struct control_call *call, struct desk_work *work, struct now now)
{
	const struct posture_work *own = work->extra;
	const struct posture_order order = {.posture = own->posture,
		.until = work->event.until,
		.author = work->event.author,
		.reason = call_arg(call, "reason")};
	struct posture_view view;
	if (own->posture == POSTURE_COUNT)
		postures_unset(call->setup->postures, &own->ip, now);
	else
		postures_set(call->setup->postures, &own->ip, &order, now);
	if (postures_get(call->setup->postures, &own->ip, now, &view))
		json_object_set_new(
			work->answer, "posture", json_string(posture_name(view.posture)));
}

static int order_parse(const struct control_call *call, struct posture_work *order, struct now now,
	wall_t *ret_until, struct errbuf *err)
{
	const struct desk_span span = {.from = now.wall};
	bool has_end = json_object_get(call->args, "for") != NULL;
	int r = posture_parse(call_arg(call, "posture"), &order->posture, err);
	if (r == 0)
		r = desk_check_reason(call, err);
	if (r == 0)
		r = desk_until(call, &span, ret_until, err);
	if (r == 0 && has_end && order->posture == POSTURE_COUNT) {
		err_set(err, "auto has no end: leave out --for");
		r = -EINVAL;
	}
	return r;
}

void handle_egress_posture(struct control_call *call)
{
	char buf[SUBJECT_TEXT_SIZE];
	struct span address;
	struct errbuf err;
	struct posture_work order = {0};
	struct now now = call_now(call);
	wall_t until;
	if (standing_must_be(call) != 0 || standing_address_of(call, buf, &address, &order.ip) != 0)
		return;
	if (order_parse(call, &order, now, &until, &err) != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	bool is_auto = order.posture == POSTURE_COUNT;
	const char *word = is_auto ? "auto" : posture_name(order.posture);
	char before[64], end[WALL_TEXT_SIZE];
	bool has_end = !is_auto && until.us != WALL_NEVER.us;
	/* Only suspensions and overrides have their end in the store. */
	(void)snprintf(before, sizeof(before), "set to %s%s%s: ", word, has_end ? " until " : "",
		has_end ? wall_format(until, end) : "");
	struct desk_work *work = standing_work(EVENT_POSTURE, "egress", address, now);
	if (!is_auto)
		work->event.until = until;
	desk_set_reason(work, before, call_arg(call, "reason"));
	work->answer = json_pack("{s:o, s:s, s:o}", "address", text_json(address), "ordered", word,
		"until", is_auto ? json_null() : text_time(until));
	work->extra = xmalloc(sizeof(order));
	memcpy(work->extra, &order, sizeof(order));
	work->before = posture_before;
	desk_commit(call, work);
}
