/* SPDX-License-Identifier: ISC */
/*
 * store_private.h - a store and its jobs, for the files of src/store alone.
 *
 * A call makes a job (store.c), the writer thread runs it in a group (group.c) with the statements
 * of write.c or read.c, the loop thread tells the caller (store.c). A job belongs to one thread at
 * a time.
 */
#ifndef POLICYD_STORE_PRIVATE_H
#define POLICYD_STORE_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "directory.h"
#include "policyd/store.h"
#include "policyd/writer.h"
#include "sql.h"

struct store_job {
	struct writer_job base; /* first */
	const struct store_job_kind *kind;
	struct store_job *next; /* within its group */
	int result;
	char *error; /* a sentence when result is negative */
};

struct store_job_kind {
	/* On the writer thread; may run again, undone before. 0, or negative with a sentence. */
	int (*run)(struct store *s, struct store_job *job, struct errbuf *err);
	/* On the loop thread: tells the caller; the job is freed afterwards. */
	void (*tell)(struct store_job *job);
	bool is_read;  /* runs after its group's commit: shows nothing that may be undone */
	bool is_vital; /* somebody waits for it: tried again alone when its group failed */
	bool may_wait; /* until others have come, to share their commit */
};

struct event_job {
	struct store_job base;
	struct policy_event event; /* its spans point into bytes */
	int64_t id;
	store_event_done *done;
	void *ctx;
	char bytes[];
};

struct decision_job {
	struct store_job base;
	char reference[REFERENCE_SIZE];
	wall_t at, room_at;
	enum stage stage;
	enum action action;
	uint16_t code;
	bool observed;
	uint64_t used, limit;
	char texts[]; /* the foreign texts of decision_texts[], in order, each ended by NUL */
};

/* A value on its way to the disk. */
struct kept_value {
	wall_t at;
	size_t n;
	char bytes[];
};

/* All that is kept under one name. */
struct kept {
	struct kept *next;
	const struct keep_job *queued;       /* loop: the last job for it that has not come back */
	_Atomic(struct kept_value *) newest; /* what no job has taken yet */
	char name[];
};

struct keep_job {
	struct store_job base;
	struct kept *kept;
	struct kept_value *value; /* NULL: has not run yet */
};

/* It does nothing, and comes back when all before it have. */
struct kept_all_job {
	struct store_job base;
	uint64_t failed; /* keeps_failed when it was queued */
	store_keep_done *done;
	void *ctx;
};

struct read_job {
	struct store_job base;
	json_t *rows;
	store_rows_done *done;
	void *ctx;
	char reference[REFERENCE_SIZE]; /* why */
	struct store_audit_query audit; /* its span points into bytes */
	char bytes[];
};

/* Where the foreign texts of a decision lie, in the order of their columns. */
struct decision_text {
	size_t offset, size;
};
#define DECISION_TEXTS 8
extern const struct decision_text decision_texts[DECISION_TEXTS];

struct job_chain {
	struct store_job *first, **end;
};

/* The present group; writer thread only. */
struct store_group {
	struct job_chain writes, reads;
	bool is_begun; /* a transaction was begun */
	int result;    /* negative: the group as a whole has failed, and why */
	struct errbuf why;
	uint64_t room_bytes; /* that decisions may still take */
	bool is_rescue_tried;
	wall_t newest;         /* of the last decision or event: what retention takes for now */
	unsigned since_expiry; /* rows written since the last look for old ones */
};

/* By which it is seen that a file was removed or replaced. */
struct store_file {
	dev_t device;
	ino_t inode; /* 0: there was none */
};

struct store {
	char *path; /* of the database */
	struct directory directory;
	struct sql sql; /* the writer thread's while there is one */
	struct writer *writer;

	/* Loop thread only. */
	size_t pending; /* jobs that were submitted and not told yet */
	bool is_failing;
	struct errbuf failure;
	bool was_lost;
	struct errbuf loss;
	bool had_snapshot, is_noting_snapshot;
	struct kept *kept;
	uint64_t keeps_failed;

	/* From the loop to the writer, and back. */
	_Atomic int64_t keep_decisions_us, keep_audit_us;
	_Atomic uint32_t max_decisions;
	_Atomic uint64_t commits;
	_Atomic bool was_rescued;

	/* Writer thread only. */
	struct store_group group;
	struct store_file database, log;
	struct store_file copy; /* made by a rescue that did not come to its end */
	unsigned rescue_pause;  /* groups that pass before the next try */
};

/* Jobs at a time: some 3 MB of decisions at worst. */
#define STORE_PLACES 4096

/* The keys of the table meta. */
#define META_SNAPSHOT "snapshot"

/* open.c: tells a connection how long its log may get. 0 or negative. */
MUST_CHECK int store_tune(const struct store *s, const struct sql *sql, struct errbuf *err);
/* The next start looks at the whole file before it uses it. */
void store_mark_damaged(const struct store *s);

/* rescue.c: takes the files as they are now for the right ones. */
void rescue_remember(struct store *s);
/*
 * Before a transaction: 0 when the files are those that were opened. A file that was removed is
 * written anew from the connection, to which it is still there (not in every group while that
 * fails, but for somebody who waits once in each). Negative: nothing can be written.
 */
MUST_CHECK int rescue_check(struct store *s, bool is_vital, struct errbuf *err);

/* group.c: the writer's callbacks, and one look for old rows. */
void group_begin(void *store);
void group_run(void *store, struct writer_job *base);
void group_end(void *store);
/* Forgets a bounded number of old rows, in a transaction of its own. 0 or negative. */
MUST_CHECK int group_expire(struct store *s, struct errbuf *err);

/* write.c and read.c: what jobs do. */
int event_run(struct store *s, struct store_job *base, struct errbuf *err);
int decision_run(struct store *s, struct store_job *base, struct errbuf *err);
int note_run(struct store *s, struct store_job *base, struct errbuf *err);
int keep_run(struct store *s, struct store_job *base, struct errbuf *err);
int why_run(struct store *s, struct store_job *base, struct errbuf *err);
int audit_run(struct store *s, struct store_job *base, struct errbuf *err);

/* keep.c: what was kept and never asked for again. */
void keep_free(struct store *s);

/* store.c: takes the job over, also when there is no place for it (-EAGAIN). */
MUST_CHECK int store_submit(
	struct store *s, struct store_job *job, const struct store_job_kind *kind);

/*
 * json.c: a JSON string of any bytes; each that is no valid UTF-8 becomes U+FFFD. NULL: no memory.
 */
json_t *json_of_bytes(struct span bytes);

#endif
