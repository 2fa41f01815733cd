/* SPDX-License-Identifier: ISC */
/* The one place that hands text to libconfig. What the settings mean is walk.c's business. */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"
#include "scan.h"

/* What to do about libconfig's messages; it tells the line of the token after the mistake. */
static const struct remedy {
	const char *message;
	const char *text;
} remedies[] = {
	{"syntax error", "look for a missing ';', quote or bracket here or on the line before"},
	{"duplicate setting name", "a setting stands once in a group; remove one of them"},
	{"mismatched element type in array",
		"the elements of [ ] are all of one type; quote them all"},
};

static const char *remedy_of(const char *message)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		if (strcmp(remedies[i].message, message) == 0)
			return remedies[i].text;
	}
	return "see the libconfig manual";
}

/*
 * libconfig notes for an element of a list the line of the token that follows it. The scan saw the
 * strings in the same order as they stand in the tree, so their true lines go into the hooks. Depth
 * is bounded by the scan.
 */
static size_t lines_note(config_setting_t *group, const struct scan_strings *strings, size_t next)
{
	unsigned n = (unsigned)config_setting_length(group);

	for (unsigned i = 0; i < n; i++) {
		config_setting_t *setting = config_setting_get_elem(group, i);

		if (config_setting_is_aggregate(setting))
			next = lines_note(setting, strings, next);
		if (config_setting_type(setting) != CONFIG_TYPE_STRING || next >= strings->n)
			continue;
		if (!config_setting_name(setting))
			config_setting_set_hook(setting, (void *)(uintptr_t)strings->line[next]);
		next++;
	}
	return next;
}

static int text_parse(const struct origin *origin, const char *text, config_t *tree)
{
	struct config_place place = {.file = origin->file};

	config_init(tree);
	if (config_read_string(tree, text) == CONFIG_TRUE)
		return 0;
	place.line = origin->is_set ? 0 : (unsigned)config_error_line(tree);
	diag_error(origin->diag, place, "%s: %s", config_error_text(tree),
		remedy_of(config_error_text(tree)));
	config_destroy(tree);
	return -EINVAL;
}

int tree_parse(const struct origin *origin, struct span text, config_t *tree)
{
	struct config_place begin = {.file = origin->file, .line = origin->is_set ? 0 : 1};
	struct scan_strings strings = {0};
	int r = scan_text(origin->diag, begin, text, &strings);
	char *copy;

	if (r == 0) {
		/* libconfig 1.5 calls a comment that ends without newline a syntax error. */
		copy = xmalloc(text.n + 2);
		if (text.n)
			memcpy(copy, text.p, text.n);
		memcpy(copy + text.n, "\n", 2);
		r = text_parse(origin, copy, tree);
		free(copy);
	}
	if (r == 0)
		(void)lines_note(config_root_setting(tree), &strings, 0);
	free(strings.line);
	return r;
}
