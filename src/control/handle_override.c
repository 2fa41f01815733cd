/* SPDX-License-Identifier: ISC */
/*
 * Other rates for single accounts and domains: override set, unset, list. What an override does to a
 * verdict is the engine's business; those of the configuration are only shown here.
 */
#include <errno.h>
#include <sysexits.h>

#include "desk.h"
#include "policyd/suggest.h"
#include "text.h"
#include "view.h"

/* Why a rate cannot stand in for a limit's. */
enum misfit { FITS, MISFIT_GONE, MISFIT_KEY, MISFIT_DOMAIN, MISFIT_SIZE, MISFIT_WINDOW };

/* What an override is for. */
struct override_of {
	enum account_kind kind;
	const struct config_limit *limit; /* NULL: there is none of that name */
	struct rate rate;
};

static enum misfit misfit_of(const struct override_of *of)
{
	const struct config_limit *limit = of->limit;
	if (!limit)
		return MISFIT_GONE;
	if (limit->key == KEY_SENDER_DOMAIN && of->kind != ACCOUNT_DOMAIN)
		return MISFIT_DOMAIN;
	if (limit->key != KEY_ACCOUNT && limit->key != KEY_ACCOUNT_RECIPIENT_DOMAIN &&
		limit->key != KEY_SENDER_DOMAIN)
		return MISFIT_KEY;
	if (of->rate.n == RATE_UNLIMITED)
		return FITS;
	if (of->rate.is_size && limit->unit != UNIT_BYTES)
		return MISFIT_SIZE;
	return of->rate.window_us == limit->rate.window_us ? FITS : MISFIT_WINDOW;
}

/* "1h", "message". */
static const char *window_text(const struct rate *rate, char buf[DURATION_TEXT_SIZE])
{
	return rate->window_us == RATE_PER_MESSAGE ? "message"
						   : duration_format(rate->window_us, buf);
}

static void window_explain(const struct override_of *of, struct errbuf *err)
{
	const struct config_limit *limit = of->limit;
	char window[DURATION_TEXT_SIZE], text[RATE_TEXT_SIZE];
	struct rate right = of->rate;
	if (limit->rate.n == RATE_UNLIMITED) {
		err_set(err, "limit %s is unlimited and counts nothing: give it a rate first",
			limit->name);
		return;
	}
	right.window_us = limit->rate.window_us;
	err_set(err, "limit %s counts per %s: write %s", limit->name,
		window_text(&limit->rate, window), rate_format(&right, text));
}

static void misfit_explain(enum misfit misfit, const struct override_of *of, struct errbuf *err)
{
	const struct config_limit *limit = of->limit;
	switch (misfit) {
	case FITS:
	case MISFIT_GONE:
		err_set(err, "no limit has that name");
		break;
	case MISFIT_KEY:
		err_set(err,
			"limit %s counts by %s, and only limits by account, "
			"account+recipient_domain or sender_domain can be overridden: change its "
			"rate in the configuration",
			limit->name, key_name(limit->key));
		break;
	case MISFIT_DOMAIN:
		err_set(err, "limit %s counts by sender_domain: name the domain, as @example.org",
			limit->name);
		break;
	case MISFIT_SIZE:
		err_set(err, "limit %s counts %s, which have no k, M or G", limit->name,
			unit_name(limit->unit));
		break;
	case MISFIT_WINDOW:
		window_explain(of, err);
		break;
	}
}

/* The limit with a name, or NULL. */
static const struct config_limit *limit_find(const struct config *config, struct span name)
{
	ptrdiff_t at = config_limit_of(config, name);
	return at < 0 ? NULL : &config->limits[at];
}

/* What was meant, and what there is. */
static void limit_complain(const struct config *config, struct span name, struct errbuf *err)
{
	struct suggestion best = {0};
	char near[SUGGEST_TEXT_SIZE], list[320] = "";
	size_t n = 0;
	for (size_t i = 0; i < config->limits_n; i++) {
		suggest_offer(name, config->limits[i].name, &best);
		n += span_copy(span_of(n ? ", " : ""), list + n, sizeof(list) - n);
		n += span_copy(span_of(config->limits[i].name), list + n, sizeof(list) - n);
	}
	err_set(err, "no limit is called \"%.*s\"%s; %s%s", (int)(name.n < 40 ? name.n : 40),
		name.p, suggest_text(&best, near), n ? "there are " : "there are none", list);
}

/* The account or domain of an order, when it can have overrides. 0 or -EINVAL. */
static int owner_look(
	const struct control_call *call, struct engine_account_view *ret, struct errbuf *err)
{
	int r = engine_account(
		call->setup->engine, call_arg(call, "account"), call_now(call), ret, err);
	if (r != 0 || kind_rows[ret->name.kind].sends || ret->name.kind == ACCOUNT_DOMAIN)
		return r;
	struct span shown = subject_shown(account_name_key(&ret->name));
	err_set(err,
		"%.*s cannot have an override: name an account, or @DOMAIN for each account of it",
		(int)(shown.n < 80 ? shown.n : 80), shown.p);
	return -EINVAL;
}

