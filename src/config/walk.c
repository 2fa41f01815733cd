/* SPDX-License-Identifier: ISC */
/*
 * Walks a tree by the schema and goes on after every error, so that all are told. Values are read
 * in value.c.
 */
#include "walk.h"

#include <assert.h>
#include <stdio.h>

#include "check.h"
#include "policyd/mem.h"
#include "policyd/suggest.h"

static uint64_t bit(size_t i)
{
	assert(i < 64);
	return UINT64_C(1) << i;
}

/* " (known here: a, b, c)"; "" at the top, which has too many. */
static void names_list(const struct schema_section *section, struct errbuf *ret)
{
	size_t used = 0;

	ret->text[0] = '\0';
	for (size_t i = 0; i < section->n && section != &schema_top; i++) {
		int n = snprintf(ret->text + used, sizeof(ret->text) - used, "%s%s%s",
			i == 0 ? " (known here: " : ", ", section->row[i].name,
			i + 1 == section->n ? ")" : "");
		if (n < 0 || (size_t)n >= sizeof(ret->text) - used)
			return;
		used += (size_t)n;
	}
}

void walk_unknown(const struct origin *origin, const struct schema_section *section,
	struct config_place place, struct span name)
{
	bool is_top = section->name[0] == '\0';
	struct suggestion best = {0};
	char shown[QUOTE_SIZE], hint[SUGGEST_TEXT_SIZE];
	struct errbuf names;

	for (size_t i = 0; i < section->n; i++)
		suggest_offer(name, section->row[i].name, &best);
	names_list(section, &names);
	if (is_top && !best.word)
		err_set(&names, ": remove it; the shipped policyd.conf shows all settings");
	diag_error(origin->diag, place, "unknown setting %s%s%s%s", diag_quote(name, shown),
		is_top ? "" : " in ", section->name,
		best.word ? suggest_text(&best, hint) : names.text);
}

void walk_missing(const struct origin *origin, const struct schema_section *section, uint64_t seen,
	struct config_place place)
{
	char path[SCHEMA_PATH_SIZE];

	for (size_t i = 0; i < section->n; i++) {
		const struct setting_row *row = &section->row[i];

		if (!schema_is_required(row) || (seen & bit(i)))
			continue;
		diag_error(origin->diag, place, "%s is missing: add %s = %s; (%s)",
			schema_path(section, row, path), row->name,
			value_sample(section->field[i].kind), row->text);
	}
}

static void walk_group(struct walk *walk, const struct schema_section *section,
	const config_setting_t *group, void *owner, uint64_t *seen)
{
	unsigned n = (unsigned)config_setting_length(group);

	for (unsigned j = 0; j < n; j++) {
		const config_setting_t *setting = config_setting_get_elem(group, j);
		struct span name = span_of(config_setting_name(setting));
		ptrdiff_t i = schema_find(section, name);

		if (i < 0) {
			walk_unknown(
				&walk->origin, section, origin_place(&walk->origin, setting), name);
			continue;
		}
		*seen |= bit((size_t)i);
		walk_row(walk, section, (size_t)i, setting, owner);
	}
}

static void read_scalar(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner)
{
	value_read(&walk->origin, section, i, setting, owner);
}

static void read_later(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner)
{
	bool *is_there = schema_at(&section->field[i], owner);
	char path[SCHEMA_PATH_SIZE];

	if (!*is_there)
		diag_warning(walk->origin.diag, origin_place(&walk->origin, setting),
			"the module for \"%s\" is not built into this policyd; the setting is "
			"ignored",
			schema_path(section, &section->row[i], path));
	*is_there = true;
}

static void read_section(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner)
{
	const struct schema_field *field = &section->field[i];
	struct config_place *place = schema_at(field, owner);
	uint64_t seen = 0;

	if (!config_setting_is_group(setting)) {
		value_complain_type(&walk->origin, section, i, setting);
		return;
	}
	*place = origin_place(&walk->origin, setting);
	walk_group(walk, field->below, setting, place, &seen);
}

