/* SPDX-License-Identifier: ISC */
/*
 * Values: every type is read from text, be it a preset or a scalar of the tree, so that there is
 * one way in. Not responsible for which settings there are (schema.c) nor for what a text must look
 * like beyond its type (rule.c).
 */
#include "value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "action.h"
#include "choice.h"
#include "policyd/mem.h"
#include "rule.h"
#include "snapshot.h"

/* Paths end at PATH_MAX; nothing else is as long. */
#define TEXT_MAX 4096

/* What a parser knows of its setting. */
struct value {
	const struct setting_row *row;
	const struct schema_field *field;
	const char *path;
	struct span text;
	const struct origin *origin; /* NULL for a preset */
};

struct config_place origin_place(const struct origin *origin, const config_setting_t *setting)
{
	/* The hook has the line where it differs, see tree.c. */
	uintptr_t noted = (uintptr_t)config_setting_get_hook(setting);
	unsigned line = noted ? (unsigned)noted : (unsigned)config_setting_source_line(setting);

	return (struct config_place){.file = origin->file, .line = origin->is_set ? 0 : line};
}

static int parse_string(const struct value *v, void *at, struct errbuf *err)
{
	char **text = at;

	(void)err;
	free(*text);
	*text = xstrndup(v->text.p, v->text.n);
	return 0;
}

static int parse_bool(const struct value *v, void *at, struct errbuf *err)
{
	bool *flag = at;

	(void)err;
	*flag = span_equal(v->text, SPAN("true"));
	return 0;
}

typedef int number_parse(struct span text, uint64_t *ret, struct errbuf *err);

static int count_number(struct span text, uint64_t *ret, struct errbuf *err)
{
	int r = span_to_u64(text, ret);

	if (r != 0)
		err_set(err, "a whole number is expected");
	return r;
}

static int duration_number(struct span text, uint64_t *ret, struct errbuf *err)
{
	int64_t us;
	int r = duration_parse(text, &us, err);

	if (r == 0)
		*ret = (uint64_t)us;
	return r;
}

static int out_of_range(const struct setting_row *row, struct errbuf *err)
{
	if (row->low && row->high)
		err_set(err, "write a value from %s to %s", row->low, row->high);
	else
		err_set(err, "write a value of %s %s", row->low ? "at least" : "at most",
			row->low ? row->low : row->high);
	return -EINVAL;
}

/* A number within the row's bounds, which are written in the same form. */
static int parse_number(
	const struct value *v, number_parse *parse, uint64_t *ret, struct errbuf *err)
{
	uint64_t low = 0, high = UINT64_MAX, n;

	if (v->row->low && parse(span_of(v->row->low), &low, err) != 0)
		return -EINVAL;
	if (v->row->high && parse(span_of(v->row->high), &high, err) != 0)
		return -EINVAL;
	/* A negative one is no number to the parser of counts, but out of range to its reader. */
	if (v->row->low && span_starts(v->text, SPAN("-")))
		return out_of_range(v->row, err);
	if (parse(v->text, &n, err) != 0)
		return -EINVAL;
	if (n < low || n > high)
		return out_of_range(v->row, err);
	*ret = n;
	return 0;
}

static int parse_count(const struct value *v, void *at, struct errbuf *err)
{
	uint32_t *count = at;
	uint64_t n;
	int r = parse_number(v, count_number, &n, err);

	if (r == 0)
		*count = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	return r;
}

static int parse_duration(const struct value *v, void *at, struct errbuf *err)
{
	int64_t *us = at;
	uint64_t n;
	int r = parse_number(v, duration_number, &n, err);

	if (r == 0)
		*us = (int64_t)n;
	return r;
}

static int parse_size(const struct value *v, void *at, struct errbuf *err)
{
	return parse_number(v, size_parse, at, err);
}

static int parse_rate(const struct value *v, void *at, struct errbuf *err)
{
	return rate_parse(v->text, at, err);
}

