/* SPDX-License-Identifier: ISC */
/*
 * control.h - the control socket: how policyctl asks a running policyd.
 *
 * A unix stream socket. One JSON object a line each way, one command at a time on a connection:
 *
 *	{"verb":"suspend","args":{"account":"alice","reason":"phished"}}
 *	{"ok":true,"data":{...},"error":null,"exit":0}
 *
 * A verb of several words is one text, "override set". What is refused has an error, and data where
 * there is more to say (a reload: its messages). "exit" is the code that policyctl ends with: of
 * sysexits(3), or the verb's own (egress check). Who asks is known from the kernel
 * (SO_PEERCRED): root and the daemon's own user may do everything, control.operators have the right
 * DESK, whoever else can connect may look. Rights are checked here, against the row of the command
 * table.
 *
 * Who asks with "progress":true gets, of a command that takes long, lines before the answer, several
 * a second while there is news and at least one every 10 s:
 *
 *	{"verb":"egress check","args":{"wait":true},"progress":true}
 *	{"progress":{"done":12,"total":80,"text":"questions answered"}}
 *	{"ok":true, ...
 *
 * --message of egress check is the header itself: its signatures, From, Return-Path and results (mailauth.h).
 *
 * An asker that hangs up ends what it waited for, where that changes nothing.
 */
#ifndef POLICYD_CONTROL_H
#define POLICYD_CONTROL_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/command.h"
#include "policyd/config.h"
#include "policyd/engine.h"
#include "policyd/err.h"
#include "policyd/span.h"
#include "policyd/store.h"

/* ---- the wire ---- */

#define CONTROL_LINE_MAX 65536 /* bytes of a request, its newline included */

struct control_request {
	const struct command_row *row;
	json_t *args; /* checked by the row's grammar; the caller's */
	bool wants_progress;
};

enum control_line {
	CONTROL_LINE_REFUSED = 1, /* understood, but no command of ours: answer err and go on */
	CONTROL_LINE_BROKEN,      /* not our protocol: answer err and close */
};

/* One line without its newline. 0, or what enum control_line says; err has the text. Pure. */
MUST_CHECK int control_line_parse(
	struct span line, struct control_request *ret, struct errbuf *err);

/*
 * The line that asks, newline included, for free(); NULL when it is longer than CONTROL_LINE_MAX.
 * Of a slow command with "progress".
 */
char *control_line_format(const struct command_row *row, const json_t *args);

/* ---- the daemon's side ---- */

struct audit;
struct control;
struct culprits;
struct dns_client;
struct egress;
struct ledger;
struct postures;

/* What became of a reload. Valid during the call that tells it. */
struct reload_result {
	bool is_done;                       /* false: refused, nothing was changed */
	const struct config_report *report; /* what reading the configuration had to say */
	size_t restart_n;                   /* settings that changed and keep their value ... */
	const char *const *restart;         /* ... until a restart: "listen", "state.directory" */
};
/* result NULL: the daemon stops, and did not reload. */
typedef void reload_done(void *ctx, const struct reload_result *result);

/* What only the daemon as a whole knows. */
struct control_state {
	wall_t snapshot_at;         /* of the newest counters on disk; 0: there are none */
	uint64_t snapshot_bytes;    /* their size; 0: not known */
	bool snapshot_is_brief;     /* there was no room for what was learnt of accounts */
	const char *snapshot_error; /* why the last attempt failed; NULL: it did not */
	const char *lost;           /* why state was lost at the start; NULL: it was not */
};

/* What commands work with. All of it outlives the control and its unanswered commands. */
struct control_setup {
	struct event_base *base;
	struct engine *engine;
	struct store *store;
	struct now (*now)(void *ctx);
	void *now_ctx;
	struct now started;
	/* What is listened on until the end, whatever a reload says; referenced by the caller. */
	const struct config *started_with;
	const char *version;
	const char *config_path;
	/* A durable change was committed and applied; may be NULL. */
	void (*applied)(void *ctx, const struct policy_event *event, struct now now);
	void *applied_ctx;
	/*
	 * As SIGHUP. Calls done(done_ctx, ..) exactly once, never before it returned, also when the
	 * control has been freed meanwhile. Asked again while one is under way: each is told what
	 * came of one that began after it asked. NULL: this daemon cannot.
	 */
	void (*reload)(void *ctx, reload_done *done, void *done_ctx);
	void *reload_ctx;
	/* Fills in *ret, which is zero; its texts are valid until the loop goes on. May be NULL. */
	void (*state)(void *ctx, struct control_state *ret);
	void *state_ctx;
	/* How the world sees us, and who is asked about it; either may be NULL. */
	struct egress *egress;
	struct dns_client *dns;
	/* Of our own house, and how we send; NULL where egress is. */
	struct audit *audit;
	struct postures *postures;
	struct culprits *culprits;
	struct ledger *ledger;
	/*
	 * To be called after anything that may have left effects in egress (a check began, was
	 * dropped, was taken). Returns before any of them is carried out. NULL: nobody does.
	 */
	void (*egress_poke)(void *ctx);
	/* What postures and the ledger are now comes into force and is given to the store. NULL: nobody keeps it. */
	void (*standing_keep)(void *ctx);
	void *egress_ctx;
};

/*
 * Binds and listens as config says. A socket nobody listens on is replaced; -EADDRINUSE: another
 * policyd listens there; other negatives as socket calls give them. err names the path.
 */
MUST_CHECK int control_new(const struct control_setup *setup, const struct config *config,
	struct control **ret, struct errbuf *err);

/*
 * Closes everything and removes the socket; NULL is fine. A command whose store job is still under
 * way ends when that comes back (what was committed is in the store, memory is not touched any
 * more).
 */
void control_free(struct control *control);

/* After a reload: who the operators are. */
void control_reconfigure(struct control *control, const struct config *config);

/* ---- the asking side ---- */

/* How far a slow command is; text is foreign, and valid during the call. */
struct control_progress {
	uint64_t done, total;
	const char *text;
};
struct control_ear {
	void (*progress)(void *ctx, const struct control_progress *progress);
	void *ctx;
};

/*
 * Asks the daemon behind path, waiting at most 30 s at each step. ear is told how far it is until
 * the answer comes; may be NULL. *ret_answer: its object, the caller's. 0, or negative: -EACCES,
 * -EPERM (may not connect), -EPROTO (no answer of ours), others as socket calls give them; err has
 * the text.
 */
MUST_CHECK int control_ask(const char *path, const char *line, const struct control_ear *ear,
	json_t **ret_answer, struct errbuf *err);

#endif
