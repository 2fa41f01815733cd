/* SPDX-License-Identifier: ISC */
/*
 * siphash.h - SipHash, a keyed hash: who does not know the key cannot choose keys that collide.
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012.
 */
#ifndef POLICYD_SIPHASH_H
#define POLICYD_SIPHASH_H

#include <stdint.h>

#include "policyd/span.h"

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash24(const struct siphash_key *key, struct span text);
/*
 * With one round a word and three at the end: what its authors suggest for hash tables, where an
 * attacker never sees a hash, and what several languages use for theirs. Not for what is given out.
 */
uint64_t siphash13(const struct siphash_key *key, struct span text);

#endif
