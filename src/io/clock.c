/* SPDX-License-Identifier: ISC */
/* The one place that reads clocks for the daemon. */
#include <time.h>

#include "policyd/policy_server.h"

/*
 * CLOCK_BOOTTIME begins with the boot. What was counted before it, up to two of the longest windows
 * (31 days) ago, must still have a place on that clock when it is loaded: no time is negative.
 */
#define BEFORE_BOOT_US (64 * DAY_US)

static int64_t read_us(clockid_t id)
{
	struct timespec t = {0};
	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

struct now clock_now(void)
{
	return (struct now){
		.mono = {.us = BEFORE_BOOT_US + read_us(CLOCK_BOOTTIME)},
		.wall = {.us = read_us(CLOCK_REALTIME)},
	};
}
