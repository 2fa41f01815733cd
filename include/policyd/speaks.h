/* SPDX-License-Identifier: ISC */
/*
 * speaks.h - what speaks of an egress: from what lists and the audit of our own house say, the inputs of a posture.
 * All of them anew at each look, so nothing has to be told twice, and nothing can be missed. Pure, as postures are.
 *
 * Of a list only what is of kind behaviour speaks; of policy the operator is told, and neighbours, scores and good
 * words inform (semantics 24). A domain of ours on a list speaks of every egress, but not as loud as an address.
 * What is not known any more speaks only where it did so when it was known: to keep what there is.
 *
 *	postures_look(p, egress, audit, now)       every POSTURES_LOOK_US, and when a verdict has changed
 */
#ifndef POLICYD_SPEAKS_H
#define POLICYD_SPEAKS_H

#include "policyd/audit.h"
#include "policyd/egress.h"
#include "policyd/posture.h"

/* How often, though nobody spoke: listings age, and answers stay away, without a word. */
#define POSTURES_LOOK_US (10 * SECOND_US)
/* The addresses of egress are the egresses, and what is known of them their inputs. */
void postures_look(
	struct postures *p, const struct egress *egress, const struct audit *audit, struct now now);

/* A domain of ours on a list speaks of the domain: what leaves the address for others is not to be held for it. */
#define SPEAKS_DOMAIN_MAX 3

/* ---- one egress ---- */

struct speaks;
/* p tells how loud it was what is not known any more; it must outlive what is made here. */
struct speaks *speaks_new(const struct postures *p, const struct ip *egress);
void speaks_free(struct speaks *s);
/* Takes what speaks of this egress and passes over all else; beyond POSTURE_INPUTS_MAX the least goes. */
void speaks_listing(struct speaks *s, const struct listing *listing);
void speaks_finding(struct speaks *s, const struct audit_finding *finding);
/* What was taken; until the next call. */
const struct posture_input *speaks_inputs(struct speaks *s, size_t *ret_n);

#endif
