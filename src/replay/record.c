/* SPDX-License-Identifier: ISC */
/*
 * What the daemon was asked and answered, as lines of JSON for policyctl simulate. Lines gather in
 * memory; a writer thread of its own takes them to the disk, and what it cannot take is dropped with a
 * count: recording never slows an answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/replay.h"
#include "policyd/writer.h"

#define BATCH_BYTES (256 * 1024)
#define BATCHES_MAX 64 /* waiting for the disk: 16 MB at most */

struct batch {
	struct writer_job job;
	int fd;
	size_t n;
	uint64_t lines;
	int error;
	char bytes[BATCH_BYTES];
};

struct recorder {
	int fd;
	struct writer *writer;
	struct batch *batch; /* being filled; NULL: none yet */
	uint64_t room;       /* bytes that may still be written */
};

static void batch_write(void *ctx, struct writer_job *job)
{
	struct batch *batch = (struct batch *)job;
	size_t at = 0;
	(void)ctx;
	while (at < batch->n) {
		ssize_t n = write(batch->fd, batch->bytes + at, batch->n - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			batch->error = errno;
			return;
		}
		at += (size_t)n;
	}
}

static void batch_done(void *ctx, struct writer_job *job)
{
	struct batch *batch = (struct batch *)job;
	(void)ctx;
	if (batch->error)
		metric_add(METRIC_RECORD_DROPPED, batch->lines);
	free(batch);
}

void recorder_flush(struct recorder *r)
{
	if (!r || !r->batch)
		return;
	struct batch *batch = r->batch;
	r->batch = NULL;
	if (writer_submit(r->writer, &batch->job))
		return;
	metric_add(METRIC_RECORD_DROPPED, batch->lines);
	free(batch);
}

static void put_line(struct recorder *r, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(16));
	json_decref(object);
	size_t n = text ? strlen(text) : 0;
	if (!text || n + 1 > BATCH_BYTES || n + 1 > r->room) {
		metric_add(METRIC_RECORD_DROPPED, 1);
		free(text);
		return;
	}
	if (r->batch && BATCH_BYTES - r->batch->n < n + 1)
		recorder_flush(r);
	if (!r->batch) {
		r->batch = xmalloc(sizeof(*r->batch));
		r->batch->job = (struct writer_job){.run = batch_write, .done = batch_done};
		r->batch->fd = r->fd;
		r->batch->n = r->batch->lines = 0;
		r->batch->error = 0;
	}
	memcpy(r->batch->bytes + r->batch->n, text, n);
	r->batch->bytes[r->batch->n + n] = '\n';
	r->batch->n += n + 1;
	r->batch->lines++;
	r->room -= n + 1;
	free(text);
}

static json_t *line_new(struct now now, const char *event)
{
	json_t *object = json_object();
	jsonl_put_now(object, now);
	if (event)
		json_object_set_new(object, "event", json_string(event));
	return object;
}

static void put_start(struct recorder *r, const struct recorder_setup *setup)
{
	char seed[2 * 16 + 1];
	json_t *line = line_new(setup->now, "start");
	if (snprintf(seed, sizeof(seed), "%016" PRIx64 "%016" PRIx64, setup->seed[0],
		    setup->seed[1]) > 0)
		json_object_set_new(line, "seed", json_string(seed));
	put_line(r, line);
}

int recorder_open(const struct recorder_setup *setup, struct recorder **ret, struct errbuf *err)
{
	int fd = open(setup->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		int r = -errno;
		err_set(err, "record.file: %s: %s", setup->path, strerror(errno));
		return r;
	}
	struct writer *writer = writer_new(&(struct writer_group){0}, BATCHES_MAX, err);
	if (!writer) {
		close(fd);
		return -EAGAIN;
	}
	struct recorder *r = xcalloc(1, sizeof(*r));
	*r = (struct recorder){.fd = fd, .writer = writer, .room = setup->max_bytes};
	put_start(r, setup);
	*ret = r;
	return 0;
}

void recorder_close(struct recorder *r)
{
	if (!r)
		return;
	recorder_flush(r);
	writer_free(r->writer);
	close(r->fd);
	free(r);
}

void recorder_opened(struct recorder *r, engine_conn conn, struct span listener,
	const struct ip *peer, struct now now)
{
	char text[IP_TEXT_SIZE];
	if (!r)
		return;
	json_t *line = line_new(now, "open");
	json_object_set_new(line, "conn", json_integer(conn));
	jsonl_put_text(line, "listener", listener);
	if (peer)
		json_object_set_new(line, "peer", json_string(ip_format(peer, text)));
	put_line(r, line);
}

void recorder_closed(struct recorder *r, engine_conn conn, struct now now)
{
	if (!r)
		return;
	json_t *line = line_new(now, "close");
	json_object_set_new(line, "conn", json_integer(conn));
	put_line(r, line);
}

void recorder_answered(struct recorder *r, engine_conn conn, const struct request *request,
	const struct verdict *verdict, struct now now)
{
	if (!r)
		return;
	json_t *line = line_new(now, NULL);
	json_object_set_new(line, "conn", json_integer(conn));
	jsonl_put_request(line, request);
	jsonl_put_verdict(line, verdict);
	put_line(r, line);
}

void recorder_event(struct recorder *r, const struct policy_event *event, struct now now)
{
	if (!r)
		return;
	json_t *line = line_new(now, "command");
	json_object_set_new(line, "verb", json_string(event_rows[event->kind].name));
	jsonl_put_text(line, "account", event->account);
	/* A permanent end has no place among the microseconds that a double holds: it is left out. */
	if (event->until.us != WALL_NEVER.us)
		json_object_set_new(line, "until", json_real((double)event->until.us / 1e6));
	put_line(r, line);
}

int recorder_fd(const struct recorder *r)
{
	return writer_fd(r->writer);
}

void recorder_collect(struct recorder *r)
{
	writer_collect(r->writer);
}
