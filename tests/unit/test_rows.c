/* SPDX-License-Identifier: ISC */
/*
 * All row lists: unique names, texts present, printable, parsed back, bounds sane. What stands elsewhere is not
 * repeated here:
 *
 *	list              elsewhere                                     here
 *	action.def        test_protocol: read back, refusing wins       the order of semantics 15, codes, form
 *	attribute.def     test_protocol: found by name                  each row is its own field, form
 *	stage.def         test_protocol: read back                      form, order of a session
 *	event.def         test_store: read back, kept by name           texts, form
 *	metric.def        test_base: unique, help, counters _total      form of names and labels, one help a name
 *	setting.def       test_config_files: unique, bounds, in the     sections, types, form; each preset as it
 *	                  sample                                        would be written
 *	choice.def        test_config_files: words read back            unique, texts, form
 *	command.def       test_command: found, grammar, rights          columns, helps, form
 *	account parts     test_account: freed, idle, sized              every slot of the engine has its row
 *	account kinds     test_subject: read back                       -
 */
#include <ctype.h>
#include <stddef.h>

#include "engine_help.h"
#include "policyd/account.h"
#include "policyd/command.h"
#include "policyd/event.h"
#include "policyd/limits.h"
#include "policyd/metric.h"
#include "policyd/request.h"
#include "policyd/signals.h"
#include "policyd/verdict.h"

/* ---- forms ---- */

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static void check_name(const char *name, const char *of)
{
	ck_assert_msg(name[0] && strspn(name, of) == strlen(name), "\"%s\"", name);
}

/* One sentence for people: printable, no blank at its ends, no full stop (lists put them in tables). */
static void check_text(const char *text)
{
	size_t n = strlen(text);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, 120);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(isprint((unsigned char)text[i]), "%s", text);
	ck_assert_msg(text[0] != ' ' && text[n - 1] != ' ' && text[n - 1] != '.', "\"%s\"", text);
}

/* ---- protocol ---- */

START_TEST(actions)
{
	/* semantics 15: REJECT > DEFER, DEFER_IF_PERMIT > DISCARD > REDIRECT > HOLD > FILTER > PREPEND > DUNNO. */
	static const enum action order[] = {ACTION_DUNNO, ACTION_INFO, ACTION_BCC, ACTION_PREPEND,
		ACTION_FILTER, ACTION_HOLD, ACTION_REDIRECT, ACTION_DISCARD, ACTION_DEFER,
		ACTION_REJECT};
	for (int i = 1; i < ROWS(order); i++)
		ck_assert_int_gt(
			action_rows[order[i]].strength, action_rows[order[i - 1]].strength);
	ck_assert_int_eq(
		action_rows[ACTION_DEFER].strength, action_rows[ACTION_DEFER_IF_PERMIT].strength);
	ck_assert_int_eq(action_rows[ACTION_INFO].strength, action_rows[ACTION_WARN].strength);
	ck_assert_int_eq(ACTION_COUNT, ROWS(order) + 2);
	for (int i = 0; i < ACTION_COUNT; i++) {
		const struct action_row *row = &action_rows[i];
		check_name(row->word, UPPER "_");
		ck_assert_uint_le(strlen(row->word), 16); /* REPLY_MAX counts on it */
		/* Who is refused is told a code of its kind (RFC 3463); who is not, none. */
		ck_assert_str_eq(
			row->code, row->accepts ? "" : (i == ACTION_REJECT ? "5.7.1" : "4.7.1"));
		ck_assert(!row->argument || row->accepts);
	}
}
END_TEST

START_TEST(attributes)
{
	static const size_t fields[] = {
#define ATTRIBUTE(name) offsetof(struct request, name),
#include "policyd/attribute.def"
#undef ATTRIBUTE
	};
	ck_assert_int_eq(ROWS(fields), ATTRIBUTE_COUNT);
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		check_name(attribute_rows[i].name, LOWER "_");
		ck_assert_uint_eq(attribute_rows[i].offset, fields[i]);
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(attribute_rows[i].name, attribute_rows[j].name);
	}
}
END_TEST

