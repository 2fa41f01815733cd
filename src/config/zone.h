/* SPDX-License-Identifier: ISC */
/* zone.h - zones of blocklists: domains, in which "<key>" may stand for a secret. */
#ifndef POLICYD_CONFIG_ZONE_H
#define POLICYD_CONFIG_ZONE_H

#include <stdbool.h>

#include "policyd/err.h"
#include "policyd/span.h"

#define ZONE_KEY SPAN("<key>")

/* Where "<key>" begins, or -1. */
ptrdiff_t zone_key_at(struct span zone);
/* 0, or -EINVAL with a hint. */
MUST_CHECK int zone_check(struct span zone, struct errbuf *err);
/* In lower case, without a dot at its end; the caller's to free. */
char *zone_normalise(struct span zone);
/* The zone with key in the place of "<key>"; the caller's to free. */
char *zone_with_key(struct span zone, struct span key);

/* A key: one word of 8 to 63 letters, digits and '-', with blanks around it. 0 or -EINVAL with a hint. */
MUST_CHECK int zone_key_check(struct span content, struct errbuf *err);

#endif
