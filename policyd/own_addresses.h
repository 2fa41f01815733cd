/* SPDX-License-Identifier: ISC */
/*
 * own_addresses.h - what "auto" in egress.addresses comes to: the addresses that Postfix binds to, else
 * those of the interfaces, as far as the world can see them.
 *
 * Pure, but for interfaces_read() and own_addresses_find(), which may take seconds and belong on a
 * thread of their own.
 */
#ifndef POLICYD_OWN_ADDRESSES_H
#define POLICYD_OWN_ADDRESSES_H

#include "policyd/addr.h"
#include "policyd/config.h"
#include "policyd/egress.h"
#include "postfix_sending.h"

#define INTERFACES_MAX 256
struct interface {
	struct ip ip;
	char name[32];
};
/* Those that are up, without loopback. Returns how many. */
size_t interfaces_read(struct interface ret[INTERFACES_MAX]);

struct own_addresses {
	struct egress_address found[EGRESS_ADDRESSES_MAX];
	size_t n;
	/* What may be hidden behind NAT, by family: the first private address where no public one is. */
	struct egress_address hidden[2];
	bool is_hidden[2];
	bool has_postfix; /* Postfix was asked */
	char note[300];   /* why nothing, or not all, was found; "" */
};

/*
 * The elements of egress.addresses that say auto, in order. sending NULL: Postfix could not be asked,
 * why says why.
 */
struct own_addresses_input {
	const struct config *config;
	const struct postfix_sending *sending;
	const char *why;
	const struct interface *interface;
	size_t interface_n;
};
void own_addresses_choose(const struct own_addresses_input *input, struct own_addresses *ret);
/* True when any element says auto. */
bool own_addresses_wanted(const struct config *config);

/* All of it: asks Postfix and the kernel, and chooses. Blocks for up to 15 s. */
void own_addresses_find(const struct config *config, struct own_addresses *ret);

/*
 * Adds what DNS says we are, with the names of the one it stands for. A public address that is there
 * already, or a private one, changes nothing.
 */
void own_addresses_add(struct own_addresses *own, const struct egress_address *instead_of,
	const struct ip *ip, const char *origin);
/* The note for what is hidden while nobody is asked about it. */
void own_addresses_note_hidden(struct own_addresses *own);

#endif
