/* SPDX-License-Identifier: ISC */
/*
 * schema.h - the rows of setting.def as this module sees them: where a setting's field lies in its
 * struct and how it is read. Every section's struct begins with its struct config_place.
 */
#ifndef POLICYD_CONFIG_SCHEMA_H
#define POLICYD_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/config.h"

/* The preset of a setting that must be given. */
extern const char setting_required[];

/* Elements of a list of strings or networks. */
#define LIST_LENGTH_MAX 10000

enum value_kind {
	VALUE_STRING,
	VALUE_BOOL,
	VALUE_COUNT,
	VALUE_DURATION,
	VALUE_SIZE,
	VALUE_RATE,
	VALUE_PERMISSIONS,
	VALUE_CHOICE,
	VALUE_ACTION,
	VALUE_TREATMENT,
	VALUE_LINES,
	VALUE_SECRET,
	VALUE_NETS,
	VALUE_STRINGS,
	VALUE_SECTION,
	VALUE_LIST,
	VALUE_LATER,
	VALUE_KINDS
};

/* The words of an enum, by its values 0 to n - 1. */
struct choice_set {
	const char *const *word;
	unsigned n;
};

struct schema_section;

struct schema_field {
	enum value_kind kind;
	size_t offset;                      /* of the field in the section's struct */
	size_t offset_n;                    /* LIST: of the field that counts its elements */
	const struct choice_set *choices;   /* CHOICE */
	const struct schema_section *below; /* SECTION, LIST */
};

struct schema_section {
	const char *name;
	const struct setting_row *row;
	const struct schema_field *field; /* one for each row */
	size_t n;
	size_t bytes; /* of its struct */
	size_t max;   /* elements of a LIST of it */
};

extern const struct schema_section schema_top;
extern const struct schema_section schema_catalogue;
extern const struct schema_section schema_programmes;
/* Those below it. */
extern const struct schema_section schema_listen;
extern const struct schema_section schema_limit;
extern const struct schema_section schema_match;
extern const struct schema_section schema_class;
extern const struct schema_section schema_class_ladder;
extern const struct schema_section schema_class_posture;
extern const struct schema_section schema_egress_map;
extern const struct schema_section schema_posture;
extern const struct schema_section schema_override;
extern const struct schema_section schema_provider;
extern const struct schema_section schema_egress_address;
extern const struct schema_section schema_egress;
extern const struct schema_section schema_dns;
extern const struct schema_section schema_blocklist;
extern const struct schema_section schema_blocklist_code;
extern const struct schema_section schema_blocklist_error;
extern const struct schema_section schema_dead_list;
extern const struct schema_section schema_programme;
extern const struct schema_section schema_signals;
extern const struct schema_section schema_signal;
extern const struct schema_section schema_ladder;
extern const struct schema_section schema_geoip;
extern const struct schema_section schema_token;
extern const struct schema_section schema_postfix;
extern const struct schema_section schema_suspension;
extern const struct schema_section schema_state;
extern const struct schema_section schema_control;
extern const struct schema_section schema_record;

/* The number of the row with that name, or -1. */
ptrdiff_t schema_find(const struct schema_section *section, struct span name);

/* True when the preset is none because the setting must be given. */
bool schema_is_required(const struct setting_row *row);

/* The name as messages show it: "limits.rate", or the bare name at the top. */
#define SCHEMA_PATH_SIZE 64
const char *schema_path(const struct schema_section *section, const struct setting_row *row,
	char buf[SCHEMA_PATH_SIZE]);

/* Frees what the fields of a section's struct own, not the struct. */
void schema_release(const struct schema_section *section, void *owner);
/* The same for one field, which is empty afterwards. */
void schema_release_field(const struct schema_field *field, void *owner);

/* The pointer field of a LIST, whatever it points at: its type differs from section to section. */
void *schema_elements(const void *at);
void schema_set_elements(void *at, void *elements);

/* The field itself. */
static inline void *schema_at(const struct schema_field *field, void *owner)
{
	return (char *)owner + field->offset;
}

#endif
