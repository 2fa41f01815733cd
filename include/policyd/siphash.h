/* SPDX-License-Identifier: ISC */
/*
 * siphash.h - SipHash-2-4, a keyed hash: who does not know the key cannot choose keys that collide.
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

#endif
