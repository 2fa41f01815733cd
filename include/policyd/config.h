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
#include "policyd/clock.h"
#include "policyd/err.h"
#include "policyd/setting.def"
#include "policyd/units.h"
#include "policyd/verdict.h"

#define CHOICE_ENUM_UNIT(id, word, text)    UNIT_##id,
#define CHOICE_ENUM_KEY(id, word, text)     KEY_##id,
#define CHOICE_ENUM_MODE(id, word, text)    MODE_##id,
#define CHOICE_ENUM_COMMIT(id, word, text)  COMMIT_##id,
#define CHOICE_ENUM_LISTING(id, word, text) LISTING_##id,
#define CHOICE_ENUM_SENDS(id, word, text)   SENDS_##id,
enum unit { CHOICES_UNIT(CHOICE_ENUM_UNIT) UNIT_COUNT };
enum key { CHOICES_KEY(CHOICE_ENUM_KEY) KEY_COUNT };
enum mode { CHOICES_MODE(CHOICE_ENUM_MODE) MODE_COUNT };
enum commit { CHOICES_COMMIT(CHOICE_ENUM_COMMIT) COMMIT_COUNT };
enum listing_kind { CHOICES_LISTING(CHOICE_ENUM_LISTING) LISTING_COUNT };
enum sends { CHOICES_SENDS(CHOICE_ENUM_SENDS) SENDS_COUNT };
#undef CHOICE_ENUM_UNIT
#undef CHOICE_ENUM_KEY
#undef CHOICE_ENUM_MODE
#undef CHOICE_ENUM_COMMIT
#undef CHOICE_ENUM_LISTING
#undef CHOICE_ENUM_SENDS

const char *unit_name(enum unit unit);
const char *key_name(enum key key);
const char *mode_name(enum mode mode);
const char *listing_kind_name(enum listing_kind kind);

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

/* An action with what stands behind it. */
struct config_action {
	enum action action; /* ACTION_COUNT: not given */
	uint16_t code;      /* 4NN or 5NN instead of DEFER or REJECT; 0: the word */
	char *text; /* an argument (address, transport), or the operator's own words; or NULL */
};

/* What mail of a class gets while its egress stands badly (posture.h). */
enum treat {
	TREAT_NONE,  /* not given */
	TREAT_PASS,  /* as ever */
	TREAT_SHARE, /* its limits, scaled */
	TREAT_RAMP,  /* the same, by the present step of posture.ramp */
	TREAT_SLOW,  /* as the ladder's step slow */
	TREAT_SHIFT, /* FILTER to the transport of an egress that stands well; else what the class's kind gets */
	TREAT_ACTION
};
struct config_treatment {
	enum treat treat;
	unsigned share; /* percent, of TREAT_SHARE */
	struct config_action action;
};

/* A file of lines, without comments and empty ones. */
struct config_lines {
	char *path;  /* NULL: not given */
	char *bytes; /* what the lines point into */
	size_t n;
	struct config_text_line {
		char *text; /* trimmed */
		unsigned line;
	} * line;
};

/* A file that only its owner may read. */
struct config_secret {
	char *path; /* NULL: not given */
	char *bytes;
	size_t n; /* without a newline at its end */
};

/* The C type of a setting's field. LATER settings have a flag: it was there. */
#define FIELD_STRING(name)                char *name; /* NULL when not given */
#define FIELD_BOOL(name)                  bool name;
#define FIELD_COUNT(name)                 uint32_t name;
#define FIELD_DURATION(name)              int64_t name##_us;
#define FIELD_SIZE(name)                  uint64_t name;
#define FIELD_RATE(name)                  struct rate name;
#define FIELD_PERMISSIONS(name)           uint32_t name;
#define FIELD_ACTION(name)                struct config_action name;
#define FIELD_TREATMENT(name)             struct config_treatment name;
#define FIELD_LINES(name)                 struct config_lines name;
#define FIELD_SECRET(name)                struct config_secret name;
#define FIELD_CHOICE_unit(name)           enum unit name;
#define FIELD_CHOICE_key(name)            enum key name;
#define FIELD_CHOICE_mode(name)           enum mode name;
#define FIELD_CHOICE_commit(name)         enum commit name;
#define FIELD_CHOICE_listing(name)        enum listing_kind name;
#define FIELD_CHOICE_sends(name)          enum sends name;
#define FIELD_NETS(name)                  struct config_nets name;
#define FIELD_STRINGS(name)               struct config_strings name;
#define FIELD_SECTION_suspension(name)    struct config_suspension name;
#define FIELD_SECTION_state(name)         struct config_state name;
#define FIELD_SECTION_control(name)       struct config_control name;
#define FIELD_SECTION_record(name)        struct config_record name;
#define FIELD_SECTION_egress(name)        struct config_egress name;
#define FIELD_SECTION_dns(name)           struct config_dns name;
#define FIELD_SECTION_token(name)         struct config_token name;
#define FIELD_SECTION_postfix(name)       struct config_postfix name;
#define FIELD_SECTION_signals(name)       struct config_signals name;
#define FIELD_SECTION_ladder(name)        struct config_ladder name;
#define FIELD_SECTION_geoip(name)         struct config_geoip name;
#define FIELD_SECTION_posture(name)       struct config_posture name;
#define FIELD_SECTION_class_posture(name) struct config_class_posture name;
#define FIELD_SECTION_class_ladder(name)  struct config_class_ladder name;
#define FIELD_LIST_signal(name)                                                                    \
	struct config_signal *name;                                                                \
	size_t name##_n;
