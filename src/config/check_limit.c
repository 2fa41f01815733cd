/* SPDX-License-Identifier: ISC */
/*
 * Which settings of a limit go together, and which actions Postfix can carry out. A field whose value
 * was refused has been told, and is passed over.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "snapshot.h"

static void check_differs(struct diag *diag, const struct config *config, size_t i)
{
	const struct config_limit *limit = &config->limits[i];

	for (size_t j = 0; j < i; j++) {
		const struct config_limit *other = &config->limits[j];
		char place[PLACE_SIZE];

		if (!other->name || strcmp(limit->name, other->name) != 0)
			continue;
		diag_error(diag, limit->place,
			"limits.name \"%s\" is taken already at %s: give it another name",
			limit->name, diag_place(other->place, place));
		return;
	}
}

/* Records and replies say these of what is no limit's. */
static const struct reserved {
	const char *name, *whose;
	bool is_refused; /* the others may have been a site's own before they were ours */
} reserved[] = {
	{"suspended", "a suspension", true},
	{"token", "the token header", true},
	{"slow", "the ladder's step", false},
	{"hold", "the ladder's step", false},
	{"posture", "the standing of our addresses", false},
	{"warm-up", "that of a new one", false},
	{"emergency", "emergency_rate", false},
};

static void check_reserved(struct diag *diag, const struct config_limit *limit)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(limit->name, reserved[i].name) != 0)
			continue;
		if (reserved[i].is_refused)
			diag_error(diag, limit->place,
				"limits.name \"%s\" is reserved for %s: give it another name",
				limit->name, reserved[i].whose);
		else
			diag_warning(diag, limit->place,
				"limits.name \"%s\" is what records call %s too: give it another "
				"name, or nobody can tell which of the two it was",
				limit->name, reserved[i].whose);
	}
}

static void check_per_message(struct diag *diag, const struct config_limit *limit)
{
	char rate[RATE_TEXT_SIZE];

	if (limit->unit != UNIT_RECIPIENTS && limit->unit != UNIT_EXTERNAL_RECIPIENTS &&
		limit->unit != UNIT_BYTES)
		diag_error(diag, limit->place,
			"limits.rate \"%s\" of \"%s\": a message has recipients, "
			"external-recipients and bytes, not %s: write one of these units, or a "
			"window, as in \"200/1h\"",
			rate_format(&limit->rate, rate), limit->name, unit_name(limit->unit));
	if (limit->key != KEY_ACCOUNT)
		diag_error(diag, limit->place,
			"limits.key \"%s\" of \"%s\": a cap per message counts by account: leave "
			"key out, or write a window, as in \"200/1h\"",
			key_name(limit->key), limit->name);
}

static void check_rate(struct diag *diag, const struct config_limit *limit)
{
	char rate[RATE_TEXT_SIZE];

	if (limit->rate.window_us == RATE_PER_MESSAGE)
		check_per_message(diag, limit);
	if (limit->rate.is_size && limit->unit != UNIT_BYTES)
		diag_error(diag, limit->place,
			"limits.rate \"%s\" of \"%s\": k, M and G are sizes: write unit = "
			"\"bytes\", or all digits, as in \"10_000/1d\"",
			rate_format(&limit->rate, rate), limit->name);
}

/* Postfix tells the whole message's refusals, not to which recipient they belong. */
static void check_key(struct diag *diag, const struct config_limit *limit)
{
	bool is_by_recipient = limit->key == KEY_RECIPIENT_DOMAIN ||
			       limit->key == KEY_ACCOUNT_RECIPIENT_DOMAIN ||
			       limit->key == KEY_PROVIDER;
	if (is_by_recipient && limit->unit == UNIT_BYTES)
		diag_error(diag, limit->place,
			"limits.key \"%s\" of \"%s\": the size is known at END-OF-MESSAGE, which "
			"does not tell where a message goes: write key = \"account\"",
			key_name(limit->key), limit->name);
	if (is_by_recipient && limit->unit == UNIT_REJECTED_RECIPIENTS)
		diag_error(diag, limit->place,
			"limits.key \"%s\" of \"%s\": Postfix tells how many recipients it "
			"refused, not which: write key = \"account\"",
			key_name(limit->key), limit->name);
}

static void check_action(
	struct diag *diag, const struct config *config, const struct config_limit *limit)
{
	enum action action = limit->action.action;

	if (limit->unit == UNIT_REJECTED_RECIPIENTS && config->commit_at == COMMIT_RCPT)
		diag_error(diag, limit->place,
			"limits.unit \"%s\" of \"%s\" with commit_at = \"rcpt\": who was refused "
			"shows at DATA: write commit_at = \"auto\" and let Postfix ask there",
			unit_name(limit->unit), limit->name);
	if (action != ACTION_PREPEND && action != ACTION_FILTER && action != ACTION_BCC)
		return;
	if (config->commit_at == COMMIT_RCPT)
		diag_error(diag, limit->place,
			"limits.action %s of \"%s\" is an answer at DATA, which commit_at = "
			"\"rcpt\" never gives: leave commit_at out, and let Postfix ask in "
			"smtpd_data_restrictions too",
			action_rows[action].word, limit->name);
	if (action == ACTION_PREPEND && limit->unit == UNIT_BYTES)
		diag_error(diag, limit->place,
			"limits.action PREPEND of \"%s\": the size is known at END-OF-MESSAGE, "
			"where Postfix ignores PREPEND: write another action, or another unit",
			limit->name);
}

void check_limits(struct diag *diag, const struct config *config)
{
	for (size_t i = 0; i < config->limits_n; i++) {
		const struct config_limit *limit = &config->limits[i];

		if (!limit->name)
			continue;
		check_differs(diag, config, i);
		check_reserved(diag, limit);
		check_rate(diag, limit);
		check_key(diag, limit);
		check_action(diag, config, limit);
	}
}
