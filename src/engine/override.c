/* SPDX-License-Identifier: ISC */
/*
 * The rate that holds for an account: its own override, its domain's, or the limit's. Of two for the
 * same account, or the same domain, the one given at run time goes first.
 */
#include "internal.h"

static const char domain_word[] = "domain:";

static struct span domain_key(struct span domain, char room[ADDRESS_MAX + 16])
{
	if (domain.n == 0 || domain.n > ADDRESS_MAX)
		return (struct span){0};
	memcpy(room, domain_word, sizeof(domain_word) - 1);
	memcpy(room + sizeof(domain_word) - 1, domain.p, domain.n);
	return span_make(room, sizeof(domain_word) - 1 + domain.n);
}

static const struct standing *orders_of(const struct engine *e, const struct account *entry)
{
	return entry ? account_orders(e->accounts, entry) : NULL;
}

static bool has_overrides(const struct standing *orders)
{
	return orders && orders->overrides;
}

/* The keys that the configuration's overrides stand under. */
static void scope_keys(struct override_scope *scope, struct span domain, struct span from_domain)
{
	scope->account_domain = domain_key(domain, scope->room[0]);
	scope->sender_domain = domain_key(from_domain, scope->room[1]);
}

/* from: the entry of the sender's domain, or NULL. Asked for each request: mostly there is nothing. */
void override_scope(struct engine *e, const struct account *account, const struct account *from,
	struct now now, struct override_scope *ret)
{
	ret->config = e->plan->snapshot;
	ret->account = table_key(account);
	ret->account_domain = ret->sender_domain = (struct span){0};
	ret->orders = orders_of(e, account);
	ret->domain_orders = ret->sender_domain_orders = NULL;
	ret->now = now;
	ret->is_any = ret->config->overrides_n > 0;
	ret->is_wide = has_overrides(ret->orders);
	if (ret->is_any || accounts_have_domains(e->accounts)) {
		struct span domain = subject_domain(ret->account);
		struct span from_domain = from ? subject_domain(table_key(from)) : (struct span){0};
		ret->domain_orders = orders_of(e, account_of_domain(e->accounts, domain));
		ret->sender_domain_orders =
			orders_of(e, account_of_domain(e->accounts, from_domain));
		ret->is_wide = ret->is_wide || has_overrides(ret->domain_orders) ||
			       has_overrides(ret->sender_domain_orders);
		if (ret->is_any)
			scope_keys(ret, domain, from_domain);
	}
	ret->is_any = ret->is_any || ret->is_wide;
}

/* One after the other; true when one was found. */
static bool look(const struct override_scope *scope, const struct standing *orders, struct span key,
	const struct config_limit *limit, struct override_found *ret)
{
	const struct override *own = standing_override(orders, limit->name, scope->now.mono);
	/* A reload may have changed what the limit counts by: then it means nothing any more. */
	bool fits = own &&
		    (own->rate.n == RATE_UNLIMITED || own->rate.window_us == limit->rate.window_us);
	if (fits) {
		ret->rate = own->rate;
		ret->override = own;
		return true;
	}
	if (scope->config->overrides_n == 0 || key.n == 0)
		return false;
	const struct config_override *configured = config_override_of(
		scope->config, key, (unsigned)(limit - scope->config->limits), scope->now.wall);
	if (!configured)
		return false;
	ret->rate = configured->rate;
	ret->config_override = configured;
	return true;
}

void override_find(const struct override_scope *scope, const struct config_limit *limit,
	struct override_found *ret)
{
	const struct config *config = scope->config;
	uintptr_t at = (uintptr_t)limit, first = (uintptr_t)config->limits;
	*ret = (struct override_found){.rate = limit->rate};
	/* The emergency's limit is in no list, and nobody's. */
	if (!scope->is_any || at < first || at >= first + config->limits_n * sizeof(*limit))
		return;
	if (limit->key == KEY_SENDER_DOMAIN)
		(void)look(scope, scope->sender_domain_orders, scope->sender_domain, limit, ret);
	else if (limit->key == KEY_ACCOUNT || limit->key == KEY_ACCOUNT_RECIPIENT_DOMAIN)
		(void)(look(scope, scope->orders, scope->account, limit, ret) ||
			look(scope, scope->domain_orders, scope->account_domain, limit, ret));
}
