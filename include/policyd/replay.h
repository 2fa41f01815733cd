/* SPDX-License-Identifier: ISC */
/*
 * replay.h - requests as JSON lines: written by a running policyd (record), and read back through
 * the real engine in virtual time (simulate). Nothing here reads a clock or decides anything.
 *
 * A line is one object: policy attributes, "ts" (epoch seconds), and in a recording "mono" (seconds
 * of the clock that limits run on), "conn", "action", "rule". A value that is no UTF-8 stands as
 * hex under NAME#hex. Where the client stands is "geo_country", "geo_asn", "geo_lat", "geo_lon", as it
 * was found when it was asked, so that a replay needs no database.
 *
 * Lines with "event" are no requests: start (the seed), open, close, command (a durable change: "verb",
 * "account", "until" unless it is permanent, "limit", "rate" of an override, "reason", "author" where
 * that is policyd itself). A reload is not recorded. Others come from programs, beside a stream:
 * release, bounce and complaint ("sasl_username", "instance", "recipient"; "dsn" of a bounce: 5.1, 5.2.1
 * and 5.7 count, or none at all), which count only if that recipient was let through, and signal ("account" or "sasl_username", "signal", "n").
 * egresses says how our addresses stand from then on: "list" of objects with "egress", "posture", and where they
 * are known "provider", "share", "generation", "transport".
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
 * Where the client stands, as it was found when it was asked: "geo_country" (two capitals), "geo_asn",
 * "geo_lat" and "geo_lon" in degrees; what is unknown is left out. When nothing is known at all,
 * "geo_asn" is 0: then a replay does not look for it either.
 */
void jsonl_put_geo(json_t *object, const struct geo *geo);
/* has: any of them is there. 0 or -EINVAL. */
MUST_CHECK int jsonl_get_geo(
	const json_t *object, struct geo *ret, bool *ret_has, struct errbuf *err);
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

/* ---- a line of a stream, as fast as may be ---- */

#define JSONL_CONNS_MAX (1u << 20)
struct jsonl_line {
	struct now now;
	uint32_t conn;          /* a recording's number; 0: none, or none that may be */
	struct request request; /* when it is no event */
	bool has_geo;           /* it says where the client stands */
	json_t *event;          /* the object of a line with "event", else NULL */
};
/* What is remembered from line to line: the keys that have been met. Zero is the start. */
#define JSONL_KEYS_MAX 64
struct jsonl_scan {
	struct jsonl_room room; /* of the present line */
	size_t keys;
	struct scan_key {
		char text[40];
		uint8_t n, kind;
		uint16_t offset;
	} key[JSONL_KEYS_MAX];
};
/*
 * One line. Spans point into text, object (of *ret_object, which the caller unrefs; NULL when there
 * is none) and the room. 0, or -EINVAL: no JSON object, no time, or a request that is none.
 */
MUST_CHECK int jsonl_read(struct jsonl_scan *scan, struct span text, struct jsonl_line *ret,
	json_t **ret_object, struct errbuf *err);
/*
 * Its two halves: the usual line, plain and flat, or false; and any. Where the first has an opinion
 * it is the second's.
 */
bool jsonl_scan(struct jsonl_scan *scan, struct span text, struct jsonl_line *ret);
MUST_CHECK int jsonl_read_any(struct jsonl_room *room, struct span text, struct jsonl_line *ret,
	json_t **ret_object, struct errbuf *err);

/*
 * The line of a decision, with its newline, into buf: time, instance, and what jsonl_put_verdict()
 * says. Returns its length, or 0: it takes a JSON library (texts that are not plain).
 */
#define JSONL_DECISION_MAX 1024
struct jsonl_decision {
	wall_t at;
	struct span instance;
	const struct verdict *verdict;
};
size_t jsonl_decision(const struct jsonl_decision *decision, char buf[JSONL_DECISION_MAX]);

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
/* The engine was told how our addresses stand. */
void recorder_egresses(
	struct recorder *r, const struct engine_egress *egress, size_t n, struct now now);
/* Hands what has gathered to the writer thread; call once a second. */
void recorder_flush(struct recorder *r);
/* The writer's, for the loop. */
int recorder_fd(const struct recorder *r);
void recorder_collect(struct recorder *r);

/* ---- a Postfix log: what smtpd was asked, as far as a log tells ---- */

enum log_kind {
	LOG_FOREIGN, /* no line of Postfix, or of one of its programs that says nothing to us */
	LOG_UNREAD,  /* of one that does, and it makes no sense */
	LOG_CLIENT,  /* smtpd: a message begins */
	LOG_PICKUP,  /* a message by the sendmail command, about which no policy service is asked */
	LOG_MESSAGE_ID,
	LOG_QUEUED,    /* qmgr: from, size, nrcpt */
	LOG_RECIPIENT, /* a delivery was tried */
	LOG_REMOVED,
	LOG_REJECT, /* smtpd refused something */
	LOG_KINDS
};

/* A stamp without a year has year 0. */
struct log_stamp {
	int year, month, day;
	int64_t us; /* in that day, and of the zone as far as it is told: may be beyond the day */
};

/* Spans point into the line. What it does not tell is empty. */
struct log_line {
	enum log_kind kind;
	struct log_stamp stamp;
	struct span queue_id;
	struct span client_name, client_address, sasl_method, sasl_username;
	struct span message_id, from;
	uint64_t size, recipients;
	struct span to, original_to, dsn, status;
};
void log_line_parse(struct span text, struct log_line *ret);