#define FIELD_LIST_listen(name)                                                                    \
	struct config_listen *name;                                                                \
	size_t name##_n;
#define FIELD_LIST_limit(name)                                                                     \
	struct config_limit *name;                                                                 \
	size_t name##_n;
#define FIELD_LIST_match(name)                                                                     \
	struct config_match *name;                                                                 \
	size_t name##_n;
#define FIELD_LIST_class(name)                                                                     \
	struct config_class *name;                                                                 \
	size_t name##_n;
#define FIELD_LIST_override(name)                                                                  \
	struct config_override *name;                                                              \
	size_t name##_n;
#define FIELD_LIST_provider(name)                                                                  \
	struct config_provider *name;                                                              \
	size_t name##_n;
#define FIELD_LIST_egress_address(name)                                                            \
	struct config_egress_address *name;                                                        \
	size_t name##_n;
#define FIELD_LIST_egress_map(name)                                                                \
	struct config_egress_map *name;                                                            \
	size_t name##_n;
#define FIELD_LIST_blocklist_code(name)                                                            \
	struct config_blocklist_code *name;                                                        \
	size_t name##_n;
#define FIELD_LIST_blocklist_error(name)                                                           \
	struct config_blocklist_error *name;                                                       \
	size_t name##_n;
#define FIELD_LIST_programme(name)                                                                 \
	struct config_programme *name;                                                             \
	size_t name##_n;
#define FIELD_LIST_blocklist(name)                                                                 \
	struct config_blocklist *name;                                                             \
	size_t name##_n;
#define FIELD_LIST_dead_list(name)                                                                 \
	struct config_dead_list *name;                                                             \
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
struct config_match      { struct config_place place; SETTINGS_MATCH(FIELD) };
struct config_class_posture {
	struct config_place place;
	SETTINGS_CLASS_POSTURE(FIELD)
};
struct config_class_ladder {
	struct config_place place;
	SETTINGS_CLASS_LADDER(FIELD)
};
struct config_class {
	struct config_place place;
	SETTINGS_CLASS(FIELD)
	uint64_t limit_set; /* bit i: config->limits[i] belongs to it */
	unsigned egress_at; /* in egress.addresses; UINT_MAX: there are none */
};
struct config_override {
	struct config_place place;
	SETTINGS_OVERRIDE(FIELD)
	unsigned limit_at; /* in config->limits */
	wall_t until_at;   /* WALL_NEVER without one */
};
struct config_provider   { struct config_place place; SETTINGS_PROVIDER(FIELD) };
struct config_egress_address {
	struct config_place place;
	SETTINGS_EGRESS_ADDRESS(FIELD)
};
struct config_egress_map { struct config_place place; SETTINGS_EGRESS_MAP(FIELD) };
struct config_egress     { struct config_place place; SETTINGS_EGRESS(FIELD) };
struct config_dns        { struct config_place place; SETTINGS_DNS(FIELD) };
struct config_blocklist_code  { struct config_place place; SETTINGS_BLOCKLIST_CODE(FIELD) };
struct config_blocklist_error { struct config_place place; SETTINGS_BLOCKLIST_ERROR(FIELD) };
struct config_blocklist {
	struct config_place place;
	SETTINGS_BLOCKLIST(FIELD)
	uint64_t given; /* bit i: row i of SETTINGS_BLOCKLIST stands in the file */
};
struct config_dead_list  { struct config_place place; SETTINGS_DEAD_LIST(FIELD) };
struct config_catalogue  { struct config_place place; SETTINGS_CATALOGUE(FIELD) };
struct config_programme  { struct config_place place; SETTINGS_PROGRAMME(FIELD) };
struct config_programmes { struct config_place place; SETTINGS_PROGRAMMES(FIELD) };
struct config_signal {
	struct config_place place;
	SETTINGS_SIGNAL(FIELD)
	unsigned signal_at; /* row of signal.def */
};
struct config_signals    { struct config_place place; SETTINGS_SIGNALS(FIELD) };
struct config_ladder     { struct config_place place; SETTINGS_LADDER(FIELD) };
struct config_posture    { struct config_place place; SETTINGS_POSTURE(FIELD) };
struct config_geoip      { struct config_place place; SETTINGS_GEOIP(FIELD) };
struct config_token      { struct config_place place; SETTINGS_TOKEN(FIELD) };
struct config_postfix    { struct config_place place; SETTINGS_POSTFIX(FIELD) };
struct config {
	struct config_place place;
	SETTINGS_TOP(FIELD)
	/* Found by config_class_of() and the like; made when all is read. */
	unsigned class_default, class_null_sender; /* in classes: both are always there */
	struct config_maps *maps;
	struct config_lists *lists; /* see blocklist.h */
	uint64_t given; /* bit i: row i of SETTINGS_TOP stands in a file, if only as an empty list */
};
/* clang-format on */
#undef FIELD

