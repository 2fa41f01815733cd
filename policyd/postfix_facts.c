/* SPDX-License-Identifier: ISC */
/*
 * What of postconf(1)'s answers decides about actions. Which answers make which action impossible is
 * the configuration's business.
 */
#include "postfix_facts.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"
#include "postconf.h"

/* More than any master.cf has; a transport beyond is not known, and would be told as missing. */
#define SERVICES_MAX 4096

/* ---- what it says ---- */

/* The first value that is set counts. */
static void fact_set(char **fact, struct span value)
{
	if (!*fact && value.n)
		*fact = xstrndup(value.p, value.n);
}

/* A line for each parameter, in the order they were asked for. */
static void read_main(struct postfix_answers *answers, const char *text)
{
	struct span rest = span_of(text), line;
	if (postconf_line(&rest, &line))
		fact_set(&answers->content_filter, line);
	if (postconf_line(&rest, &line))
		fact_set(&answers->smtpd_proxy_filter, line);
}

/*
 * "submission/inet/content_filter = value". What takes mail in through a network or from postscreen
 * is an smtpd; the same words mean nothing to the others.
 */
static void read_service(struct postfix_answers *answers, struct span line)
{
	struct span name, value;
	postconf_pair(line, &name, &value);
	if (span_ends(name, SPAN("/inet/content_filter")) ||
		span_ends(name, SPAN("/pass/content_filter")))
		fact_set(&answers->content_filter, value);
	if (span_ends(name, SPAN("/inet/smtpd_proxy_filter")) ||
		span_ends(name, SPAN("/pass/smtpd_proxy_filter")))
		fact_set(&answers->smtpd_proxy_filter, value);
}

/* "slow unix - - n - 1 smtp -o ...": what a transport may be. */
static void read_transport(struct postfix_answers *answers, struct span line)
{
	struct span name = span_word(&line), type = span_word(&line);
	if (name.n == 0 || !span_equal(type, SPAN("unix")) || answers->services == SERVICES_MAX)
		return;
	answers->service =
		xrealloc(answers->service, answers->services + 1, sizeof(*answers->service));
	answers->service[answers->services++] = xstrndup(name.p, name.n);
}

int postfix_ask(const char *directory, struct postfix_answers *ret, struct errbuf *err)
{
	/* -x: "$my_filter" as what it stands for. */
	static const char *const main_cf[] = {
		"-x", "-h", "content_filter", "smtpd_proxy_filter", NULL};
	static const char *const master_cf[] = {"-x", "-P", NULL};
	static const char *const transports[] = {"-M", NULL};
	struct postfix_answers answers = {0};
	char *text = NULL, *services = NULL, *table = NULL;
	int r = postconf_ask(directory, main_cf, &text, err);
	if (r != 0)
		return r;
	read_main(&answers, text);
	free(text);
	r = postconf_ask(directory, master_cf, &services, err);
	if (r != 0) {
		postfix_answers_deinit(&answers);
		return r;
	}
	struct span rest = span_of(services), line;
	while (postconf_line(&rest, &line))
		read_service(&answers, line);
	free(services);
	/* Without it transports are not known, and not checked. */
	if (postconf_ask(directory, transports, &table, err) == 0) {
		rest = span_of(table);
		while (postconf_line(&rest, &line))
			read_transport(&answers, line);
	}
	free(table);
	*ret = answers;
	return 0;
}

void postfix_answers_deinit(struct postfix_answers *answers)
{
	free(answers->content_filter);
	free(answers->smtpd_proxy_filter);
	for (size_t i = 0; i < answers->services; i++)
		free(answers->service[i]);
	free(answers->service);
	*answers = (struct postfix_answers){0};
}

/* ---- the check ---- */

/* What only says something, or refuses, any Postfix can do. */
static bool may_depend(enum action action)
{
	return action < ACTION_COUNT && action_rows[action].accepts && action != ACTION_DUNNO &&
	       action != ACTION_INFO && action != ACTION_WARN;
}

static bool is_worth_asking(const struct config *config)
{
	for (size_t i = 0; i < config->egress.addresses_n; i++) {
		if (config->egress.addresses[i].transport)
			return true;
	}
	if (config->posture.mode == MODE_ENFORCE)
		return true;
	for (size_t i = 0; i < config->limits_n; i++) {
		if (may_depend(config->limits[i].action.action))
			return true;
	}
	return may_depend(config->suspension.action.action);
}

static void report_warn(struct config_report *report, const char *text)
{
	report->line = xrealloc(report->line, report->n + 1, sizeof(*report->line));
	report->line[report->n++] = (struct config_line){.text = xstrdup(text)};
}

int postfix_check(const struct config *config, const char *directory, struct config_report *report)
{
	struct postfix_answers answers;
	struct errbuf err, told;
	if (!directory && !config->postfix.config_directory && !is_worth_asking(config))
		return 0;
	if (!directory)
		directory = config->postfix.config_directory;
	if (postfix_ask(directory, &answers, &err) != 0) {
		err_set(&told, "%s%s%.300s; actions are not checked against Postfix",
			directory ? directory : "", directory ? ": " : "", err.text);
		report_warn(report, told.text);
		return 0;
	}
	const struct postfix_facts facts = {.content_filter = answers.content_filter,
		.smtpd_proxy_filter = answers.smtpd_proxy_filter,
		.service = (const char *const *)answers.service,
		.services_n = answers.services};
	int r = config_check_postfix(config, &facts, report);
	postfix_answers_deinit(&answers);
	return r;
}
