/* SPDX-License-Identifier: ISC */
/* notify.h - a word to the service manager, where there is one (sd_notify(3): NOTIFY_SOCKET). */
#ifndef POLICYD_NOTIFY_H
#define POLICYD_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Without a manager fd is -1, and nothing is said. */
struct notify {
	int fd;
	struct sockaddr_un address;
	socklen_t address_n;
};

/* To be called once, early: later there may be no descriptor left, and the watchdog would bite. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* "READY=1", "STOPPING=1", ... When the manager does not listen, nothing happens. */
void notify_tell(const struct notify *notify, const char *state);
/* A reload begins, with the time that Type=notify-reload wants; READY=1 ends it. */
void notify_reloading(const struct notify *notify);

/*
 * How often the manager wants a sign of life (half of WATCHDOG_USEC), in microseconds; 0: not at
 * all.
 */
int64_t notify_watchdog_us(void);

#endif
