/* SPDX-License-Identifier: ISC */
/* site.h - how what all accounts have in common lies in memory; private to site.c and site_save.c. */
#ifndef POLICYD_SIGNALS_SITE_H
#define POLICYD_SIGNALS_SITE_H

#include "internal.h"

/* Uses: sets of four places; what comes to a full one replaces the least used. */
#define USES_WAYS 4
#define USES_MAX  32768
struct site_use {
	uint32_t id;       /* of a habit and its kind; 0: free */
	uint16_t accounts; /* that it settled with; saturates */
	uint16_t day;      /* when it last did */
};

/* Recipients: a Bloom filter of lines of 512 bits, so that a look costs one line of memory. */
#define BLOOM_WORDS      32768 /* of 64 bits: 256 KiB */
#define BLOOM_LINE_WORDS 8
#define BLOOM_LIFE_S     (60 * 86400)
struct bloom {
	second_t since; /* 0: nothing in it */
	uint32_t set;   /* bits that are set */
	uint64_t word[BLOOM_WORDS];
};

struct site {
	struct site_use use[USES_MAX];
	struct bloom bloom[2]; /* bloom[young] is added to */
	unsigned young;
	second_t since;       /* 0: nothing was learnt yet */
	double novel, judged; /* recipients of young accounts that were new, of so many */
};

/* As it was when it was new. */
void site_clear(struct site *site);
/* A time out of a snapshot: 0 stays 0; others are moved, to 1 at least. */
second_t second_load(struct reader *in, int64_t shift_s);

#endif
