/* SPDX-License-Identifier: ISC */
/*
 * Accounts as people write them in the configuration, and their aliases. Which account a request
 * belongs to is the subject module's business; the canonical forms of both must be the same.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "maps.h"
#include "policyd/address.h"

enum kind {
#define KIND(id, word, sends, share, text) KIND_##id,
#include "policyd/kind.def"
#undef KIND
	KINDS
};

/* Only accounts that send stand in a configuration. */
static const struct kind_word {
	const char *word;
	bool sends;
} kind_words[] = {
#define KIND(id, word, sends, share, text) [KIND_##id] = {word, sends},
#include "policyd/kind.def"
#undef KIND
};

/* Fingerprints are hexadecimal; SHA-512 with colons has 191 bytes. */
#define CERT_MAX 256

static bool kind_take(struct span *text, enum kind *ret)
{
	for (int i = 0; i < KINDS; i++) {
		struct span word = span_of(kind_words[i].word);

		if (!kind_words[i].sends || !span_starts(*text, word))
			continue;
		*text = span_make(text->p + word.n, text->n - word.n);
		*ret = (enum kind)i;
		return true;
	}
	return false;
}

bool account_has_kind(struct span text)
{
	enum kind kind;

	return kind_take(&text, &kind);
}

static void key_append(struct account_key *key, struct span text)
{
	memcpy(key->text + key->n, text.p, text.n);
	key->n += text.n;
}

/* postfix(5) takes the extension off addresses of its own domains only (semantics 2). */
size_t config_mailbox(
	const struct config *config, struct span address, const char *login_domain, char *buf)
{
	size_t n = address_normalise(address, login_domain, buf);
	struct span domain = address_domain(span_make(buf, n));
	if (!config->recipient_delimiter || domain.n == 0 || !config_is_local(config, domain))
		return n;
	size_t local_n = n - domain.n - 1;
	struct span local =
		address_without_extension(span_make(buf, local_n), config->recipient_delimiter);
	if (local.n == local_n)
		return n;
	memmove(buf + local.n, buf + local_n, domain.n + 1);
	return local.n + 1 + domain.n;
}

static int append_address(struct span text, struct account_key *key, struct errbuf *err)
{
	char shown[HOST_TEXT_SIZE];
	struct ip ip;

	if (host_parse(text, &ip) != 0) {
		err_set(err,
			"this is no address: write \"addr:192.0.2.1\" or \"addr:2001:db8::/64\"");
		return -EINVAL;
	}
	key_append(key, host_format(&ip, shown));
	return 0;
}

static int append_fingerprint(struct span text, struct account_key *key, struct errbuf *err)
{
	if (text.n > CERT_MAX) {
		err_set(err, "this is no fingerprint: write \"cert:3E:4B:...\" as Postfix logs it");
		return -EINVAL;
	}
	for (size_t i = 0; i < text.n; i++)
		key->text[key->n++] = ascii_lower(text.p[i]);
	return 0;
}

static int name_check(enum kind kind, struct span name, struct errbuf *err)
{
	if (name.n == 0 || name.p[0] == '@') {
		err_set(err, "this is no account: write a login, addr:ADDRESS, cert:FINGERPRINT or "
			     "sender:ADDRESS");
		return -EINVAL;
	}
	if (kind == KIND_SENDER && span_rfind(name, '@') < 0) {
		err_set(err, "a sender is an address: write \"sender:alice@example.org\"");
		return -EINVAL;
	}
	return 0;
}

int account_key_of(
	const struct config *config, struct span typed, struct account_key *ret, struct errbuf *err)
{
	enum kind kind = KIND_LOGIN;
	struct span name = typed;
	(void)kind_take(&name, &kind);
	struct account_key key = {0};
	key_append(&key, span_of(kind_words[kind].word));
	int r = name_check(kind, name, err);
	if (r != 0)
		return r;
	if (kind == KIND_ADDR) {
		r = append_address(name, &key, err);
	} else if (kind == KIND_CERT) {
		r = append_fingerprint(name, &key, err);
	} else {
		key.n += config_mailbox(config, name,
			kind == KIND_LOGIN ? config->login_domain : NULL, key.text + key.n);
	}
	if (r == 0)
		*ret = key;
	return r;
}

static bool two_words(struct span text, struct span ret[2])
{
	ret[0] = span_word(&text);
	ret[1] = span_word(&text);
	return ret[1].n != 0 && span_trim(text).n == 0;
}

/* A line as a pair of keys. False: told. */
static bool alias_parse(struct diag *diag, const struct config *config, struct span text,
	struct config_place place, struct account_key ret[2])
{
	struct span word[2];
	char shown[QUOTE_SIZE];
	struct errbuf err;

	if (!two_words(text, word)) {
		diag_error(diag, place, "%s: an alias is two words: write ALIAS ACCOUNT",
			diag_quote(text, shown));
		return false;
	}
	for (int i = 0; i < 2; i++) {
		if (account_key_of(config, word[i], &ret[i], &err) == 0)
			continue;
		diag_error(diag, place, "%s: %s", diag_quote(word[i], shown), err.text);
		return false;
	}
	return true;
}

static void alias_add(
	struct diag *diag, struct config *config, struct span text, struct config_place place)
{
	struct map *map = &config->maps->aliases;
	struct account_key key[2];

	if (!alias_parse(diag, config, text, place, key))
		return;
	struct span alias = account_key_span(&key[0]), account = account_key_span(&key[1]);
	const struct map_entry *entry = map_find(map, alias);
	char shown[QUOTE_SIZE], other[PLACE_SIZE];
	if (span_equal(alias, account))
		diag_error(diag, place, "%s stands for itself: remove the line",
			diag_quote(alias, shown));
	else if (!entry)
		(void)map_add(map, alias, map_store(map, account), place);
	else if (!span_equal(map_text(map, entry->value), account))
		diag_error(diag, place, "%s stands for another account at %s: remove one of them",
			diag_quote(alias, shown), diag_place(map_place(map, entry), other));
}

/* One step is enough: who reads the file sees at once whom a name stands for. */
static void check_chain(struct diag *diag, const struct map *map, const struct map_entry *entry)
{
	struct span account = map_text(map, entry->value);
	const struct map_entry *next = map_find(map, account);
	char shown[QUOTE_SIZE], there[QUOTE_SIZE], other[PLACE_SIZE];

	if (!next)
		return;
	diag_error(diag, map_place(map, entry),
		"%s is an alias itself (%s): write %s, which it stands for",
		diag_quote(account, shown), diag_place(map_place(map, next), other),
		diag_quote(map_text(map, next->value), there));
}

void account_build(struct diag *diag, struct config *config)
{
	const struct config_lines *lines = &config->account_aliases;
	const struct map *map = &config->maps->aliases;
	struct config_place place = {.file = lines->path ? diag_file_of(diag, lines->path) : NULL};

	for (size_t i = 0; i < lines->n; i++) {
		place.line = lines->line[i].line;
		alias_add(diag, config, span_of(lines->line[i].text), place);
	}
	for (size_t i = 0; i < map->n; i++)
		check_chain(diag, map, &map->entry[i]);
}

struct span config_alias_of(const struct config *config, struct span account)
{
	const struct map *map = &config->maps->aliases;
	const struct map_entry *entry = map_find(map, account);

	return entry ? map_text(map, entry->value) : (struct span){0};
}

struct span account_resolve(const struct config *config, struct span key)
{
	struct span account = config_alias_of(config, key);

	return account.n ? account : key;
}
