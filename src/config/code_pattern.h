/* SPDX-License-Identifier: ISC */
/* code_pattern.h - what patterns of codes have to do with each other. They are read in code_pattern.c. */
#ifndef POLICYD_CONFIG_CODE_PATTERN_H
#define POLICYD_CONFIG_CODE_PATTERN_H

#include "policyd/blocklist.h"

/* True when a code of one is, or may be, one of the other. */
bool code_pattern_meets(const struct code_pattern *a, const struct code_pattern *b);
/* True when all codes of part are codes of whole. */
bool code_pattern_covers(const struct code_pattern *whole, const struct code_pattern *part);

/* As code_pattern_parse(), with a hint. */
MUST_CHECK int code_pattern_read(struct span text, struct code_pattern *ret, struct errbuf *err);

#endif
