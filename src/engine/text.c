/* SPDX-License-Identifier: ISC */
/*
 * The words of a verdict: reason, reference, when room returns, whom to ask (semantics 18). That
 * they are printable and short is seen to where the reply is made.
 */
#include "internal.h"

#include <stdio.h>

/* A preview has no reference. */
#define REFERENCE_FORMAT  "%s%s"
#define REFERENCE_ARGS(d) (d)->reference[0] ? "; reference " : "", (d)->reference
/* Whom the sender may ask, where the configuration says so. */
#define CONTACT_FORMAT "%s%s"
#define CONTACT_ARGS(config)                                                                       \
	(config)->contact ? "; contact " : "", (config)->contact ? (config)->contact : ""

static const char *code_of(enum action action)
{
	return action_rows[action].code;
}

static void shown_account(const struct decision *d, char buf[sizeof(d->account)])
{
	span_copy(subject_shown(span_of(d->account)), buf, sizeof(d->account));
}

void text_limit(struct decision *d, const struct config *config, const struct limit_rule *rule)
{
	char window[DURATION_TEXT_SIZE], room[WALL_TEXT_SIZE], account[sizeof(d->account)];
	const char *code = code_of(d->action);
	const struct config_limit *limit = rule->config;
	bool is_known = d->room_at.us != 0;
	shown_account(d, account);
	int n = snprintf(d->text, sizeof(d->text),
		"%s%sSending limit %s reached: %u of %u %s in %s used by %.64s; room returns "
		"%s%s" REFERENCE_FORMAT CONTACT_FORMAT,
		code, code[0] ? " " : "", limit->name, d->used, d->limit, unit_name(limit->unit),
		duration_format(limit->rate.window_us, window), account, is_known ? "at " : "",
		is_known ? wall_format(d->room_at, room) : "when unfinished messages end",
		REFERENCE_ARGS(d), CONTACT_ARGS(config));
	if (n < 0)
		d->text[0] = '\0';
}

void text_standing(struct decision *d, const struct config *config, const struct standing *standing)
{
	char until[WALL_TEXT_SIZE], account[sizeof(d->account)];
	const char *code = code_of(d->action);
	bool is_permanent = standing->until.us == WALL_NEVER.us;
	shown_account(d, account);
	int n = snprintf(d->text, sizeof(d->text),
		"%s%sSending is suspended for %.64s %s%s" REFERENCE_FORMAT CONTACT_FORMAT, code,
		code[0] ? " " : "", account, is_permanent ? "" : "until ",
		is_permanent ? "until further notice" : wall_format(standing->until, until),
		REFERENCE_ARGS(d), CONTACT_ARGS(config));
	if (n < 0)
		d->text[0] = '\0';
}
