/* SPDX-License-Identifier: ISC */
/*
 * Cross-field rules. They see a configuration that may have errors already told: a field whose
 * value was refused has its preset or is NULL, and is passed over without another word.
 */
#include "check.h"

#include <string.h>

#include "rule.h"

void check_listen(struct diag *diag, const struct config_listen *listen, bool mode_given)
{
	if (!listen->address || !span_starts(span_of(listen->address), SPAN("inet:")))
		return;
	if (mode_given)
		diag_warning(diag, listen->place,
			"listen.mode is ignored: only unix sockets have permissions; remove it");
	if (listen->group)
		diag_warning(diag, listen->place,
			"listen.group is ignored: only unix sockets have a group; remove it");
}

static bool address_of(const struct config_listen *listen, struct rule_address *ret)
{
	return listen->address && rule_address_parse(span_of(listen->address), ret, NULL) == 0;
}

static bool same_address(const struct rule_address *a, const struct rule_address *b)
{
	return span_equal(a->path, b->path) && memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0 &&
	       a->port == b->port;
}

static void check_listen_differ(struct diag *diag, const struct config *config, size_t i)
{
	struct rule_address a, b;

	if (!address_of(&config->listen[i], &a))
		return;
	for (size_t j = 0; j < i; j++) {
		const struct config_listen *other = &config->listen[j];
		char place[PLACE_SIZE];

		if (!address_of(other, &b) || !same_address(&a, &b))
			continue;
		diag_error(diag, config->listen[i].place,
			"listen.address \"%s\" is taken already at %s: remove one of them",
			config->listen[i].address, diag_place(other->place, place));
		return;
	}
}

static void check_control_differs(struct diag *diag, const struct config *config)
{
	struct rule_address a;

	for (size_t i = 0; i < config->listen_n; i++) {
		const struct config_listen *listen = &config->listen[i];

		if (!address_of(listen, &a) || a.path.n == 0 ||
			!span_equal(a.path, span_of(config->control.socket)))
			continue;
		diag_error(diag, listen->place,
			"listen.address \"%s\" is the control socket too (control.socket): "
			"Postfix and policyctl need one each",
			listen->address);
	}
}

static void check_limit_differs(struct diag *diag, const struct config *config, size_t i)
{
	const struct config_limit *limit = &config->limits[i];

	for (size_t j = 0; j < i && limit->name; j++) {
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

void check_config(struct diag *diag, const struct config *config)
{
	for (size_t i = 0; i < config->listen_n; i++)
		check_listen_differ(diag, config, i);
	check_control_differs(diag, config);
	for (size_t i = 0; i < config->limits_n; i++)
		check_limit_differs(diag, config, i);
}

void check_whole(struct diag *diag, const struct config *config)
{
	/* Limits with mistakes are none either, but that would be said twice. */
	if (config->limits_n == 0 && diag->errors == 0)
		diag_warning(diag, config->place,
			"no limits: nothing is limited until there is limits = ( { ... } );");
}
