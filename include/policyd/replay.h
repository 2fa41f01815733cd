/* SPDX-License-Identifier: ISC */
/*
 * replay.h - requests as JSON lines: written by a running policyd (record), and read back through
 * the real engine in virtual time (simulate). Nothing here reads a clock or decides anything.
 *
 * A line is one object: policy attributes, "ts" (epoch seconds), and in a recording "mono" (seconds
 * of the clock that limits run on), "conn", "action", "rule". A value that is no UTF-8 stands as
 * hex under NAME#hex. Lines with "event" are no requests: start (the seed), open, close, command (a
 * durable change: "verb", "account", "until" unless it is permanent, "limit" and "rate" of an
 * override). A reload is not recorded.
 */
#ifndef POLICYD_REPLAY_H
#define POLICYD_REPLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "policyd/clock.h"
#include "policyd/config.h"
#include "policyd/engine.h"
#include "policyd/err.h"

/* ---- one line ---- */

/* The attributes of a request into object; empty ones are left out. */
void jsonl_put_request(json_t *object, const struct request *request);
/*
 * A request from an object's attributes. Spans point into object, and for hex values into room. 0,
 * or -EINVAL (an attribute that is no text, hex that is none or does not fit).
 */
struct jsonl_room {
	size_t n;
	char bytes[REQUEST_BYTES_MAX];
};
MUST_CHECK int jsonl_get_request(
	const json_t *object, struct jsonl_room *room, struct request *ret, struct errbuf *err);
/*
 * What was answered: action, rule, score, step, would; code, reference and text where there are any.
 */
void jsonl_put_verdict(json_t *object, const struct verdict *verdict);
/* "ts" and "mono" of a line. */
void jsonl_put_now(json_t *object, struct now now);
/* ts is needed; without mono the virtual clock is ts itself. 0 or -EINVAL. */
MUST_CHECK int jsonl_get_now(const json_t *object, struct now *ret, struct errbuf *err);
/* An account's name or another foreign text, under key or key#hex. */
void jsonl_put_text(json_t *object, const char *key, struct span text);
/*
 * Its reading side: hex goes into what is left of room. An empty span when there is none. 0, or
 * -EINVAL: no text, hex that is none or does not fit.
 */
MUST_CHECK int jsonl_get_text(
	const json_t *object, const char *key, struct jsonl_room *room, struct span *ret);

/* ---- record: what the daemon was asked and answered ---- */

struct recorder;

struct recorder_setup {
	const char *path;
	uint64_t max_bytes;
	uint64_t seed[2];
	struct now now;
	bool is_restored; /* it goes on with the counters of the process before */
};
/* Opens the file (0600), behind what it holds, and writes a start line. 0, or what open(2) says. */
MUST_CHECK int recorder_open(
	const struct recorder_setup *setup, struct recorder **ret, struct errbuf *err);
/* Writes what is buffered; NULL is fine, here and below. */
void recorder_close(struct recorder *r);
void recorder_opened(struct recorder *r, engine_conn conn, struct span listener,
	const struct ip *peer, struct now now);
void recorder_closed(struct recorder *r, engine_conn conn, struct now now);
void recorder_answered(struct recorder *r, engine_conn conn, const struct request *request,
	const struct verdict *verdict, struct now now);
void recorder_event(struct recorder *r, const struct policy_event *event, struct now now);
/* Hands what has gathered to the writer thread; call once a second. */
void recorder_flush(struct recorder *r);
/* The writer's, for the loop. */
int recorder_fd(const struct recorder *r);
void recorder_collect(struct recorder *r);

/* ---- simulate ---- */

struct replay_setup {
	struct config *config;
	const char *input;  /* "-": standard input; .gz where zlib is built in */
	const char *events; /* NULL: none */
	FILE *decisions;    /* NULL: none; one line a request */
	/*
	 * Every 20,000 lines; done and total are bytes of the input, total 0 when unknown. May be
	 * NULL.
	 */
	void (*progress)(void *ctx, uint64_t lines, uint64_t done, uint64_t total);
	void *progress_ctx;
};

struct replay_rule {
	char name[64];
	bool observed;
	uint64_t requests; /* that it hit */
	uint64_t accounts;
};

struct replay_account {
	char name[ACCOUNT_KEY_MAX + 1];
	uint64_t refused, held, observed; /* requests */
};

#define REPLAY_WORST 10
/* Each limit enforced or observed, and what stands in no list: suspended, emergency, token. */
#define REPLAY_RULES_MAX (CONFIG_LIMITS_MAX * 2 + 8)
struct replay_summary {
	uint64_t lines, requests, outbound, events, bad_lines;
	uint64_t by_action[ACTION_COUNT];
	wall_t first, last;
	size_t rules;
	struct replay_rule rule[REPLAY_RULES_MAX];
	size_t worst_n;
	struct replay_account worst[REPLAY_WORST]; /* most refused and held first */
	uint64_t accounts;                         /* that any rule hit */
	char first_bad[300];                       /* the first bad line: "file:line: why" */
};

/*
 * Replays the input. 0; -EINVAL, or what open(2) says: err. Bad lines are counted and passed over.
 */
MUST_CHECK int replay_run(
	const struct replay_setup *setup, struct replay_summary *ret, struct errbuf *err);

/* ---- input: lines of a plain or gzip file ---- */

#define INPUT_LINE_MAX (1024 * 1024)
struct input;
MUST_CHECK int input_open(const char *path, struct input **ret, struct errbuf *err);
void input_close(struct input *in);
/*
 * 1: *ret is the next line without its newline, valid until the next call; 0: the end; negative:
 * err.
 */
MUST_CHECK int input_line(struct input *in, struct span *ret, struct errbuf *err);
/* Bytes of the file read so far, and its size (0: unknown). */
void input_where(const struct input *in, uint64_t *ret_done, uint64_t *ret_total);
uint64_t input_number(const struct input *in); /* of the last line */

#endif
