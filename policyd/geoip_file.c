/* SPDX-License-Identifier: ISC */
/* What is in the file is not looked at here. */
#include "geoip_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* Three times what the largest on the market has. */
#define BYTES_MAX (UINT64_C(1) << 30)

static struct geoip_stamp stamp_of(const struct stat *seen)
{
	return (struct geoip_stamp){
		.device = seen->st_dev,
		.inode = seen->st_ino,
		.size = (uint64_t)seen->st_size,
		.mtime_s = seen->st_mtim.tv_sec,
		.mtime_ns = seen->st_mtim.tv_nsec,
	};
}

static bool stamp_equal(const struct geoip_stamp *a, const struct geoip_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->error == b->error;
}

static int fail(const char *path, int error, struct errbuf *err)
{
	err_set(err,
		"%s: %s; put a database there that policyd's user may read, or take it out of "
		"geoip.databases",
		path, strerror(error));
	return -error;
}

/* A text instead of errno: 0, or negative. */
static int fits(const char *path, const struct stat *seen, struct errbuf *err)
{
	if (!S_ISREG(seen->st_mode)) {
		err_set(err, "%s: is no file", path);
		return -EINVAL;
	}
	if ((uint64_t)seen->st_size > BYTES_MAX) {
		err_set(err, "%s: is larger than 1 GiB: no database of addresses is", path);
		return -EFBIG;
	}
	return 0;
}

static int bytes_copy(int from, int to, size_t n)
{
	while (n) {
		ssize_t sent = sendfile(to, from, NULL, n);
		if (sent < 0)
			return -errno;
		/* It has become shorter. */
		if (sent == 0)
			return -EAGAIN;
		n -= (size_t)sent;
	}
	return 0;
}

/* The bytes of fd in a file without a name; whoever wrote meanwhile is asked to finish first. */
static int copy_make(int fd, const char *path, struct geoip_stamp *stamp, struct errbuf *err)
{
	struct stat after;
	int copy = memfd_create("policyd-geoip", MFD_CLOEXEC);
	if (copy < 0)
		return fail(path, errno, err);
	int r = bytes_copy(fd, copy, stamp->size);
	if (r == 0 && fstat(fd, &after) != 0)
		r = -errno;
	if (r == 0) {
		struct geoip_stamp now = stamp_of(&after);
		r = stamp_equal(stamp, &now) ? copy : -EAGAIN;
	}
	if (r >= 0)
		return r;
	close(copy);
	if (r == -EAGAIN) {
		*stamp = (struct geoip_stamp){0};
		err_set(err, "%s: is being written; it is read when that is done", path);
		return r;
	}
	return fail(path, -r, err);
}

int geoip_file_copy(const char *path, struct geoip_stamp *stamp, struct errbuf *err)
{
	struct geoip_stamp before = *stamp;
	struct stat seen;
	/* Not to wait for whoever might write into a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &seen) != 0) {
		int error = errno;
		if (fd >= 0)
			close(fd);
		*stamp = (struct geoip_stamp){.error = error};
		return stamp_equal(&before, stamp) ? -EALREADY : fail(path, error, err);
	}
	*stamp = stamp_of(&seen);
	int r = stamp_equal(&before, stamp) ? -EALREADY : fits(path, &seen, err);
	if (r == 0)
		r = copy_make(fd, path, stamp, err);
	close(fd);
	return r;
}
