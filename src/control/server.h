/* SPDX-License-Identifier: ISC */
/* server.h - what the control socket's server and its connections share. */
#ifndef POLICYD_CONTROL_SERVER_H
#define POLICYD_CONTROL_SERVER_H

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "call.h"

struct control_conn {
	struct control *control;
	uid_t uid;
	struct bufferevent *bev;
	struct event *deadline;    /* of the step it is in: a line, a command, its answer */
	size_t scanned;            /* bytes of the input known to hold no newline */
	struct control_call *call; /* the one under way, or NULL */
	json_t *rows;              /* of an answer being written, or NULL */
	size_t rows_done;
	int exit; /* of that answer */
	bool wants_progress;
	bool is_closing; /* as soon as what is written has gone out */
};

/* Takes the descriptor over, also when it gives NULL (out of memory in libevent). */
struct control_conn *control_conn_new(
	struct control *control, struct event_base *base, int fd, uid_t uid);
void control_conn_free(struct control_conn *conn);
/*
 * The answer to what conn asked last. Takes data; rows are written piece by piece, as they are
 * read.
 */
void control_conn_answer(struct control_conn *conn, json_t *data, int exit);
/* A line before the answer, unless the one before it has not been read; and time for another step. */
void control_conn_progress(struct control_conn *conn, const struct control_progress *progress);
/* The other side has closed: nobody will read the answer. While a command is under way nobody reads. */
bool control_conn_is_left(const struct control_conn *conn);
void control_conn_refuse(struct control_conn *conn, const struct call_refusal *refusal);

/* Starts a command, which may end before this returns. Takes the request's args. */
void control_call_begin(struct control_conn *conn, const struct control_request *request);
/* A connection goes; it may be one the server never came to know. */
void control_forget(struct control *control, const struct control_conn *conn);

#endif
