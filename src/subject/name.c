/* SPDX-License-Identifier: ISC */
/* Canonical names. Which of them a request is charged to is decided in subject.c and key.c. */
#include "name.h"

#include <assert.h>

_Static_assert(sizeof("pair:") - 1 + sizeof("sender:") - 1 + ADDRESS_MAX + 1 + ADDRESS_DOMAIN_MAX <=
		       ACCOUNT_KEY_MAX,
	"the longest pair fits");

/* Between an account and a domain in a pair; no domain there has it. */
static const char pair_bar = '|';

/* Fingerprints are text of 95 bytes (SHA-256); what is longer is none, but stays bounded. */
#define FINGERPRINT_MAX 256

/* Writes the kind's word; behind it there is room for ADDRESS_MAX bytes and more. */
static char *name_begin(struct account_name *name, enum account_kind kind)
{
	const struct kind_row *row = &kind_rows[kind];
	name->kind = kind;
	name->n = row->word_n;
	memcpy(name->key, row->word, row->word_n);
	return name->key + row->word_n;
}

static void name_end(struct account_name *name, size_t n)
{
	name->n += n;
	name->key[name->n] = '\0';
}

void name_set(struct account_name *name, enum account_kind kind, struct span text)
{
	char *buf = name_begin(name, kind);
	name_end(name, span_copy(text, buf, sizeof(name->key) - name->n));
}

void name_fingerprint(struct account_name *name, struct span fingerprint)
{
	char *buf = name_begin(name, ACCOUNT_CERT);
	size_t n = fingerprint.n < FINGERPRINT_MAX ? fingerprint.n : FINGERPRINT_MAX;
	for (size_t i = 0; i < n; i++)
		buf[i] = ascii_lower(fingerprint.p[i]);
	name_end(name, n);
}

void name_mailbox(struct account_name *name, enum account_kind kind, struct span address,
	const struct config *config)
{
	const char *login_domain = kind == ACCOUNT_LOGIN ? config->login_domain : NULL;
	name_end(name, config_mailbox(config, address, login_domain, name_begin(name, kind)));
}

void name_follow(struct account_name *name, const struct config *config)
{
	if (config->account_aliases.n == 0)
		return;
	struct span account = config_alias_of(config, account_name_key(name));
	enum account_kind kind = kind_of_key(account);
	if (kind == ACCOUNT_KINDS)
		return;
	name->kind = kind;
	name->n = span_copy(account, name->key, sizeof(name->key));
}

void name_domain(struct account_name *name, enum account_kind kind, struct span domain)
{
	char *buf = name_begin(name, kind);
	name_end(name, domain_normalise(domain, buf));
}

void name_host(struct account_name *name, enum account_kind kind, const struct ip *ip)
{
	char text[HOST_TEXT_SIZE];
	name_set(name, kind, host_format(ip, text));
}

void name_net(struct account_name *name, const struct ip *ip)
{
	if (!ip_is_v4(ip)) {
		name_host(name, ACCOUNT_NET, ip);
		return;
	}
	struct ip net = *ip;
	char text[IP_TEXT_SIZE + sizeof("/24")];
	net.byte[15] = 0;
	size_t n = strlen(ip_format(&net, text));
	n += span_copy(SPAN("/24"), text + n, sizeof(text) - n);
	name_set(name, ACCOUNT_NET, span_make(text, n));
}

void name_egress(struct account_name *name, const struct ip *ip)
{
	char text[IP_TEXT_SIZE];
	name_set(name, ACCOUNT_EGRESS, span_of(ip_format(ip, text)));
}

void name_pair(struct account_name *name, struct span account, struct span domain)
{
	char *buf = name_begin(name, ACCOUNT_PAIR);
	assert(name->n + account.n + 1 + domain.n <= ACCOUNT_KEY_MAX);
	memcpy(buf, account.p, account.n);
	buf += account.n;
	*buf++ = pair_bar;
	/*
	 * No real domain has a bar, but a hostile one must not move the place where a pair splits.
	 * Nor may it become a name that IDNA maps to another, so no letter stands in for the bar.
	 */
	for (size_t i = 0; i < domain.n; i++)
		buf[i] = domain.p[i] == pair_bar ? '!' : domain.p[i];
	name_end(name, account.n + 1 + domain.n);
}

bool name_split_pair(struct span text, struct span *ret_account, struct span *ret_domain)
{
	ptrdiff_t bar = span_rfind(text, pair_bar);
	if (bar < 0)
		return false;
	size_t account_n = (size_t)bar;
	*ret_account = span_make(text.p, account_n);
	*ret_domain = span_make(text.p + account_n + 1, text.n - account_n - 1);
	return true;
}
