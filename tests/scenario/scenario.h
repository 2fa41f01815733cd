/* SPDX-License-Identifier: ISC */
/*
 * scenario.h - one scenario file on its way through the engine: what its files share.
 *
 *	scenario.c  files, blocks, the report
 *	verb.c      what a line does; what it expects of a verdict is in expect.c
 *	desk.c      the lines of operators
 *	signal.c    what speaks for a compromised account, and where clients stand
 *	standing.c  how our addresses stand
 *	state.c     snapshots, and what ends the process
 *	repeat.c    the same lines again and again
 *	files.c     files beside the configuration
 *	words.c     a line as words
 */
#ifndef POLICYD_TEST_SCENARIO_H
#define POLICYD_TEST_SCENARIO_H

#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/engine.h"
#include "words.h"

#define NAME_SIZE      32
#define CONNS_MAX      32
#define REFERENCES_MAX 32
#define NOTES_MAX      8
#define EVENTS_MAX     64
#define BLOCKS_MAX     256
#define DIR_MARK       "$DIR"

struct scenario_conn {
	char name[NAME_SIZE]; /* "": this place is free */
	engine_conn id;
	struct span listener;
	bool has_peer;
	struct ip peer;
	struct request attributes; /* of all its requests; a span with p == NULL is not given */
};

/* A durable change, as the store would hold it. Its texts stay where they stand in the file. */
struct scenario_event {
	struct policy_event event;
	struct account_name name;
	bool is_over; /* a suspension that a later release ended */
};

/* Blocks of saved state, in order; owns their bytes. */
struct scenario_blocks {
	size_t n;
	struct bytes block[BLOCKS_MAX];
};

struct scenario {
	const char *path;
	unsigned line;
	char error[1200]; /* what was expected and what came; "" while all is well */
	unsigned checks;  /* made so far */
	/* True: time passes without ticks in between, as it does for simulate. */
	bool is_lazy;
	struct engine *engine; /* NULL until the config block */
	struct config *config; /* it runs under; a reference */
	int64_t at_us;         /* since the beginning */
	int64_t wall_step_us;  /* by which the wall clock was set since */
	int64_t boot_us;       /* when the machine was booted, by at_us */
	unsigned boots;
	struct scenario_event event[EVENTS_MAX];
	size_t events;
	struct scenario_blocks snapshot; /* the last one */
	char dir[32];                    /* of its files; "" until there is one */
	struct scenario_conn conn[CONNS_MAX];
	struct request attributes; /* of all requests */
	struct {
		char name[NAME_SIZE], reference[REFERENCE_SIZE];
	} reference[REFERENCES_MAX];
	size_t references;
	unsigned decisions;       /* published and not yet asked for */
	char step[NOTES_MAX][64]; /* "login:alice slow", by the ladder and not yet asked for */
	size_t steps;
	char note[NOTES_MAX][304];
	size_t notes;
	unsigned delivered;                 /* recipients of "message" lines, not yet asked for */
	struct scenario_standing *standing; /* made at the first egress */
	/* Of rounds: what is remembered points into their lines. */
	struct scenario_round *rounds;
};

/* Sets the error, with file and line before it; always -EINVAL. */
int fail(struct scenario *s, const char *format, ...) PRINTF_LIKE(2, 3);
struct now scenario_now(const struct scenario *s);
/* Fetches what the engine wants done. */
void scenario_effects(struct scenario *s);

/* Does these lines, which are changed. 0 or -EINVAL. */
MUST_CHECK int scenario_lines(struct scenario *s, char *text);

/* ---- repeat.c ---- */

/* The lines with $N in place of the number of the round, from 1: "repeat N every TIME". */
MUST_CHECK int repeat_run(struct scenario *s, const struct words *words, const char *lines);
void repeat_free(struct scenario *s);

/* ---- expect.c ---- */

/* What a verdict should be. A span with p == NULL is not looked at. */
struct expect {
	enum action action; /* ACTION_COUNT: whatever it is */
	struct span code, rule, would, text, reference, step, would_step;
};
/*
 * From "ACTION [code NNN] [rule NAME] [would NAME] [text TEXT] [reference NAME] [step STEP]
 * [would-step STEP]". 0 or -EINVAL.
 */