static int parse_permissions(const struct value *v, void *at, struct errbuf *err)
{
	uint32_t *mode = at;
	uint32_t bits = 0;
	bool fine = v->text.n == 3 || (v->text.n == 4 && v->text.p[0] == '0');

	for (size_t i = 0; i < v->text.n && fine; i++) {
		fine = v->text.p[i] >= '0' && v->text.p[i] <= '7';
		bits = bits * 8 + (uint32_t)(v->text.p[i] - '0');
	}
	if (!fine) {
		err_set(err, "permissions are three octal digits after a 0: write \"0660\"");
		return -EINVAL;
	}
	*mode = bits;
	return 0;
}

static int parse_choice(const struct value *v, void *at, struct errbuf *err)
{
	unsigned choice;
	int r = choice_parse(v->field->choices, v->text, &choice, err);

	/* The fields are enums of different names but one size, see below. */
	if (r == 0)
		memcpy(at, &choice, sizeof(choice));
	return r;
}
static_assert(sizeof(enum unit) == sizeof(unsigned), "choices are copied as unsigned");
static_assert(sizeof(enum key) == sizeof(unsigned), "choices are copied as unsigned");
static_assert(sizeof(enum mode) == sizeof(unsigned), "choices are copied as unsigned");
static_assert(sizeof(enum commit) == sizeof(unsigned), "choices are copied as unsigned");
static_assert(sizeof(enum listing_kind) == sizeof(unsigned), "choices are copied as unsigned");
static_assert(sizeof(enum sends) == sizeof(unsigned), "choices are copied as unsigned");

static int parse_action(const struct value *v, void *at, struct errbuf *err)
{
	return action_parse(v->path, v->text, at, err);
}

static int parse_treatment(const struct value *v, void *at, struct errbuf *err)
{
	return treatment_parse(v->path, v->text, at, err);
}

static int parse_lines(const struct value *v, void *at, struct errbuf *err)
{
	struct config_lines lines;
	int r = lines_read(v->text, v->origin->watch, &lines, err);

	if (r != 0)
		return r;
	diag_file_of(v->origin->diag, lines.path);
	lines_release(at);
	memcpy(at, &lines, sizeof(lines));
	return 0;
}

static int parse_secret(const struct value *v, void *at, struct errbuf *err)
{
	const struct config *known = v->origin->known;
	struct config_secret secret;
	int r = secret_read(v->text, known ? snapshot_secret(known, v->text) : NULL, &secret, err);

	if (r != 0)
		return r;
	r = rule_check_secret(v->path, span_make(secret.bytes, secret.n), secret.path, err);
	if (r != 0) {
		secret_release(&secret);
		return r;
	}
	secret_release(at);
	memcpy(at, &secret, sizeof(secret));
	return 0;
}

