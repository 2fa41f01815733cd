/* SPDX-License-Identifier: ISC */
/*
 * server.h - the policy server and its connections; private to io.
 *
 * A connection reads into one buffer that all share and parses there. Only what is left over (part
 * of a request, or requests beyond the share of one wake-up) is copied to the connection's own
 * rest. While a reply could not be sent, or the engine waits for an answer, the connection is not
 * read.
 *
 * Every connection stands on `all`, longest idle first, and on `late` while it owes something (the
 * rest of a request, the reading of a reply), longest owing first.
 */
#ifndef POLICYD_IO_SERVER_H
#define POLICYD_IO_SERVER_H

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "policyd/log.h"
#include "policyd/place.h"
#include "policyd/policy_server.h"

#define WAKEUP_REQUESTS 64 /* then the others have their turn */
#define ACCEPTS         64 /* a wake-up */

struct conn {
	struct policy_server *server;
	const struct listener *listener;
	struct event event;
	struct event again; /* has_more: back without waiting for the socket */
	int fd;
	bool has_peer; /* not over a unix socket */
	struct ip peer;
	engine_conn id;
	TAILQ_ENTRY(conn) all, late;
	mono_t late_since;
	bool is_late;    /* stands on late */
	bool is_waiting; /* for the engine */
	bool is_ended;   /* the peer sends no more: close when all is answered */
	bool has_more;   /* rest begins with a whole request */
	struct request_scan scan;
	size_t rest_n, rest_size;
	char *rest;
	size_t out_n; /* of a reply that could not be sent yet */
	char *out;
};
TAILQ_HEAD(conn_list, conn);

struct listener {
	struct policy_server *server;
	struct event *event;
	struct place place;
	char *address; /* as configured */
	bool is_unix;
};

struct policy_server {
	struct event_base *base;
	struct engine *engine;
	struct policy_server_hooks hooks;
	struct listener *listener;
	size_t listeners;
	struct event *resume; /* accepting again after the descriptors ran out */
	struct conn_list all, late;
	size_t conns, conns_max;
	struct conn_slot {
		struct conn *conn;
	} * by_id; /* by engine_conn */
	size_t by_id_n;
	struct log_throttle bad_warning, cap_warning, accept_warning;
	char in[REQUEST_BYTES_MAX];
	char out[WAKEUP_REQUESTS * REPLY_MAX];
};

/* Takes over fd. */
void conn_open(struct policy_server *s, struct listener *listener, int fd, const struct ip *peer,
	struct now now);
void conn_close(struct conn *conn, struct now now);
/* SMTPD_POLICY_README: no reply, one warning, hang up. */
void conn_reject(struct conn *conn, const char *why, struct now now);
/* Nothing half done, and nothing in its socket's buffer. */
bool conn_is_idle(const struct conn *conn);
void conn_answer(struct conn *conn, const struct verdict *verdict, struct now now);
/* Answers what has come, then closes. */
void conn_drain(struct conn *conn, struct now now);

#endif
