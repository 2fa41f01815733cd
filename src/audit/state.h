/* SPDX-License-Identifier: ISC */
/*
 * state.h - the form of what outlives the process; save.c writes it, load.c reads it.
 *
 * Records in records (bytes.h): STATE_ALL holds the others, a STATE_UNIT its head and its findings. Points
 * in time are how long ago they were when it was written, so that they go on while nobody runs; a wall clock
 * that was set back in between makes no time pass.
 */
#ifndef POLICYD_AUDIT_STATE_H
#define POLICYD_AUDIT_STATE_H

#include "internal.h"

#define STATE_FORMAT 1

enum state_record {
	STATE_ALL = 1,
	STATE_HEADER,   /* format, wall clock */
	STATE_VOLUME,   /* a domain, and how much is sent for it */
	STATE_SELECTOR, /* a key that was seen */
	STATE_UNIT,
};

enum state_unit_record { STATE_UNIT_HEAD = 1, STATE_UNIT_FINDING };

#endif