MUST_CHECK int expect_parse(struct scenario *s, char *const *word, size_t n, struct expect *ret);
/* what: the request, for the message. 0 or -EINVAL. */
MUST_CHECK int expect_check(struct scenario *s, const struct expect *expect,
	const struct verdict *verdict, const char *what);

/* ---- verb.c ---- */

/* Does one line that is neither empty nor a block. 0 or -EINVAL. */
MUST_CHECK int verb_run(struct scenario *s, const struct words *words);
/* Time passes until then, since the beginning; with ticks, or without. 0 or -EINVAL. */
MUST_CHECK int verb_pass(struct scenario *s, int64_t at_us);
/* Whether a number is in "N", "A..B", "A.." or "..B". 0 or -EINVAL. */
MUST_CHECK int verb_within(struct scenario *s, const char *what, double came, const char *range);

struct verb {
	const char *word, *usage; /* usage: what follows the word */
	size_t least, most;       /* words after it */
	int (*run)(struct scenario *s, const struct verb *verb, const struct words *words);
	/* Of those that ask: the stage, and what the words after the connection are. */
	const char *stage, *attribute[2];
};

/* ---- desk.c ---- */

/* What operators do, and one thing that they look at. */
/* The account that is word 1, and until when: "for TIME" at word at, or for good. */
MUST_CHECK int desk_begin(struct scenario *s, const struct verb *verb, const struct words *words,
	size_t at, struct scenario_event **ret);
int desk_done(struct scenario *s, const struct scenario_event *made);
int desk_release(struct scenario *s, const struct verb *verb, const struct words *words);
int desk_event(struct scenario *s, const struct verb *verb, const struct words *words);
int desk_override(struct scenario *s, const struct verb *verb, const struct words *words);
int desk_class(struct scenario *s, const struct verb *verb, const struct words *words);

/* ---- signal.c ---- */

/* "CC", "CC/ASN" or "CC/ASN/LATITUDE/LONGITUDE", in degrees; "-": nothing is known. False: neither. */
bool geo_parse(struct span text, struct geo *ret);
int signal_add(struct scenario *s, const struct verb *verb, const struct words *words);
int signal_step(struct scenario *s, const struct verb *verb, const struct words *words);
/* The step that the ladder told of last, of whichever account. */
int signal_event(struct scenario *s, const struct verb *verb, const struct words *words);
/* What speaks against an account now: one signal's points, or all. */
int signal_evidence(struct scenario *s, const struct verb *verb, const struct words *words);
/* Tells who writes a scenario, as lines of comment, and checks nothing. */
int signal_show(struct scenario *s, const struct verb *verb, const struct words *words);
int signal_score(struct scenario *s, const struct verb *verb, const struct words *words);
void signal_effect(struct scenario *s, const struct effect *effect);

/* ---- state.c ---- */

int state_snapshot(struct scenario *s, const struct verb *verb, const struct words *words);
int state_restart(struct scenario *s, const struct verb *verb, const struct words *words);
int state_crash(struct scenario *s, const struct verb *verb, const struct words *words);
int state_lost(struct scenario *s, const struct verb *verb, const struct words *words);
/* A new engine under s->config. */
void state_start(struct scenario *s);
void state_free(struct scenario *s);

/* ---- files.c ---- */

/* A file beside the configuration, for its owner alone; text is all it holds. 0 or -EINVAL. */
MUST_CHECK int files_write(struct scenario *s, const char *name, const char *text);
/* A copy with each $DIR replaced by the folder of the files; for free(). */
char *files_named(const struct scenario *s, const char *text);
/* Takes over the lists of the configuration that were written anew. */
int files_reread(struct scenario *s, const struct verb *verb, const struct words *words);
/* Removes folder and files. */
void files_free(struct scenario *s);

/* ---- standing.c: the lines, and what goes on with the engine ---- */

struct verb;
int standing_egress(struct scenario *s, const struct verb *verb, const struct words *words);
int standing_finding(struct scenario *s, const struct verb *verb, const struct words *words);
int standing_receiver(struct scenario *s, const struct verb *verb, const struct words *words);
int standing_bounced(struct scenario *s, const struct verb *verb, const struct words *words);
int standing_posture(struct scenario *s, const struct verb *verb, const struct words *words);
void standing_tick(struct scenario *s);
void standing_configure(struct scenario *s);
/* Before and after what ends the process. */
void standing_save(struct scenario *s);
void standing_load(struct scenario *s);
void standing_end(struct scenario *s);

#endif
