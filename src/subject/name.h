/* SPDX-License-Identifier: ISC */
/*
 * name.h - canonical names, made from what stands in requests or was typed. Both ways come through
 * here, so that they cannot make two names of one thing.
 */
#ifndef NAME_H
#define NAME_H

#include "policyd/addr.h"
#include "policyd/subject.h"

/* The kind's word and a text that is canonical already; what would be longer than a key is cut. */
void name_set(struct account_name *name, enum account_kind kind, struct span text);
/* A certificate; Postfix writes fingerprints in upper case, people in either. */
void name_fingerprint(struct account_name *name, struct span fingerprint);

/*
 * A login (with the login_domain when it is bare), or the address of a sender: in canonical form,
 * and in local domains without its extension.
 */
void name_mailbox(struct account_name *name, enum account_kind kind, struct span address,
	const struct config *config);
/* An account that is an alias becomes the one it stands for. */
void name_follow(struct account_name *name, const struct config *config);

/* In canonical form. */
void name_domain(struct account_name *name, enum account_kind kind, struct span domain);
/* One host: IPv4 alone, IPv6 by /64, of which a host has all to choose from (design 5). */
void name_host(struct account_name *name, enum account_kind kind, const struct ip *ip);
/* The network of an address: /24, IPv6 by /64. */
void name_net(struct account_name *name, const struct ip *ip);
/* An address of ours, whole. */
void name_egress(struct account_name *name, const struct ip *ip);
/* An account's name and a domain in canonical form. */
void name_pair(struct account_name *name, struct span account, struct span domain);

/* What a pair consists of; false when it is none. Both point into text, which has no kind's word. */
bool name_split_pair(struct span text, struct span *ret_account, struct span *ret_domain);

#endif
