/* SPDX-License-Identifier: ISC */
/*
 * The protocol of sd_notify(3), which is one datagram; linking libsystemd for it would bring four
 * more libraries into the process.
 */
#include "notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "policyd/clock.h"
#include "policyd/span.h"

void notify_open(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;
	*notify = (struct notify){.fd = -1, .address = {.sun_family = AF_UNIX}};
	if (n < 2 || n >= sizeof(notify->address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(notify->address.sun_path, path, n);
	/* '@' stands for the NUL that begins an abstract name. */
	if (path[0] == '@')
		notify->address.sun_path[0] = '\0';
	notify->address_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

/* Not connected, so that a manager that was started anew is found again. */
void notify_tell(const struct notify *notify, const char *state)
{
	if (notify->fd >= 0)
		(void)sendto(notify->fd, state, strlen(state), MSG_NOSIGNAL,
			(const struct sockaddr *)&notify->address, notify->address_n);
}

void notify_reloading(const struct notify *notify)
{
	struct timespec t = {0};
	char text[64];
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t us = (int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000;
	if (snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, us) > 0)
		notify_tell(notify, text);
}

int64_t notify_watchdog_us(void)
{
	uint64_t us;
	if (span_to_u64(span_of(getenv("WATCHDOG_USEC")), &us) != 0 || us > INT64_MAX)
		return 0;
	return (int64_t)us / 2;
}
