/* SPDX-License-Identifier: ISC */
/*
 * The tables that setting.def and choice.def expand to, and the life of the structs they describe.
 * How a value is read is value.c's business, what goes together check.c's.
 */
#include "schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

const char setting_required[] = "(required)";

#define WORD(id, word, text) word,
static const char *const unit_words[] = {CHOICES_UNIT(WORD)};
static const char *const key_words[] = {CHOICES_KEY(WORD)};
static const char *const mode_words[] = {CHOICES_MODE(WORD)};
static const char *const commit_words[] = {CHOICES_COMMIT(WORD)};
static const char *const listing_words[] = {CHOICES_LISTING(WORD)};
static const char *const sends_words[] = {CHOICES_SENDS(WORD)};
#undef WORD

const char *unit_name(enum unit unit)
{
	return unit_words[unit];
}

const char *key_name(enum key key)
{
	return key_words[key];
}

const char *mode_name(enum mode mode)
{
	return mode_words[mode];
}

const char *listing_kind_name(enum listing_kind kind)
{
	return listing_words[kind];
}

static const struct choice_set unit_choices = {unit_words, UNIT_COUNT};
static const struct choice_set key_choices = {key_words, KEY_COUNT};
static const struct choice_set mode_choices = {mode_words, MODE_COUNT};
static const struct choice_set commit_choices = {commit_words, COMMIT_COUNT};
static const struct choice_set listing_choices = {listing_words, LISTING_COUNT};
static const struct choice_set sends_choices = {sends_words, SENDS_COUNT};

#define PLAIN(id, owner, name)                                                                     \
	{                                                                                          \
		.kind = VALUE_##id, .offset = offsetof(owner, name)                                \
	}
#define CHOICE(set, owner, name)                                                                   \
	{                                                                                          \
		.kind = VALUE_CHOICE, .offset = offsetof(owner, name), .choices = &set##_choices   \
	}
#define SECTION(section, owner, name)                                                              \
	{                                                                                          \
		.kind = VALUE_SECTION, .offset = offsetof(owner, name), .below = &schema_##section \
	}
