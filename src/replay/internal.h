/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of replay share; private to it.
 *
 *	scan.c, jsonl.c, line.c   a line in, a decision out
 *	replay.c                  the stream through the engine
 *	events.c                  what is no request: commands, connections, what was learnt later
 *	accepted.c                who was written to, for bounces that come days later
 *	summary.c                 who was hit by what
 */
#ifndef POLICYD_REPLAY_INTERNAL_H
#define POLICYD_REPLAY_INTERNAL_H

#include "policyd/replay.h"
#include "summary.h"

/* What a recording knows of a client's place, beside the attributes. */
#define JSONL_COUNTRY   "geo_country"
#define JSONL_ASN       "geo_asn"
#define JSONL_LATITUDE  "geo_lat"
#define JSONL_LONGITUDE "geo_lon"

/* Two capital letters; or nothing, which is unknown. False: it is neither. */
bool geo_take_country(struct geo *geo, struct span text);

/* A score as decision lines have it. */
uint64_t score_hundredths(const struct verdict *verdict);
/* The observe rule that would have refused, or the step that an observed ladder is at, or "". */
const char *verdict_would(const struct verdict *verdict);

/* ---- accepted.c: recipients that were let through, of about the last three days ---- */

struct accepted;
struct accepted *accepted_new(void);
void accepted_free(struct accepted *a);
/* What a request was answered: a recipient that passes, a message that is stopped as a whole. */
void accepted_note(
	struct accepted *a, const struct request *request, enum action action, wall_t at);
/* True when that recipient of that message was let through, and the message went on. */
bool accepted_has(const struct accepted *a, struct span instance, struct span recipient);
/* So many were forgotten before their time. */
uint64_t accepted_lost(const struct accepted *a);

/* ---- the run ---- */

struct replay {
	const struct replay_setup *setup;
	struct engine *engine;
	struct tally *tally;
	struct replay_summary *summary;
	engine_conn *conn; /* by the recording's number; 0: not open */
	size_t conns;
	struct input *events;
	json_t *next_event; /* read ahead */
	struct accepted *accepted;
	struct postfix_log *log; /* NULL: the input is JSON lines */
	struct now now;
	struct jsonl_scan *scan;
	struct jsonl_room *event_room; /* an event may stand between a line and its answer */
};

/* A fixed seed where a stream brings none: two runs give the same decisions, references too. */
void replay_engine(struct replay *r, const uint64_t seed[2]);
/* The engine's number of a recording's connection; NULL: none. */
engine_conn *replay_conn(struct replay *r, uint32_t number);
/* A line with "event". 0, or -EINVAL: it is none that is known; err says why. */
MUST_CHECK int replay_event(
	struct replay *r, const json_t *line, uint32_t conn, struct errbuf *err);
/* How our addresses stand from here on. 0, or -EINVAL with err. */
MUST_CHECK int replay_egresses(struct replay *r, const json_t *line, struct errbuf *err);
/* What the status of a bounce speaks for (RFC 3463): nobody there, or refused for what it is. COUNT:
 * neither, for a full mailbox and the network's doing say nothing of who sent. */
enum signal replay_signal_of_status(struct span dsn);
/* What a log says that came back. */
void replay_came_back(struct replay *r, const struct log_said *said);

#endif
