/* SPDX-License-Identifier: ISC */
/* rule_posture.h - rules for the text of settings about postures; rows of rule.c. */
#ifndef POLICYD_CONFIG_RULE_POSTURE_H
#define POLICYD_CONFIG_RULE_POSTURE_H

#include "policyd/err.h"
#include "policyd/span.h"

/* Steps of posture.ramp. */
#define RAMP_MAX 16

MUST_CHECK int rule_ramp(struct span text, struct errbuf *err);
/* "25%" as 25; 0: it is no share of a ramp. */
unsigned rule_ramp_share(struct span text);

#endif
