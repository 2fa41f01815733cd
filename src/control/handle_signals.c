/* SPDX-License-Identifier: ISC */
/*
 * Commands about what speaks for a compromised account: signals shows what there is, signal add is how
 * other tools tell of something that they saw.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "desk.h"
#include "policyd/metric.h"
#include "policyd/suggest.h"
#include "score_view.h"
#include "text.h"
#include "view.h"

/* ---- signals ---- */

static json_t *needs_json(const struct signal_row *row)
{
	if (!row->needs[0])
		return json_null();
	/* Only the daemon knows whether it has any. */
	if (strcmp(row->needs, "geoip") == 0 && metric_get(METRIC_GEOIP_LOADED) == 0)
		return json_sprintf("%s (none is loaded: silent)", row->needs);
	return json_string(row->needs);
}

static json_t *signal_json(enum signal signal, const struct config *config)
{
	const struct signal_row *row = &signal_rows[signal];
	char half_life[DURATION_TEXT_SIZE], window[DURATION_TEXT_SIZE];
	double share = score_view_weight(config, signal) / 100.0;
	json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:o}", "signal", row->name, "family",
		signal_family_name(row->family), "mode", score_view_mode(config, signal), "weight",
		score_json(row->weight * share), "cap", score_json(row->cap * share));
	json_object_set_new(
		json, "half_life", json_string(duration_format(row->half_life_us, half_life)));
	json_object_set_new(json, "window", json_string(duration_format(row->window_us, window)));
	json_object_set_new(json, "minimum", score_json(row->minimum));
	json_object_set_new(json, "needs", needs_json(row));
	json_object_set_new(json, "says", json_string(row->text));
	return json;
}

void handle_signals(struct control_call *call)
{
	const struct config *config = engine_config(call->setup->engine);
	json_t *rows = json_array();
	for (unsigned i = 0; i < SIGNAL_COUNT; i++)
		json_array_append_new(rows, signal_json((enum signal)i, config));
	call_answer(call, rows);
}

/* ---- signal add ---- */

#define ADD_MAX 100000

/* What is found in requests cannot be told from outside: then the evidence would be invented. */
static int must_be_fed(enum signal signal, struct errbuf *err)
{
	char names[200] = "";
	size_t n = 0;
	if (signal_is_fed(signal))
		return 0;
	for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
		if (!signal_is_fed((enum signal)i))
			continue;
		n += span_copy(n ? SPAN(", ") : SPAN(""), names + n, sizeof(names) - n);
		n += span_copy(span_of(signal_rows[i].name), names + n, sizeof(names) - n);
	}
	err_set(err, "policyd finds \"%s\" itself; what can be told are %s",
		signal_rows[signal].name, names);
	return -EINVAL;
}

static int signal_parse(struct span word, enum signal *ret, struct errbuf *err)
{
	char text[SUGGEST_TEXT_SIZE];
	struct suggestion best = {0};
	*ret = signal_of(word);
	if (*ret != SIGNAL_COUNT)
		return must_be_fed(*ret, err);
	for (unsigned i = 0; i < SIGNAL_COUNT; i++)
		suggest_offer(word, signal_rows[i].name, &best);
	err_set(err, "no signal is called \"%.*s\"%s; policyctl signals shows them all",
		(int)(word.n < 40 ? word.n : 40), word.p, suggest_text(&best, text));
	return -EINVAL;
}

static int number_parse(const struct control_call *call, uint64_t *ret, struct errbuf *err)
{
	struct span word = call_arg(call, "n");
	*ret = 1;
	if (word.n == 0)
		return 0;
	if (span_to_u64(word, ret) == 0 && *ret >= 1 && *ret <= ADD_MAX)
		return 0;
	err_set(err, "N needs a number from 1 to %d: how many of what the signal counts", ADD_MAX);
	return -EINVAL;
}

/* What is to be told, as it stands in the event: "complaints 3". */
static int order_parse(const struct control_call *call, char limit[RULE_SIZE], struct errbuf *err)
{
	enum signal signal;
	uint64_t n;
	int r = signal_parse(call_arg(call, "signal"), &signal, err);
	if (r == 0)
		r = number_parse(call, &n, err);
	if (r == 0)
		r = desk_check_reason(call, err);
	if (r != 0)
		return r;
	int length = snprintf(limit, RULE_SIZE, "%s %" PRIu64, signal_rows[signal].name, n);
	return length > 0 && length < RULE_SIZE ? 0 : -EINVAL;
}

void handle_signal_add(struct control_call *call)
{
	struct engine_account_view view;
	char limit[RULE_SIZE];
	struct errbuf err;
	struct now now = call_now(call);
	int r = engine_account(call->setup->engine, call_arg(call, "account"), now, &view, &err);
	if (r == 0)
		r = order_parse(call, limit, &err);
	if (r == 0 && !kind_rows[view.name.kind].sends) {
		r = -EINVAL;
		err_set(&err, "a name that limits count by sends nothing: name a login, "
			      "addr:ADDRESS, cert:FINGERPRINT or sender:ADDRESS");
	}
	if (r != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	struct desk_work *work = desk_new(EVENT_SIGNAL, &view.name, now);
	desk_set_limit(work, limit);
	work->answer = json_pack(
		"{s:o, s:s}", "account", view_account(work->event.account), "signal", limit);
	desk_commit(call, work);
}