START_TEST(stages)
{
	/* "Later" in semantics 9 is a comparison of these. */
	ck_assert(STAGE_CONNECT < STAGE_EHLO && STAGE_EHLO < STAGE_MAIL && STAGE_MAIL < STAGE_RCPT);
	ck_assert(STAGE_RCPT < STAGE_DATA && STAGE_DATA < STAGE_EOM);
	ck_assert_str_eq(stage_name(STAGE_UNKNOWN), "");
	for (int i = 1; i < STAGE_COUNT; i++)
		check_name(stage_name((enum stage)i), UPPER "-");
}
END_TEST

/* ---- events, metrics ---- */

START_TEST(events)
{
	for (int i = 0; i < EVENT_COUNT; i++) {
		check_name(event_rows[i].name, LOWER "- ");
		check_text(event_rows[i].text);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(event_rows[i].name, event_rows[j].name);
	}
}
END_TEST

/* Labels as Prometheus has them: name="value", parted by commas. */
static void check_labels(const char *labels)
{
	while (*labels) {
		size_t name = strspn(labels, LOWER "_");
		ck_assert_msg(name > 0 && strncmp(labels + name, "=\"", 2) == 0, "%s", labels);
		size_t value = strcspn(labels + name + 2, "\"\\\n");
		ck_assert_msg(labels[name + 2 + value] == '"', "%s", labels);
		labels += name + 2 + value + 1;
		if (*labels == ',')
			ck_assert_msg(*++labels != '\0', "a comma at the end");
	}
}

START_TEST(metrics)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];
		check_name(row->name, LOWER "_0123456789");
		check_text(row->help);
		check_labels(row->labels);
		/* One name is one family: one help, one kind, and its rows stand together. */
		for (int j = 0; j < i; j++) {
			if (strcmp(row->name, metric_rows[j].name) != 0)
				continue;
			ck_assert_str_eq(row->help, metric_rows[j].help);
			ck_assert_int_eq((int)row->kind, (int)metric_rows[j].kind);
			ck_assert_str_eq(row->name, metric_rows[i - 1].name);
		}
	}
}
END_TEST

/* ---- settings ---- */

static const char *const types[] = {"STRING", "BOOL", "COUNT", "DURATION", "SIZE", "RATE",
	"PERMISSIONS", "NETS", "STRINGS", "LATER", "ACTION", "LINES", "SECRET", "CHOICE_unit",
	"CHOICE_key", "CHOICE_mode", "CHOICE_commit", "CHOICE_listing", "CHOICE_sends",
	"TREATMENT"};

static bool is_group(const struct setting_row *row)
{
	struct span type = span_of(row->type);
	return span_starts(type, SPAN("SECTION_")) || span_starts(type, SPAN("LIST_"));
}

static bool has_section(const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < setting_sections_n; i++)
		n += strcmp(setting_sections[i].name, name) == 0;
	return n == 1;
}

/* "limits", or "classes.match" for match in section classes. */
static bool has_section_below(const struct setting_section *section, const struct setting_row *row)
{
	char name[64];
	snprintf(name, sizeof(name), "%s%s%s", section->name, section->name[0] ? "." : "",
		row->name);
	return has_section(name);
}

static void check_setting(const struct setting_section *section, const struct setting_row *row)
{
	bool is_known = is_group(row);
	for (int i = 0; i < ROWS(types); i++)
		is_known = is_known || strcmp(row->type, types[i]) == 0;
	ck_assert_msg(is_known, "%s is a %s", row->name, row->type);
	check_name(row->name, LOWER "_");
	check_text(row->text);
	if (is_group(row))
		ck_assert_msg(has_section_below(section, row), "no section %s", row->name);
	/* What is not built has nothing to say but that. */
	if (strcmp(row->type, "LATER") == 0)
		ck_assert(!row->preset && !row->low && !row->high);
}

