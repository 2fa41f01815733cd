/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into policyd: a disk that fails. What writes below POLICYD_FAULT_DIRECTORY does as the
 * file POLICYD_FAULT says, as long as there is one:
 *
 *	error N     fails with errno N
 *	sync MS     fsync and fdatasync take so many milliseconds longer
 *	freeze      does not come back before the file has gone
 *
 * Straight system calls below: a sanitizer's own wrappers may not be ready yet, and are not needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define WORDS    64
#define POLL_MS  10
#define EXPORTED __attribute__((visibility("default")))

static void pause_ms(long ms)
{
	struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	(void)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &rest, NULL);
}

/* What the trigger file says, or "". */
static void fault_read(char words[WORDS])
{
	const char *path = getenv("POLICYD_FAULT");
	long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
	long n = fd >= 0 ? syscall(SYS_read, fd, words, WORDS - 1) : 0;
	words[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)syscall(SYS_close, fd);
}

/* The errno that a call that writes has to fail with now; 0: let it pass. */
static int fault_now(bool is_sync)
{
	int saved = errno, error = 0;
	char words[WORDS];
	fault_read(words);
	while (strncmp(words, "freeze", 6) == 0) {
		pause_ms(POLL_MS);
		fault_read(words);
	}
	if (strncmp(words, "error ", 6) == 0)
		error = atoi(words + 6);
	if (is_sync && strncmp(words, "sync ", 5) == 0)
		pause_ms(atol(words + 5));
	errno = saved;
	return error;
}

static bool is_below(const char *path)
{
	const char *directory = getenv("POLICYD_FAULT_DIRECTORY");
	return directory && strncmp(path, directory, strlen(directory)) == 0;
}

static bool is_ours(int fd)
{
	char link[32], path[4096];
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return is_below(path);
}

/* True: the call fails, errno is set. */
static bool fd_fails(int fd, bool is_sync)
{
	int error = is_ours(fd) ? fault_now(is_sync) : 0;
	if (error)
		errno = error;
	return error != 0;
}

/* A path that is not absolute is taken as one of the state directory: nothing else uses such here. */
static bool path_fails(const char *path)
{
	int error = path[0] != '/' || is_below(path) ? fault_now(false) : 0;
	if (error)
		errno = error;
	return error != 0;
}

EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	return fd_fails(fd, false) ? -1 : syscall(SYS_pwrite64, fd, bytes, n, at);
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite64(fd, bytes, n, at);
}

EXPORTED ssize_t write(int fd, const void *bytes, size_t n)
{
	return fd_fails(fd, false) ? -1 : syscall(SYS_write, fd, bytes, n);
}

EXPORTED ssize_t writev(int fd, const struct iovec *part, int parts)
{
	return fd_fails(fd, false) ? -1 : syscall(SYS_writev, fd, part, parts);
}

EXPORTED int fsync(int fd)
{
	return fd_fails(fd, true) ? -1 : (int)syscall(SYS_fsync, fd);
}

EXPORTED int fdatasync(int fd)
{
	return fd_fails(fd, true) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

EXPORTED int ftruncate64(int fd, off64_t n)
{
	return fd_fails(fd, false) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

EXPORTED int ftruncate(int fd, off_t n)
{
	return ftruncate64(fd, n);
}

EXPORTED int fallocate(int fd, int mode, off_t at, off_t n)
{
	return fd_fails(fd, false) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

EXPORTED int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return path_fails(to) ? -1 : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

EXPORTED int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORTED int unlinkat(int fd, const char *path, int flags)
{
	return path_fails(path) ? -1 : (int)syscall(SYS_unlinkat, fd, path, flags);
}

EXPORTED int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

/* Opening to read goes well on a disk that cannot be written; opening to write fails as EROFS does. */
EXPORTED int openat(int fd, const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	int mode = va_arg(rest, int);
	va_end(rest);
	if ((flags & O_ACCMODE) != O_RDONLY && path_fails(path))
		return -1;
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

EXPORTED int open(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	int mode = va_arg(rest, int);
	va_end(rest);
	return openat(AT_FDCWD, path, flags, mode);
}

EXPORTED int open64(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	int mode = va_arg(rest, int);
	va_end(rest);
	return openat(AT_FDCWD, path, flags, mode);
}

EXPORTED int openat64(int fd, const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	int mode = va_arg(rest, int);
	va_end(rest);
	return openat(fd, path, flags, mode);
}