/* What a line amounts to, in this order. Spans are valid until the next line. */
struct log_said {
	struct now now;
	bool has_rcpt, has_end;
	struct request rcpt, end; /* a recipient; the end of its message */
	bool has_bounce;          /* what follows came back, after the recipient */
	struct span login, instance, recipient, dsn;
};

struct log_figures {
	uint64_t kind[LOG_KINDS];
	uint64_t messages;   /* by smtpd */
	uint64_t again;      /* that came back from a content filter or a list: not judged twice */
	uint64_t beginnings; /* deliveries whose message began before the log, or was forgotten */
};

struct postfix_log;
/* wall: about when the log ended, which tells the year where stamps have none. */
struct postfix_log *postfix_log_new(wall_t wall);
void postfix_log_free(struct postfix_log *log);
/* False: the line amounts to nothing. */
bool postfix_log_read(struct postfix_log *log, struct span text, struct log_said *ret);
void postfix_log_figures(const struct postfix_log *log, struct log_figures *ret);

/* ---- simulate ---- */

enum replay_format { REPLAY_JSONL, REPLAY_POSTFIX_LOG };

struct replay_setup {
	struct config *config;
	enum replay_format format;
	wall_t wall; /* about when the log ended, for stamps without a year; 0: its own are taken for now's */
	const char *input;  /* "-": standard input; .gz where zlib is built in */
	const char *events; /* NULL: none */
	FILE *decisions;    /* NULL: none; one line a request */
	/* Where a client stands, unless a line says so itself. May be NULL: nobody knows. */
	void (*geo)(void *ctx, const struct ip *client, struct geo *ret);
	void *geo_ctx;
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

/* Each limit enforced or observed, and what stands in no list: suspended, steps, emergency, token. */
#define REPLAY_RULES_MAX (CONFIG_LIMITS_MAX * 2 + 16)
#define REPLAY_EVIDENCE  8

/* What a person should look at before a hit is believed. */
enum replay_hint {
	HINT_NONE,
	HINT_TIGHT,          /* on a good part of its days: the limit does not fit it */
	HINT_LONE,           /* limits alone, on a day or two of many */
	HINT_FALSE_POSITIVE, /* the stream says that it was released as a false positive */
};

/* An account that any rule or step hit. */
struct replay_account {
	char *name;                       /* as people write it; may hold any byte */
	uint64_t refused, held, observed; /* requests */
	uint64_t recipients;              /* asked for, in all */
	uint32_t days, days_hit;          /* on which it sent; on which it was hit */
	wall_t first_hit, last_hit;
	enum step step, would; /* the highest that was taken; that was observed */
	double score;          /* the highest that a decision or step told of */
	enum replay_hint hint;
	uint8_t hit[(REPLAY_RULES_MAX + 7) / 8]; /* by which of the rules */
	size_t evidence_n;
	uint64_t evidence_more; /* not kept */
	struct replay_evidence {
		wall_t at;
		enum step step; /* NONE: a limit */
		char *text;
	} evidence[REPLAY_EVIDENCE];
};

/* Recipients that accounts ask for in an hour, or a day. Accounts that the ladder stopped are left out. */
struct replay_volume {
	uint64_t n;             /* hours in which one sent anything */
	uint64_t p50, p99, max; /* of those */
	uint64_t accounts;
	uint64_t most_p50, most_p99; /* of accounts, in their busiest hour */
	uint64_t suggested;          /* a limit that 99 of 100 never reached; 0: too few to tell */
	uint64_t above;              /* accounts that would have been over it, once or more */
};

struct replay_day {
	/* Recipients: asked for; of those, refused or put off; held; hit by what is only observed. */
	uint64_t recipients, refused, held, observed;
};
#define REPLAY_DAYS_MAX 4000

struct replay_summary {
	uint64_t lines, requests, outbound, events, bad_lines;
	uint64_t fed; /* bounces, complaints and reports that counted */
	uint64_t
		forgotten; /* recipients whose bounces could not count any more: too many at once */
	uint64_t by_action[ACTION_COUNT];
	wall_t first, last;
	size_t rules;
	struct replay_rule rule[REPLAY_RULES_MAX];
	uint64_t step[STEP_COUNT], would[STEP_COUNT]; /* accounts that came so far at most */
	uint64_t seen;                                /* accounts that sent anything */
	size_t accounts;                              /* that any rule or step hit */
	struct replay_account *account;               /* most refused and held first */
	struct replay_volume hour, day;
	struct replay_learnt {
		uint64_t accounts, p50, mean, max; /* bytes that are kept of each at the end */
	} learnt;
	size_t days;
	int64_t first_day; /* since 1970 */
	struct replay_day *by_day;
	bool is_log; /* then log says what it held */
	struct log_figures log;
	char first_bad[300]; /* the first bad line: "file:line: why" */
};
/* Frees what it points to. */
void replay_summary_free(struct replay_summary *summary);

/*
 * Replays the input. 0; -EINVAL, or what open(2) says: err. Bad lines are counted and passed over.
 * *ret is to be freed in any case.
 */
MUST_CHECK int replay_run(
	const struct replay_setup *setup, struct replay_summary *ret, struct errbuf *err);

/* A page that needs nothing else: tables, and a chart of the days. */
struct replay_report {
	const struct replay_summary *summary;
	const char *config, *input;
	size_t accounts_max; /* shown */
};
void replay_report_html(FILE *out, const struct replay_report *report);
/* What a hint says, "" for none. */
const char *replay_hint_text(enum replay_hint hint);

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
