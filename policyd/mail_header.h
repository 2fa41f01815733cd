/* SPDX-License-Identifier: ISC */
/* mail_header.h - a mail as received elsewhere, for egress check --message FILE. */
#ifndef POLICYD_MAIL_HEADER_H
#define POLICYD_MAIL_HEADER_H

#include <jansson.h>

#include "policyd/err.h"

/*
 * Puts what the header of args' "message" (a file, or "-") says of its signatures in the place of its name: the
 * daemon may not be able to read our files. Without "message" nothing is done. Returns an exit code; err has the
 * text, which names the file.
 */
int mail_header_read(json_t *args, struct errbuf *err);

#endif