/* ---- set ---- */

struct override_order {
	struct engine_account_view view;
	struct override_of of;
	struct now now;
	wall_t until;
};

static int order_read(
	const struct control_call *call, struct override_order *ret, struct errbuf *err)
{
	const struct config *config = engine_config(call->setup->engine);
	struct span limit = call_arg(call, "limit");
	int r = owner_look(call, &ret->view, err);
	if (r != 0)
		return r;
	ptrdiff_t at = config_limit_of(config, limit);
	if (at < 0) {
		limit_complain(config, limit, err);
		return -EINVAL;
	}
	ret->of.kind = ret->view.name.kind;
	ret->of.limit = &config->limits[at];
	r = rate_parse(call_arg(call, "rate"), &ret->of.rate, err);
	if (r != 0)
		return r;
	enum misfit misfit = misfit_of(&ret->of);
	if (misfit != FITS) {
		misfit_explain(misfit, &ret->of, err);
		return -EINVAL;
	}
	r = desk_check_reason(call, err);
	ret->now = call_now(call);
	const struct desk_span span = {.from = ret->now.wall};
	return r == 0 ? desk_until(call, &span, &ret->until, err) : r;
}

/* The class may change by the time the next message comes, so it is no error. */
static json_t *class_note(const struct config *config, const struct override_order *order)
{
	const struct config_class *class = order->view.class;
	ptrdiff_t at = order->of.limit - config->limits;
	if (order->of.kind == ACCOUNT_DOMAIN || class->limit_set >> at & 1)
		return json_null();
	return json_sprintf("the account is of class %s, which is not held to %s: the override "
			    "does nothing while that is so",
		class->name, order->of.limit->name);
}

