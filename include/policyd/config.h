/* SPDX-License-Identifier: ISC */
/*
 * config.h - the configuration: libconfig text in, one immutable snapshot out.
 *
 * A snapshot is never changed after config_load(); a reload makes another one. Whoever works with
 * it for longer than a call holds a reference. Every setting is a row of setting.def.
 *
 *	struct config *config;
 *	struct config_report *report = config_report_new();
 *	if (config_load(&(struct config_source){.path = path}, &config, report) != 0)
 *		for (size_t i = 0; i < report->n; i++) puts(report->line[i].text);
 */
#ifndef POLICYD_CONFIG_H
#define POLICYD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/addr.h"
#include "policyd/choice.def"
#include "policyd/err.h"
#include "policyd/setting.def"
#include "policyd/units.h"
#include "policyd/verdict.h"

#define CHOICE_ENUM_UNIT(id, word, text)   UNIT_##id,
#define CHOICE_ENUM_KEY(id, word, text)    KEY_##id,
#define CHOICE_ENUM_MODE(id, word, text)   MODE_##id,
#define CHOICE_ENUM_COMMIT(id, word, text) COMMIT_##id,
enum unit { CHOICES_UNIT(CHOICE_ENUM_UNIT) UNIT_COUNT };
enum key { CHOICES_KEY(CHOICE_ENUM_KEY) KEY_COUNT };
enum mode { CHOICES_MODE(CHOICE_ENUM_MODE) MODE_COUNT };
enum commit { CHOICES_COMMIT(CHOICE_ENUM_COMMIT) COMMIT_COUNT };
#undef CHOICE_ENUM_UNIT
#undef CHOICE_ENUM_KEY
#undef CHOICE_ENUM_MODE
#undef CHOICE_ENUM_COMMIT

const char *unit_name(enum unit unit);
const char *key_name(enum key key);
const char *mode_name(enum mode mode);

/* Where a group stands in the files; file lives as long as the snapshot. */
struct config_place {
	const char *file;
	unsigned line;
};

struct config_nets {
	struct ip_net *net;
	size_t n;
};
struct config_strings {
	char **text;
	size_t n;
};

/* The C type of a setting's field. LATER settings have a flag: it was there. */
#define FIELD_STRING(name)             char *name; /* NULL when not given */
#define FIELD_BOOL(name)               bool name;
#define FIELD_COUNT(name)              uint32_t name;
#define FIELD_DURATION(name)           int64_t name##_us;
#define FIELD_SIZE(name)               uint64_t name;
#define FIELD_RATE(name)               struct rate name;
#define FIELD_PERMISSIONS(name)        uint32_t name;
#define FIELD_CHOICE_action(name)      enum action name;
#define FIELD_CHOICE_unit(name)        enum unit name;
#define FIELD_CHOICE_key(name)         enum key name;
#define FIELD_CHOICE_mode(name)        enum mode name;
#define FIELD_CHOICE_commit(name)      enum commit name;
#define FIELD_NETS(name)               struct config_nets name;
#define FIELD_STRINGS(name)            struct config_strings name;
#define FIELD_SECTION_suspension(name) struct config_suspension name;
#define FIELD_SECTION_state(name)      struct config_state name;
#define FIELD_SECTION_control(name)    struct config_control name;
#define FIELD_SECTION_record(name)     struct config_record name;
#define FIELD_LIST_listen(name)                                                                    \
	struct config_listen *name;                                                                \
	size_t name##_n;
#define FIELD_LIST_limit(name)                                                                     \
	struct config_limit *name;                                                                 \
	size_t name##_n;
#define FIELD_LATER(name)                                  bool name;
#define FIELD(type, name, preset, low, high, reload, text) FIELD_##type(name)

/* clang-format off */
struct config_listen     { struct config_place place; SETTINGS_LISTEN(FIELD) };
struct config_limit      { struct config_place place; SETTINGS_LIMIT(FIELD) };
struct config_suspension { struct config_place place; SETTINGS_SUSPENSION(FIELD) };
struct config_state      { struct config_place place; SETTINGS_STATE(FIELD) };
struct config_control    { struct config_place place; SETTINGS_CONTROL(FIELD) };
struct config_record     { struct config_place place; SETTINGS_RECORD(FIELD) };
struct config            { struct config_place place; SETTINGS_TOP(FIELD) };
/* clang-format on */
#undef FIELD

#define CONFIG_LIMITS_MAX 64 /* rows of limits; more are an error */

/* What loading had to say, in the order of the files. */
struct config_report {
	size_t n, errors;
	struct config_line {
		char *text; /* "file:line: message", ready to print */
		bool error; /* else a warning */
	} * line;
};
struct config_report *config_report_new(void);
void config_report_free(struct config_report *report);

struct config_source {
	const char *path; /* the main file; conf.d/ *.conf beside it is read after it, sorted */
	const char *const *set; /* "dotted.path=value" each, applied last; may be NULL */
	size_t set_n;
};

/*
 * Reads, checks everything and reports all errors at once. 0: *ret is a snapshot with one
 * reference. -EINVAL: at least one error, all of them in report. Other negatives: the file could
 * not be read, also in report.
 */
MUST_CHECK int config_load(
	const struct config_source *source, struct config **ret, struct config_report *report);
/* The same from memory, named name in messages; for tests and fuzzing. No conf.d. */
MUST_CHECK int config_parse(
	struct span text, const char *name, struct config **ret, struct config_report *report);

struct config *config_ref(struct config *config);
/* NULL is fine; the last one frees. */
void config_unref(struct config *config);

/* The schema, for the row test, the sample and the manual. */
/* preset: "(required)" when the setting must be given, NULL when leaving it out means none. */
struct setting_row {
	const char *type, *name, *preset, *low, *high, *reload, *text;
};
struct setting_section {
	const char *name; /* "" for the top, "listen", "limits", ... as in a file */
	const struct setting_row *row;
	size_t n;
};
extern const struct setting_section setting_sections[];
extern const size_t setting_sections_n;

#endif
