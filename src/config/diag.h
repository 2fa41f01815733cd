/* SPDX-License-Identifier: ISC */
/*
 * diag.h - what loading finds wrong, collected out of order, delivered in the order of the files.
 *
 * The reading order is not the order of the text (required settings and cross-field rules come
 * last), so messages wait here until diag_deliver() sorts them into the report.
 */
#ifndef POLICYD_CONFIG_DIAG_H
#define POLICYD_CONFIG_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/config.h"

/* Beyond this one closing line tells how many more there were. */
#define DIAG_LINES_MAX 1000

struct diag_line {
	char *text;
	size_t file; /* its number in files */
	unsigned line;
	size_t seq;
	bool error, wrapped;
};

struct diag {
	struct config_strings files; /* names in reading order; places point at these */
	bool borrowed;               /* files belong to a snapshot, and are all there are */
	struct diag_line *line;
	size_t n, errors, dropped;
};

/* Frees messages and names; those given to a snapshot must have been taken out of files. */
void diag_deinit(struct diag *diag);

/* Registers a source's name and returns the copy that places point at. */
const char *diag_file(struct diag *diag, const char *name);

/* The copy of a name that is registered already, else as diag_file(). */
const char *diag_file_of(struct diag *diag, const char *name);

/* place.line 0: the message is about the source as a whole and shows no line. */
void diag_error(struct diag *diag, struct config_place place, const char *format, ...)
	PRINTF_LIKE(3, 4);
void diag_warning(struct diag *diag, struct config_place place, const char *format, ...)
	PRINTF_LIKE(3, 4);

/*
 * An integer that does not fit into bits: libconfig goes on with what is left of it, and what the
 * setting has to say about that would only confuse.
 */
void diag_wrapped(struct diag *diag, struct config_place place, struct span number, unsigned bits);
/* True when such a number stands on that line. */
bool diag_is_wrapped(const struct diag *diag, struct config_place place);

/* Moves all messages to the end of the report, sorted by file and line. */
void diag_deliver(struct diag *diag, struct config_report *report);

/* "file:line", or the file alone, to speak of another place in a message. */
#define PLACE_SIZE 256
const char *diag_place(struct config_place place, char buf[PLACE_SIZE]);

/* Foreign text for a message: always in quotes, controls as \xNN, long text cut. */
#define QUOTE_SIZE 96
const char *diag_quote(struct span text, char buf[QUOTE_SIZE]);

#endif
