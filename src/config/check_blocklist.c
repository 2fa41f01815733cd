/* SPDX-License-Identifier: ISC */
/* What the codes of one blocklist demand of each other. What a code may be is rule_list.c's business. */
#include "code_pattern.h"
#include "lists.h"

static bool pattern_of(const char *code, struct code_pattern *ret)
{
	return code && code_pattern_parse(span_of(code), ret) == 0;
}

static void check_overlap(struct diag *diag, const struct config_blocklist *row, size_t i)
{
	const struct config_blocklist_code *code = &row->codes[i];
	struct code_pattern a, b;
	char place[PLACE_SIZE];

	if (!pattern_of(code->code, &a))
		return;
	for (size_t j = 0; j < i; j++) {
		const struct config_blocklist_code *other = &row->codes[j];

		if (!pattern_of(other->code, &b) || !code_pattern_meets(&a, &b))
			continue;
		diag_warning(diag, code->place,
			"blocklists.codes.code \"%.60s\" has codes of \"%.60s\" at %s too: let "
			"each "
			"code be in one of them",
			code->code, other->code, diag_place(other->place, place));
		return;
	}
}

/* Errors come first: such a listing would never be seen. */
static void check_hidden(struct diag *diag, const struct config_blocklist *row, size_t i)
{
	const struct config_blocklist_code *code = &row->codes[i];
	struct code_pattern a, b;
	char place[PLACE_SIZE];

	if (!pattern_of(code->code, &a))
		return;
	for (size_t j = 0; j < row->errors_n; j++) {
		const struct config_blocklist_error *error = &row->errors[j];

		if (!pattern_of(error->code, &b) || !code_pattern_covers(&b, &a))
			continue;
		diag_warning(diag, code->place,
			"blocklists.codes.code \"%.60s\" is an error by errors.code \"%.60s\" at "
			"%s: "
			"remove one of them",
			code->code, error->code, diag_place(error->place, place));
		return;
	}
}

void check_blocklist(struct diag *diag, const struct config_blocklist *row)
{
	for (size_t i = 0; i < row->codes_n; i++) {
		check_overlap(diag, row, i);
		check_hidden(diag, row, i);
	}
}
