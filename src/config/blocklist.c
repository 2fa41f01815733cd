/* SPDX-License-Identifier: ISC */
/*
 * Lists ready for use: what the configuration says of a name over what the catalogue says of it. That a
 * row is sound by itself is check_blocklist.c's business.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "code_pattern.h"
#include "lists.h"
#include "policyd/mem.h"
#include "policyd/suggest.h"
#include "rule.h"
#include "test_point.h"
#include "zone.h"

/* The most that is put before a zone: 32 nibbles, four octets, a label; with their dots. */
#define PREFIX_V6     64
#define PREFIX_V4     16
#define PREFIX_DOMAIN 4
/* RFC 1035 2.3.4, as text without the final dot. */
#define NAME_MAX_BYTES 253

static const char *const subject_words[BLOCKLIST_SUBJECTS] = {
	[BLOCKLIST_IPV4] = "ipv4",
	[BLOCKLIST_IPV6] = "ipv6",
	[BLOCKLIST_DOMAIN] = "domain",
};

const char *blocklist_subject_name(enum blocklist_subject subject)
{
	return subject_words[subject];
}

unsigned blocklist_subjects(const struct config_blocklist *row)
{
	unsigned subjects = 0;

	for (size_t i = 0; i < row->subjects.n; i++) {
		for (unsigned j = 0; j < BLOCKLIST_SUBJECTS; j++) {
			if (strcmp(row->subjects.text[i], subject_words[j]) == 0)
				subjects |= 1u << j;
		}
	}
	return subjects ? subjects : 1u << BLOCKLIST_IPV4 | 1u << BLOCKLIST_IPV6;
}

/* ---- two rows into one ---- */

#define TAKE_STRING(name)               ret->name = said->name
#define TAKE_BOOL(name)                 ret->name = said->name
#define TAKE_STRINGS(name)              ret->name = said->name
#define TAKE_SECRET(name)               ret->name = said->name
#define TAKE_DURATION(name)             ret->name##_us = said->name##_us
#define TAKE_LIST_blocklist_code(name)  (ret->name = said->name, ret->name##_n = said->name##_n)
#define TAKE_LIST_blocklist_error(name) (ret->name = said->name, ret->name##_n = said->name##_n)
#define TAKE(type, name, ...)                                                                      \
	if (BLOCKLIST_GIVEN(said, name))                                                           \
		TAKE_##type(name);

/* What is said over what is known; ret borrows from both. */
static void row_merge(const struct config_blocklist *said, const struct config_blocklist *known,
	struct config_blocklist *ret)
{
	*ret = *known;
	ret->place = said->place;
	ret->given = known->given | said->given;
	SETTINGS_BLOCKLIST(TAKE)
	/* In the catalogue this is the default selection; a list that the configuration names is asked. */
	ret->enabled = said->enabled;
}

/* ---- one list ---- */

struct building {
	struct diag *diag;
	const struct config *config;
	struct config_lists *lists;
};

static const char *own_text(struct config_lists *lists, char *text)
{
	struct config_strings *owned = &lists->owned;

	owned->text = xrealloc(owned->text, owned->n + 1, sizeof(*owned->text));
	owned->text[owned->n++] = text;
	return text;
}

static void codes_make(const struct config_blocklist *row, struct blocklist *ret)
{
	ret->code = xcalloc(row->codes_n + 1, sizeof(*ret->code));
	for (size_t i = 0; i < row->codes_n; i++) {
		const struct config_blocklist_code *code = &row->codes[i];
		struct blocklist_code *to = &ret->code[ret->code_n];

		/* What is no code was refused where it stands. */
		if (!code->code || code_pattern_parse(span_of(code->code), &to->pattern) != 0)
			continue;
		to->code = code->code;
		to->kind = code->kind;
		to->severity = (uint8_t)code->severity;
		to->text = code->text;
		to->delist = code->delist ? code->delist : row->delist;
		to->removal = code->removal ? code->removal : row->removal;
		to->removal_us =
			code->removal_time_us ? code->removal_time_us : row->removal_time_us;
		ret->code_n++;
	}
}

static void errors_make(const struct config_blocklist *row, struct blocklist *ret)
{
	ret->error = xcalloc(row->errors_n + 1, sizeof(*ret->error));
	for (size_t i = 0; i < row->errors_n; i++) {
		const struct config_blocklist_error *error = &row->errors[i];
		struct blocklist_error *to = &ret->error[ret->error_n];

		if (!error->code || code_pattern_parse(span_of(error->code), &to->pattern) != 0)
			continue;
		to->text = error->text;
		ret->error_n++;
	}
}

