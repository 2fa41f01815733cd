/* SPDX-License-Identifier: ISC */
/*
 * What the settings of signals and ladder demand of each other: thresholds that rise, step by step, for
 * each class with what it takes over from the ladder.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

#define STEPS 4
static const char *const step_words[STEPS] = {"note", "slow", "hold", "suspend"};

static void thresholds_of(const struct config_ladder *ladder, uint32_t ret[STEPS])
{
	ret[0] = ladder->note;
	ret[1] = ladder->slow;
	ret[2] = ladder->hold;
	ret[3] = ladder->suspend;
}

/* section: "ladder" or "classes.ladder"; of: " of \"name\"" or "". */
static void check_rise(struct diag *diag, struct config_place place,
	const uint32_t threshold[STEPS], const char *section, const char *of)
{
	for (int i = 1; i < STEPS; i++) {
		if (threshold[i] > threshold[i - 1])
			continue;
		diag_error(diag, place,
			"%s%s: %s is %u and %s %u: each step needs a higher score than the one "
			"before; write %s = %u; or more",
			section, of, step_words[i - 1], threshold[i - 1], step_words[i],
			threshold[i], step_words[i], threshold[i - 1] + 1);
		return;
	}
}

static void check_class(
	struct diag *diag, const struct config *config, const struct config_class *class)
{
	const struct config_class_ladder *own = &class->ladder;
	const uint32_t given[STEPS] = {own->note, own->slow, own->hold, own->suspend};
	uint32_t threshold[STEPS];
	bool is_given = false;
	char of[64];

	thresholds_of(&config->ladder, threshold);
	for (int i = 0; i < STEPS; i++) {
		is_given = is_given || given[i];
		threshold[i] = given[i] ? given[i] : threshold[i];
	}
	if (!is_given || snprintf(of, sizeof(of), " of \"%.40s\"", class->name) < 0)
		return;
	check_rise(diag, own->place, threshold, "classes.ladder", of);
}

static void check_differs(struct diag *diag, const struct config_signals *signals, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		char place[PLACE_SIZE];

		if (!signals->tune[j].name ||
			strcmp(signals->tune[i].name, signals->tune[j].name) != 0)
			continue;
		diag_error(diag, signals->tune[i].place,
			"signals.tune \"%s\" stands already at %s: join them",
			signals->tune[i].name, diag_place(signals->tune[j].place, place));
		return;
	}
}

void check_signals(struct diag *diag, const struct config *config)
{
	uint32_t threshold[STEPS];

	thresholds_of(&config->ladder, threshold);
	check_rise(diag, config->ladder.place, threshold, "ladder", "");
	for (size_t i = 0; i < config->classes_n; i++) {
		if (config->classes[i].name)
			check_class(diag, config, &config->classes[i]);
	}
	for (size_t i = 0; i < config->signals.tune_n; i++) {
		if (config->signals.tune[i].name)
			check_differs(diag, &config->signals, i);
	}
}
