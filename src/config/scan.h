/* SPDX-License-Identifier: ISC */
/*
 * scan.h - a look at the text before libconfig reads it, for what libconfig 1.5 does not tell:
 * integers that do not fit wrap silently (4294967396 becomes 100), a string or comment that is
 * never closed swallows the rest of the file, a NUL byte ends it, deep nesting costs stack, many
 * settings cost quadratic time. It also notes where strings begin, since libconfig tells the line
 * of what follows an element of a list.
 */
#ifndef POLICYD_CONFIG_SCAN_H
#define POLICYD_CONFIG_SCAN_H

#include <stddef.h>

#include "diag.h"

#define SCAN_DEPTH_MAX    16
#define SCAN_SETTINGS_MAX 10000

/* The line on which each string begins, in order; neighbours that libconfig joins count once. */
struct scan_strings {
	unsigned *line;
	size_t n;
};

/*
 * 0: the text may go to libconfig (wrapped integers were told, though). -EINVAL: it must not. place
 * is that of the first line. ret_strings (zero before) is the caller's to free in both cases.
 */
MUST_CHECK int scan_text(struct diag *diag, struct config_place place, struct span text,
	struct scan_strings *ret_strings);

#endif
