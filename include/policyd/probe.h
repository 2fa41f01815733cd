/* SPDX-License-Identifier: ISC */
/*
 * probe.h - whether abuse@ and postmaster@ of a domain are accepted where its mail goes (RFC 2142, RFC 5321 4.5.1):
 * what is to be asked, one SMTP dialogue as bytes in and commands out, and what came of it. Pure: connections
 * and deadlines are policyd/smtp_probe.c's. No mail is ever sent: there is no DATA. There is no TLS either; a
 * server that wants it says so, and then nothing is known.
 *
 *	probe_talk_begin(&talk, order, &order->target[0])
 *	while (... bytes come ...)
 *		switch (probe_talk_feed(&talk, bytes)) { SAY: send talk.say; OVER: look at talk.outcome }
 *	probe_talk_break(&talk, "no answer within 30 s")   when nothing more will come
 */
#ifndef POLICYD_PROBE_H
#define POLICYD_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/addr.h"
#include "policyd/span.h"

#define PROBE_NAME_SIZE   254
#define PROBE_TEXT_SIZE   200
#define PROBE_LINE_MAX    512 /* RFC 5321 4.5.3.1.5, CRLF among it */
#define PROBE_LINES_MAX   50  /* of one reply */
#define PROBE_TARGETS_MAX 4

enum probe_recipient { PROBE_ABUSE, PROBE_POSTMASTER, PROBE_RECIPIENTS };
/* "abuse" */
const char *probe_recipient_name(enum probe_recipient recipient);

/* Whom to ask, one after the other until one tells: the hosts of the MX set, the most preferred first. */
struct probe_target {
	char host[PROBE_NAME_SIZE];
	struct ip ip;
	struct ip from; /* our address of that family; zero: any */
};
struct probe_order {
	char domain[PROBE_NAME_SIZE], helo[PROBE_NAME_SIZE];
	size_t n;
	struct probe_target target[PROBE_TARGETS_MAX];
};

/* All of its text is printable ASCII. */
struct probe_said {
	unsigned code; /* of the reply to its RCPT; 0: there is none */
	char text
		[PROBE_TEXT_SIZE]; /* what stands behind the code; without one: why there is none, in words */
};
struct probe_outcome {
	char server[PROBE_NAME_SIZE + IP_TEXT_SIZE + 4]; /* "mx.example.org [192.0.2.1]" */
	struct probe_said said[PROBE_RECIPIENTS];
};
/* What a reply to RCPT says of its recipient; what is neither is not known. */
bool probe_accepts(unsigned code);
bool probe_refuses(unsigned code); /* not 521: that host takes no mail at all (RFC 7504) */
/* One of its replies tells: nobody else needs to be asked. */
bool probe_outcome_tells(const struct probe_outcome *outcome);

/* ---- the dialogue ---- */

enum probe_step {
	PROBE_GREETING,
	PROBE_EHLO,
	PROBE_HELO,
	PROBE_MAIL,
	PROBE_RCPT_ABUSE,
	PROBE_RCPT_POSTMASTER,
	PROBE_RSET,
	PROBE_QUIT,
	PROBE_OVER
};
struct probe_talk {
	enum probe_step step; /* whose reply is waited for */
	const struct probe_order *order;
	struct probe_outcome outcome; /* of a talk that is over, whole */
	bool is_told[PROBE_RECIPIENTS];
	char say[PROBE_LINE_MAX]; /* the command, with its CRLF */
	/* The reply that is coming in. */
	char line[PROBE_LINE_MAX];
	size_t line_n, lines;
	unsigned code;
	char text[PROBE_TEXT_SIZE];
};
/* The order must outlive the talk. The server speaks first. */
void probe_talk_begin(struct probe_talk *talk, const struct probe_order *order,
	const struct probe_target *target);
enum probe_talk_news {
	PROBE_TALK_MORE, /* nothing to do until more comes */
	PROBE_TALK_SAY,  /* talk->say is to be sent */
	PROBE_TALK_OVER
};
enum probe_talk_news probe_talk_feed(struct probe_talk *talk, struct span bytes);
/* It is over, and why, in words; what was told already stays. */
void probe_talk_break(struct probe_talk *talk, const char *why);

#endif
