/* SPDX-License-Identifier: ISC */
/*
 * call.h - one command under way, from the request line to its answer.
 *
 * A handler gets a call and ends it exactly once with call_answer() or call_fail(), before it
 * returns or later from a callback. What it must remember until then hangs at work. The asker may
 * go away meanwhile: then gone is called, or else the answer is dropped. So may the whole control:
 * a late callback of the store asks call_is_void() first.
 *
 *	void handle_x(struct control_call *call)
 *	{
 *		if (store_y(call->setup->store, ..., done, call) != 0)
 *			call_fail(call, EX_TEMPFAIL, "...");
 *	}
 */
#ifndef POLICYD_CONTROL_CALL_H
#define POLICYD_CONTROL_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "policyd/control.h"

struct control_conn;

struct control_call {
	const struct control_setup *setup;
	const struct command_row *row;
	json_t *args;
	uid_t uid;
	void *work;
	void (*work_free)(void *work); /* called at the end unless NULL */
	/* The asker has gone; may end the call. NULL: it goes on, for what it changes. */
	void (*gone)(struct control_call *call);
	struct control *control;
	struct control_conn *conn; /* NULL: the asker has gone */
};

/* Exit code of an answer that is a no: nothing found, not suspended. */
#define EXIT_NEGATIVE 1

/*
 * 0; negative: who asks lacks the right, and the call has been ended. The row's own right has been looked at
 * already: for verbs that show, and with an option change.
 */
MUST_CHECK int call_must_have(struct control_call *call, enum command_right right);
/* The text of an argument, or the empty span. */
struct span call_arg(const struct control_call *call, const char *name);
/* --count as a number from 1 to max, or preset when it is not given. 0 or -EINVAL. */
struct call_range {
	uint32_t preset, max;
};
MUST_CHECK int call_count(const struct control_call *call, const struct call_range *range,
	uint32_t *ret, struct errbuf *err);
struct now call_now(const struct control_call *call);
/* The control has been freed, engine and store with it perhaps: the call can only be ended. */
bool call_is_void(const struct control_call *call);

/* Both end the call. data: taken over. exit: of sysexits(3). */
void call_answer(struct control_call *call, json_t *data);
/* The same of a verb whose exit code says more than that it was done. */
void call_answer_exit(struct control_call *call, json_t *data, int exit);
void call_fail(struct control_call *call, int exit, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same with data, which is taken over: what was refused, and what there is to say about it. */
struct call_refusal {
	int exit;
	json_t *data;
	const char *text;
};
void call_refuse(struct control_call *call, const struct call_refusal *refusal);
/* Ends a call nobody waits for. */
void call_end(struct control_call *call);

/*
 * How far a slow call is: told to an asker that wants to know. Each time the asker gets another 30 s
 * before it is given up, so it is to be called more often than that.
 */
void call_progress(struct control_call *call, const struct control_progress *progress);
/*
 * True: the asker has hung up, and gone has been called, which ended the call. For slow calls; others
 * are told when they write. gone is not NULL.
 */
MUST_CHECK bool call_was_left(struct control_call *call);

/* Handlers of the daemon's verbs, one a row of command.def: handle_ID. */
typedef void call_handler(struct control_call *call);
#define COMMAND(id, verb, right, place, grammar, columns, help) call_handler handle_##id;
#include "policyd/command.def"
#undef COMMAND

#endif