static void test_add(const struct building *b, const struct config_blocklist *row, const char *text,
	bool is_listed, struct blocklist *ret)
{
	char *label = test_point_label(span_of(text), ret->subjects, span_of(ret->zone));

	if (!label) {
		diag_error(b->diag, row->place, "blocklists.test_%s \"%.100s\": %s",
			is_listed ? "listed" : "clean", text, test_point_remedy(ret->subjects));
		return;
	}
	ret->test = xrealloc(ret->test, ret->test_n + 1, sizeof(*ret->test));
	ret->test[ret->test_n++] = (struct blocklist_test){.label = own_text(b->lists, label),
		.is_listed = is_listed,
		.subjects = 1u << test_point_subject(span_of(text))};
}

/*
 * A point speaks for what it is. Who writes down points of one sort only, for a list of several, says that
 * they speak for the others too.
 */
static void tests_of(const struct building *b, const struct config_blocklist *row, bool is_listed,
	struct blocklist *ret)
{
	const struct config_strings *given = is_listed ? &row->test_listed : &row->test_clean;
	size_t first = ret->test_n;
	unsigned covered = 0;

	for (size_t i = 0; i < given->n; i++)
		test_add(b, row, given->text[i], is_listed, ret);
	for (unsigned i = 0; given->n == 0 && i < BLOCKLIST_SUBJECTS; i++) {
		if (ret->subjects & 1u << i)
			test_add(b, row, test_point_default((enum blocklist_subject)i, is_listed),
				is_listed, ret);
	}
	for (size_t i = first; i < ret->test_n; i++)
		covered |= ret->test[i].subjects;
	for (size_t i = first; i < ret->test_n; i++)
		ret->test[i].subjects |= ret->subjects & ~covered;
}

static void tests_make(
	const struct building *b, const struct config_blocklist *row, struct blocklist *ret)
{
	tests_of(b, row, true, ret);
	tests_of(b, row, false, ret);
}

static void check_key(
	const struct building *b, const struct config_blocklist *row, const struct blocklist *list)
{
	bool wants = zone_key_at(span_of(list->zone)) >= 0;

	/* A file that could not be read has been told. */
	if (list->has_key_missing && list->is_enabled && !BLOCKLIST_GIVEN(row, key_file))
		diag_error(b->diag, row->place,
			"blocklists \"%s\": its zone \"%.120s\" holds a key of yours: write it "
			"into "
			"a file, chmod 600, and add key_file = \"/etc/policyd/%s.key\"; (or "
			"enabled "
			"= false;)",
			list->name, list->zone, list->name);
	if (!wants && row->key_file.path)
		diag_warning(b->diag, row->place,
			"blocklists \"%s\": key_file does nothing: its zone \"%.120s\" has no "
			"<key>; "
			"remove it, or write the zone with <key>",
			list->name, list->zone);
}

/* Sound without its key, it may not be with it. Nothing of the key is told. */
static void check_asked(
	const struct building *b, const struct config_blocklist *row, const struct blocklist *list)
{
	if (!list->has_key_missing && !rule_is_domain(span_of(list->zone_asked)))
		diag_error(b->diag, row->place,
			"blocklists \"%s\": with its key the zone \"%.120s\" is no domain, or too "
			"long: write the zone and the key as the list gave them to you",
			list->name, list->zone);
}

static void check_length(
	const struct building *b, const struct config_blocklist *row, const struct blocklist *list)
{
	size_t n = strlen(list->zone_asked), before = PREFIX_DOMAIN;

	if (list->subjects & 1u << BLOCKLIST_IPV4)
		before = PREFIX_V4;
	if (list->subjects & 1u << BLOCKLIST_IPV6)
		before = PREFIX_V6;
	if (n + before > NAME_MAX_BYTES)
		diag_error(b->diag, row->place,
			"blocklists \"%s\": its zone has %zu bytes; with what is asked a name "
			"would "
			"have more than %d: shorten it",
			list->name, n, NAME_MAX_BYTES);
}

static void zone_make(
	const struct building *b, const struct config_blocklist *row, struct blocklist *ret)
{
	struct span key = span_trim(span_make(row->key_file.bytes, row->key_file.n));

	ret->zone = own_text(b->lists, zone_normalise(span_of(row->zone)));
	ret->has_key_missing = zone_key_at(span_of(ret->zone)) >= 0 && !row->key_file.path;
	ret->zone_asked = ret->has_key_missing
				  ? ret->zone
				  : own_text(b->lists, zone_with_key(span_of(ret->zone), key));
	check_key(b, row, ret);
	check_asked(b, row, ret);
	check_length(b, row, ret);
}

