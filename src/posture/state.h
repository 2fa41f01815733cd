/* SPDX-License-Identifier: ISC */
/*
 * state.h - the form of what outlives the process; save.c writes it, load.c reads it.
 *
 * Records in records (bytes.h): STATE_ALL holds the others, a STATE_STATION holds what is known of one egress.
 * Points in time are how long ago they were when it was written, so that they go on while nobody runs; a
 * wall clock that was set back in between makes no time pass.
 */
#ifndef POLICYD_POSTURE_STATE_H
#define POLICYD_POSTURE_STATE_H

#include "internal.h"

#define STATE_FORMAT 1

enum state_record {
	STATE_ALL = 1,
	STATE_HEADER, /* format, wall clock */
	STATE_STATION,
};

enum state_station_record {
	STATE_WHOLE = 1, /* its address, since when it is away, its standing */
	STATE_PERSON,
	STATE_CAUSE,
	STATE_RECEIVER, /* its points as the bits of a double: where they were and when, to the last digit */
};

/* Bits of flags. */
enum state_flag {
	STATE_IS_AWAY = 1,
	STATE_IS_CALM = 2,
	STATE_IS_UNKNOWN = 4,
	STATE_IS_OVER = 8,
};

#endif
