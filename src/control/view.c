/* SPDX-License-Identifier: ISC */
/* The engine's views as JSON. Which of them a command shows is the handlers' business. */
#include "view.h"

#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>

#include "text.h"

json_t *view_account(struct span key)
{
	if (kind_of_key(key) != ACCOUNT_DOMAIN)
		return text_json(subject_shown(key));
	json_t *domain = text_json(subject_domain(key));
	json_t *shown = json_sprintf("@%s", json_string_value(domain));
	json_decref(domain);
	return shown;
}

void view_rename_account(json_t *row)
{
	const json_t *key = json_object_get(row, "account");
	struct span text = span_make(json_string_value(key), json_string_length(key));
	json_object_set_new(row, "account", view_account(text));
}

void view_rename_accounts(json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		view_rename_account(row);
	}
}

json_t *view_standing(const struct standing *standing)
{
	if (!standing)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:I}", "until", text_time(standing->until), "since",
		text_time(standing->since), "reason", text_json(span_of(standing->reason)), "by",
		text_json(span_of(standing->author)), "event", (json_int_t)standing->event);
}

/* ---- limits ---- */

/* Which names a key counts by; a key of accounts has several kinds. */
static bool key_has_kind(enum key key, enum account_kind kind)
{
	return key == KEY_ACCOUNT ? kind_rows[kind].sends : key_kind(key) == kind;
}

static bool is_cap(const struct config_limit *config)
{
	return config->rate.window_us == RATE_PER_MESSAGE;
}

/* It has a ring, but which one is known only with a request. */
static bool is_of_request(const struct engine_limit_view *limit)
{
	return !limit->is_counted && limit->config->rate.window_us > 0;
}

/* When one more would pass this rule if nothing else happened. */
static json_t *room_text(const struct engine_limit_view *limit, struct now now)
{
	if (is_of_request(limit) || is_cap(limit->config))
		return json_null();
	if (limit->next_fits)
		return json_string("now");
	if (limit->room_at.us == MONO_NEVER.us)
		return json_string("when open messages end");
	return text_time(wall_of_mono(limit->room_at, now));
}

static json_t *next_text(const struct engine_limit_view *limit)
{
	const char *word = action_rows[limit->action.action].word;
	char code[8] = "";
	if (limit->action.code && snprintf(code, sizeof(code), " %u", limit->action.code) < 0)
		code[0] = '\0';
	if (is_of_request(limit))
		return json_sprintf("depends on the %s", key_name(limit->config->key));
	if (is_cap(limit->config) && limit->rate.n != RATE_UNLIMITED)
		return json_sprintf("depends on the message (else %s%s)", word, code);
	if (limit->next_fits)
		return json_string("passes");
	if (limit->config->mode == MODE_OBSERVE)
		return json_sprintf("passes (would get %s%s)", word, code);
	return json_sprintf("%s%s", word, code);
}

static json_t *counts_text(const struct config_limit *config)
{
	char duration[DURATION_TEXT_SIZE];
	if (config->rate.n == RATE_UNLIMITED)
		return json_sprintf("%s per %s", unit_name(config->unit), key_name(config->key));
	if (is_cap(config))
		return json_sprintf("%s of one message", unit_name(config->unit));
	return json_sprintf("%s per %s in %s", unit_name(config->unit), key_name(config->key),
		duration_format(config->rate.window_us, duration));
}

json_t *view_place(const struct config_place *place)
{
	char text[PATH_MAX + 16];
	if (!place->file || place->line == 0)
		return text_json(place->file ? span_of(place->file) : SPAN("built in"));
	int n = snprintf(text, sizeof(text), "%s:%u", place->file, place->line);
	return text_json(span_make(text, n < 0 ? 0 : strnlen(text, sizeof(text))));
}

/* Where the rate in force comes from: the limit itself, or whose override. */
static json_t *from_text(const struct engine_limit_view *limit)
{
	char until[WALL_TEXT_SIZE];
	if (limit->override) {
		bool has_end = limit->override->until.us != WALL_NEVER.us;
		json_t *by = text_json(span_of(limit->override->author));
		json_t *text = json_sprintf("override by %s%s%s", json_string_value(by),
			has_end ? " until " : "",
			has_end ? wall_format(limit->override->until, until) : "");
		json_decref(by);
		return text;
	}
	if (limit->config_override) {
		json_t *place = view_place(&limit->config_override->place);
		json_t *text = json_sprintf("override %s", json_string_value(place));
		json_decref(place);
		return text;
	}
	return json_string("the limit");
}

/* "3 of 200"; of what is not counted, what it is counted by. */
static json_t *used_text(const struct engine_limit_view *limit)
{
	bool is_unlimited = limit->rate.n == RATE_UNLIMITED;
	if (is_of_request(limit))
		return json_sprintf("per %s", key_name(limit->config->key));
	if (!limit->is_counted)
		return json_string("not counted");
	if (is_unlimited)
		return json_sprintf("%" PRIu64, limit->used);
	return json_sprintf("%" PRIu64 " of %" PRIu64, limit->used, limit->rate.n);
}

