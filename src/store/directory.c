/* SPDX-License-Identifier: ISC */
/* The state directory and its lock. What the database in it holds is not known here. */
#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/*
 * Kept for suspensions when decisions or a snapshot would fill the disk: a group's worth of pages
 * with room to spare. Small enough that a directory of 1 MiB still works.
 */
#define RESERVE_BYTES (UINT64_C(384) * 1024)

/* Below this a write-ahead log of 4 MiB and more would take too large a part. */
#define SMALL_BYTES (UINT64_C(64) * 1024 * 1024)

/* Hands up errno with a sentence. */
static int complain(const char *path, const char *what, struct errbuf *err)
{
	int error = errno;

	err_set(err, "%s: %s: %s", path, what, strerror(error));
	return -error;
}

/* Whoever can write here can replace the database, and with it lift any suspension. */
static int judge(int fd, const char *path, struct errbuf *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return complain(path, "cannot look at the state directory", err);
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		err_set(err,
			"%s: the state directory belongs to user %u, policyd runs as user %u;"
			" chown it, or start policyd as its owner",
			path, (unsigned)st.st_uid, (unsigned)geteuid());
		return -EPERM;
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		err_set(err,
			"%s: others may write to the state directory (mode %04o); chmod go-w it",
			path, (unsigned)(st.st_mode & 07777));
		return -EPERM;
	}
	return 0;
}

/* The number in the lock file, for the message only: it may be missing. */
static void read_holder(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);
	size_t digits = 0;

	while (n > 0 && digits < (size_t)n && buf[digits] >= '0' && buf[digits] <= '9')
		digits++;
	buf[digits] = '\0';
}

/* The lock goes with the descriptor, so a killed process leaves none behind. */
static int lock(struct directory *d, const char *path, struct errbuf *err)
{
	char holder[16];

	d->lock_fd = openat(d->fd, "policyd.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		S_IRUSR | S_IWUSR);
	if (d->lock_fd < 0)
		return complain(path, "cannot open policyd.lock", err);
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		/* The number is a courtesy: a full disk is no reason to refuse the lock. */
		if (ftruncate(d->lock_fd, 0) == 0)
			(void)dprintf(d->lock_fd, "%ld\n", (long)getpid());
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return complain(path, "cannot lock policyd.lock", err);
	read_holder(d->lock_fd, holder, sizeof(holder));
	err_set(err,
		"%s: another policyd%s%s uses this state directory;"
		" stop it, or give this one a state.directory of its own",
		path, *holder ? ", process " : "", holder);
	return -EBUSY;
}

int directory_open(struct directory *ret, const char *path, struct errbuf *err)
{
	int r;

	if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
		return complain(path, "cannot make the state directory", err);
	ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0)
		return complain(path, "cannot open the state directory", err);
	r = judge(ret->fd, path, err);
	if (r == 0)
		r = lock(ret, path, err);
	return r;
}

/* SQLite gives its other files the permissions of this one, whatever the umask is. */
int directory_make_database(const struct directory *d, const char *path, struct errbuf *err)
{
	int fd = openat(
		d->fd, "policyd.db", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);

	if (fd < 0)
		return complain(path, "cannot make policyd.db", err);
	close(fd);
	return 0;
}

void directory_close(struct directory *d)
{
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	if (d->fd >= 0)
		close(d->fd);
	*d = DIRECTORY_CLOSED;
}

bool directory_is_small(const struct directory *d)
{
	struct statvfs fs;

	return fstatvfs(d->fd, &fs) == 0 && (uint64_t)fs.f_blocks * fs.f_frsize < SMALL_BYTES;
}

uint64_t directory_room(int fd)
{
	struct statvfs fs;
	uint64_t free_bytes;

	if (fstatvfs(fd, &fs) != 0)
		return UINT64_MAX;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return free_bytes > RESERVE_BYTES ? free_bytes - RESERVE_BYTES : 0;
}

bool directory_is_moved(int fd, const char *path)
{
	struct stat here, there;
	if (fstat(fd, &here) != 0 || stat(path, &there) != 0)
		return true;
	return here.st_dev != there.st_dev || here.st_ino != there.st_ino;
}
