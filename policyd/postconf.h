/* SPDX-License-Identifier: ISC */
/* postconf.h - one run of postconf(1), without a shell, for at most 5 seconds and 64 KiB. */
#ifndef POLICYD_POSTCONF_H
#define POLICYD_POSTCONF_H

#include "policyd/err.h"
#include "policyd/span.h"

/*
 * What it prints with these arguments (at most 12; NULL ends them), NUL-terminated, for free(). directory:
 * where main.cf is; NULL: where postconf looks by itself. 0; -ENOENT: there is no postconf; other
 * negatives: it failed, err says how. Blocks.
 */
MUST_CHECK int postconf_ask(
	const char *directory, const char *const more[], char **ret, struct errbuf *err);
/* Takes the next line off, trimmed. False at the end. */
bool postconf_line(struct span *rest, struct span *ret);
/* "name = value"; what is none is a name without value. */
void postconf_pair(struct span line, struct span *ret_name, struct span *ret_value);

/* Ends what runs, and whatever is asked later: for a stop that must not wait for it. From any thread. */
void postconf_stop(void);

#endif
