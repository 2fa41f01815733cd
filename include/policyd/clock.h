/* SPDX-License-Identifier: ISC */
/*
 * clock.h - points in time as values. Nothing here (nor in any core module) reads a clock: the rim
 * does, and hands a struct now down with each call, so the same code runs live, in tests, and in
 * virtual time.
 *
 * Monotonic and wall time are different types, so that mixing them does not compile. Limits and
 * timers use mono; people, the store and the log see wall. Both count microseconds.
 */
#ifndef POLICYD_CLOCK_H
#define POLICYD_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/span.h"

/* Monotonic: runs on through suspend (CLOCK_BOOTTIME), never steps, origin means nothing. */
typedef struct {
	int64_t us;
} mono_t;

/* UTC since 1970-01-01; may step. */
typedef struct {
	int64_t us;
} wall_t;

struct now {
	mono_t mono;
	wall_t wall;
};

#define MSEC_US   INT64_C(1000)
#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

static inline mono_t mono_min(mono_t a, mono_t b)
{
	return a.us < b.us ? a : b;
}

static inline mono_t mono_after(mono_t t, int64_t us)
{
	return (mono_t){.us = t.us + us};
}

/* Later than everything: a due time of "never", an end of "permanent". */
#define MONO_NEVER ((mono_t){.us = INT64_MAX})
#define WALL_NEVER ((wall_t){.us = INT64_MAX})

/*
 * RFC 3339 in UTC: "2026-11-21T15:04:05Z"; WALL_NEVER gives "permanent", what has no such text
 * (before 1970, after 9999) "unknown".
 */
#define WALL_TEXT_SIZE 24
const char *wall_format(wall_t t, char buf[WALL_TEXT_SIZE]);

/* Where mono stands on the wall clock, told from one reading of both; saturates at WALL_NEVER. */
wall_t wall_of_mono(mono_t t, struct now now);

#endif
