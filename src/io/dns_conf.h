/* SPDX-License-Identifier: ISC */
/*
 * dns_conf.h - what the resolver is set to: dns.* of the configuration, and resolv.conf for what that
 * leaves open; private to io.
 */
#ifndef POLICYD_IO_DNS_CONF_H
#define POLICYD_IO_DNS_CONF_H

#include <sys/types.h>
#include <time.h>

#include "policyd/config.h"
#include "policyd/dns.h"

struct dns_conf {
	struct dns_options options; /* in force */
	/* Of the configuration; server_n, timeout_us and attempts are 0 where resolv.conf decides. */
	struct dns_options given;
	struct dns_options said; /* of resolv.conf */
	char *path;              /* of resolv.conf */
	bool is_missing;         /* it could not be read, and that was told */
	/* What was read last; all zero: read it again. */
	struct dns_conf_stamp {
		dev_t device;
		ino_t inode;
		off_t size;
		struct timespec changed;
	} stamp;
};

/* *conf is zero at first. 0; -EINVAL: a server is none, err says which, and *conf is as before. */
MUST_CHECK int dns_conf_set(struct dns_conf *conf, const struct config *config, struct errbuf *err);
/* Reads resolv.conf when it is another one than before. True: options are other ones now. */
bool dns_conf_look(struct dns_conf *conf);
void dns_conf_deinit(struct dns_conf *conf);

#endif
