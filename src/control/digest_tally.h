/* SPDX-License-Identifier: ISC */
/* digest_tally.h - what is counted of many listings (digest.c), and said of them (digest_say.c). */
#ifndef POLICYD_CONTROL_DIGEST_TALLY_H
#define POLICYD_CONTROL_DIGEST_TALLY_H

#include "digest.h"

enum rank {
	RANK_BEHAVIOUR = 0,    /* by severity: 5 is first */
	RANK_POLICY = 5,       /* likewise */
	RANK_NEIGHBOUR = 10,   /* likewise */
	RANK_UNCONFIRMED = 15, /* the last answer said listed, the verdict does not */
	RANK_UNKNOWN,
	RANK_INFORMS, /* a good word or a figure */
	RANK_CLEAN,
	RANK_COUNT
};

static inline bool is_bad(unsigned rank)
{
	return rank < RANK_UNCONFIRMED;
}

#define SUBJECTS_NAMED 5
#define SUBJECT_SIZE   DNS_NAME_SIZE

enum subject_sort { SORT_ADDRESS, SORT_NAME, SORTS };

/* The first of many, with commas, and how many there are. */
struct naming {
	char *text; /* NULL: none */
	size_t n;
};

struct tally {
	const struct digest_query *query;
	size_t rank[RANK_COUNT];
	size_t unknowns;
	size_t subjects[SORTS], clean[SORTS];
	/* Of the subject at hand; they come one after the other. */
	char subject[SUBJECT_SIZE];
	enum subject_sort sort;
	size_t bad, unknown, all;
	struct naming unknown_at; /* those with unknown lists */
	struct naming nowhere;    /* those that no list takes */
	bool is_nothing;          /* nothing was looked up at all */
	bool is_seen[EGRESS_ADDRESSES_MAX];
};

struct lists {
	struct now now;
	size_t enabled, ok;
	unsigned subjects; /* bits 1 << BLOCKLIST_x: what any of them takes */
	json_t *not_ok;
};

/* Something of ours that should be looked up is not. */
static inline bool is_missing(const struct tally *tally)
{
	return tally->nowhere.n && !tally->query->is_one_list;
}

/* All sentences, and the headline. digest has its rows and its status. */
void digest_say(struct digest *digest, const struct tally *tally, const struct lists *lists);

#endif
