/* SPDX-License-Identifier: ISC */
/*
 * Cross-field rules. They see a configuration that may have errors already told: a field whose
 * value was refused has its preset or is NULL, and is passed over without another word.
 */
#include "check.h"

#include <string.h>

#include "rule.h"

static bool is_given(const struct schema_section *section, struct span name, uint64_t seen)
{
	ptrdiff_t i = schema_find(section, name);

	return i >= 0 && (seen & (UINT64_C(1) << i));
}

static void check_listen(struct diag *diag, const struct config_listen *listen, uint64_t seen)
{
	if (!listen->address || !span_starts(span_of(listen->address), SPAN("inet:")))
		return;
	if (is_given(&schema_listen, SPAN("mode"), seen))
		diag_warning(diag, listen->place,
			"listen.mode is ignored: only unix sockets have permissions; remove it");
	if (listen->group)
		diag_warning(diag, listen->place,
			"listen.group is ignored: only unix sockets have a group; remove it");
}

static void check_match(struct diag *diag, const struct config_match *match, uint64_t seen)
{
	/* Its rows are the ways to match, nothing else. */
	if (seen == 0)
		diag_error(diag, match->place,
			"classes.match: an element needs login, domain, context, network or file: "
			"add one");
	else if (seen & (seen - 1))
		diag_error(diag, match->place,
			"classes.match: an element has one of login, domain, context, network and "
			"file: write an element { ... } for each");
}

static void check_who(struct diag *diag, const struct config_override *override, uint64_t seen)
{
	bool account = is_given(&schema_override, SPAN("account"), seen);

	if (account == is_given(&schema_override, SPAN("domain"), seen))
		diag_error(diag, override->place,
			"overrides: %s: write account = \"alice@example.org\"; or domain = "
			"\"example.org\";",
			account ? "account and domain exclude each other" : "account is missing");
}

void check_element(
	struct diag *diag, const struct schema_section *section, const void *element, uint64_t seen)
{
	if (section == &schema_listen)
		check_listen(diag, element, seen);
	if (section == &schema_match)
		check_match(diag, element, seen);
	if (section == &schema_override)
		check_who(diag, element, seen);
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

static void check_token(struct diag *diag, const struct config *config)
{
	if (config->token.key_file.path && config->commit_at == COMMIT_RCPT)
		diag_warning(diag, config->token.place,
			"token.key_file does nothing with commit_at = \"rcpt\": the token is an "
			"answer at DATA; leave commit_at out and let Postfix ask there too");
}

void check_config(struct diag *diag, const struct config *config)
{
	for (size_t i = 0; i < config->listen_n; i++)
		check_listen_differ(diag, config, i);
	check_control_differs(diag, config);
	check_world(diag, config);
	check_token(diag, config);
	check_limits(diag, config);
	check_classes(diag, config);
	check_signals(diag, config);
	check_posture(diag, config);
}

void check_whole(struct diag *diag, const struct config *config)
{
	/* Limits with mistakes are none either, but that would be said twice. */
	if (config->limits_n == 0 && diag->errors == 0)
		diag_warning(diag, config->place,
			"no limits: nothing is limited until there is limits = ( { ... } );");
}