#define CONFIG_LIMITS_MAX     60   /* rows of limits; more are an error */
#define CONFIG_PROGRAMMES_MAX 32   /* of receivers */
#define CONFIG_BLOCKLISTS_MAX 300  /* of blocklists, and of a catalogue */
#define CONFIG_CODES_MAX      64   /* of a list's codes, and of its errors */
#define CONFIG_ADDRESSES_MAX  64   /* rows of egress.addresses */
#define CONFIG_LIST_MAX       1000 /* rows of the other lists of groups */

/* ---- what is looked up in a snapshot ---- */

/* What decides on a class (semantics 5). */
struct class_query {
	struct span account;     /* the account's key, "login:alice@example.org" */
	struct span domain;      /* of its name, in canonical form, or empty */
	struct span context;     /* policy_context, or empty */
	const struct ip *client; /* NULL: unknown */
	bool is_null_sender;     /* of a trusted client without login */
};
/* The class, as its number in config->classes. */
unsigned config_class_of(const struct config *config, const struct class_query *query);
/* The account that an alias stands for, by keys; an empty span when it is none. */
struct span config_alias_of(const struct config *config, struct span account);
/*
 * A login or sender in canonical form to buf (at least ADDRESS_MAX bytes); returns its length. As
 * address_normalise(), and without its extension where the domain is ours (semantics 2).
 */
size_t config_mailbox(
	const struct config *config, struct span address, const char *login_domain, char *buf);
/* True when the canonical domain is one of local_domains. */
bool config_is_local(const struct config *config, struct span domain);
/* The override of the configuration for an account's key or "domain:example.org", or NULL. */
const struct config_override *config_override_of(
	const struct config *config, struct span key, unsigned limit, wall_t wall);
/* The organisation that receives for a canonical domain: a provider's name, or the domain itself. */
struct span config_provider_of(const struct config *config, struct span domain);
/* True when nobody but a spammer writes to that address (signals.trap_recipients). */
bool config_is_trap(const struct config *config, struct span recipient);
/* The element of egress.addresses that stands for what is found ("auto"), or NULL. */
const struct config_egress_address *config_egress_auto(const struct config *config);
/* When the warm-up of a new address of ours began; WALL_NEVER: it is none. */
wall_t config_warm_up(const struct config *config, const struct ip *egress);
/* The number of the limit with that name, or -1. */
ptrdiff_t config_limit_of(const struct config *config, struct span name);

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
	wall_t wall; /* to tell what is over already; 0: not known, and nothing is told */
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

/*
 * Files of lines (LINES) are looked at by their time and size: true when one is not what was read.
 * Reads no content; call it every few seconds.
 */
bool config_lines_changed(const struct config *config);
/*
 * The same configuration, as it was read, with its files of lines read anew: what else has been
 * edited meanwhile waits for a reload. As config_load().
 */
MUST_CHECK int config_reread_lines(
	const struct config *config, struct config **ret, struct config_report *report);

/*
 * Calls each(ctx, path) for every RESTART setting whose value differs ("listen", "state.directory").
 */
void config_restart_needed(const struct config *running, const struct config *wanted,
	void (*each)(void *ctx, const char *path), void *ctx);

/* What Postfix is set to; NULL or "" where it is not, in main.cf and in every service. */
struct postfix_facts {
	const char *content_filter, *smtpd_proxy_filter;
	const char *const *service; /* of master.cf, those that deliver; none: not known */
	size_t services_n;
};
/*
 * Names in report each action that a Postfix with these facts could not carry out. 0; -EINVAL: there
 * is one.
 */
MUST_CHECK int config_check_postfix(const struct config *config, const struct postfix_facts *facts,
	struct config_report *report);

/* What config_dump() writes. */
enum config_dump {
	CONFIG_DUMP_EFFECTIVE, /* every setting with the value in force; loads to an equal snapshot */
	CONFIG_DUMP_DEFAULTS, /* every setting as a comment: type, bounds, default, what it is */
	CONFIG_DUMP_MANUAL,   /* the settings as a section of an mdoc(7) page */
};
/*
 * Calls put(ctx, line) for every line, without its newline. config may be NULL but for EFFECTIVE.
 * Of secrets only the paths are shown.
 */
void config_dump(const struct config *config, enum config_dump what,
	void (*put)(void *ctx, const char *line), void *ctx);

struct config *config_ref(struct config *config);
/* NULL is fine; the last one frees. */
void config_unref(struct config *config);

/* The schema, for the row test, the sample and the manual. */
/* preset: "(required)" when the setting must be given, NULL when leaving it out means none. */
struct setting_row {
	const char *type, *name, *preset, *low, *high, *reload, *text;
};
struct setting_section {
	const char *name; /* "" for the top, "listen", "classes.match", ... as in a file */
	const struct setting_row *row;
	size_t n;
};
extern const struct setting_section setting_sections[];
extern const size_t setting_sections_n;

#endif
