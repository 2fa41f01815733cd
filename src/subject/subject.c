/* SPDX-License-Identifier: ISC */
/*
 * Who is this? The account a request is charged to, and its class. What an account may do, and what
 * hangs on it, is not known here.
 */
#include "policyd/subject.h"

#include "name.h"

/* The client's address, looked at only when somebody asks, and once. */
struct client {
	struct span text;
	bool is_parsed, is_known;
	struct ip ip;
};

static const struct ip *client_ip(struct client *client)
{
	if (!client->is_parsed) {
		client->is_parsed = true;
		client->is_known = ip_parse(client->text, &client->ip) == 0;
	}
	return client->is_known ? &client->ip : NULL;
}

static bool is_client_in(const struct config_nets *nets, struct client *client)
{
	const struct ip *ip = nets->n ? client_ip(client) : NULL;
	for (size_t i = 0; ip && i < nets->n; i++) {
		if (ip_net_has(&nets->net[i], ip))
			return true;
	}
	return false;
}

/* An unlisted certificate means nothing: every foreign MTA shows one (semantics 1). */
static bool has_listed_certificate(const struct request *request, const struct config *config)
{
	const struct config_strings *list = &config->client_certificates;
	struct span fingerprint = request->ccert_fingerprint;
	for (size_t i = 0; fingerprint.n && i < list->n; i++) {
		if (span_equal_nocase(span_of(list->text[i]), fingerprint))
			return true;
	}
	return false;
}

static bool is_from_us(const struct request *request, const struct config *config)
{
	char buf[ADDRESS_DOMAIN_MAX];
	struct span domain = address_domain(request->sender);
	if (domain.n == 0)
		return false;
	return config_is_local(config, span_make(buf, domain_normalise(domain, buf)));
}

/* Forwarded mail is charged to who forwards, never to the foreign domain (semantics 4). */
static void name_relayed(struct account_name *name, const struct request *request,
	const struct config *config, const struct ip *ip)
{
	if (is_from_us(request, config))
		name_mailbox(name, ACCOUNT_SENDER, request->sender, config);
	else
		name_host(name, ACCOUNT_ADDR, ip);
}

static unsigned class_of(const struct request *request, const struct config *config,
	const struct subject *subject, struct client *client)
{
	const struct config_class *class = config->classes;
	/* Only the two that are always there: nothing to match. */
	if (config->classes_n == 2 && class[0].match_n == 0 && class[1].match_n == 0)
		return subject->is_null_sender ? config->class_null_sender : config->class_default;
	struct span key = account_name_key(&subject->name);
	return config_class_of(config, &(struct class_query){
					       .account = key,
					       .domain = subject_domain(key),
					       .context = request->policy_context,
					       .client = client_ip(client),
					       .is_null_sender = subject->is_null_sender,
				       });
}

bool subject_of(const struct request *request, const struct config *config, struct subject *ret)
{
	/* What a content filter hands back was judged on its way in (semantics 2). */
	if (span_equal(request->policy_context, SPAN("reinject")))
		return false;
	struct client client = {.text = request->client_address};
	bool is_null_sender = false;
	bool is_relayed = is_client_in(&config->relay_networks, &client);
	if (request->sasl_username.n) {
		name_mailbox(&ret->name, ACCOUNT_LOGIN, request->sasl_username, config);
	} else if (has_listed_certificate(request, config)) {
		name_fingerprint(&ret->name, request->ccert_fingerprint);
	} else if (is_relayed) {
		name_relayed(&ret->name, request, config, &client.ip);
	} else if (is_client_in(&config->trusted_networks, &client)) {
		is_null_sender = request->sender.n == 0;
		name_host(&ret->name, ACCOUNT_ADDR, &client.ip);
	} else {
		return false;
	}
	name_follow(&ret->name, config);
	ret->is_null_sender = is_null_sender;
	ret->is_relayed = is_relayed;
	ret->class = class_of(request, config, ret, &client);
	return true;
}

struct span subject_shown(struct span key)
{
	const struct kind_row *login = &kind_rows[ACCOUNT_LOGIN];
	if (!span_starts(key, span_make(login->word, login->word_n)))
		return key;
	struct span bare = span_make(key.p + login->word_n, key.n - login->word_n);
	/* A login may be called "addr:x" or "@x"; then only the whole key is unmistakable. */
	if (kind_of_key(bare) != ACCOUNT_KINDS || span_starts(bare, SPAN("@")))
		return key;
	return bare;
}

struct span subject_domain(struct span key)
{
	const struct span none = {.p = NULL};
	enum account_kind kind = kind_of_key(key);
	if (kind == ACCOUNT_KINDS)
		return none;
	struct span text =
		span_make(key.p + kind_rows[kind].word_n, key.n - kind_rows[kind].word_n);
	switch (kind) {
	case ACCOUNT_LOGIN:
	case ACCOUNT_SENDER:
	case ACCOUNT_FROM:
		return address_domain(text);
	case ACCOUNT_FROM_DOMAIN:
	case ACCOUNT_TO_DOMAIN:
	case ACCOUNT_DOMAIN:
		return text;
	case ACCOUNT_PAIR:
		return name_split_pair(text, &text, &(struct span){0}) ? subject_domain(text)
								       : none;
	case ACCOUNT_CERT:
	case ACCOUNT_ADDR:
	case ACCOUNT_CLIENT:
	case ACCOUNT_NET:
	case ACCOUNT_PROVIDER:
	case ACCOUNT_EGRESS:
	case ACCOUNT_SERVER:
	case ACCOUNT_KINDS:
		break;
	}
	return none;
}
