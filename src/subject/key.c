/* SPDX-License-Identifier: ISC */
/* Under which name a limit counts a request: one row a key. How much it counts is not known here. */
#include <limits.h>

#include "name.h"
#include "policyd/subject.h"

static bool name_of_account(const struct key_input *input, struct account_name *ret)
{
	const struct account_name *name = &input->subject->name;
	ret->kind = name->kind;
	ret->n = name->n;
	memcpy(ret->key, name->key, name->n + 1);
	return true;
}

static bool name_of_sender(const struct key_input *input, struct account_name *ret)
{
	if (input->request->sender.n == 0)
		return false;
	name_mailbox(ret, ACCOUNT_FROM, input->request->sender, input->config);
	return true;
}

static bool name_of_sender_domain(const struct key_input *input, struct account_name *ret)
{
	char buf[ADDRESS_DOMAIN_MAX];
	size_t n = domain_normalise(address_domain(input->request->sender), buf);
	if (n == 0)
		return false;
	name_set(ret, ACCOUNT_FROM_DOMAIN, span_make(buf, n));
	return true;
}

static bool name_of_client_address(const struct key_input *input, struct account_name *ret)
{
	struct ip ip;
	if (ip_parse(input->request->client_address, &ip) != 0)
		return false;
	name_host(ret, ACCOUNT_CLIENT, &ip);
	return true;
}

static bool name_of_client_net(const struct key_input *input, struct account_name *ret)
{
	struct ip ip;
	if (ip_parse(input->request->client_address, &ip) != 0)
		return false;
	name_net(ret, &ip);
	return true;
}

static bool name_of_recipient_domain(const struct key_input *input, struct account_name *ret)
{
	if (input->recipient->domain_n == 0)
		return false;
	name_set(ret, ACCOUNT_TO_DOMAIN, recipient_domain(input->recipient));
	return true;
}

static bool name_of_pair(const struct key_input *input, struct account_name *ret)
{
	if (input->recipient->domain_n == 0)
		return false;
	name_pair(ret, account_name_key(&input->subject->name), recipient_domain(input->recipient));
	return true;
}

static bool name_of_provider(const struct key_input *input, struct account_name *ret)
{
	if (input->recipient->domain_n == 0)
		return false;
	struct span domain = recipient_domain(input->recipient);
	name_domain(ret, ACCOUNT_PROVIDER, config_provider_of(input->config, domain));
	return true;
}

static bool name_of_egress(const struct key_input *input, struct account_name *ret)
{
	const struct config *config = input->config;
	unsigned at = config->classes[input->subject->class].egress_at;
	if (at == UINT_MAX) {
		name_set(ret, ACCOUNT_EGRESS, SPAN("default"));
		return true;
	}
	struct ip ip;
	if (ip_parse(span_of(config->egress.addresses[at].address), &ip) != 0)
		return false;
	name_egress(ret, &ip);
	return true;
}

static bool name_of_server(const struct key_input *input, struct account_name *ret)
{
	(void)input;
	name_set(ret, ACCOUNT_SERVER, SPAN(""));
	return true;
}

static const struct key_row {
	bool (*name)(const struct key_input *input, struct account_name *ret);
	enum account_kind kind;
	bool has_recipient;
} key_rows[KEY_COUNT] = {
	[KEY_ACCOUNT] = {name_of_account, ACCOUNT_LOGIN, false},
	[KEY_SENDER] = {name_of_sender, ACCOUNT_FROM, false},
	[KEY_SENDER_DOMAIN] = {name_of_sender_domain, ACCOUNT_FROM_DOMAIN, false},
	[KEY_CLIENT_ADDRESS] = {name_of_client_address, ACCOUNT_CLIENT, false},
	[KEY_CLIENT_NET] = {name_of_client_net, ACCOUNT_NET, false},
	[KEY_RECIPIENT_DOMAIN] = {name_of_recipient_domain, ACCOUNT_TO_DOMAIN, true},
	[KEY_ACCOUNT_RECIPIENT_DOMAIN] = {name_of_pair, ACCOUNT_PAIR, true},
	[KEY_PROVIDER] = {name_of_provider, ACCOUNT_PROVIDER, true},
	[KEY_EGRESS] = {name_of_egress, ACCOUNT_EGRESS, false},
	[KEY_SERVER] = {name_of_server, ACCOUNT_SERVER, false},
};

enum account_kind key_kind(enum key key)
{
	return key_rows[key].kind;
}

bool key_has_recipient(enum key key)
{
	return key_rows[key].has_recipient;
}

bool key_name_of(enum key key, const struct key_input *input, struct account_name *ret)
{
	if (key_rows[key].has_recipient && !input->recipient)
		return false;
	return key_rows[key].name(input, ret);
}