static json_t *figure(bool is_there, uint64_t n)
{
	return is_there ? text_count(n) : json_null();
}

static json_t *view_limit(const struct engine_limit_view *limit, struct now now)
{
	const struct config_limit *config = limit->config;
	char rate[RATE_TEXT_SIZE];
	json_t *row = json_pack("{s:o, s:o, s:o, s:s, s:o, s:s, s:s}", "limit",
		text_json(span_of(config->name)), "where", view_place(&config->place), "counts",
		counts_text(config), "rate", rate_format(&limit->rate, rate), "from",
		from_text(limit), "action", action_rows[limit->action.action].word, "mode",
		mode_name(config->mode));
	json_object_set_new(row, "reply", text_reply(limit->action.code));
	json_object_set_new(row, "own_rate", json_string(rate_format(&config->rate, rate)));
	json_object_set_new(row, "used", used_text(limit));
	json_object_set_new(row, "used_n", figure(limit->is_counted, limit->used));
	json_object_set_new(row, "limit_n", figure(limit->rate.n != RATE_UNLIMITED, limit->rate.n));
	json_object_set_new(row, "reserved", figure(limit->is_counted, limit->reserved));
	json_object_set_new(row, "room", room_text(limit, now));
	json_object_set_new(row, "next", next_text(limit));
	return row;
}

json_t *view_limits(const struct engine_account_view *view, struct now now)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < view->limits; i++)
		json_array_append_new(rows, view_limit(&view->limit[i], now));
	return rows;
}

/* A limit of another class: its figures are not in the view. */
static struct engine_limit_view unseen_limit(const struct config_limit *config)
{
	struct config_action action = config->action;
	if (action.action == ACTION_COUNT)
		action.action = ACTION_DEFER_IF_PERMIT;
	return (struct engine_limit_view){.config = config, .rate = config->rate, .action = action};
}

static const struct engine_limit_view *limit_seen(
	const struct engine_account_view *view, const struct config_limit *config)
{
	for (size_t i = 0; i < view->limits; i++) {
		if (view->limit[i].config == config)
			return &view->limit[i];
	}
	return NULL;
}

json_t *view_own_limits(
	const struct engine_account_view *view, const struct config *config, struct now now)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < config->limits_n; i++) {
		const struct config_limit *limit = &config->limits[i];
		const struct engine_limit_view *seen = limit_seen(view, limit);
		struct engine_limit_view unseen = unseen_limit(limit);
		if (key_has_kind(limit->key, view->name.kind))
			json_array_append_new(rows, view_limit(seen ? seen : &unseen, now));
	}
	return rows;
}

json_t *view_used(
	const struct engine_account_view *view, const struct config *config, struct now now)
{
	json_t *rows = view_own_limits(view, config, now);
	for (size_t i = json_array_size(rows); i > 0; i--) {
		const json_t *used = json_object_get(json_array_get(rows, i - 1), "used_n");
		if (json_integer_value(used) == 0)
			json_array_remove(rows, i - 1);
	}
	return rows;
}

/* ---- decisions ---- */

void view_rename_codes(json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		json_int_t code = json_integer_value(json_object_get(row, "code"));
		json_object_set_new(row, "reply", text_reply((unsigned)code));
		json_object_del(row, "code");
	}
}

/*
 * The same members as the store's rows: what is newest is told from memory, what is older from
 * there.
 */
json_t *view_decision(const struct decision *decision)
{
	static const struct {
		const char *name;
		size_t offset;
	} texts[] = {
		{"rule", offsetof(struct decision, rule)},
		{"sender", offsetof(struct decision, sender)},
		{"recipient", offsetof(struct decision, recipient)},
		{"client", offsetof(struct decision, client)},
		{"instance", offsetof(struct decision, instance)},
		{"queue_id", offsetof(struct decision, queue_id)},
		{"text", offsetof(struct decision, text)},
		{"reference", offsetof(struct decision, reference)},
	};
	json_t *row = json_pack("{s:o, s:o, s:s, s:o, s:b, s:o, s:o, s:o, s:s}", "at",
		text_time(decision->at), "account", view_account(span_of(decision->account)),
		"action", action_rows[decision->action].word, "reply", text_reply(decision->code),
		"observed", decision->observed, "used", text_count(decision->used), "limit",
		text_count(decision->limit), "room_at",
		decision->room_at.us ? text_time(decision->room_at) : json_null(), "stage",
		stage_name(decision->stage));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = (const char *)decision + texts[i].offset;
		json_object_set_new(row, texts[i].name, text_json(span_of(text)));
	}
	return row;
}
