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
	unsigned width; /* of the screen; a wider table becomes one block a row. 0: any width */
	bool is_colour;
};

/* columns: of the command's row. */
void render_data(const struct render *render, const char *columns, const json_t *data);

/* Text as it may be printed, for free(); *ret_width (may be NULL): its columns on a terminal. */
char *render_escape(struct span text, size_t *ret_width);

#endif