/* "192.0.2.1/24" as the network that was meant, for the hint. False when that is not clear. */
static bool net_mask(struct span text, char *buf, size_t size)
{
	ptrdiff_t slash = span_rfind(text, '/');
	char base[IP_TEXT_SIZE];
	uint64_t bits;
	struct ip ip;

	if (slash < 0 || ip_parse(span_make(text.p, (size_t)slash), &ip) != 0 ||
		span_to_u64(span_make(text.p + slash + 1, text.n - (size_t)slash - 1), &bits) != 0)
		return false;
	for (unsigned bit = (unsigned)bits + (ip_is_v4(&ip) ? 96 : 0); bit < 128; bit++)
		ip.byte[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	return snprintf(buf, size, "%s/%u", ip_format(&ip, base), (unsigned)bits) > 0;
}

/* Appends one network. */
static int parse_net(const struct value *v, void *at, struct errbuf *err)
{
	struct config_nets *nets = at;
	char right[IP_TEXT_SIZE + 8];
	struct ip_net net;
	int r = ip_net_parse(v->text, &net);

	if (r == -ERANGE && net_mask(v->text, right, sizeof(right)))
		err_set(err, "bits are set beyond the prefix: write \"%s\"", right);
	else if (r != 0)
		err_set(err, "this is no network: write \"192.0.2.0/24\" or \"2001:db8::/48\"");
	if (r != 0)
		return -EINVAL;
	nets->net = xrealloc(nets->net, nets->n + 1, sizeof(*nets->net));
	nets->net[nets->n++] = net;
	return 0;
}

/* Appends one string. */
static int parse_one_string(const struct value *v, void *at, struct errbuf *err)
{
	struct config_strings *strings = at;

	(void)err;
	strings->text = xrealloc(strings->text, strings->n + 1, sizeof(*strings->text));
	strings->text[strings->n++] = xstrndup(v->text.p, v->text.n);
	return 0;
}

/* How each kind is written and read; those without a parser are walked in walk.c. */
static const struct kind_row {
	int (*parse)(const struct value *v, void *at, struct errbuf *err);
	const char *expected;
	const char *sample; /* when there is no preset to show */
} kinds[VALUE_KINDS] = {
	[VALUE_STRING] = {parse_string, "a string", "\"...\""},
	[VALUE_BOOL] = {parse_bool, "true or false", "true"},
	[VALUE_COUNT] = {parse_count, "a whole number without quotes", "1"},
	[VALUE_DURATION] = {parse_duration, "a duration in quotes", "\"1h\""},
	[VALUE_SIZE] = {parse_size, "a size in quotes", "\"10M\""},
	[VALUE_RATE] = {parse_rate, "a rate in quotes, N/window, N/message or unlimited,",
		"\"200/1h\""},
	[VALUE_PERMISSIONS] = {parse_permissions, "a string of octal digits", "\"0660\""},
	[VALUE_CHOICE] = {parse_choice, "a word in quotes", "\"...\""},
	[VALUE_ACTION] = {parse_action, "an action in quotes", "\"REJECT\""},
	[VALUE_TREATMENT] = {parse_treatment, "a treatment in quotes", "\"50%\""},
	[VALUE_LINES] = {parse_lines, "the path of a file in quotes", "\"/etc/policyd/...\""},
	[VALUE_SECRET] = {parse_secret, "the path of a file in quotes", "\"/etc/policyd/...\""},
	[VALUE_NETS] = {parse_net, "a list of networks", "[ \"192.0.2.0/24\", \"2001:db8::/48\" ]"},
	[VALUE_STRINGS] = {parse_one_string, "a list of strings", "[ \"...\", \"...\" ]"},
	[VALUE_SECTION] = {NULL, "a group", "{ ... }"},
	[VALUE_LIST] = {NULL, "a list of groups", "( { ... }, { ... } )"},
};

const char *value_sample(enum value_kind kind)
{
	return kinds[kind].sample;
}

void value_complain_type(const struct origin *origin, const struct schema_section *section,
	size_t i, const config_setting_t *setting)
{
	const struct setting_row *row = &section->row[i];
	const struct kind_row *kind = &kinds[section->field[i].kind];
	const char *quote = kind->sample[0] == '"' ? "\"" : "";
	char path[SCHEMA_PATH_SIZE];

	if (row->preset && !schema_is_required(row))
		diag_error(origin->diag, origin_place(origin, setting),
			"%s: %s is expected, as in %s = %s%s%s;", schema_path(section, row, path),
			kind->expected, row->name, quote, row->preset, quote);
	else
		diag_error(origin->diag, origin_place(origin, setting),
			"%s: %s is expected, as in %s = %s;", schema_path(section, row, path),
			kind->expected, row->name, kind->sample);
}

static int text_check(struct span text, struct errbuf *err)
{
	if (text.n == 0) {
		err_set(err, "empty: leave the setting out instead");
		return -EINVAL;
	}
	if (text.n > TEXT_MAX) {
		err_set(err, "longer than %d bytes: shorten it", TEXT_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c < 0x20 || c == 0x7f) {
			err_set(err, "control characters are not taken: remove them");
			return -EINVAL;
		}
	}
	return 0;
}

/* Checks and parses one text; at is the field. */
static void value_accept(
	const struct origin *origin, const struct value *v, struct config_place place, void *at)
{
	struct errbuf err = {0};
	char shown[QUOTE_SIZE];
	int r = text_check(v->text, &err);

	if (r == 0)
		r = rule_check(v->path, v->text, &err);
	if (r == RULE_WARNS) {
		diag_warning(origin->diag, place, "%s %s: %s", v->path, diag_quote(v->text, shown),
			err.text);
		r = 0;
	}
	if (r == 0)
		r = kinds[v->field->kind].parse(v, at, &err);
	if (r == 0 || (v->field->kind == VALUE_COUNT && diag_is_wrapped(origin->diag, place)))
		return;
	/* A path is shown whole: whoever reads the message wants to go there. */
	bool is_path = v->field->kind == VALUE_LINES || v->field->kind == VALUE_SECRET;
	if (is_path)
		diag_error(origin->diag, place, "%s \"%s\": %s", v->path, v->text.p, err.text);
	else
		diag_error(origin->diag, place, "%s %s: %s", v->path,
			v->field->kind == VALUE_COUNT ? v->text.p : diag_quote(v->text, shown),
			err.text);
}

/* A scalar of the tree as text; buf holds it when it is a number. False: not of the kind's type. */
#define NUMBER_SIZE 24
static bool scalar_text(enum value_kind kind, const config_setting_t *setting,
	char buf[NUMBER_SIZE], struct span *ret)
{
	int type = config_setting_type(setting);

	if (kind == VALUE_BOOL && type == CONFIG_TYPE_BOOL) {
		*ret = span_of(config_setting_get_bool(setting) ? "true" : "false");
		return true;
	}
	if (kind == VALUE_COUNT && (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)) {
		if (snprintf(buf, NUMBER_SIZE, "%lld", config_setting_get_int64(setting)) < 0)
			return false;
		*ret = span_of(buf);
		return true;
	}
	if (kind == VALUE_BOOL || kind == VALUE_COUNT || type != CONFIG_TYPE_STRING)
		return false;
	*ret = span_of(config_setting_get_string(setting));
	return true;
}

static void read_elements(const struct origin *origin, const struct schema_section *section,
	size_t i, const config_setting_t *list, void *owner)
{
	const struct schema_field *field = &section->field[i];
	char path[SCHEMA_PATH_SIZE];
	struct value v = {
		.row = &section->row[i],
		.field = field,
		.path = schema_path(section, &section->row[i], path),
		.origin = origin,
	};
	unsigned n = (unsigned)config_setting_length(list);

	if (origin->is_set)
		schema_release_field(field, owner);
	if (n > LIST_LENGTH_MAX) {
		diag_error(origin->diag, origin_place(origin, list),
			"%s: a list has at most %d elements, this one has %u: remove some", v.path,
			LIST_LENGTH_MAX, n);
		return;
	}
	for (unsigned j = 0; j < n; j++) {
		const config_setting_t *element = config_setting_get_elem(list, j);
		if (scalar_text(field->kind, element, NULL, &v.text))
			value_accept(
				origin, &v, origin_place(origin, element), schema_at(field, owner));
		else
			value_complain_type(origin, section, i, element);
	}
}

void value_read(const struct origin *origin, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner)
{
	const struct schema_field *field = &section->field[i];
	bool wants_list = field->kind == VALUE_NETS || field->kind == VALUE_STRINGS;
	char path[SCHEMA_PATH_SIZE], number[NUMBER_SIZE];
	struct value v = {
		.row = &section->row[i],
		.field = field,
		.path = schema_path(section, &section->row[i], path),
		.origin = origin,
	};

	if (wants_list && (config_setting_is_list(setting) || config_setting_is_array(setting)))
		read_elements(origin, section, i, setting, owner);
	else if (!wants_list && scalar_text(field->kind, setting, number, &v.text))
		value_accept(origin, &v, origin_place(origin, setting), schema_at(field, owner));
	else
		value_complain_type(origin, section, i, setting);
}

void value_preset(const struct schema_section *section, struct config_place place, void *owner)
{
	struct config_place *own_place = owner;

	*own_place = place;
	for (size_t i = 0; i < section->n; i++) {
		const struct schema_field *field = &section->field[i];
		const struct setting_row *row = &section->row[i];
		char path[SCHEMA_PATH_SIZE];
		struct value v = {
			.row = row,
			.field = field,
			.path = schema_path(section, row, path),
			.text = span_of(row->preset),
		};
		int r;

		if (field->kind == VALUE_SECTION)
			value_preset(field->below, place, schema_at(field, owner));
		if (field->kind == VALUE_ACTION || field->kind == VALUE_TREATMENT)
			schema_release_field(field, owner);
		if (!row->preset || schema_is_required(row))
			continue;
		r = kinds[field->kind].parse(&v, schema_at(field, owner), NULL);
		assert(r == 0);
	}
}