START_TEST(settings)
{
	ck_assert(has_section(""));
	for (size_t i = 0; i < setting_sections_n; i++) {
		const struct setting_section *section = &setting_sections[i];
		for (size_t j = 0; j < section->n; j++)
			check_setting(section, &section->row[j]);
	}
}
END_TEST

static bool is_bare(const struct setting_row *row)
{
	return strcmp(row->type, "COUNT") == 0 || strcmp(row->type, "BOOL") == 0;
}

/* "name = preset;" of all rows of a section that have one. */
static int print_presets(char *buf, size_t size, const struct setting_section *section)
{
	int n = 0;
	for (size_t i = 0; i < section->n; i++) {
		const struct setting_row *row = &section->row[i];
		const char *quote = is_bare(row) ? "" : "\"";
		if (!row->preset || strcmp(row->preset, "(required)") == 0)
			continue;
		n += snprintf(buf + n, size - (size_t)n, "%s = %s%s%s; ", row->name, quote,
			row->preset, quote);
		ck_assert_uint_lt((size_t)n, size);
	}
	return n;
}

/* What is told as a preset can be written, and says what leaving it out says. */
START_TEST(presets)
{
	char text[6000], inner[1000];
	size_t n = 0;
	for (size_t i = 0; i < setting_sections_n; i++) {
		const struct setting_section *section = &setting_sections[i];
		const char *name = section->name;
		/* listen stands in config_of(), lists within lists are of test_blocklist. */
		if (print_presets(inner, sizeof(inner), section) == 0 ||
			strcmp(name, "listen") == 0 || strncmp(name, "blocklists", 10) == 0 ||
			strcmp(name, "classes.ladder") == 0 || strcmp(name, "signals.tune") == 0 ||
			strcmp(name, "classes.posture") == 0)
			continue;
		bool is_limit = strcmp(name, "limits") == 0;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s%s%s\n", name,
			is_limit  ? " = ( { name = \"a\"; rate = \"1/1h\"; "
			: name[0] ? " = { "
				  : "",
			inner, is_limit ? "}" : "",
			is_limit  ? " );"
			: name[0] ? "};"
				  : "");
		ck_assert_uint_lt(n, sizeof(text));
	}
	struct config *written = config_of(text);
	struct config *left_out = config_of("limits = ( { name = \"a\"; rate = \"1/1h\"; } );");
	ck_assert_uint_eq(written->connections_max, left_out->connections_max);
	ck_assert_int_eq(written->reserve_max_us, left_out->reserve_max_us);
	ck_assert_uint_eq(written->record.max_bytes, left_out->record.max_bytes);
	ck_assert_uint_eq(written->control.mode, left_out->control.mode);
	ck_assert_uint_eq(written->ladder.suspend, left_out->ladder.suspend);
	ck_assert_int_eq(written->ladder.forgive_us, left_out->ladder.forgive_us);
	ck_assert_uint_eq(written->signals.memory_max, left_out->signals.memory_max);
	ck_assert_str_eq(written->state.directory, left_out->state.directory);
	ck_assert_int_eq((int)written->commit_at, (int)left_out->commit_at);
	ck_assert_int_eq(
		(int)written->suspension.action.action, (int)left_out->suspension.action.action);
	ck_assert_int_eq((int)written->limits[0].unit, (int)left_out->limits[0].unit);
	ck_assert_int_eq(
		(int)written->limits[0].action.action, (int)left_out->limits[0].action.action);
	config_unref(written);
	config_unref(left_out);
}
END_TEST

struct choice_row {
	const char *word, *text;
};
#define CHOICE(id, word, text) {word, text},
static const struct choice_row units[] = {CHOICES_UNIT(CHOICE)};
static const struct choice_row keys[] = {CHOICES_KEY(CHOICE)};
static const struct choice_row modes[] = {CHOICES_MODE(CHOICE)};
static const struct choice_row commits[] = {CHOICES_COMMIT(CHOICE)};
static const struct choice_row listings[] = {CHOICES_LISTING(CHOICE)};
static const struct choice_row sends[] = {CHOICES_SENDS(CHOICE)};
#undef CHOICE

