/* SPDX-License-Identifier: ISC */
/* What the settings of postures demand of each other: what is worse needs more and is treated no
 * milder, and a ramp goes up. */
#include <stdio.h>

#include "check.h"
#include "rule_posture.h"

struct threshold {
	const char *name;
	uint32_t value;
};

/* The same severity may ask for two of them: then the worse one is what it gets. */
static void check_severities(struct diag *diag, const struct config_posture *posture)
{
	const struct threshold threshold[] = {
		{"watch_severity", posture->watch_severity},
		{"throttle_severity", posture->throttle_severity},
		{"hold_severity", posture->hold_severity},
	};

	for (size_t i = 1; i < sizeof(threshold) / sizeof(threshold[0]); i++) {
		if (threshold[i].value >= threshold[i - 1].value)
			continue;
		diag_error(diag, posture->place,
			"posture: %s is %u and %s %u: what is worse needs no less; write %s = %u; "
			"or more",
			threshold[i - 1].name, threshold[i - 1].value, threshold[i].name,
			threshold[i].value, threshold[i].name, threshold[i - 1].value);
		return;
	}
}

static void check_receivers(struct diag *diag, const struct config_posture *posture)
{
	const struct threshold threshold[] = {
		{"receiver_watch", posture->receiver_watch},
		{"receiver_throttle", posture->receiver_throttle},
		{"receiver_hold", posture->receiver_hold},
	};

	for (size_t i = 1; i < sizeof(threshold) / sizeof(threshold[0]); i++) {
		if (threshold[i].value > threshold[i - 1].value)
			continue;
		diag_error(diag, posture->place,
			"posture: %s is %u and %s %u: each needs more points than the one before; "
			"write %s = %u; or more",
			threshold[i - 1].name, threshold[i - 1].value, threshold[i].name,
			threshold[i].value, threshold[i].name, threshold[i - 1].value + 1);
		return;
	}
}

static void check_ramp(struct diag *diag, const struct config_posture *posture)
{
	const struct config_strings *ramp = &posture->ramp;
	unsigned before = 0, share = 0;

	if (ramp->n > RAMP_MAX) {
		diag_error(diag, posture->place,
			"posture.ramp has %zu steps, and may have %d: leave some out", ramp->n,
			RAMP_MAX);
		return;
	}
	for (size_t i = 0; i < ramp->n; i++, before = share) {
		share = rule_ramp_share(span_of(ramp->text[i]));
		if (share > before)
			continue;
		/* What is no share was told already. */
		if (share > 0)
			diag_error(diag, posture->place,
				"posture.ramp: \"%u%%\" stands behind \"%u%%\": each step lets "
				"more through than the one before; put them in order",
				share, before);
		return;
	}
	if (ramp->n > 0 && share < 100)
		diag_warning(diag, posture->place,
			"posture.ramp ends at \"%u%%\": from there to all of it is one leap; add "
			"\"100%%\"",
			share);
}

/* ---- treatments ---- */

struct treated {
	const char *name;
	const struct config_treatment *treatment;
};

/* How hard it is, as far as two can be compared: what lets pass, shares, what keeps mail back. */
#define HARDNESS_NONE (-1)
static int hardness(const struct config_treatment *treatment)
{
	if (treatment->treat == TREAT_PASS)
		return 0;
	if (treatment->treat == TREAT_SHARE)
		return 100 - (int)treatment->share;
	if (treatment->treat == TREAT_ACTION && treatment->action.action != ACTION_FILTER)
		return 101;
	return HARDNESS_NONE;
}

/* What is given for a worse posture and is milder than what is given for a better one was meant the other way. */
static void check_order(struct diag *diag, struct config_place place, const char *where,
	const struct treated *treated, size_t n)
{
	const struct treated *before = NULL;

	for (size_t i = 0; i < n; i++) {
		int now = hardness(treated[i].treatment);

		if (now == HARDNESS_NONE)
			continue;
		if (before && now < hardness(before->treatment)) {
			diag_warning(diag, place,
				"%s: at %s more passes than at %s, which is better: write them the "
				"other way round",
				where, treated[i].name, before->name);
			return;
		}
		before = &treated[i];
	}
}

static void check_class(struct diag *diag, const struct config_class *class)
{
	const struct config_class_posture *own = &class->posture;
	const struct treated treated[] = {
		{"watch", &own->watch},
		{"throttle", &own->throttle},
		{"hold", &own->hold},
	};
	const size_t n = sizeof(treated) / sizeof(treated[0]);
	bool is_given = own->recover.treat != TREAT_NONE;
	char where[120];

	for (size_t i = 0; i < n; i++)
		is_given |= treated[i].treatment->treat != TREAT_NONE;
	if (own->essential && is_given)
		diag_warning(diag, own->place,
			"classes \"%.80s\": posture.essential lets all its mail flow, so no "
			"treatment "
			"is ever used: leave out the one or the other",
			class->name);
	if (snprintf(where, sizeof(where), "classes \"%.80s\": posture", class->name) > 0)
		check_order(diag, own->place, where, treated, n);
}

static void check_flagged(struct diag *diag, const struct config_posture *posture)
{
	const struct treated treated[] = {
		{"flagged_watch", &posture->flagged_watch},
		{"flagged_throttle", &posture->flagged_throttle},
		{"flagged_hold", &posture->flagged_hold},
	};

	check_order(diag, posture->place, "posture", treated, sizeof(treated) / sizeof(treated[0]));
}

void check_posture(struct diag *diag, const struct config *config)
{
	for (size_t i = 0; i < config->classes_n; i++)
		check_class(diag, &config->classes[i]);
	check_flagged(diag, &config->posture);
	check_severities(diag, &config->posture);
	check_receivers(diag, &config->posture);
	check_ramp(diag, &config->posture);
}
