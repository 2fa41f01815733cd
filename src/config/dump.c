/* SPDX-License-Identifier: ISC */
/* config_dump(): texts of show.c and manual.c, line by line. */
#include <string.h>

#include "manual.h"
#include "show.h"

static void effective(struct text *ret, const struct config *config)
{
	struct show show = {.with_places = true, .with_unset = true};

	for (size_t i = 0; i < schema_top.n; i++)
		show_row(&show, &schema_top, i, config);
	*ret = show.text;
}

/* Ends each line in place. */
static void put_lines(struct text *text, void (*put)(void *ctx, const char *line), void *ctx)
{
	char *end = text->p + text->n;

	for (char *line = text->p, *newline; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			return;
		*newline = '\0';
		put(ctx, line);
	}
}

void config_dump(const struct config *config, enum config_dump what,
	void (*put)(void *ctx, const char *line), void *ctx)
{
	struct text text = {0};

	switch (what) {
	case CONFIG_DUMP_EFFECTIVE:
		effective(&text, config);
		break;
	case CONFIG_DUMP_DEFAULTS:
		manual_defaults(&text);
		break;
	case CONFIG_DUMP_MANUAL:
		manual_page(&text);
		break;
	}
	put_lines(&text, put, ctx);
	text_deinit(&text);
}
