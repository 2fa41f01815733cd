/* SPDX-License-Identifier: ISC */
/* Who may start at all is not decided by this file: that is the lock of the state directory. */
#include "pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/log.h"

#define TEXT_SIZE 24

static int tell(const char *path, const char *what, struct errbuf *err)
{
	int r = -errno;
	err_set(err,
		"pid_file: %s: %s: %s; make its directory for the user that starts policyd, or "
		"name another file",
		path, what, strerror(-r));
	return r;
}

static size_t number_text(char text[TEXT_SIZE])
{
	int n = snprintf(text, TEXT_SIZE, "%ld\n", (long)getpid());
	return n < 0 ? 0 : (size_t)n;
}

/* Nothing in it, or what a policyd before us wrote. */
static bool is_number(int fd)
{
	char text[TEXT_SIZE + 1];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	size_t digits = 0;
	while (n > 0 && digits < (size_t)n && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	return n == 0 || (n > 1 && digits == (size_t)n - 1 && text[digits] == '\n');
}

/*
 * root must not be led to write into another file: neither through a symbolic link nor a hard one.
 */
static int check(int fd, const char *path, struct errbuf *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return tell(path, "stat", err);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		err_set(err,
			"pid_file: %s: is there and is no file of its own; remove it or name "
			"another one",
			path);
		return -EEXIST;
	}
	if (!is_number(fd)) {
		err_set(err,
			"pid_file: %s: holds something else than a process number; remove it or "
			"name another file",
			path);
		return -EEXIST;
	}
	/* Others read it, whatever the umask is. One that belongs to somebody else stays as it is. */
	if (st.st_uid == geteuid() && fchmod(fd, 0644) != 0)
		return tell(path, "cannot set its mode", err);
	return 0;
}

int pid_file_open(const char *path, struct pid_file *ret, struct errbuf *err)
{
	*ret = (struct pid_file){.path = path, .fd = -1};
	if (!path)
		return 0;
	/* Not waiting: it may be a pipe. */
	int fd =
		open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0)
		return tell(path, "cannot open it", err);
	int r = check(fd, path, err);
	if (r == 0)
		ret->fd = fd;
	else
		close(fd);
	return r;
}

int pid_file_write(const struct pid_file *file, struct errbuf *err)
{
	char text[TEXT_SIZE];
	size_t n = number_text(text);
	if (file->fd < 0)
		return 0;
	/* The new number first, then the end of a longer old one: nobody finds it empty. */
	ssize_t written = pwrite(file->fd, text, n, 0);
	if (written >= 0 && (size_t)written < n)
		errno = ENOSPC;
	if (written != (ssize_t)n || ftruncate(file->fd, (off_t)n) != 0)
		return tell(file->path, "cannot write it", err);
	return 0;
}

static bool is_ours(const struct pid_file *file)
{
	struct stat opened, named;
	char text[TEXT_SIZE], found[TEXT_SIZE];
	if (fstat(file->fd, &opened) != 0 || lstat(file->path, &named) != 0 ||
		opened.st_dev != named.st_dev || opened.st_ino != named.st_ino)
		return false;
	ssize_t n = pread(file->fd, found, sizeof(found), 0);
	return n == 0 || (n > 0 && span_equal(span_make(found, (size_t)n),
					   span_make(text, number_text(text))));
}

void pid_file_close(struct pid_file *file)
{
	if (file->fd < 0)
		return;
	if (is_ours(file) && unlink(file->path) != 0 && ftruncate(file->fd, 0) != 0)
		log_event(LEVEL_WARNING, "pid file stays", F_STR("file", file->path),
			F_STR("error", strerror(errno)));
	close(file->fd);
	file->fd = -1;
}
