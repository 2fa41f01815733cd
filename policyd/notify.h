/* SPDX-License-Identifier: ISC */
/* notify.h - a word to the service manager, where there is one (sd_notify(3): NOTIFY_SOCKET). */
#ifndef POLICYD_NOTIFY_H
#define POLICYD_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", ... Without a manager, or when it does not listen, nothing happens. */
void notify_manager(const char *state);

/*
 * How often the manager wants a sign of life (half of WATCHDOG_USEC), in microseconds; 0: not at
 * all.
 */
int64_t notify_watchdog_us(void);

#endif
