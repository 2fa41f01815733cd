/* SPDX-License-Identifier: ISC */
/*
 * How the world sees our addresses, for a person who was woken up: what is listed, since when, and
 * how to get off the list; the rest in few rows. All of it stands in --json.
 */
#include <string.h>

#include "policyd/render.h"

#define BLOCKS_MAX 10 /* more listings than these are rows only, as summary names no more of them */

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

static bool is(const json_t *row, const char *key, const char *text)
{
	return strcmp(text_of(row, key), text) == 0;
}

/* ---- listings as blocks ---- */

/* A good word or a figure is nothing to get rid of. */
static bool is_listing(const json_t *row)
{
	return is(row, "verdict", "listed") && !is(row, "kind", "welcome") &&
	       !is(row, "kind", "score");
}

/* "127.0.0.2, 127.0.0.10" */
static json_t *codes_text(const json_t *row)
{
	size_t i;
	const json_t *code;
	json_t *text = json_string("");
	json_array_foreach(json_object_get(row, "codes"), i, code)
	{
		json_t *before = text;
		text = json_sprintf("%s%s%s", json_string_value(before), i ? ", " : "",
			json_string_value(code));
		json_decref(before);
	}
	return text;
}

/* Both or the one that there is. */
static json_t *joined(const char *first, const char *between, const char *second)
{
	return json_sprintf("%s%s%s", first, *first && *second ? between : "", second);
}

static json_t *block_of(const json_t *row)
{
	json_t *codes = codes_text(row), *block = json_object();
	json_object_set_new(block, "listing",
		json_sprintf("%s on %s (%s, severity %d)", text_of(row, "subject"),
			text_of(row, "list"), text_of(row, "kind"),
			(int)json_integer_value(json_object_get(row, "severity"))));
	json_object_set_new(
		block, "says", joined(json_string_value(codes), " ", text_of(row, "meaning")));
	json_object_set_new(block, "since",
		*text_of(row, "age")
			? json_sprintf("%s, for %s", text_of(row, "since"), text_of(row, "age"))
			: json_null());
	json_object_set(block, "txt", json_object_get(row, "txt"));
	json_object_set(block, "delist", json_object_get(row, "delist"));
	json_object_set(block, "removal", json_object_get(row, "removal"));
	json_decref(codes);
	return block;
}

static json_t *blocks_of(const json_t *rows, bool is_whole)
{
	size_t i;
	const json_t *row;
	json_t *blocks = json_array();
	json_array_foreach(rows, i, row)
	{
		if (is_listing(row) && (is_whole || json_array_size(blocks) < BLOCKS_MAX))
			json_array_append_new(blocks, block_of(row));
	}
	return blocks;
}

/* ---- rows ---- */

/* Of many codes the first, and how many there are besides: all stand in the block. */
static void codes_shorten(json_t *row)
{
	const json_t *codes = json_object_get(row, "codes");
	const char *first = json_string_value(json_array_get(codes, 0));
	if (json_array_size(codes) > 1)
		json_object_set_new(row, "codes",
			json_sprintf("%s +%zu", first ? first : "?", json_array_size(codes) - 1));
}

static bool is_seen_listed(const json_t *row)
{
	return is(row, "verdict", "listed") || is(row, "seen", "listed");
}

/* What is not shown is counted, by what explains it. */
struct quiet {
	size_t clean, not_believed;
};

static bool is_quiet(const json_t *row, struct quiet *quiet)
{
	bool is_ok = is(row, "list_state", "OK");
	bool is_clean = is_ok && is(row, "verdict", "clean");
	if (is_seen_listed(row) || (is_ok && !is_clean))
		return false;
	quiet->clean += is_clean;
	quiet->not_believed += !is_ok;
	return true;
}

/* The rows that are left. */
static json_t *rows_of(json_t *rows, bool is_whole, struct quiet *quiet)
{
	size_t i;
	json_t *row, *left = json_array();
	json_array_foreach(rows, i, row)
	{
		if (!is_whole && is_quiet(row, quiet))
			continue;
		codes_shorten(row);
		if (is(row, "seen", text_of(row, "verdict")))
			json_object_del(row, "seen");
		json_array_append(left, row);
	}
	return left;
}

static void quiet_say(json_t *summary, const struct quiet *quiet)
{
	json_t *clean = quiet->clean ? json_sprintf("%zu clean", quiet->clean) : json_string("");
	json_t *other = quiet->not_believed ? json_sprintf("%zu on lists that are not believed",
						      quiet->not_believed)
					    : json_string("");
	json_t *both = joined(json_string_value(clean), ", ", json_string_value(other));
	if (json_string_length(both))
		json_array_append_new(summary,
			json_sprintf("rows not shown: %s; name one address to see all of its rows",
				json_string_value(both)));
	json_decref(clean);
	json_decref(other);
	json_decref(both);
}

/* ---- the whole ---- */

/* Behind all others; without rows it is gone. */
static void put_last(json_t *data, const char *key, json_t *rows)
{
	json_object_del(data, key);
	if (json_array_size(rows))
		json_object_set(data, key, rows);
	json_decref(rows);
}

/* A note that there is not, a number of none. */
static void drop_empty(json_t *data)
{
	static const char *const numbers[] = {"left_out", "findings_left_out"};
	static const char *const absent[] = {"note", "postures", "findings", "removals"};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const json_t *number = json_object_get(data, numbers[i]);
		if (json_is_integer(number) && json_integer_value(number) == 0)
			json_object_del(data, numbers[i]);
	}
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		if (json_is_null(json_object_get(data, absent[i])))
			json_object_del(data, absent[i]);
	}
}

/* What could not be looked up says nothing about our house: summary counts it. */
static void findings_shorten(json_t *data, bool is_whole)
{
	size_t i;
	json_t *row, *left = json_array();
	json_array_foreach(json_object_get(data, "findings"), i, row)
	{
		if (!is_whole && is(row, "result", "unknown") && !is(row, "seen", "fail"))
			continue;
		if (is(row, "seen", text_of(row, "result")))
			json_object_del(row, "seen");
		json_array_append(left, row);
	}
	put_last(data, "findings", left);
}

/* A dossier has its text: the rest is for programs. True: it was one. */
static bool was_dossier(json_t *data)
{
	json_t *text = json_object_get(data, "text");
	if (!json_is_string(text) || !json_object_get(data, "ready"))
		return false;
	json_incref(text);
	json_object_clear(data);
	json_object_set_new(data, "text", text);
	return true;
}

void render_egress(json_t *data, bool is_whole)
{
	static const char *const behind[] = {"removals", "lists_not_ok", "addresses", "resolvers"};
	struct quiet quiet = {0};
	json_t *rows = json_object_get(data, "listings");
	if (was_dossier(data))
		return;
	drop_empty(data);
	drop_empty(json_object_get(data, "egress"));
	if (!rows)
		return;
	json_t *blocks = blocks_of(rows, is_whole), *left = rows_of(rows, is_whole, &quiet);
	quiet_say(json_object_get(data, "summary"), &quiet);
	put_last(data, "listed", blocks);
	put_last(data, "listings", left);
	findings_shorten(data, is_whole);
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
		put_last(data, behind[i], json_incref(json_object_get(data, behind[i])));
}
