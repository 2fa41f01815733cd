/* SPDX-License-Identifier: ISC */
/*
 * What requests showed of late: the recipients of a message, and most messages of an account, come with
 * the same client, program, login and sender, and to hash those again is much of what a look costs.
 *
 * A text has a pair of places: it takes the first, whoever had that the second. What is kept is what
 * marks_make() would say, so that nothing depends on what was kept and what was not.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "judging.h"
#include "policyd/mem.h"

#define KEPT_N       16384 /* as many as a large site has accounts: five megabytes */
#define KEPT_TEXT    248   /* a multiple of 8 */
#define KEPT_LENGTHS 5
/* Of the numbers before the texts. */
#define KEPT_HEAD (sizeof(uint32_t) + 2 + 2 + KEPT_LENGTHS)

struct kept {
	uint64_t n; /* of text; 0: free */
	uint64_t habit[HABIT_KINDS];
	char text[KEPT_TEXT];
};

struct marks_kept {
	struct kept kept[KEPT_N];
};

struct marks_kept *marks_kept_new(void)
{
	return xcalloc(1, sizeof(struct marks_kept));
}

void marks_kept_free(struct marks_kept *kept)
{
	free(kept);
}

void marks_kept_clear(struct marks_kept *kept)
{
	/* What was never written takes no memory yet. */
	for (unsigned i = 0; i < KEPT_N; i++) {
		if (kept->kept[i].n)
			kept->kept[i].n = 0;
	}
}

/*
 * All that marks_of() looks at but the recipient, padded with zeros to 8. 0: it does not fit. Whose own
 * sender it is does not matter.
 */
static size_t text_of(const struct sight *sight, char text[KEPT_TEXT])
{
	const struct request *r = sight->request;
	const struct subject *subject = sight->subject;
	const struct span part[KEPT_LENGTHS] = {r->client_address, r->helo_name, r->sasl_method,
		r->sender, account_name_key(&subject->name)};
	bool is_own = marks_plainly_own(sight);
	unsigned parts = is_own ? KEPT_LENGTHS - 2 : KEPT_LENGTHS;
	size_t n = KEPT_HEAD;
	memset(text, 0, KEPT_HEAD);
	memcpy(text, &r->geo.asn, sizeof(r->geo.asn));
	memcpy(text + 4, r->geo.country, sizeof(r->geo.country));
	text[6] = (char)is_own;
	text[7] = (char)subject->is_relayed;
	for (unsigned i = 0; i < parts; i++) {
		if (part[i].n > KEPT_TEXT - 8 - n)
			return 0;
		text[8 + i] = (char)part[i].n;
		if (part[i].n)
			memcpy(text + n, part[i].p, part[i].n);
		n += part[i].n;
	}
	memset(text + n, 0, 8);
	return (n + 7) & ~(size_t)7;
}

/* Not keyed: who makes two texts meet makes them cost what they would cost without. */
static size_t place_of(const char *text, size_t n)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < n; i += sizeof(hash)) {
		uint64_t word;
		memcpy(&word, text + i, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (size_t)(hash % (KEPT_N / 2) * 2);
}

static bool kept_is(const struct kept *kept, const char *text, size_t n)
{
	return kept->n == n && memcmp(kept->text, text, n) == 0;
}

void marks_look_up(const struct signals *s, const struct sight *sight, struct seen *ret)
{
	char text[KEPT_TEXT];
	size_t n = text_of(sight, text);
	struct kept *kept = &s->kept->kept[n ? place_of(text, n) : 0];
	fetch(kept, offsetof(struct kept, text) + n);
	ret->recipient = mark_recipient(s, sight->request->recipient);
	if (n == 0) {
		marks_make(s, sight, ret);
	} else if (kept_is(&kept[0], text, n)) {
		memcpy(ret->habit, kept[0].habit, sizeof(ret->habit));
	} else if (kept_is(&kept[1], text, n)) {
		memcpy(ret->habit, kept[1].habit, sizeof(ret->habit));
	} else {
		marks_make(s, sight, ret);
		kept[1] = kept[0];
		kept[0].n = n;
		memcpy(kept[0].habit, ret->habit, sizeof(ret->habit));
		memcpy(kept[0].text, text, n);
	}
}
