/* SPDX-License-Identifier: ISC */
/* Which differences of two snapshots a reload cannot bring about. */
#include "show.h"

#include <string.h>

/* Values are the same when they are written the same. */
static bool is_same(const struct schema_section *section, size_t i, const void *a, const void *b)
{
	struct show left = {0}, right = {0};

	show_row(&left, section, i, a);
	show_row(&right, section, i, b);
	bool same = left.text.n == right.text.n &&
		    (left.text.n == 0 || memcmp(left.text.p, right.text.p, left.text.n) == 0);
	text_deinit(&left.text);
	text_deinit(&right.text);
	return same;
}

struct receiver {
	void (*each)(void *ctx, const char *path);
	void *ctx;
};

static void section_compare(const struct schema_section *section, const void *a, const void *b,
	const struct receiver *receiver)
{
	for (size_t i = 0; i < section->n; i++) {
		const struct schema_field *field = &section->field[i];
		char path[SCHEMA_PATH_SIZE];

		/* Each setting of a group has its own word on this. */
		if (field->kind == VALUE_SECTION)
			section_compare(field->below, (const char *)a + field->offset,
				(const char *)b + field->offset, receiver);
		else if (strcmp(section->row[i].reload, "RESTART") == 0 &&
			 !is_same(section, i, a, b))
			receiver->each(receiver->ctx, schema_path(section, &section->row[i], path));
	}
}

void config_restart_needed(const struct config *running, const struct config *wanted,
	void (*each)(void *ctx, const char *path), void *ctx)
{
	section_compare(&schema_top, running, wanted, &(struct receiver){.each = each, .ctx = ctx});
}
