/* SPDX-License-Identifier: ISC */
/*
 * Writing the counter snapshot, on a thread of its own. How it is read is in snapshot_read.c, how
 * the bytes lie in frame.c; what the blocks hold is not known here.
 *
 * The writer thread remembers the first failure of a file and passes over what follows, so that one
 * answer, at the end, tells all. Each file is begun anew, so that a failure has no consequences for
 * the next one.
 */
#include "policyd/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "directory.h"
#include "frame.h"
#include "policyd/mem.h"
#include "policyd/writer.h"

#define NAME     "counters.snapshot"
#define NAME_NEW "counters.snapshot.new"

#define BLOCKS_WAITING 16 /* 4 MiB */
/* So that the disk works all the time, and nobody has to wait for all of it at the end. */
#define SYNC_EVERY_BYTES (16 * 1024 * 1024)

/* The file that is being written; writer thread only. */
struct snapshot_file {
	int fd; /* -1: none */
	int result;
	struct errbuf why; /* when result is negative */
	uint64_t blocks;
	uint64_t unsynced_bytes;
};

struct snapshots {
	char *directory; /* for texts */
	int directory_fd;
	struct writer *writer;
	struct snapshot_file file;

	/* Loop thread only. */
	enum { SNAPSHOT_IDLE, SNAPSHOT_OPEN, SNAPSHOT_ENDING } state;
	unsigned blocks_waiting;
	snapshot_done *done;
	void *ctx;
};

struct snapshot_job {
	struct writer_job base; /* first */
	struct bytes bytes;     /* of a block */
	int result;             /* of a commit */
	struct errbuf why;
};

/* ---- on the writer thread ---- */

static void file_close(struct snapshots *s)
{
	if (s->file.fd >= 0)
		close(s->file.fd);
	s->file.fd = -1;
}

static void file_drop(struct snapshots *s)
{
	file_close(s);
	/* What stays is removed by the next attempt. */
	(void)unlinkat(s->directory_fd, NAME_NEW, 0);
}

/* The room that it took is given back at once: others may need it. */
static void fail(struct snapshots *s, const char *what, int error)
{
	s->file.result = -error;
	err_set(&s->file.why, "%s/" NAME_NEW ": %s: %s; the last good snapshot stays", s->directory,
		what, strerror(error));
	file_drop(s);
}

/* All of both, in as many calls as it takes. */
static int write_both(int fd, struct span head, struct span body)
{
	struct span *span[] = {&head, &body};
	while (head.n + body.n > 0) {
		struct iovec part[2];
		for (unsigned i = 0; i < 2; i++) {
			/* writev() has no const, and changes nothing. */
			part[i].iov_base = (void *)(uintptr_t)span[i]->p;
			part[i].iov_len = span[i]->n;
		}
		ssize_t n = writev(fd, part, 2);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (unsigned i = 0; i < 2; i++) {
			size_t taken = (size_t)n < span[i]->n ? (size_t)n : span[i]->n;
			*span[i] = span_make(span[i]->p + taken, span[i]->n - taken);
			n -= (ssize_t)taken;
		}
	}
	return 0;
}

static void file_write(struct snapshots *s, struct span head, struct span body)
{
	struct snapshot_file *f = &s->file;
	if (f->result != 0)
		return;
	if (directory_room(s->directory_fd) < head.n + body.n) {
		fail(s, "the rest of the disk is kept for suspensions", ENOSPC);
		return;
	}
	int r = write_both(f->fd, head, body);
	f->unsynced_bytes += head.n + body.n;
	if (r == 0 && f->unsynced_bytes >= SYNC_EVERY_BYTES) {
		r = fdatasync(f->fd) == 0 ? 0 : -errno;
		f->unsynced_bytes = 0;
	}
	if (r != 0)
		fail(s, "cannot write it", -r);
}

