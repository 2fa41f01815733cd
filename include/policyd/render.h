/* SPDX-License-Identifier: ISC */
/*
 * render.h - the data of an answer for people: rows as a table, an object as "key: value" with its
 * lists as tables below, {"text"} alone as the lines of that text. Widths are those of a terminal
 * (wcwidth, so the caller sets LC_CTYPE to UTF-8). Foreign text cannot speak to the terminal: what
 * is not printable is shown as \xNN or \uNNNN.
 */
#ifndef POLICYD_RENDER_H
#define POLICYD_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "policyd/span.h"

struct render {
	FILE *out;
	unsigned
		width; /* of the screen; a wider table is cut, or becomes a block a row. 0: any width */
	bool is_colour;
};

/* columns: of the command's row. */
void render_data(const struct render *render, const char *columns, const json_t *data);

/* Text as it may be printed, for free(); *ret_width (may be NULL): its columns on a terminal. */
char *render_escape(struct span text, size_t *ret_width);

/* Cuts such a text, which is wider, down to width columns, at least 3; its end is "..." then. The new width. */
size_t render_cut(char *text, size_t width);

/*
 * Writes such a text and a newline, broken between words at width; further lines begin after indent
 * blanks, where the first one stands already. A word that is too long stays whole: it may be a link.
 */
void render_wrap(FILE *out, const char *text, size_t indent, size_t width);

/*
 * What "egress" and its like answer, as people want to read it: each listing as a block of its own (a
 * list "listed"), rows that need nobody's attention counted and not shown unless is_whole, members
 * that say nothing left out. Changes data; other data stays as it is. --json does without.
 */
void render_egress(json_t *data, bool is_whole);

#endif
