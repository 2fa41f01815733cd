/* SPDX-License-Identifier: ISC */
/*
 * culprit.h - who sent what an address of ours stands badly for: when a posture gets worse, the accounts of the
 * hours before it. First those that the ladder speaks against, or would if it were enforced, by step and score: a
 * thief sends less than a newsletter. Then those that sent much more than on a busy day of theirs: who sends as much
 * every day did not make it fall today. Then, for people to see, the others by share. Pure; kept with the postures.
 *
 *	culprits_begin(c, &ip, posture, why, now)         a posture got worse
 *	while (culprits_step(c, engine, now)) ...         in slices; false: nothing is left to do
 */
#ifndef POLICYD_CULPRIT_H
#define POLICYD_CULPRIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/bytes.h"
#include "policyd/engine.h"

#define CULPRITS_MAX   20 /* of one fall */
#define CULPRITS_FALLS 16 /* the oldest goes */
/* From so much of all recipients on, beyond what it usually sends, an account that is not flagged stands out. */
#define CULPRIT_SHARE_MIN 10.0

struct culprit {
	char account[ACCOUNT_KEY_MAX + 1]; /* the key */
	uint64_t used;                     /* recipients in the window */
	double share;                      /* percent of all */
	double score;                      /* then */
	double usual;      /* recipients in such a window when it sends much; 0: not known */
	enum step step;    /* then */
	enum step would;   /* then, were all that is only observed enforced */
	bool is_suspended; /* then, by whomever */
	bool stands_out; /* it was, or would have been, slowed or worse, noted and busy, or sent CULPRIT_SHARE_MIN more than it does */
};
struct fall {
	struct ip egress;
	enum posture posture; /* fell to */
	wall_t at;
	char why[POSTURE_TEXT_SIZE];
	uint64_t recipients; /* of all accounts in the window */
	int64_t window_us;   /* the widest that recipients are counted in; 0: they are not */
	size_t n;
	struct culprit culprit[CULPRITS_MAX]; /* those that stand out first */
};

struct culprits;
struct culprits *culprits_new(void);
void culprits_free(struct culprits *c);
void culprits_begin(struct culprits *c, const struct ip *egress, enum posture posture,
	const char *why, struct now now);
/* Looks at the next slice of accounts; false: all is seen. */
bool culprits_step(struct culprits *c, struct engine *e, struct now now);
/* The i-th fall that has been looked at, newest first; NULL behind the last. Valid until the next call that changes something. */
const struct fall *culprits_at(const struct culprits *c, size_t i);

void culprits_save(const struct culprits *c, struct bytes *out);
MUST_CHECK int culprits_load(struct culprits *c, struct span saved);

#endif