static void begin_run(void *ctx, struct writer_job *base)
{
	struct snapshots *s = ctx;
	char magic[FRAME_MAGIC_SIZE];
	(void)base;
	s->file = (struct snapshot_file){.fd = -1};
	if (directory_is_moved(s->directory_fd, s->directory)) {
		fail(s, "its directory was moved or replaced while policyd ran", ESTALE);
		return;
	}
	/* A leftover is removed, not opened: it may be somebody's link to another file. */
	(void)unlinkat(s->directory_fd, NAME_NEW, 0);
	s->file.fd = openat(s->directory_fd, NAME_NEW,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (s->file.fd < 0) {
		fail(s, "cannot make it", errno);
		return;
	}
	frame_put_magic(magic);
	file_write(s, span_make(magic, sizeof(magic)), (struct span){0});
}

static void block_run(void *ctx, struct writer_job *base)
{
	struct snapshots *s = ctx;
	struct snapshot_job *job = (struct snapshot_job *)base;
	struct span block = span_make(job->bytes.p, job->bytes.n);
	char head[FRAME_HEAD_SIZE];
	if (block.n > SNAPSHOT_BLOCK_MAX && s->file.result == 0)
		fail(s, "a block of it is too large", EFBIG);
	if (block.n > 0 && s->file.result == 0) {
		frame_put_head(block, s->file.blocks++, head);
		file_write(s, span_make(head, sizeof(head)), block);
	}
	/* Here and not in done: giving memory back takes time that the loop does not have. */
	bytes_free(&job->bytes);
}

/* The new name holds after a power cut only when the directory has been written too. */
static void file_publish(struct snapshots *s)
{
	char end[FRAME_END_SIZE];
	frame_put_end(s->file.blocks, end);
	file_write(s, span_make(end, sizeof(end)), (struct span){0});
	if (s->file.result == 0 && fdatasync(s->file.fd) != 0)
		fail(s, "cannot write it", errno);
	if (s->file.result == 0 && renameat(s->directory_fd, NAME_NEW, s->directory_fd, NAME) != 0)
		fail(s, "cannot rename it to " NAME, errno);
	if (s->file.result != 0)
		return;
	file_close(s);
	if (fsync(s->directory_fd) != 0) {
		s->file.result = -errno;
		err_set(&s->file.why,
			"%s: cannot write the directory: %s; a power cut may bring back the"
			" snapshot before the last",
			s->directory, strerror(errno));
	}
}

static void commit_run(void *ctx, struct writer_job *base)
{
	struct snapshots *s = ctx;
	struct snapshot_job *job = (struct snapshot_job *)base;
	file_publish(s);
	job->result = s->file.result;
	job->why = s->file.why;
}

static void abort_run(void *ctx, struct writer_job *base)
{
	(void)base;
	file_drop(ctx);
}

/* ---- on the loop thread ---- */

static void begin_done(void *ctx, struct writer_job *base)
{
	(void)ctx;
	free(base);
}

static void block_done(void *ctx, struct writer_job *base)
{
	struct snapshots *s = ctx;
	s->blocks_waiting--;
	free(base);
}

static void end_done(void *ctx, struct writer_job *base)
{
	struct snapshots *s = ctx;
	struct snapshot_job *job = (struct snapshot_job *)base;
	snapshot_done *done = s->done;
	s->state = SNAPSHOT_IDLE;
	s->done = NULL;
	if (done)
		done(s->ctx, job->result, job->result == 0 ? NULL : job->why.text);
	free(job);
}

typedef void job_function(void *ctx, struct writer_job *base);

/* There is always a place: blocks are counted, and of the others there is one of each at most. */
static void submit(struct snapshots *s, job_function *run, job_function *done, struct bytes bytes)
{
	struct snapshot_job *job = xcalloc(1, sizeof(*job));
	job->base = (struct writer_job){.run = run, .done = done, .ctx = s};
	job->bytes = bytes;
	bool is_taken = writer_submit(s->writer, &job->base);
	assert(is_taken);
}

int snapshots_new(const char *directory, struct snapshots **ret, struct errbuf *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int error = errno;
		err_set(err, "%s: cannot open the state directory: %s", directory, strerror(error));
		return -error;
	}
	struct snapshots *s = xcalloc(1, sizeof(*s));
	s->directory = xstrdup(directory);
	s->directory_fd = fd;
	s->file.fd = -1;
	/* Of a process that was killed; it takes room that others may need. */
	(void)unlinkat(fd, NAME_NEW, 0);
	s->writer = writer_new(&(struct writer_group){0}, BLOCKS_WAITING + 2, err);
	if (!s->writer) {
		snapshots_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void snapshots_free(struct snapshots *s)
{
	if (!s)
		return;
	if (s->state == SNAPSHOT_OPEN)
		snapshot_abort(s);
	writer_free(s->writer);
	close(s->directory_fd);
	free(s->directory);
	free(s);
}

int snapshots_fd(const struct snapshots *s)
{
	return writer_fd(s->writer);
}

void snapshots_collect(struct snapshots *s)
{
	writer_collect(s->writer);
}

bool snapshot_begin(struct snapshots *s)
{
	if (s->state != SNAPSHOT_IDLE)
		return false;
	s->state = SNAPSHOT_OPEN;
	submit(s, begin_run, begin_done, (struct bytes){0});
	return true;
}

bool snapshot_block(struct snapshots *s, struct bytes *bytes)
{
	assert(s->state == SNAPSHOT_OPEN);
	if (s->blocks_waiting == BLOCKS_WAITING)
		return false;
	s->blocks_waiting++;
	submit(s, block_run, block_done, *bytes);
	*bytes = (struct bytes){0};
	return true;
}

void snapshot_commit(struct snapshots *s, snapshot_done *done, void *ctx)
{
	assert(s->state == SNAPSHOT_OPEN);
	s->state = SNAPSHOT_ENDING;
	s->done = done;
	s->ctx = ctx;
	submit(s, commit_run, end_done, (struct bytes){0});
}

void snapshot_abort(struct snapshots *s)
{
	assert(s->state == SNAPSHOT_OPEN);
	s->state = SNAPSHOT_ENDING;
	submit(s, abort_run, end_done, (struct bytes){0});
}
