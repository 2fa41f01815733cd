/* SPDX-License-Identifier: ISC */
/* Lines gathered into batches for a writer thread. Where they go is the setup's business. */
#include "policyd/lines.h"

#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/writer.h"

#define BATCH_BYTES (64 * 1024)
#define BATCHES_MAX 64 /* waiting to be written: 4 MB at most */

struct batch {
	struct writer_job job;
	size_t n;
	uint64_t lines;
	int result;
	char bytes[BATCH_BYTES];
};

struct lines {
	struct lines_setup setup;
	struct writer *writer;
	struct batch *batch; /* being filled; NULL: none yet */
};

static void batch_run(void *ctx, struct writer_job *job)
{
	const struct lines *l = ctx;
	struct batch *batch = (struct batch *)job;
	batch->result = l->setup.write(l->setup.ctx, span_make(batch->bytes, batch->n));
}

static void batch_done(void *ctx, struct writer_job *job)
{
	const struct lines *l = ctx;
	struct batch *batch = (struct batch *)job;
	if (batch->result < 0)
		l->setup.dropped(l->setup.ctx, batch->lines);
	free(batch);
}

struct lines *lines_new(const struct lines_setup *setup, struct errbuf *err)
{
	struct writer *writer = writer_new(&(struct writer_group){0}, BATCHES_MAX, err);
	if (!writer)
		return NULL;
	struct lines *l = xcalloc(1, sizeof(*l));
	*l = (struct lines){.setup = *setup, .writer = writer};
	return l;
}

void lines_flush(struct lines *l)
{
	struct batch *batch = l->batch;
	l->batch = NULL;
	if (!batch || writer_submit(l->writer, &batch->job))
		return;
	l->setup.dropped(l->setup.ctx, batch->lines);
	free(batch);
}

void lines_free(struct lines *l)
{
	if (!l)
		return;
	lines_flush(l);
	writer_free(l->writer);
	free(l);
}

static struct batch *batch_new(struct lines *l)
{
	struct batch *batch = xmalloc(sizeof(*batch));
	batch->job = (struct writer_job){.run = batch_run, .done = batch_done, .ctx = l};
	batch->n = batch->lines = 0;
	batch->result = 0;
	return batch;
}

void lines_put(struct lines *l, struct span line)
{
	if (line.n + 1 > BATCH_BYTES) {
		l->setup.dropped(l->setup.ctx, 1);
		return;
	}
	if (l->batch && BATCH_BYTES - l->batch->n < line.n + 1)
		lines_flush(l);
	if (!l->batch)
		l->batch = batch_new(l);
	memcpy(l->batch->bytes + l->batch->n, line.p, line.n);
	l->batch->bytes[l->batch->n + line.n] = '\n';
	l->batch->n += line.n + 1;
	l->batch->lines++;
}

int lines_fd(const struct lines *l)
{
	return writer_fd(l->writer);
}

void lines_collect(struct lines *l)
{
	writer_collect(l->writer);
}
