/* SPDX-License-Identifier: ISC */
/* Overrides from the configuration. Those made at run time are accounts' standing. */
#include <errno.h>
#include <string.h>

#include "maps.h"
#include "policyd/address.h"
#include "policyd/mem.h"
#include "policyd/suggest.h"
#include "rule.h"

#define DOMAIN_PREFIX "domain:"

/* False: told, or refused before. */
static bool limit_resolve(
	struct diag *diag, const struct config *config, struct config_override *override)
{
	struct suggestion best = {0};
	char shown[QUOTE_SIZE], hint[SUGGEST_TEXT_SIZE];

	if (!override->limit)
		return false;
	ptrdiff_t at = config_limit_of(config, span_of(override->limit));
	if (at >= 0) {
		override->limit_at = (unsigned)at;
		return true;
	}
	for (size_t i = 0; i < config->limits_n; i++) {
		if (config->limits[i].name)
			suggest_offer(span_of(override->limit), config->limits[i].name, &best);
	}
	diag_error(diag, override->place, "overrides.limit %s: no limit has that name%s",
		diag_quote(span_of(override->limit), shown),
		best.word ? suggest_text(&best, hint) : ": write one of limits.name");
	return false;
}

static void check_rate(
	struct diag *diag, const struct config *config, const struct config_override *override)
{
	const struct config_limit *limit = &config->limits[override->limit_at];
	char rate[RATE_TEXT_SIZE], right[RATE_TEXT_SIZE], window[DURATION_TEXT_SIZE];

	/* 0: refused before. */
	if (override->rate.n == 0 || limit->rate.n == 0 || override->rate.n == RATE_UNLIMITED)
		return;
	if (override->rate.is_size && limit->unit != UNIT_BYTES) {
		diag_error(diag, override->place,
			"overrides.rate \"%s\": limit \"%s\" counts %s, which have no k, M or G",
			rate_format(&override->rate, rate), limit->name, unit_name(limit->unit));
		return;
	}
	if (override->rate.window_us == limit->rate.window_us)
		return;
	if (limit->rate.n == RATE_UNLIMITED) {
		diag_error(diag, override->place,
			"overrides.rate \"%s\": limit \"%s\" is unlimited and counts nothing: give "
			"it a rate",
			rate_format(&override->rate, rate), limit->name);
		return;
	}
	struct rate wanted = override->rate;
	wanted.window_us = limit->rate.window_us;
	diag_error(diag, override->place,
		"overrides.rate \"%s\": limit \"%s\" counts per %s: write \"%s\"",
		rate_format(&override->rate, rate), limit->name,
		wanted.window_us == RATE_PER_MESSAGE ? "message"
						     : duration_format(wanted.window_us, window),
		rate_format(&wanted, right));
}

static void check_key(
	struct diag *diag, const struct config *config, const struct config_override *override)
{
	const struct config_limit *limit = &config->limits[override->limit_at];

	if (limit->key == KEY_ACCOUNT || limit->key == KEY_ACCOUNT_RECIPIENT_DOMAIN ||
		(limit->key == KEY_SENDER_DOMAIN && override->domain))
		return;
	if (limit->key == KEY_SENDER_DOMAIN)
		diag_error(diag, override->place,
			"overrides.limit \"%s\" counts by sender_domain: write domain instead of "
			"account",
			limit->name);
	else
		diag_error(diag, override->place,
			"overrides.limit \"%s\" counts by %s, which is no account and no domain of "
			"accounts: name a limit with key account",
			limit->name, key_name(limit->key));
}

static void until_resolve(struct diag *diag, struct config_override *override, wall_t wall)
{
	override->until_at = WALL_NEVER;
	if (!override->until ||
		rule_until_parse(span_of(override->until), &override->until_at, NULL) != 0)
		return;
	if (wall.us && override->until_at.us <= wall.us)
		diag_warning(diag, override->place,
			"overrides.until \"%s\" is past: the override does nothing any more, "
			"remove it",
			override->until);
}

/* Whose override it is. False: told, or refused before. */
static bool who_resolve(struct diag *diag, const struct config *config,
	const struct config_override *override, struct account_key *ret)
{
	char shown[QUOTE_SIZE];
	struct errbuf err;

	if (override->domain) {
		ret->n = span_copy(SPAN(DOMAIN_PREFIX), ret->text, sizeof(ret->text));
		ret->n += domain_normalise(span_of(override->domain), ret->text + ret->n);
		return true;
	}
	if (!override->account)
		return false;
	struct account_key key;
	if (account_key_of(config, span_of(override->account), &key, &err) != 0) {
		diag_error(diag, override->place, "overrides.account %s: %s",
			diag_quote(span_of(override->account), shown), err.text);
		return false;
	}
	struct span account = account_resolve(config, account_key_span(&key));
	ret->n = account.n;
	memcpy(ret->text, account.p, account.n);
	return true;
}

/* Puts override i at the end of its key's chain, unless its limit is there already. */
static void override_add(struct diag *diag, struct config *config, uint32_t i, struct span key)
{
	struct config_maps *maps = config->maps;
	const struct config_override *override = &config->overrides[i];
	const struct map_entry *entry = map_add(&maps->overrides, key, i + 1, override->place);
	uint32_t at = entry ? entry->value : 0;
	char shown[QUOTE_SIZE], other[PLACE_SIZE];

	while (at) {
		const struct config_override *earlier = &config->overrides[at - 1];

		if (earlier->limit_at == override->limit_at) {
			diag_error(diag, override->place,
				"overrides: %s has one for limit \"%s\" already at %s: remove one "
				"of them",
				diag_quote(key, shown), override->limit,
				diag_place(earlier->place, other));
			return;
		}
		if (maps->override_next[at - 1] == 0) {
			maps->override_next[at - 1] = i + 1;
			return;
		}
		at = maps->override_next[at - 1];
	}
}

void override_build(struct diag *diag, struct config *config, wall_t wall)
{
	config->maps->override_next =
		xcalloc(config->overrides_n, sizeof(*config->maps->override_next));
	for (size_t i = 0; i < config->overrides_n; i++) {
		struct config_override *override = &config->overrides[i];
		struct account_key key;

		until_resolve(diag, override, wall);
		bool has_limit = limit_resolve(diag, config, override);
		if (has_limit) {
			check_rate(diag, config, override);
			check_key(diag, config, override);
		}
		if (who_resolve(diag, config, override, &key) && has_limit)
			override_add(diag, config, (uint32_t)i, account_key_span(&key));
	}
}

const struct config_override *config_override_of(
	const struct config *config, struct span key, unsigned limit, wall_t wall)
{
	const struct config_maps *maps = config->maps;
	const struct map_entry *entry = map_find(&maps->overrides, key);
	uint32_t at = entry ? entry->value : 0;

	for (; at; at = maps->override_next[at - 1]) {
		const struct config_override *override = &config->overrides[at - 1];

		if (override->limit_at == limit)
			return override->until_at.us > wall.us ? override : NULL;
	}
	return NULL;
}