/* One group of a list, into its new element. */
static void element_read(struct walk *walk, const struct schema_section *section,
	const config_setting_t *setting, void *element)
{
	struct config_place place = origin_place(&walk->origin, setting);
	uint64_t seen = 0;

	value_preset(section, place, element);
	walk_group(walk, section, setting, element, &seen);
	walk_missing(&walk->origin, section, seen, place);
	if (section == &schema_blocklist)
		((struct config_blocklist *)element)->given = seen;
	/* Where nothing but unknown names stands, enough is told. */
	if (seen || config_setting_length(setting) == 0)
		check_element(walk->origin.diag, section, element, seen);
}

/* Room for one more at the end of the list, zeroed. */
static void *element_add(const struct schema_field *field, void *owner)
{
	size_t bytes = field->below->bytes;
	size_t *n = (void *)((char *)owner + field->offset_n);
	char *elements = xrealloc(schema_elements(schema_at(field, owner)), *n + 1, bytes);
	void *element = elements + *n * bytes;

	schema_set_elements(schema_at(field, owner), elements);
	memset(element, 0, bytes);
	++*n;
	return element;
}

/* The elements of a list that is one. */
static void elements_read(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner)
{
	const struct schema_field *field = &section->field[i];
	const size_t *n = (void *)((char *)owner + field->offset_n);
	unsigned length = (unsigned)config_setting_length(setting);
	const struct origin *origin = &walk->origin;
	char path[SCHEMA_PATH_SIZE];

	for (unsigned j = 0; j < length; j++) {
		const config_setting_t *element = config_setting_get_elem(setting, j);

		if (!config_setting_is_group(element)) {
			value_complain_type(origin, section, i, element);
			continue;
		}
		if (*n >= field->below->max) {
			diag_error(origin->diag, origin_place(origin, element),
				"%s: at most %zu are taken: remove this and those after it",
				schema_path(section, &section->row[i], path), field->below->max);
			return;
		}
		element_read(walk, field->below, element, element_add(field, owner));
	}
}

static void read_list(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner)
{
	const struct origin *origin = &walk->origin;

	if (!config_setting_is_list(setting)) {
		value_complain_type(origin, section, i, setting);
		return;
	}
	if (origin->is_set)
		schema_release_field(&section->field[i], owner);
	if (config_setting_length(setting) == 0 && schema_is_required(&section->row[i]))
		diag_error(origin->diag, origin_place(origin, setting),
			"%s needs at least one element: add { ... }", section->row[i].name);
	elements_read(walk, section, i, setting, owner);
}

typedef void row_read(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner);

static row_read *const row_reads[VALUE_KINDS] = {
	[VALUE_STRING] = read_scalar,
	[VALUE_BOOL] = read_scalar,
	[VALUE_COUNT] = read_scalar,
	[VALUE_DURATION] = read_scalar,
	[VALUE_SIZE] = read_scalar,
	[VALUE_RATE] = read_scalar,
	[VALUE_PERMISSIONS] = read_scalar,
	[VALUE_CHOICE] = read_scalar,
	[VALUE_ACTION] = read_scalar,
	[VALUE_TREATMENT] = read_scalar,
	[VALUE_LINES] = read_scalar,
	[VALUE_SECRET] = read_scalar,
	[VALUE_NETS] = read_scalar,
	[VALUE_STRINGS] = read_scalar,
	[VALUE_SECTION] = read_section,
	[VALUE_LIST] = read_list,
	[VALUE_LATER] = read_later,
};

void walk_row(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner)
{
	row_reads[section->field[i].kind](walk, section, i, setting, owner);
}

void walk_whole(struct walk *walk, const struct schema_section *section,
	const config_setting_t *root, void *owner, uint64_t *seen)
{
	walk_group(walk, section, root, owner, seen);
}

void walk_root(struct walk *walk, const config_setting_t *root)
{
	walk_whole(walk, &schema_top, root, walk->config, &walk->seen);
}
