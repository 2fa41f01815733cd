/* SPDX-License-Identifier: ISC */
/* What a person typed, to the canonical name that requests are counted under. */
#include <errno.h>

#include "name.h"
#include "policyd/subject.h"

/* What was typed, without its kind's word, and what is needed to read it. */
struct typed {
	enum account_kind kind;
	struct span text;
	const struct config *config;
};

typedef int parse_fn(const struct typed *typed, struct account_name *ret, struct errbuf *err);

/* As much of the text as goes into a sentence. */
static int shown_n(struct span text)
{
	return (int)(text.n < 60 ? text.n : 60);
}

static int parse_mailbox(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	(void)err;
	name_mailbox(ret, typed->kind, typed->text, typed->config);
	return 0;
}

static int parse_fingerprint(
	const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	(void)err;
	name_fingerprint(ret, typed->text);
	return 0;
}

static int parse_domain(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	char buf[ADDRESS_DOMAIN_MAX];
	size_t n = domain_normalise(typed->text, buf);
	if (n == 0 || memchr(buf, '@', n)) {
		err_set(err, "%.*s is no domain: write example.org", shown_n(typed->text),
			typed->text.p);
		return -EINVAL;
	}
	name_set(ret, typed->kind, span_make(buf, n));
	return 0;
}

static int parse_provider(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	(void)err;
	name_domain(ret, typed->kind, typed->text);
	return 0;
}

/* An address, alone or with the length of the network that it is counted by. */
static int net_parse(struct span text, struct ip *ret)
{
	const struct span v4 = SPAN("/24");
	if (span_ends(text, SPAN("/32")))
		return -EINVAL;
	if (!span_ends(text, v4))
		return host_parse(text, ret);
	bool is_fine = ip_parse(span_make(text.p, text.n - v4.n), ret) == 0 && ip_is_v4(ret);
	return is_fine ? 0 : -EINVAL;
}

/* is_net: a network is wanted, else a host. */
static int parse_ip(struct span text, bool is_net, struct ip *ret, struct errbuf *err)
{
	int r = is_net ? net_parse(text, ret) : host_parse(text, ret);
	if (r != 0)
		err_set(err,
			is_net ? "%.*s is no network to count by: write 192.0.2.0/24 or "
				 "2001:db8::/64"
			       : "%.*s is no IP address: write 192.0.2.1 or 2001:db8::1",
			shown_n(text), text.p);
	return r;
}

static int parse_host(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	struct ip ip;
	int r = parse_ip(typed->text, false, &ip, err);
	if (r == 0)
		name_host(ret, typed->kind, &ip);
	return r;
}

static int parse_net(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	struct ip ip;
	int r = parse_ip(typed->text, true, &ip, err);
	if (r == 0)
		name_net(ret, &ip);
	return r;
}

static int parse_egress(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	struct ip ip;
	if (span_equal(typed->text, SPAN("default"))) {
		name_set(ret, typed->kind, typed->text);
		return 0;
	}
	if (ip_parse(typed->text, &ip) != 0) {
		err_set(err, "%.*s is no IP address: write 192.0.2.1 or default",
			shown_n(typed->text), typed->text.p);
		return -EINVAL;
	}
	name_egress(ret, &ip);
	return 0;
}

static int parse_server(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	if (typed->text.n) {
		err_set(err, "there is only one server: write server:");
		return -EINVAL;
	}
	name_set(ret, typed->kind, typed->text);
	return 0;
}

static parse_fn parse_pair;

static parse_fn *const parsers[ACCOUNT_KINDS] = {
	[ACCOUNT_LOGIN] = parse_mailbox,
	[ACCOUNT_CERT] = parse_fingerprint,
	[ACCOUNT_ADDR] = parse_host,
	[ACCOUNT_SENDER] = parse_mailbox,
	[ACCOUNT_FROM] = parse_mailbox,
	[ACCOUNT_FROM_DOMAIN] = parse_domain,
	[ACCOUNT_CLIENT] = parse_host,
	[ACCOUNT_NET] = parse_net,
	[ACCOUNT_TO_DOMAIN] = parse_domain,
	[ACCOUNT_PAIR] = parse_pair,
	[ACCOUNT_PROVIDER] = parse_provider,
	[ACCOUNT_EGRESS] = parse_egress,
	[ACCOUNT_SERVER] = parse_server,
	[ACCOUNT_DOMAIN] = parse_domain,
};

/* What kind it is, and what stands behind the word for it. */
static struct typed typed_of(struct span text, const struct config *config)
{
	struct typed typed = {.kind = kind_of_key(text), .text = text, .config = config};
	size_t word_n = 0;
	if (typed.kind != ACCOUNT_KINDS) {
		word_n = kind_rows[typed.kind].word_n;
	} else if (span_starts(text, SPAN("@"))) {
		typed.kind = ACCOUNT_DOMAIN;
		word_n = 1;
	} else {
		typed.kind = ACCOUNT_LOGIN;
	}
	typed.text = span_make(text.p + word_n, text.n - word_n);
	return typed;
}

static int parse_typed(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	if (typed->text.n == 0 && typed->kind != ACCOUNT_SERVER) {
		err_set(err, "an account needs a name: a login, addr:ADDRESS, cert:FINGERPRINT or "
			     "sender:ADDRESS");
		return -EINVAL;
	}
	int r = parsers[typed->kind](typed, ret, err);
	if (r == 0 && kind_rows[typed->kind].sends)
		name_follow(ret, typed->config);
	return r;
}

static int parse_pair(const struct typed *typed, struct account_name *ret, struct errbuf *err)
{
	struct span account, domain;
	if (!name_split_pair(typed->text, &account, &domain)) {
		err_set(err,
			"a pair needs an account and a domain: write pair:ACCOUNT|example.org");
		return -EINVAL;
	}
	struct typed half = typed_of(account, typed->config);
	if (!kind_rows[half.kind].sends) {
		err_set(err, "a pair needs an account that sends: a login, addr:ADDRESS, "
			     "cert:FINGERPRINT or sender:ADDRESS");
		return -EINVAL;
	}
	struct account_name account_name, domain_name;
	int r = parse_typed(&half, &account_name, err);
	if (r != 0)
		return r;
	half = (struct typed){.kind = ACCOUNT_DOMAIN, .text = domain, .config = typed->config};
	r = parse_domain(&half, &domain_name, err);
	if (r != 0)
		return r;
	name_pair(ret, account_name_key(&account_name),
		subject_domain(account_name_key(&domain_name)));
	return 0;
}

int subject_parse(struct span typed, const struct config *config, struct account_name *ret,
	struct errbuf *err)
{
	for (size_t i = 0; i < typed.n; i++) {
		if ((unsigned char)typed.p[i] < 0x20 || typed.p[i] == 0x7f) {
			err_set(err, "the account's name holds a control character");
			return -EINVAL;
		}
	}
	struct typed half = typed_of(typed, config);
	return parse_typed(&half, ret, err);
}
