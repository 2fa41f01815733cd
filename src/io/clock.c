/* SPDX-License-Identifier: ISC */
/* The one place that reads clocks for the daemon. */
#include <time.h>

#include "policyd/policy_server.h"

static int64_t read_us(clockid_t id)
{
	struct timespec t = {0};
	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

struct now clock_now(void)
{
	return (struct now){
		.mono = {.us = read_us(CLOCK_BOOTTIME)},
		.wall = {.us = read_us(CLOCK_REALTIME)},
	};
}
