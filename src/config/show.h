/* SPDX-License-Identifier: ISC */
/* show.h - settings back as configuration text, whatever their kind. */
#ifndef POLICYD_CONFIG_SHOW_H
#define POLICYD_CONFIG_SHOW_H

#include "policyd/err.h"
#include "schema.h"

/* A text that grows; zero is empty. */
struct text {
	char *p; /* NUL-terminated; NULL while empty */
	size_t n, room;
};
void text_add(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_deinit(struct text *text);

struct show {
	struct text text;
	unsigned depth;
	bool with_places; /* where a group came from, as a comment behind its bracket */
	bool with_unset;  /* a comment for each setting that has no value */
};

/*
 * Appends "name = value;" and a newline, groups over several lines; what has no value is left out or a
 * comment. Of a secret only the path shows.
 */
void show_row(struct show *show, const struct schema_section *section, size_t i, const void *owner);

#endif
