/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into policyd: a wall clock that is wrong by as many seconds as the first eight bytes of
 * the file POLICYD_CLOCK say at the moment. The monotonic clocks stay as they are.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static const volatile int64_t *offset_s; /* NULL: not mapped yet */

__attribute__((constructor)) static void clock_map(void)
{
	const char *path = getenv("POLICYD_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof(*offset_s), PROT_READ, MAP_SHARED, fd, 0);
	offset_s = p == MAP_FAILED ? NULL : p;
	close(fd);
}

EXPORTED int clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret);
	if (r == 0 && offset_s && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret->tv_sec += *offset_s;
	return r;
}

EXPORTED int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec t;
	(void)zone;
	int r = clock_gettime(CLOCK_REALTIME, &t);
	if (r == 0)
		*ret = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
	return r;
}

EXPORTED time_t time(time_t *ret)
{
	struct timespec t;
	if (clock_gettime(CLOCK_REALTIME, &t) != 0)
		return (time_t)-1;
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}
