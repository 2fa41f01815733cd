/* SPDX-License-Identifier: ISC */
/* The engine's views as JSON. Which of them a command shows is the handlers' business. */
#include "view.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>

#include "text.h"

json_t *view_account(struct span key)
{
	return text_json(subject_shown(key));
}

void view_rename_accounts(json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		const json_t *key = json_object_get(row, "account");
		struct span text = span_make(json_string_value(key), json_string_length(key));
		json_object_set_new(row, "account", view_account(text));
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

/* When one more would pass this rule if nothing else happened. */
static json_t *room_text(const struct engine_limit_view *limit, struct now now)
{
	if (limit->next_fits)
		return json_string("now");
	if (limit->room_at.us == MONO_NEVER.us)
		return json_string("when open messages end");
	return text_time(wall_of_mono(limit->room_at, now));
}

static json_t *next_text(const struct engine_limit_view *limit)
{
	const char *word = action_rows[limit->config->action].word;
	if (limit->next_fits)
		return json_string("passes");
	if (limit->config->mode == MODE_OBSERVE)
		return json_sprintf("passes (would get %s)", word);
	return json_string(word);
}

static json_t *counts_text(const struct config_limit *config)
{
	char duration[DURATION_TEXT_SIZE];
	if (config->rate.n == RATE_UNLIMITED)
		return json_sprintf("%s per %s", unit_name(config->unit), key_name(config->key));
	return json_sprintf("%s per %s in %s", unit_name(config->unit), key_name(config->key),
		duration_format(config->rate.window_us, duration));
}

static json_t *place_text(const struct config_place *place)
{
	char text[PATH_MAX + 16];
	int n = snprintf(text, sizeof(text), "%s:%u", place->file, place->line);
	return text_json(span_make(text, n < 0 ? 0 : strnlen(text, sizeof(text))));
}

json_t *view_limit(const struct engine_limit_view *limit, struct now now)
{
	const struct config_limit *config = limit->config;
	char rate[RATE_TEXT_SIZE];
	bool is_unlimited = config->rate.n == RATE_UNLIMITED;
	json_t *row = json_pack("{s:o, s:o, s:o, s:s, s:s, s:s}", "limit",
		text_json(span_of(config->name)), "where", place_text(&config->place), "counts",
		counts_text(config), "rate", rate_format(&config->rate, rate), "action",
		action_rows[config->action].word, "mode", mode_name(config->mode));
	json_object_set_new(row, "used",
		is_unlimited ? json_sprintf("%u", limit->used)
			     : json_sprintf("%u of %u", limit->used, config->rate.n));
	json_object_set_new(row, "used_n", json_integer(limit->used));
	json_object_set_new(
		row, "limit_n", is_unlimited ? json_null() : json_integer(config->rate.n));
	json_object_set_new(row, "reserved", json_integer(limit->reserved));
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
	json_t *row = json_pack("{s:o, s:o, s:s, s:b, s:I, s:I, s:o, s:s}", "at",
		text_time(decision->at), "account", view_account(span_of(decision->account)),
		"action", action_rows[decision->action].word, "observed", decision->observed,
		"used", (json_int_t)decision->used, "limit", (json_int_t)decision->limit, "room_at",
		decision->room_at.us ? text_time(decision->room_at) : json_null(), "stage",
		stage_name(decision->stage));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = (const char *)decision + texts[i].offset;
		json_object_set_new(row, texts[i].name, text_json(span_of(text)));
	}
	return row;
}
