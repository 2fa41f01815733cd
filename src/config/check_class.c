/* SPDX-License-Identifier: ISC */
/* What a class's settings demand of each other. Who is in two classes is told by class.c. */
#include <limits.h>
#include <string.h>

#include "check.h"
#include "policyd/suggest.h"

static void check_differs(struct diag *diag, const struct config *config, size_t i)
{
	const struct config_class *class = &config->classes[i];

	for (size_t j = 0; j < i; j++) {
		const struct config_class *other = &config->classes[j];
		char place[PLACE_SIZE];

		if (!other->name || strcmp(class->name, other->name) != 0)
			continue;
		diag_error(diag, class->place,
			"classes.name \"%s\" is taken already at %s: join them, or give it another "
			"name",
			class->name, diag_place(other->place, place));
		return;
	}
}

/* By name: it may stand there twice. */
static bool is_called(
	const struct config *config, const struct config_class *class, unsigned wanted)
{
	return strcmp(class->name, config->classes[wanted].name) == 0;
}

static void check_match(
	struct diag *diag, const struct config *config, const struct config_class *class)
{
	bool is_null_sender = is_called(config, class, config->class_null_sender);

	if (is_null_sender && class->match_n)
		diag_error(diag, class->match[0].place,
			"classes.match: null_sender is the class of bounces from trusted_networks, "
			"and of nothing else: remove match");
	if (!is_null_sender && !class->match_n && !is_called(config, class, config->class_default))
		diag_warning(diag, class->place,
			"classes \"%s\" has no match: nobody belongs to it; add match = ( { login "
			"= \"news@example.org\"; } );",
			class->name);
}

static void check_limit(struct diag *diag, const struct config *config,
	const struct config_class *class, const char *name)
{
	struct suggestion best = {0};
	char shown[QUOTE_SIZE], hint[SUGGEST_TEXT_SIZE];

	if (config_limit_of(config, span_of(name)) >= 0)
		return;
	for (size_t i = 0; i < config->limits_n; i++) {
		if (config->limits[i].name)
			suggest_offer(span_of(name), config->limits[i].name, &best);
	}
	diag_error(diag, class->place, "classes.limits %s: no limit has that name%s",
		diag_quote(span_of(name), shown),
		best.word ? suggest_text(&best, hint) : ": write one of limits.name");
}

static void check_egress(
	struct diag *diag, const struct config *config, const struct config_class *class)
{
	if (!class->egress || class->egress_at != UINT_MAX)
		return;
	if (config_egress_auto(config)) {
		diag_warning(diag, class->place,
			"classes.egress \"%s\" is none of egress.addresses but may be what "
			"\"auto\" "
			"comes to: add it there, so that limits by egress know it",
			class->egress);
		return;
	}
	diag_error(diag, class->place,
		"classes.egress \"%s\" is none of egress.addresses: add it there, or %s",
		class->egress,
		config->egress.addresses_n ? "write one of them" : "leave egress out");
}

void check_classes(struct diag *diag, const struct config *config)
{
	for (size_t i = 0; i < config->classes_n; i++) {
		const struct config_class *class = &config->classes[i];

		if (!class->name)
			continue;
		check_differs(diag, config, i);
		check_match(diag, config, class);
		for (size_t j = 0; j < class->limits.n; j++)
			check_limit(diag, config, class, class->limits.text[j]);
		check_egress(diag, config, class);
	}
}
