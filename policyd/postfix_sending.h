/* SPDX-License-Identifier: ISC */
/*
 * postfix_sending.h - what the Postfix of this machine is set to as a sender: the address it binds to
 * and the name it says, of each smtp(8) client of master.cf.
 */
#ifndef POLICYD_POSTFIX_SENDING_H
#define POLICYD_POSTFIX_SENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/err.h"
#include "policyd/span.h"

#define POSTFIX_CLIENTS_MAX  128
#define POSTFIX_NAME_SIZE    64
#define POSTFIX_ADDRESS_SIZE 64
#define POSTFIX_HELO_SIZE    254

/* What is set for all in main.cf, or for one service in master.cf. */
struct postfix_client {
	char name[POSTFIX_NAME_SIZE]; /* of the service, which is the transport's; "": main.cf */
	char bind[2][POSTFIX_ADDRESS_SIZE]; /* as written, IPv4 and IPv6; "": none */
	char interfaces[1024];              /* inet_interfaces */
	char helo[POSTFIX_HELO_SIZE];
	bool uses[2]; /* inet_protocols has IPv4, IPv6 */
};
enum { SENDING_V4, SENDING_V6 };

struct postfix_sending {
	struct postfix_client all;
	bool is_helo_hostname; /* smtp_helo_name stands for $myhostname, which a service may set */
	struct postfix_client *client; /* those of master.cf; none: no smtp client was found */
	size_t client_n;
};

/*
 * Asks postconf(1) about main.cf and master.cf in directory; NULL: where it looks by itself. As
 * postconf_ask(). Blocks for up to 15 s.
 */
MUST_CHECK int postfix_sending_ask(
	const char *directory, struct postfix_sending *ret, struct errbuf *err);
void postfix_sending_deinit(struct postfix_sending *sending);

/*
 * The answers to the three questions as text; *sending is empty before the first. main: the values of
 * smtp_bind_address, smtp_bind_address6, inet_interfaces, inet_protocols, smtp_helo_name and
 * myhostname, a line each; commands: "smtp/unix/command = smtp -o ..."; options:
 * "smtp/unix/smtp_bind_address = 192.0.2.1".
 */
void postfix_sending_main(struct postfix_sending *sending, struct span text);
void postfix_sending_commands(struct postfix_sending *sending, struct span text);
void postfix_sending_options(struct postfix_sending *sending, struct span text);

#endif
