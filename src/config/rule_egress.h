/* SPDX-License-Identifier: ISC */
/* rule_egress.h - rules for the text of settings about our own addresses and keys; rows of rule.c. */
#ifndef POLICYD_CONFIG_RULE_EGRESS_H
#define POLICYD_CONFIG_RULE_EGRESS_H

#include "policyd/err.h"
#include "policyd/span.h"

MUST_CHECK int rule_selector(struct span text, struct errbuf *err);
MUST_CHECK int rule_warm_up(struct span text, struct errbuf *err);

#endif
