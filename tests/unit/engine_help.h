/* SPDX-License-Identifier: ISC */
/* engine_help.h - configurations from text, and an engine that is asked in virtual time. */
#ifndef POLICYD_TEST_ENGINE_HELP_H
#define POLICYD_TEST_ENGINE_HELP_H

#include <stdio.h>
#include <string.h>

#include "policyd/clock.h"
#include "policyd/config.h"
#include "suite.h"

/* What every configuration needs, and then text. */
static inline struct config *config_of(const char *text)
{
	char whole[16384];
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(whole, sizeof(whole),
		"listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n%s", text);
	ck_assert(n > 0 && (size_t)n < sizeof(whole));
	int r = config_parse(span_make(whole, (size_t)n), "test.conf", &config, report);
	ck_assert_msg(r == 0, "%s", report->n ? report->line[0].text : "no configuration");
	config_report_free(report);
	return config;
}

static inline struct now at_s(double s)
{
	int64_t us = (int64_t)(s * 1e6);
	/* Wall and mono apart, so that a mix-up shows. */
	return (struct now){.mono = {.us = us + 1000 * HOUR_US},
		.wall = {.us = us + INT64_C(1800000000) * SECOND_US}};
}

#endif