static void interval_make(const struct config_blocklist *row, bool has_least, struct blocklist *ret)
{
	ret->interval_us = row->interval_us;
	ret->interval_min_us = row->interval_min_us;
	/* Where nobody has said how often is too often, whoever runs the list has by asking. */
	if (!has_least && ret->interval_min_us > ret->interval_us)
		ret->interval_min_us = ret->interval_us;
}

/* False: it has no zone that can be asked, which is told. */
static bool list_make(const struct building *b, const struct config_blocklist *row, bool is_enabled,
	struct blocklist *ret)
{
	if (!row->name || !row->zone)
		return false;
	*ret = (struct blocklist){
		.name = row->name,
		.title = row->title ? row->title : row->name,
		.is_enabled = is_enabled,
		.clients = row->clients,
		.subjects = blocklist_subjects(row),
		.home = row->home,
		.delist = row->delist,
		.removal = row->removal,
		.removal_us = row->removal_time_us,
		.note = row->note,
		.place = row->place,
	};
	zone_make(b, row, ret);
	codes_make(row, ret);
	errors_make(row, ret);
	tests_make(b, row, ret);
	return true;
}

static struct blocklist *list_add(struct config_lists *lists, const struct blocklist *list)
{
	if (lists->n == lists->room) {
		lists->room = lists->room ? lists->room * 2 : 64;
		lists->list = xrealloc(lists->list, lists->room, sizeof(*lists->list));
	}
	lists->list[lists->n] = *list;
	return &lists->list[lists->n++];
}

/* ---- which lists there are ---- */

static const struct config_blocklist *row_find(
	const struct config_blocklist *rows, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].name && span_equal(name, span_of(rows[i].name)))
			return &rows[i];
	}
	return NULL;
}

/* True: told. */
static bool is_dead(const struct building *b, const struct config_blocklist *row)
{
	const char *asked = row->zone ? row->zone : row->name;
	const char *hint = dead_list_find(b->lists, span_of(asked));

	if (hint)
		diag_error(b->diag, row->place,
			"blocklists \"%s\": \"%.120s\" is a dead list: %s; "
			"remove it",
			row->name, asked, hint);
	return hint != NULL;
}

static void complain_unknown(const struct building *b, const struct config_blocklist *said)
{
	const struct config_catalogue *catalogue = &b->lists->catalogue;
	struct suggestion best = {0};
	char hint[SUGGEST_TEXT_SIZE];

	for (size_t i = 0; i < catalogue->lists_n; i++) {
		const struct config_blocklist *row = &catalogue->lists[i];

		if (row->name)
			suggest_offer(span_of(said->name), row->name, &best);
		if (row->zone && span_equal_nocase(span_of(said->name), span_of(row->zone)))
			best = (struct suggestion){.word = row->name};
	}
	diag_error(b->diag, said->place,
		"blocklists \"%s\": no list of the catalogue has that name%s%s", said->name,
		suggest_text(&best, hint),
		best.word ? "" : ": for a list of your own add zone = \"bl.example.org\";");
}

/* Some lists give each subscriber a zone of his own: the catalogue has none. */
static void complain_zone(const struct building *b, const struct config_blocklist *row)
{
	diag_error(b->diag, row->place,
		"blocklists \"%s\": the catalogue has no zone for it%s%.200s: add zone = "
		"\"bl.example.org\";",
		row->name, row->note ? ", " : "", row->note ? row->note : "");
}

static bool is_twice(const struct building *b, const struct config_blocklist *rows, size_t i)
{
	const struct config_blocklist *other = row_find(rows, i, span_of(rows[i].name));
	char place[PLACE_SIZE];

	if (other)
		diag_error(b->diag, rows[i].place,
			"blocklists.name \"%s\" is taken already at %s: join them, or give it "
			"another name",
			rows[i].name, diag_place(other->place, place));
	return other != NULL;
}

static void check_interval(const struct building *b, const struct config_blocklist *row,
	const struct config_blocklist *known, const struct blocklist *list)
{
	char interval[DURATION_TEXT_SIZE], least[DURATION_TEXT_SIZE];

	if (list->interval_us < list->interval_min_us)
		diag_error(b->diag, row->place,
			"blocklists \"%s\": interval \"%s\" is below interval_min: write \"%s\" or "
			"more",
			list->name, duration_format(list->interval_us, interval),
			duration_format(list->interval_min_us, least));
	if (known && !BLOCKLIST_GIVEN(row, zone) && list->interval_min_us < known->interval_min_us)
		diag_warning(b->diag, row->place,
			"blocklists \"%s\": interval_min \"%s\" is less than the \"%s\" of the "
			"catalogue: whoever runs the list may refuse to answer",
			list->name, duration_format(list->interval_min_us, interval),
			duration_format(known->interval_min_us, least));
}

