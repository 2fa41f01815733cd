/* SPDX-License-Identifier: ISC */
/*
 * state.h - the form of what outlives the process; save.c writes it, load.c reads it.
 *
 * Records in records (bytes.h): STATE_ALL holds the others, a STATE_LIST holds its head and what is known
 * of its subjects. Points in time are how long ago they were when it was written, so that they go on while
 * nobody runs; a wall clock that was set back in between makes no time pass.
 */
#ifndef POLICYD_EGRESS_STATE_H
#define POLICYD_EGRESS_STATE_H

#include "internal.h"

#define STATE_FORMAT 1

enum state_record {
	STATE_ALL = 1,
	STATE_HEADER,  /* format, wall clock */
	STATE_FOUND,   /* an address that "auto" came to */
	STATE_NOTE,    /* and what it had to say */
	STATE_PTR,     /* the names of an address */
	STATE_SUBJECT, /* a text; records name it by its number */
	STATE_LIST,
};

enum state_list_record {
	STATE_LIST_HEAD = 1,
	STATE_LIST_RECORD, /* of a subject, by number */
	STATE_LIST_PARKED, /* of a subject that is not there, by text */
};

/* Bits of a record's flags. */
enum state_flag {
	STATE_WAS_LISTED = 1,
	STATE_HAS_COUNTED = 2,
	STATE_WANTS_TEXT = 4,
	STATE_HAS_RECHECK = 8,
	STATE_HAS_DETAIL = 16,
};

#endif
