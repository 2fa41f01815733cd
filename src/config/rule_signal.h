/* SPDX-License-Identifier: ISC */
/* rule_signal.h - rules for the text of settings about signals and the ladder; rows of rule.c. */
#ifndef POLICYD_CONFIG_RULE_SIGNAL_H
#define POLICYD_CONFIG_RULE_SIGNAL_H

#include "policyd/err.h"
#include "policyd/span.h"

/* The number of the row of signal.def with that name, or -1. */
int rule_signal_find(struct span name);

MUST_CHECK int rule_signal_name(struct span text, struct errbuf *err);
MUST_CHECK int rule_country(struct span text, struct errbuf *err);
MUST_CHECK int rule_trap(struct span text, struct errbuf *err);
MUST_CHECK int rule_slow_rate(struct span text, struct errbuf *err);
MUST_CHECK int rule_max_auto(struct span text, struct errbuf *err);

#endif
