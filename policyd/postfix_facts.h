/* SPDX-License-Identifier: ISC */
/*
 * postfix_facts.h - what the Postfix that asks is set to, as far as it decides which actions it can
 * carry out. postconf(1) is asked, without a shell, for at most 5 seconds.
 *
 *	if (postfix_check(config, NULL, report) != 0)
 *		refuse();
 */
#ifndef POLICYD_POSTFIX_FACTS_H
#define POLICYD_POSTFIX_FACTS_H

#include "policyd/config.h"

/* What postconf said; postfix_answers_deinit() frees it. */
struct postfix_answers {
	char *content_filter, *smtpd_proxy_filter; /* NULL: not set anywhere */
	char **service;                            /* of master.cf, those that deliver */
	size_t services;
};
/*
 * Asks about main.cf and the services of master.cf in directory; NULL: where postconf looks by
 * itself. 0; -ENOENT: there is no postconf; other negatives: it failed, err says how.
 */
MUST_CHECK int postfix_ask(const char *directory, struct postfix_answers *ret, struct errbuf *err);
void postfix_answers_deinit(struct postfix_answers *answers);

/*
 * Adds to report each action of config that Postfix could not carry out. directory: NULL for
 * postfix.config_directory, or else where postconf looks by itself. When postconf cannot be asked
 * that is one warning; without a directory it is not asked at all where no action depends on it.
 * 0; -EINVAL: there is an error. Blocks for up to 10 s.
 */
MUST_CHECK int postfix_check(
	const struct config *config, const char *directory, struct config_report *report);

#endif
