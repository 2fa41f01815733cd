/* SPDX-License-Identifier: ISC */
/*
 * who_am_i.h - our address as a DNS server sees it, or as somebody keeps it there: egress.who_am_i.
 * Asked for A or AAAA, and for TXT where there is none.
 */
#ifndef POLICYD_WHO_AM_I_H
#define POLICYD_WHO_AM_I_H

#include "policyd/addr.h"
#include "policyd/dns_client.h"

struct who_am_i;

/* By family, IPv4 first. */
struct who_am_i_answer {
	bool is_known[2];
	struct ip ip[2];
	bool has_failed; /* there was no answer: what is not known now may be later */
	const char *why; /* the last thing that went wrong, "" */
};
typedef void who_am_i_done(void *ctx, const struct who_am_i_answer *answer);

struct who_am_i *who_am_i_new(
	struct event_base *base, struct dns_client *dns, who_am_i_done *done, void *ctx);
/* Without telling; NULL is fine. */
void who_am_i_free(struct who_am_i *who);
/*
 * Asks for the families that are wanted; spec: NAME or NAME@SERVER. What was asked before is given
 * up. done comes once, from the loop.
 */
void who_am_i_ask(struct who_am_i *who, struct span spec, const bool wants[2]);
/* Gives up what was asked. */
void who_am_i_cancel(struct who_am_i *who);

/* The first address of that family in an answer of addresses or texts. False: there is none. */
bool who_am_i_read(const struct dns_answer *answer, enum dns_type type, bool is_v6, struct ip *ret);

#endif