static const struct {
	const struct choice_row *row;
	int n;
} choice_lists[] = {
	{units, ROWS(units)},
	{keys, ROWS(keys)},
	{modes, ROWS(modes)},
	{commits, ROWS(commits)},
	{listings, ROWS(listings)},
	{sends, ROWS(sends)},
};

START_TEST(choices)
{
	const struct choice_row *row = choice_lists[_i].row;
	for (int i = 0; i < choice_lists[_i].n; i++) {
		check_name(row[i].word, LOWER "-_+");
		check_text(row[i].text);
		/* Case is ignored where they are read. */
		for (int j = 0; j < i; j++)
			ck_assert(!span_equal_nocase(span_of(row[i].word), span_of(row[j].word)));
	}
}
END_TEST

/* ---- commands ---- */

/* "key=Title[:r] ..." */
static void check_columns(const char *columns, size_t n)
{
	const char *end = columns + n;
	while (columns < end) {
		size_t key = strspn(columns, LOWER "_");
		ck_assert_msg(key > 0 && columns[key] == '=', "%s", columns);
		columns += key + 1;
		size_t title = strcspn(columns, " ");
		ck_assert_msg(title > 0 && isupper((unsigned char)columns[0]), "%s", columns);
		columns += title + strspn(columns + title, " ");
	}
}

/* Without a list's name, or "list: columns" for each list. */
static void check_lists(const char *columns)
{
	while (*columns) {
		size_t name = strspn(columns, LOWER "_");
		if (columns[name] == ':')
			columns += name + 1 + strspn(columns + name + 1, " ");
		/* Up to the next word that ends in a colon and has no '='. */
		size_t n = 0;
		while (columns[n]) {
			size_t blank = n + strspn(columns + n, " ");
			size_t word = strspn(columns + blank, LOWER "_");
			if (columns[blank + word] == ':')
				break;
			n = blank + strcspn(columns + blank, " ");
		}
		ck_assert_msg(n > 0, "a list without columns");
		check_columns(columns, n);
		columns += n + strspn(columns + n, " ");
	}
}

START_TEST(commands)
{
	for (int i = 0; i < COMMAND_COUNT; i++) {
		const struct command_row *row = &command_rows[i];
		check_name(row->verb, LOWER "- ");
		check_text(row->help);
		check_lists(row->columns);
		for (int j = 0; j < i; j++) {
			ck_assert_str_ne(row->verb, command_rows[j].verb);
			ck_assert_str_ne(row->help, command_rows[j].help);
		}
	}
	check_name(command_right_name(RIGHT_VIEW), LOWER);
	ck_assert_str_ne(command_right_name(RIGHT_VIEW), command_right_name(RIGHT_DESK));
	ck_assert_str_ne(command_right_name(RIGHT_DESK), command_right_name(RIGHT_ADMIN));
}
END_TEST

/* ---- account parts ---- */

START_TEST(account_parts)
{
	static const struct account_part_row *const rows[PART_COUNT] = {
		[PART_RINGS] = &limits_part,
		[PART_BASELINE] = &signals_baseline_part,
		[PART_SCORE] = &signals_score_part,
	};
	for (int i = 0; i < PART_COUNT; i++) {
		ck_assert_ptr_nonnull(rows[i]);
		check_name(rows[i]->name, LOWER "_");
		ck_assert(rows[i]->free && rows[i]->is_idle && rows[i]->reset);
		ck_assert(rows[i]->save && rows[i]->load);
		for (int j = 0; j < i; j++)
			ck_assert(strcmp(rows[i]->name, rows[j]->name) != 0 &&
				  rows[i]->id != rows[j]->id);
	}
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"actions", actions, 0},
		{"attributes", attributes, 0},
		{"stages", stages, 0},
		{"events", events, 0},
		{"metrics", metrics, 0},
		{"settings", settings, 0},
		{"presets", presets, 0},
		{"choices", choices, ROWS(choice_lists)},
		{"commands", commands, 0},
		{"account_parts", account_parts, 0},
	};
	return SUITE_RUN("rows", rows);
}
