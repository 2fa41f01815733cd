/* SPDX-License-Identifier: ISC */
/* What the settings of postures demand of each other: what is worse needs more, and a ramp goes up. */
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

void check_posture(struct diag *diag, const struct config *config)
{
	check_severities(diag, &config->posture);
	check_receivers(diag, &config->posture);
	check_ramp(diag, &config->posture);
}
