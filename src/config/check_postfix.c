/* SPDX-License-Identifier: ISC */
/*
 * What the Postfix that asks could not carry out: wherever an action stands, in limits, in suspension, in
 * what a posture does to whom.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "snapshot.h"

/* An action, and where it stands. */
struct use {
	struct config_place place;
	const struct config_action *action;
	const char *setting;
	const char *name; /* of the limit or class; NULL: none */
};
struct checking {
	struct diag *diag;
	const struct config *config;
	const struct postfix_facts *facts;
};

/* smtpd gives these to cleanup, which a proxy filter stands before: it only warns (access(5)). */
static bool is_for_cleanup(enum action action)
{
	return action == ACTION_HOLD || action == ACTION_DISCARD || action == ACTION_REDIRECT ||
	       action == ACTION_BCC || action == ACTION_FILTER;
}

static bool is_set(const char *value)
{
	return value && value[0] != '\0';
}

/* " of "hourly"" or "". */
static const char *of_text(const struct use *use, char buf[64])
{
	if (!use->name || snprintf(buf, 64, " of \"%.50s\"", use->name) < 0)
		buf[0] = '\0';
	return buf;
}

static void check_proxy(const struct checking *c, const struct use *use)
{
	char of[64];

	if (!is_set(c->facts->smtpd_proxy_filter) || !is_for_cleanup(use->action->action))
		return;
	diag_error(c->diag, use->place,
		"%s %s%s: smtpd_proxy_filter is set in Postfix, which then lets the mail "
		"through with a warning: write DEFER_IF_PERMIT or REJECT",
		use->setting, action_rows[use->action->action].word, of_text(use, of));
}

static void check_filter(const struct checking *c, const struct use *use)
{
	char of[64];

	if (!is_set(c->facts->content_filter) || use->action->action != ACTION_FILTER ||
		c->config->filter_bypasses_content_filter)
		return;
	diag_error(c->diag, use->place,
		"%s FILTER%s: content_filter is set in Postfix, and FILTER "
		"would take mail past it: write another action, or "
		"filter_bypasses_content_filter = true; if that is meant",
		use->setting, of_text(use, of));
}

static bool has_service(const struct postfix_facts *facts, struct span name)
{
	for (size_t i = 0; i < facts->services_n; i++) {
		if (span_equal(name, span_of(facts->service[i])))
			return true;
	}
	return false;
}

static void check_transport(const struct checking *c, const struct use *use, struct span transport)
{
	char of[64];

	if (c->facts->services_n == 0 || has_service(c->facts, transport))
		return;
	/* It may be another Postfix than the one on this host that asks. */
	diag_warning(c->diag, use->place,
		"%s%s: Postfix has no transport \"%.*s\", and its mail would wait in the queue "
		"for ever: add the service to master.cf (as \"%.*s unix - - n - - smtp\"), or "
		"write one that is there",
		use->setting, of_text(use, of), (int)transport.n, transport.p, (int)transport.n,
		transport.p);
}

static void check_use(const struct checking *c, const struct use *use)
{
	const char *text = use->action->text;
	const char *colon = text ? strchr(text, ':') : NULL;

	check_filter(c, use);
	check_proxy(c, use);
	if (use->action->action == ACTION_FILTER && colon)
		check_transport(c, use, span_make(text, (size_t)(colon - text)));
}

/* shift is FILTER, to the transport of an address. */
static void check_treatment(const struct checking *c, const struct config_treatment *treatment,
	struct config_place place, const char *setting, const char *name)
{
	static const struct config_action shift = {.action = ACTION_FILTER};
	const struct use use = {.place = place,
		.action = treatment->treat == TREAT_SHIFT ? &shift : &treatment->action,
		.setting = setting,
		.name = name};

	if (treatment->treat == TREAT_ACTION || treatment->treat == TREAT_SHIFT)
		check_use(c, &use);
}

static void check_class(const struct checking *c, const struct config_class *class)
{
	const struct config_class_posture *own = &class->posture;

	check_treatment(c, &own->watch, own->place, "classes.posture.watch", class->name);
	check_treatment(c, &own->throttle, own->place, "classes.posture.throttle", class->name);
	check_treatment(c, &own->hold, own->place, "classes.posture.hold", class->name);
	check_treatment(c, &own->recover, own->place, "classes.posture.recover", class->name);
}

static void check_flagged(const struct checking *c)
{
	const struct config_posture *all = &c->config->posture;

	/* What is not written is not told: nobody has chosen HOLD, and it can be changed when it acts. */
	if (all->mode == MODE_OBSERVE)
		return;
	check_treatment(c, &all->flagged_watch, all->place, "posture.flagged_watch", NULL);
	check_treatment(c, &all->flagged_throttle, all->place, "posture.flagged_throttle", NULL);
	check_treatment(c, &all->flagged_hold, all->place, "posture.flagged_hold", NULL);
	check_treatment(c, &all->flagged_recover, all->place, "posture.flagged_recover", NULL);
}

static void check_addresses(const struct checking *c)
{
	for (size_t i = 0; i < c->config->egress.addresses_n; i++) {
		const struct config_egress_address *address = &c->config->egress.addresses[i];
		const struct use use = {.place = address->place,
			.setting = "egress.addresses.transport",
			.name = address->address};

		if (address->transport)
			check_transport(c, &use, span_of(address->transport));
	}
}

int config_check_postfix(const struct config *config, const struct postfix_facts *facts,
	struct config_report *report)
{
	struct diag diag = {.files = *snapshot_files(config), .borrowed = true};
	const struct checking c = {&diag, config, facts};
	size_t before = report->errors;

	for (size_t i = 0; i < config->limits_n; i++) {
		const struct config_limit *limit = &config->limits[i];

		check_use(&c,
			&(struct use){limit->place, &limit->action, "limits.action", limit->name});
	}
	check_use(&c, &(struct use){config->suspension.place, &config->suspension.action,
			      "suspension.action", NULL});
	for (size_t i = 0; i < config->classes_n; i++)
		check_class(&c, &config->classes[i]);
	check_flagged(&c);
	check_addresses(&c);
	diag_deliver(&diag, report);
	diag_deinit(&diag);
	return report->errors == before ? 0 : -EINVAL;
}
