/* SPDX-License-Identifier: ISC */
/* SipHash, written from the paper (section 2); the tests hold vectors. */
#include "policyd/siphash.h"

#include <endian.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return (x << n) | (x >> (64 - n));
}

static inline void sip_round(struct state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void absorb(struct state *s, uint64_t word, int rounds)
{
	s->v3 ^= word;
	for (int i = 0; i < rounds; i++)
		sip_round(s);
	s->v0 ^= word;
}

/* The last n of a text, less than eight. A word that ends with it is read at once where there is one. */
static inline uint64_t last_bytes(struct span text, size_t n)
{
	uint64_t word = 0;
	if (n == 0)
		return 0;
	if (text.n < sizeof(word)) {
		memcpy(&word, text.p, n);
		return le64toh(word);
	}
	memcpy(&word, text.p + text.n - sizeof(word), sizeof(word));
	return le64toh(word) >> (64 - 8 * n);
}

static inline uint64_t siphash(
	const struct siphash_key *key, struct span text, int rounds, int last_rounds)
{
	struct state s = {
		.v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = key->k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t whole = text.n & ~(size_t)7;
	uint64_t word;
	for (size_t i = 0; i < whole; i += 8) {
		memcpy(&word, text.p + i, 8);
		absorb(&s, le64toh(word), rounds);
	}
	absorb(&s, last_bytes(text, text.n - whole) | (uint64_t)text.n << 56, rounds);
	s.v2 ^= 0xff;
	for (int i = 0; i < last_rounds; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash24(const struct siphash_key *key, struct span text)
{
	return siphash(key, text, 2, 4);
}

uint64_t siphash13(const struct siphash_key *key, struct span text)
{
	return siphash(key, text, 1, 3);
}
