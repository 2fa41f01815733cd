/* SPDX-License-Identifier: ISC */
/* What one recipient is. Who asks for it plays no part. */
#include "policyd/subject.h"

/* Places on a route that are followed; who writes more of them is not believed to end with us. */
#define ROUTE_MAX 8

/*
 * Takes an address apart as Postfix does: user@site, else site!user, else user%site (its
 * trivial-rewrite, with swap_bangpath and allow_percent_hack as they are by default). False: it has
 * no site, and is a user of this host.
 */
static bool route_split(struct span *user, struct span *ret_site)
{
	struct span address = *user;
	ptrdiff_t at = span_rfind(address, '@');
	const char *bang = at < 0 && address.n ? memchr(address.p, '!', address.n) : NULL;
	if (bang) {
		size_t site_n = (size_t)(bang - address.p);
		*ret_site = span_make(address.p, site_n);
		*user = span_make(bang + 1, address.n - site_n - 1);
		return true;
	}
	if (at < 0)
		at = span_rfind(address, '%');
	if (at < 0)
		return false;
	size_t user_n = (size_t)at;
	*ret_site = span_make(address.p + user_n + 1, address.n - user_n - 1);
	*user = span_make(address.p, user_n);
	return true;
}

static bool is_exempt(struct span user, const struct config_strings *list)
{
	if (list->n == 0)
		return span_equal_nocase(user, SPAN("abuse")) ||
		       span_equal_nocase(user, SPAN("postmaster"));
	for (size_t i = 0; i < list->n; i++) {
		if (span_equal_nocase(user, span_of(list->text[i])))
			return true;
	}
	return false;
}

/*
 * A site of ours is stripped and what stands before it is read again, as Postfix does for clients
 * that may relay: else "victim%example.net@" and our domain would pass as a local recipient. An
 * address without a site is local (RFC 5321 4.5.1: postmaster).
 */
void recipient_of(const struct request *request, const struct config *config, struct recipient *ret)
{
	struct span user = request->recipient, site;
	bool is_local = true;
	unsigned places = 0;
	ret->domain_n = 0;
	while (is_local && route_split(&user, &site)) {
		is_local = ++places <= ROUTE_MAX;
		char domain[ADDRESS_DOMAIN_MAX];
		size_t n = domain_normalise(site, domain);
		if (n == 0)
			continue;
		ret->domain_n = span_copy(span_make(domain, n), ret->domain, sizeof(ret->domain));
		is_local = is_local && config_is_local(config, recipient_domain(ret));
	}
	ret->domain[ret->domain_n] = '\0';
	ret->is_local = is_local;
	ret->is_exempt = is_exempt(user, &config->exempt_recipients);
}
