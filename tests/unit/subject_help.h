/* SPDX-License-Identifier: ISC */
/* subject_help.h - a configuration with all that decides who somebody is. */
#ifndef POLICYD_TEST_SUBJECT_HELP_H
#define POLICYD_TEST_SUBJECT_HELP_H

#include <unistd.h>

#include "engine_help.h"
#include "policyd/subject.h"

/* A host with all there is: webmail within a trusted network, two domains, aliases. */
static const char world[] =
	"trusted_networks = [ \"192.0.2.0/24\", \"2001:db8:1::/48\" ];\n"
	"relay_networks = [ \"192.0.2.128/25\", \"198.51.100.0/24\", \"2001:db8:1:7::/64\" ];\n"
	"client_certificates = [ \"AA:BB:CC\", \"dd:ee\" ];\n"
	"local_domains = [ \"example.org\", \"xn--bcher-kva.example\" ];\n"
	"login_domain = \"example.org\";\n"
	"recipient_delimiter = \"+\";\n";

/* The aliases stand in a file of their own, which is gone again when they have been read. */
static inline struct config *world_new(const char *more)
{
	static const char aliases[] = "info@example.org alice@example.org\n"
				      "old login:bob@example.org\n"
				      "sender:desk@example.org sender:help@example.org\n"
				      "cert:DD:EE alice@example.org\n"
				      "addr:192.0.2.50 sender:help@example.org\n";
	char path[] = "/tmp/policyd-aliases-XXXXXX", text[2048];
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, aliases, sizeof(aliases) - 1), sizeof(aliases) - 1);
	close(fd);
	int n = snprintf(text, sizeof(text), "%saccount_aliases = \"%s\";\n%s", world, path, more);
	ck_assert(n > 0 && (size_t)n < sizeof(text));
	struct config *config = config_of(text);
	unlink(path);
	return config;
}

#endif
