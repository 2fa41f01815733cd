/* SPDX-License-Identifier: ISC */
/*
 * Reading the counter snapshot at start, in two passes: the first looks at every checksum, so that
 * nobody sees a block of a file that turns out to be cut short. It is read in pieces, and not
 * mapped, because a disk that cannot read would then end the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aside.h"
#include "frame.h"
#include "policyd/mem.h"
#include "policyd/snapshot.h"

#define NAME         "counters.snapshot"
#define BUFFER_BYTES (2 * SNAPSHOT_BLOCK_MAX)

/* What reads one file, and what gets its blocks. */
struct source {
	int fd;
	char *buffer;
	int (*each)(void *ctx, struct span block);
	void *ctx;
};

/* Moves what is left to the front and reads on. is_last: there is no more. 0, or as read(2). */
static int refill(const struct source *source, struct span *in, bool *ret_is_last)
{
	if (in->n > 0)
		memmove(source->buffer, in->p, in->n);
	*in = span_make(source->buffer, in->n);
	while (in->n < BUFFER_BYTES) {
		ssize_t n = read(source->fd, source->buffer + in->n, BUFFER_BYTES - in->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			*ret_is_last = true;
			break;
		}
		in->n += (size_t)n;
	}
	return 0;
}

/* One way through the file. 0; -EBADMSG as frame_next(); others as read(2). */
static int pass(const struct source *source, bool is_trusted, struct errbuf *err)
{
	struct frame_reader r = {.is_trusted = is_trusted};
	struct span in = {0}, block;
	bool is_last = false;
	int found;

	if (lseek(source->fd, 0, SEEK_SET) != 0)
		return -errno;
	while ((found = frame_next(&r, &in, is_last, &block, err)) != FRAME_END) {
		int wrong = 0;
		if (found < 0)
			return found;
		if (found == FRAME_MORE)
			wrong = refill(source, &in, &is_last);
		else if (is_trusted)
			wrong = source->each(source->ctx, block);
		if (wrong != 0)
			return wrong;
	}
	return 0;
}

/* 0, or negative with why. */
static int read_file(const struct source *source, struct errbuf *why)
{
	int r = pass(source, false, why);
	if (r == -EBADMSG)
		return r;
	if (r == 0) {
		r = pass(source, true, why);
		if (r == -EINVAL || r == -EBADMSG)
			err_set(why, "what it says makes no sense");
	}
	if (r != 0 && r != -EINVAL && r != -EBADMSG)
		err_set(why, "it cannot be read: %s", strerror(-r));
	return r;
}

/* 0, or negative with why. -ENOENT: there is none. */
static int read_named(int directory_fd, struct source *source, struct errbuf *why)
{
	struct stat st;
	int r;

	/* Not waiting: it may be a pipe that somebody made. */
	source->fd = openat(
		directory_fd, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (source->fd < 0) {
		r = -errno;
		err_set(why, "it cannot be opened: %s", strerror(errno));
		return r;
	}
	if (fstat(source->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		err_set(why, "it is no regular file");
		r = -EBADMSG;
	} else {
		source->buffer = xmalloc(BUFFER_BYTES);
		r = read_file(source, why);
		free(source->buffer);
	}
	close(source->fd);
	return r;
}

/* What it means is the same however it came: the counters start at nothing. */
static void tell_lost(
	int directory_fd, const char *directory, const struct errbuf *why, struct errbuf *err)
{
	char moved[ASIDE_NAME_SIZE];
	int r = aside_move(directory_fd, NAME, moved);

	if (r == 0)
		err_set(err,
			"%s/" NAME ": %.200s; moved to %s. Counters start empty, and what was"
			" learnt about stages is forgotten",
			directory, why->text, moved);
	else
		err_set(err,
			"%s/" NAME ": %.200s; it could not be moved aside (%s) and the next"
			" snapshot replaces it. Counters start empty, and what was learnt about"
			" stages is forgotten",
			directory, why->text, strerror(-r));
}

int snapshot_read(const char *directory, int (*each)(void *ctx, struct span block), void *ctx,
	struct errbuf *err)
{
	struct source source = {.each = each, .ctx = ctx};
	struct errbuf why = {{0}};
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : read_named(fd, &source, &why);

	if (fd < 0 && r != -ENOENT) {
		err_set(err, "%s: cannot open the state directory: %s", directory, strerror(-r));
		return SNAPSHOT_LOST;
	}
	if (r == -ENOENT)
		r = SNAPSHOT_NONE;
	if (r < 0) {
		tell_lost(fd, directory, &why, err);
		r = SNAPSHOT_LOST;
	}
	if (fd >= 0)
		close(fd);
	return r;
}