void handle_override_set(struct control_call *call)
{
	struct override_order order;
	struct errbuf err;
	char rate[RATE_TEXT_SIZE];
	if (order_read(call, &order, &err) != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	const struct config_limit *limit = order.of.limit;
	struct desk_work *work = desk_new(EVENT_OVERRIDE_SET, &order.view.name, order.now);
	work->event.rate = order.of.rate;
	work->event.until = order.until;
	desk_set_limit(work, limit->name);
	work->answer =
		json_pack("{s:o, s:o, s:s}", "account", view_account(work->event.account), "limit",
			text_json(work->event.limit), "rate", rate_format(&work->event.rate, rate));
	json_object_set_new(work->answer, "own", json_string(rate_format(&limit->rate, rate)));
	json_object_set_new(work->answer, "since", text_time(order.now.wall));
	json_object_set_new(work->answer, "until", text_time(order.until));
	json_object_set_new(
		work->answer, "note", class_note(engine_config(call->setup->engine), &order));
	desk_commit(call, work);
}

/* ---- looking for one ---- */

/* The override of an account that holds, by the name of its limit, which may be gone. */
struct override_search {
	struct span key, limit;
	mono_t mono;
	const struct override *found;
};

static bool search_each(void *ctx, struct span key, const struct override *override)
{
	struct override_search *search = ctx;
	if (span_equal(key, search->key) && span_equal(span_of(override->limit), search->limit) &&
		override->ends.us > search->mono.us)
		search->found = override;
	return !search->found;
}

/* The canonical key of an override of the configuration. */
static struct span config_override_key(const struct config *config,
	const struct config_override *override, struct account_name *room)
{
	struct errbuf ignored;
	char domain[ADDRESS_DOMAIN_MAX + 2] = "@";
	if (override->domain)
		span_copy(span_of(override->domain), domain + 1, sizeof(domain) - 1);
	struct span typed = span_of(override->domain ? domain : override->account);
	if (subject_parse(typed, config, room, &ignored) != 0)
		return span_make(NULL, 0);
	return account_name_key(room);
}

static const struct config_override *configured_find(
	const struct config *config, struct span key, struct span limit)
{
	struct account_name room;
	for (size_t i = 0; i < config->overrides_n; i++) {
		const struct config_override *at = &config->overrides[i];
		if (span_equal(span_of(at->limit), limit) &&
			span_equal(config_override_key(config, at, &room), key))
			return at;
	}
	return NULL;
}

/* ---- unset ---- */

static void none_complain(struct control_call *call, const struct override_search *search)
{
	const struct config_override *configured =
		configured_find(engine_config(call->setup->engine), search->key, search->limit);
	struct span shown = subject_shown(search->key);
	int limit_n = (int)(search->limit.n < 40 ? search->limit.n : 40);
	if (configured)
		call_fail(call, EXIT_NEGATIVE,
			"that override stands in the configuration, at %s:%u: change it there and "
			"reload",
			configured->place.file, configured->place.line);
	else
		call_fail(call, EXIT_NEGATIVE, "%.*s has no override of \"%.*s\"", (int)shown.n,
			shown.p, limit_n, search->limit.p);
}

void handle_override_unset(struct control_call *call)
{
	struct engine_account_view view;
	struct errbuf err;
	char rate[RATE_TEXT_SIZE];
	int r = owner_look(call, &view, &err);
	if (r == 0)
		r = desk_check_reason(call, &err);
	if (r != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	struct now now = call_now(call);
	struct override_search search = {.key = account_name_key(&view.name),
		.limit = call_arg(call, "limit"),
		.mono = now.mono};
	engine_overrides(call->setup->engine, search_each, &search);
	if (!search.found) {
		none_complain(call, &search);
		return;
	}
	struct desk_work *work = desk_new(EVENT_OVERRIDE_UNSET, &view.name, now);
	desk_set_limit(work, search.found->limit);
	work->answer = json_pack("{s:o, s:o, s:s, s:o, s:o}", "account",
		view_account(work->event.account), "limit", text_json(work->event.limit), "rate",
		rate_format(&search.found->rate, rate), "since", text_time(search.found->since),
		"until", text_time(now.wall));
	desk_commit(call, work);
}

/* ---- list ---- */

struct override_list {
	const struct config *config;
	struct span key, domain; /* wanted; empty key: all */
	struct now now;
	json_t *rows;
};

static bool is_wanted(const struct override_list *list, struct span key)
{
	return list->key.n == 0 || span_equal(key, list->key) ||
	       (list->domain.n && kind_of_key(key) == ACCOUNT_DOMAIN &&
		       span_equal(subject_domain(key), list->domain));
}

/* What every row has; the rate is the override's. */
static json_t *row_new(struct span key, const char *limit, const struct override_of *of)
{
	char rate[RATE_TEXT_SIZE];
	struct errbuf err;
	enum misfit misfit = misfit_of(of);
	json_t *row = json_pack("{s:o, s:o, s:s}", "account", view_account(key), "limit",
		text_json(span_of(limit)), "rate", rate_format(&of->rate, rate));
	json_object_set_new(row, "own",
		of->limit ? json_string(rate_format(&of->limit->rate, rate)) : json_null());
	json_object_set_new(row, "fits", json_boolean(misfit == FITS));
	if (misfit != FITS)
		misfit_explain(misfit, of, &err);
	json_object_set_new(
		row, "why", misfit == FITS ? json_null() : text_json(span_of(err.text)));
	return row;
}

static bool list_each(void *ctx, struct span key, const struct override *override)
{
	const struct override_list *list = ctx;
	if (override->ends.us <= list->now.mono.us || !is_wanted(list, key))
		return true;
	const struct override_of of = {.kind = kind_of_key(key),
		.limit = limit_find(list->config, span_of(override->limit)),
		.rate = override->rate};
	json_t *row = row_new(key, override->limit, &of);
	json_object_set_new(row, "until", text_time(override->until));
	json_object_set_new(row, "since", text_time(override->since));
	json_object_set_new(row, "by", text_json(span_of(override->author)));
	json_object_set_new(row, "reason", text_json(span_of(override->reason)));
	json_object_set_new(row, "source", json_string("policyctl"));
	json_object_set_new(row, "event", json_integer(override->event));
	json_array_append_new(list->rows, row);
	return true;
}

static void list_configured(const struct override_list *list)
{
	struct account_name room;
	for (size_t i = 0; i < list->config->overrides_n; i++) {
		const struct config_override *override = &list->config->overrides[i];
		struct span key = config_override_key(list->config, override, &room);
		if (override->until_at.us <= list->now.wall.us || !is_wanted(list, key))
			continue;
		const struct override_of of = {.kind = kind_of_key(key),
			.limit = &list->config->limits[override->limit_at],
			.rate = override->rate};
		json_t *row = row_new(key, override->limit, &of);
		json_object_set_new(row, "until", text_time(override->until_at));
		json_object_set_new(row, "source", view_place(&override->place));
		json_array_append_new(list->rows, row);
	}
}

void handle_override_list(struct control_call *call)
{
	struct override_list list = {
		.config = engine_config(call->setup->engine), .now = call_now(call)};
	struct span typed = call_arg(call, "account");
	struct account_name name;
	struct errbuf err;
	if (typed.p && subject_parse(typed, list.config, &name, &err) != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	if (typed.p) {
		list.key = account_name_key(&name);
		list.domain = subject_domain(list.key);
	}
	list.rows = json_array();
	engine_overrides(call->setup->engine, list_each, &list);
	list_configured(&list);
	call_answer(call, list.rows);
}