#define LIST(section, owner, name)                                                                 \
	{                                                                                          \
		.kind = VALUE_LIST, .offset = offsetof(owner, name),                               \
		.offset_n = offsetof(owner, name##_n), .below = &schema_##section                  \
	}

/* The type column of setting.def; owner is the section's struct. */
/* clang-format off */
#define AT_STRING(owner, name)             PLAIN(STRING, owner, name)
#define AT_BOOL(owner, name)               PLAIN(BOOL, owner, name)
#define AT_COUNT(owner, name)              PLAIN(COUNT, owner, name)
#define AT_DURATION(owner, name)           PLAIN(DURATION, owner, name##_us)
#define AT_SIZE(owner, name)               PLAIN(SIZE, owner, name)
#define AT_RATE(owner, name)               PLAIN(RATE, owner, name)
#define AT_PERMISSIONS(owner, name)        PLAIN(PERMISSIONS, owner, name)
#define AT_NETS(owner, name)               PLAIN(NETS, owner, name)
#define AT_STRINGS(owner, name)            PLAIN(STRINGS, owner, name)
#define AT_LATER(owner, name)              PLAIN(LATER, owner, name)
#define AT_ACTION(owner, name)             PLAIN(ACTION, owner, name)
#define AT_TREATMENT(owner, name)          PLAIN(TREATMENT, owner, name)
#define AT_LINES(owner, name)              PLAIN(LINES, owner, name)
#define AT_SECRET(owner, name)             PLAIN(SECRET, owner, name)
#define AT_CHOICE_unit(owner, name)        CHOICE(unit, owner, name)
#define AT_CHOICE_key(owner, name)         CHOICE(key, owner, name)
#define AT_CHOICE_mode(owner, name)        CHOICE(mode, owner, name)
#define AT_CHOICE_commit(owner, name)      CHOICE(commit, owner, name)
#define AT_CHOICE_listing(owner, name)     CHOICE(listing, owner, name)
#define AT_CHOICE_sends(owner, name)       CHOICE(sends, owner, name)
#define AT_SECTION_suspension(owner, name) SECTION(suspension, owner, name)
#define AT_SECTION_state(owner, name)      SECTION(state, owner, name)
#define AT_SECTION_control(owner, name)    SECTION(control, owner, name)
#define AT_SECTION_record(owner, name)     SECTION(record, owner, name)
#define AT_SECTION_egress(owner, name)     SECTION(egress, owner, name)
#define AT_SECTION_dns(owner, name)        SECTION(dns, owner, name)
#define AT_SECTION_token(owner, name)      SECTION(token, owner, name)
#define AT_SECTION_postfix(owner, name)    SECTION(postfix, owner, name)
#define AT_SECTION_signals(owner, name)    SECTION(signals, owner, name)
#define AT_SECTION_ladder(owner, name)     SECTION(ladder, owner, name)
#define AT_SECTION_geoip(owner, name)      SECTION(geoip, owner, name)
#define AT_SECTION_posture(owner, name)    SECTION(posture, owner, name)
#define AT_SECTION_class_posture(owner, name) SECTION(class_posture, owner, name)
#define AT_SECTION_class_ladder(owner, name) SECTION(class_ladder, owner, name)
#define AT_LIST_signal(owner, name)        LIST(signal, owner, name)
#define AT_LIST_listen(owner, name)        LIST(listen, owner, name)
#define AT_LIST_limit(owner, name)         LIST(limit, owner, name)
#define AT_LIST_match(owner, name)         LIST(match, owner, name)
#define AT_LIST_class(owner, name)         LIST(class, owner, name)
#define AT_LIST_override(owner, name)      LIST(override, owner, name)
#define AT_LIST_provider(owner, name)      LIST(provider, owner, name)
#define AT_LIST_blocklist(owner, name)     LIST(blocklist, owner, name)
#define AT_LIST_blocklist_code(owner, name) LIST(blocklist_code, owner, name)
#define AT_LIST_blocklist_error(owner, name) LIST(blocklist_error, owner, name)
#define AT_LIST_programme(owner, name)     LIST(programme, owner, name)
#define AT_LIST_dead_list(owner, name)     LIST(dead_list, owner, name)
#define AT_LIST_egress_map(owner, name)    LIST(egress_map, owner, name)
#define AT_LIST_egress_address(owner, name) LIST(egress_address, owner, name)

#define REQUIRED setting_required
#define ROW(type, name, preset, low, high, reload, text) \
	{#type, #name, preset, low, high, #reload, text},
#define IN_LISTEN(type, name, ...) AT_##type(struct config_listen, name),
#define IN_LIMIT(type, name, ...) AT_##type(struct config_limit, name),
#define IN_MATCH(type, name, ...) AT_##type(struct config_match, name),
#define IN_CLASS_LADDER(type, name, ...) AT_##type(struct config_class_ladder, name),
#define IN_CLASS_POSTURE(type, name, ...) AT_##type(struct config_class_posture, name),
#define IN_CLASS(type, name, ...) AT_##type(struct config_class, name),
#define IN_OVERRIDE(type, name, ...) AT_##type(struct config_override, name),
#define IN_PROVIDER(type, name, ...) AT_##type(struct config_provider, name),
#define IN_EGRESS_ADDRESS(type, name, ...) AT_##type(struct config_egress_address, name),
#define IN_EGRESS_MAP(type, name, ...) AT_##type(struct config_egress_map, name),
#define IN_EGRESS(type, name, ...) AT_##type(struct config_egress, name),
#define IN_DNS(type, name, ...) AT_##type(struct config_dns, name),
#define IN_BLOCKLIST(type, name, ...) AT_##type(struct config_blocklist, name),
#define IN_BLOCKLIST_CODE(type, name, ...) AT_##type(struct config_blocklist_code, name),
#define IN_BLOCKLIST_ERROR(type, name, ...) AT_##type(struct config_blocklist_error, name),
#define IN_DEAD_LIST(type, name, ...) AT_##type(struct config_dead_list, name),
#define IN_CATALOGUE(type, name, ...) AT_##type(struct config_catalogue, name),
#define IN_PROGRAMME(type, name, ...) AT_##type(struct config_programme, name),
#define IN_PROGRAMMES(type, name, ...) AT_##type(struct config_programmes, name),
#define IN_SIGNAL(type, name, ...) AT_##type(struct config_signal, name),
#define IN_SIGNALS(type, name, ...) AT_##type(struct config_signals, name),
#define IN_LADDER(type, name, ...) AT_##type(struct config_ladder, name),
#define IN_POSTURE(type, name, ...) AT_##type(struct config_posture, name),
#define IN_GEOIP(type, name, ...) AT_##type(struct config_geoip, name),
#define IN_TOKEN(type, name, ...) AT_##type(struct config_token, name),
#define IN_POSTFIX(type, name, ...) AT_##type(struct config_postfix, name),
#define IN_SUSPENSION(type, name, ...) AT_##type(struct config_suspension, name),
#define IN_STATE(type, name, ...) AT_##type(struct config_state, name),
#define IN_CONTROL(type, name, ...) AT_##type(struct config_control, name),
#define IN_RECORD(type, name, ...) AT_##type(struct config_record, name),
#define IN_TOP(type, name, ...)        AT_##type(struct config, name),
/* clang-format on */

#define ROWS(id)   static const struct setting_row rows_##id[] = {SETTINGS_##id(ROW)}
#define FIELDS(id) static const struct schema_field fields_##id[] = {SETTINGS_##id(IN_##id)}

#define SECTION_OF(id, section_name, owner, most)                                                  \
	{                                                                                          \
		.name = section_name, .row = rows_##id, .field = fields_##id,                      \
		.n = sizeof(rows_##id) / sizeof(rows_##id[0]), .bytes = sizeof(owner),             \
		.max = most,                                                                       \
	}

/* The walk treats every section's struct alike: place comes first. Those below come first too. */
#define SCHEMA(id, word, section_name, owner, most)                                                \
	ROWS(id);                                                                                  \
	FIELDS(id);                                                                                \
	static_assert(offsetof(owner, place) == 0, "place comes first");                           \
	const struct schema_section schema_##word = SECTION_OF(id, section_name, owner, most)

SCHEMA(LISTEN, listen, "listen", struct config_listen, CONFIG_LIST_MAX);
SCHEMA(LIMIT, limit, "limits", struct config_limit, CONFIG_LIMITS_MAX);
SCHEMA(MATCH, match, "classes.match", struct config_match, CONFIG_LIST_MAX);
SCHEMA(CLASS_LADDER, class_ladder, "classes.ladder", struct config_class_ladder, 1);
SCHEMA(CLASS_POSTURE, class_posture, "classes.posture", struct config_class_posture, 1);
SCHEMA(CLASS, class, "classes", struct config_class, CONFIG_LIST_MAX);
SCHEMA(OVERRIDE, override, "overrides", struct config_override, CONFIG_LIST_MAX);
SCHEMA(PROVIDER, provider, "providers", struct config_provider, CONFIG_LIST_MAX);
SCHEMA(EGRESS_ADDRESS, egress_address, "egress.addresses", struct config_egress_address,
	CONFIG_ADDRESSES_MAX);
SCHEMA(EGRESS_MAP, egress_map, "egress.map", struct config_egress_map, CONFIG_LIST_MAX);
SCHEMA(EGRESS, egress, "egress", struct config_egress, 1);
SCHEMA(DNS, dns, "dns", struct config_dns, 1);
SCHEMA(BLOCKLIST_CODE, blocklist_code, "blocklists.codes", struct config_blocklist_code,
	CONFIG_CODES_MAX);
SCHEMA(BLOCKLIST_ERROR, blocklist_error, "blocklists.errors", struct config_blocklist_error,
	CONFIG_CODES_MAX);
SCHEMA(BLOCKLIST, blocklist, "blocklists", struct config_blocklist, CONFIG_BLOCKLISTS_MAX);
SCHEMA(DEAD_LIST, dead_list, "dead", struct config_dead_list, CONFIG_LIST_MAX);
SCHEMA(CATALOGUE, catalogue, "", struct config_catalogue, 1);
SCHEMA(PROGRAMME, programme, "programmes", struct config_programme, CONFIG_PROGRAMMES_MAX);
SCHEMA(PROGRAMMES, programmes, "", struct config_programmes, 1);
SCHEMA(SIGNAL, signal, "signals.tune", struct config_signal, CONFIG_LIST_MAX);
SCHEMA(SIGNALS, signals, "signals", struct config_signals, 1);
SCHEMA(LADDER, ladder, "ladder", struct config_ladder, 1);
SCHEMA(POSTURE, posture, "posture", struct config_posture, 1);
SCHEMA(GEOIP, geoip, "geoip", struct config_geoip, 1);
SCHEMA(TOKEN, token, "token", struct config_token, 1);
SCHEMA(POSTFIX, postfix, "postfix", struct config_postfix, 1);
SCHEMA(SUSPENSION, suspension, "suspension", struct config_suspension, 1);
SCHEMA(STATE, state, "state", struct config_state, 1);
SCHEMA(CONTROL, control, "control", struct config_control, 1);
SCHEMA(RECORD, record, "record", struct config_record, 1);
SCHEMA(TOP, top, "", struct config, 1);
#undef ROW
#undef REQUIRED

#define PUBLIC(id, section_name)                                                                   \
	{                                                                                          \
		.name = section_name, .row = rows_##id,                                            \
		.n = sizeof(rows_##id) / sizeof(rows_##id[0])                                      \
	}
const struct setting_section setting_sections[] = {
	PUBLIC(TOP, ""),
	PUBLIC(LISTEN, "listen"),
	PUBLIC(LIMIT, "limits"),
	PUBLIC(CLASS, "classes"),
	PUBLIC(MATCH, "classes.match"),
	PUBLIC(CLASS_LADDER, "classes.ladder"),
	PUBLIC(CLASS_POSTURE, "classes.posture"),
	PUBLIC(OVERRIDE, "overrides"),
	PUBLIC(PROVIDER, "providers"),
	PUBLIC(EGRESS, "egress"),
	PUBLIC(EGRESS_ADDRESS, "egress.addresses"),
	PUBLIC(EGRESS_MAP, "egress.map"),
	PUBLIC(BLOCKLIST, "blocklists"),
	PUBLIC(BLOCKLIST_CODE, "blocklists.codes"),
	PUBLIC(BLOCKLIST_ERROR, "blocklists.errors"),
	PUBLIC(DNS, "dns"),
	PUBLIC(TOKEN, "token"),
	PUBLIC(POSTFIX, "postfix"),
	PUBLIC(SUSPENSION, "suspension"),
	PUBLIC(STATE, "state"),
	PUBLIC(CONTROL, "control"),
	PUBLIC(RECORD, "record"),
	PUBLIC(SIGNALS, "signals"),
	PUBLIC(SIGNAL, "signals.tune"),
	PUBLIC(LADDER, "ladder"),
	PUBLIC(POSTURE, "posture"),
	PUBLIC(GEOIP, "geoip"),
};
const size_t setting_sections_n = sizeof(setting_sections) / sizeof(setting_sections[0]);

ptrdiff_t schema_find(const struct schema_section *section, struct span name)
{
	for (size_t i = 0; i < section->n; i++) {
		if (span_equal(name, span_of(section->row[i].name)))
			return (ptrdiff_t)i;
	}
	return -1;
}

bool schema_is_required(const struct setting_row *row)
{
	return row->preset == setting_required;
}

const char *schema_path(const struct schema_section *section, const struct setting_row *row,
	char buf[SCHEMA_PATH_SIZE])
{
	size_t before = strlen(section->name), n = strlen(row->name);

	if (before == 0)
		return row->name;
	/* Made for every value that is read: printf() would be a sixth of the time. */
	assert(before + 1 + n < SCHEMA_PATH_SIZE);
	memcpy(buf, section->name, before);
	buf[before] = '.';
	memcpy(buf + before + 1, row->name, n + 1);
	return buf;
}

void *schema_elements(const void *at)
{
	void *elements;

	memcpy(&elements, at, sizeof(elements));
	return elements;
}

void schema_set_elements(void *at, void *elements)
{
	memcpy(at, &elements, sizeof(elements));
}

static void release_string(const struct schema_field *field, void *at)
{
	char **text = at;

	(void)field;
	free(*text);
	*text = NULL;
}

static void release_strings(const struct schema_field *field, void *at)
{
	struct config_strings *strings = at;

	(void)field;
	for (size_t i = 0; i < strings->n; i++)
		free(strings->text[i]);
	free(strings->text);
	*strings = (struct config_strings){0};
}

static void release_nets(const struct schema_field *field, void *at)
{
	struct config_nets *nets = at;

	(void)field;
	free(nets->net);
	*nets = (struct config_nets){0};
}

static void release_action(const struct schema_field *field, void *at)
{
	struct config_action *action = at;

	(void)field;
	free(action->text);
	*action = (struct config_action){.action = ACTION_COUNT};
}

static void release_treatment(const struct schema_field *field, void *at)
{
	struct config_treatment *treatment = at;

	(void)field;
	free(treatment->action.text);
	*treatment = (struct config_treatment){.action.action = ACTION_COUNT};
}

static void release_lines(const struct schema_field *field, void *at)
{
	(void)field;
	lines_release(at);
}

static void release_secret(const struct schema_field *field, void *at)
{
	(void)field;
	secret_release(at);
}

static void release_section(const struct schema_field *field, void *at)
{
	schema_release(field->below, at);
}

static void release_list(const struct schema_field *field, void *at)
{
	/* The count lies in the same struct as the pointer. */
	size_t *n = (void *)((char *)at + (field->offset_n - field->offset));
	char *elements = schema_elements(at);

	for (size_t i = 0; i < *n; i++)
		schema_release(field->below, elements + i * field->below->bytes);
	free(elements);
	schema_set_elements(at, NULL);
	*n = 0;
}

typedef void release(const struct schema_field *field, void *at);

/* Only these own anything. */
static release *const releases[VALUE_KINDS] = {
	[VALUE_STRING] = release_string,
	[VALUE_STRINGS] = release_strings,
	[VALUE_NETS] = release_nets,
	[VALUE_ACTION] = release_action,
	[VALUE_TREATMENT] = release_treatment,
	[VALUE_LINES] = release_lines,
	[VALUE_SECRET] = release_secret,
	[VALUE_SECTION] = release_section,
	[VALUE_LIST] = release_list,
};

void schema_release_field(const struct schema_field *field, void *owner)
{
	release *fn = releases[field->kind];

	if (fn)
		fn(field, schema_at(field, owner));
}

void schema_release(const struct schema_section *section, void *owner)
{
	for (size_t i = 0; i < section->n; i++)
		schema_release_field(&section->field[i], owner);
}
