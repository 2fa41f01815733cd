/* SPDX-License-Identifier: ISC */
/* ledger_internal.h - what the files of the ledger share. */
#ifndef POLICYD_POSTURE_LEDGER_INTERNAL_H
#define POLICYD_POSTURE_LEDGER_INTERNAL_H

#include "policyd/ledger.h"

#define LEDGER_EFFECTS_MAX 256
#define LEDGER_SUBJECT_MAX 253

struct ledger_row {
	struct ledger_entry entry;
	uint32_t hash; /* of subject and list: each listing of each look is looked up */
};

/* An effect that nobody has taken yet. */
struct ledger_news {
	struct ledger_news *next;
	enum event_kind kind;
	wall_t at;
	char *account, *limit, *reason;
	bool is_event, is_grave;
};

struct ledger {
	struct ledger_row *row[LEDGER_MAX]; /* last changed first */
	size_t n;
	struct programme_entry *programme[LEDGER_PROGRAMMES_MAX]; /* likewise */
	size_t programme_n;
	struct ledger_news *news, **news_end, *given;
	size_t news_n;
	uint64_t dropped;
	bool is_dirty;
};

/* ---- ledger.c ---- */

/* The row of that name as the first, made if need be: what matters least may go for it. */
struct ledger_row *ledger_row_made(struct ledger *l, struct span subject, struct span list);
bool ledger_is_sound(struct span text, size_t max);
/* Takes the place of *text. */
void ledger_text_set(char **text, struct span value, size_t max);

/* ---- ledger_programme.c ---- */

struct programme_entry *programme_made(struct ledger *l, struct span name);
void programmes_free(struct ledger *l);
void programmes_tick(struct ledger *l, wall_t wall);
/* When the next of them has something to tell; WALL_NEVER: none. */
wall_t programmes_next(const struct ledger *l);

/* ---- ledger_news.c ---- */

struct ledger_news_new {
	enum event_kind kind;
	struct span subject; /* an address, a domain, a programme */
	const char *limit;
	wall_t at;
	bool is_event, is_grave;
};
void ledger_news_add(struct ledger *l, const struct ledger_news_new *new, const char *format, ...)
	PRINTF_LIKE(3, 4);
void ledger_news_free(struct ledger *l);
/* "3d", "5h", "12m". */
#define LEDGER_STRETCH_SIZE 32
const char *ledger_stretch(int64_t us, char buf[LEDGER_STRETCH_SIZE]);

#endif
