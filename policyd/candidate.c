/* SPDX-License-Identifier: ISC */
/* Reading is config's, asking postconf is postfix_facts.c's business; here it is put together. */
#include "candidate.h"

#include "policyd/policy_server.h"
#include "postfix_facts.h"

int candidate_load(const char *path, struct config **ret, struct config_report *report)
{
	struct config *config = NULL;
	int r = config_load(
		&(struct config_source){.path = path, .wall = clock_now().wall}, &config, report);
	if (r == 0)
		r = postfix_check(config, NULL, report);
	if (r == 0)
		*ret = config;
	else
		config_unref(config);
	return r;
}
