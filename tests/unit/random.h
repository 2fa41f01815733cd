/* SPDX-License-Identifier: ISC */
/*
 * random.h - chance for property tests: a new seed each run, printed, and taken from POLICYD_TEST_SEED when a
 * failure is to be seen again.
 */
#ifndef POLICYD_TEST_RANDOM_H
#define POLICYD_TEST_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct chance {
	uint64_t state;
};

static inline struct chance chance_new(const char *test)
{
	struct chance chance = {0};
	const char *given = getenv("POLICYD_TEST_SEED");
	if (given)
		chance.state = strtoull(given, NULL, 0);
	else if (getrandom(&chance.state, sizeof(chance.state), 0) != sizeof(chance.state))
		chance.state = 1;
	fprintf(stderr, "# %s: POLICYD_TEST_SEED=%" PRIu64 "\n", test, chance.state);
	return chance;
}

/* splitmix64 (S. Vigna, 2015) */
static inline uint64_t chance_next(struct chance *chance)
{
	uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 to n - 1. */
static inline uint32_t chance_below(struct chance *chance, uint32_t n)
{
	return (uint32_t)(chance_next(chance) % n);
}

#endif