/* The i-th row of the configuration. */
static void said_add(const struct building *b, size_t i)
{
	const struct config_catalogue *catalogue = &b->lists->catalogue;
	const struct config_blocklist *said = &b->config->blocklists[i], *known;
	struct config_blocklist merged = *said;
	struct blocklist list;

	if (!said->name || is_twice(b, b->config->blocklists, i))
		return;
	known = row_find(catalogue->lists, catalogue->lists_n, span_of(said->name));
	if (known)
		row_merge(said, known, &merged);
	if (is_dead(b, &merged))
		return;
	if (!merged.zone && !BLOCKLIST_GIVEN(said, zone)) {
		if (known)
			complain_zone(b, &merged);
		else if (!b->lists->is_broken)
			complain_unknown(b, said);
	}
	if (!list_make(b, &merged, merged.enabled, &list))
		return;
	list.is_own = !known;
	interval_make(&merged,
		BLOCKLIST_GIVEN(said, interval_min) || (known && !BLOCKLIST_GIVEN(said, zone)),
		&list);
	check_interval(b, said, known, list_add(b->lists, &list));
}

/* A row of the catalogue that the configuration does not name. */
static void known_add(const struct building *b, size_t i)
{
	const struct config_catalogue *catalogue = &b->lists->catalogue;
	const struct config_blocklist *row = &catalogue->lists[i];
	bool is_chosen = !CONFIG_GIVEN(b->config, blocklists) && row->enabled;
	struct blocklist list;

	if (!row->name || is_twice(b, catalogue->lists, i))
		return;
	if (row_find(b->config->blocklists, b->config->blocklists_n, span_of(row->name)) ||
		is_dead(b, row))
		return;
	if (!row->zone && !BLOCKLIST_GIVEN(row, zone) && row->enabled)
		complain_zone(b, row);
	if (!list_make(b, row, is_chosen, &list))
		return;
	interval_make(row, true, &list);
	check_interval(b, row, NULL, list_add(b->lists, &list));
}

/* ---- all of them ---- */

/* Those that are asked first; otherwise as they are. */
static size_t enabled_first(struct config_lists *lists)
{
	struct blocklist *sorted = xcalloc(lists->n + 1, sizeof(*sorted));
	size_t n = 0, enabled;

	for (size_t i = 0; i < lists->n; i++) {
		if (lists->list[i].is_enabled)
			sorted[n++] = lists->list[i];
	}
	enabled = n;
	for (size_t i = 0; i < lists->n; i++) {
		if (!lists->list[i].is_enabled)
			sorted[n++] = lists->list[i];
	}
	free(lists->list);
	lists->list = sorted;
	return enabled;
}

static void check_zones_differ(const struct building *b, size_t enabled)
{
	for (size_t i = 0; i < enabled; i++) {
		const struct blocklist *list = &b->lists->list[i];

		for (size_t j = 0; j < i; j++) {
			if (strcmp(list->zone_asked, b->lists->list[j].zone_asked) != 0)
				continue;
			diag_warning(b->diag, list->place,
				"blocklists \"%s\" and \"%s\" ask the same zone \"%.120s\": remove "
				"one of them",
				list->name, b->lists->list[j].name, list->zone);
			break;
		}
	}
}

static void check_number(const struct building *b, size_t enabled)
{
	const struct config *config = b->config;

	if (enabled > BLOCKLISTS_MAX)
		diag_error(b->diag, b->lists->list[BLOCKLISTS_MAX].place,
			"blocklists: at most %d are asked, these are %zu: remove some, or add "
			"enabled = false;",
			BLOCKLISTS_MAX, enabled);
	if (config->blocklists_n && !enabled && !b->diag->errors)
		diag_warning(b->diag, config->blocklists[0].place,
			"blocklists: none of them is asked, and those that are named replace the "
			"catalogue's selection: name the lists to ask, or leave blocklists out");
}

void blocklists_build(struct diag *diag, const struct config *config, struct config_lists *lists)
{
	struct building b = {.diag = diag, .config = config, .lists = lists};

	for (size_t i = 0; i < lists->catalogue.lists_n; i++)
		check_blocklist(diag, &lists->catalogue.lists[i]);
	for (size_t i = 0; i < config->blocklists_n; i++) {
		check_blocklist(diag, &config->blocklists[i]);
		said_add(&b, i);
	}
	for (size_t i = 0; i < lists->catalogue.lists_n; i++)
		known_add(&b, i);
	size_t enabled = enabled_first(lists);
	check_zones_differ(&b, enabled);
	check_number(&b, enabled);
}
