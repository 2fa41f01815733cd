/* SPDX-License-Identifier: ISC */
/*
 * The token in a message's header: it names account and message to us alone, survives the removal of
 * addresses from a complaint, and cannot be made by others. Who reads it is not known here.
 */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Keys for different uses from one secret: a hash of one never helps with another. */
static struct siphash_key key_for(const struct config_secret *secret, char use)
{
	static const struct siphash_key no_secret = {0};
	struct siphash_key key;
	char text[4096 + 2];
	size_t n = secret->n < sizeof(text) - 2 ? secret->n : sizeof(text) - 2;
	memcpy(text, secret->bytes, n);
	text[n] = use;
	text[n + 1] = 0;
	key.k0 = siphash24(&no_secret, span_make(text, n + 2));
	text[n + 1] = 1;
	key.k1 = siphash24(&no_secret, span_make(text, n + 2));
	return key;
}

bool token_format(const struct config *config, struct span account, struct span instance,
	char buf[VERDICT_TEXT_MAX + 1])
{
	const struct config_secret *secret = &config->token.key_file;
	char body[48];
	if (!secret->path)
		return false;
	struct siphash_key name = key_for(secret, 'n'), sign = key_for(secret, 's');
	int n = snprintf(body, sizeof(body), "1.%016" PRIx64 ".%016" PRIx64,
		siphash24(&name, account), siphash24(&name, instance));
	if (n < 0)
		return false;
	n = snprintf(buf, VERDICT_TEXT_MAX + 1, "%s: %s.%016" PRIx64, config->token.header, body,
		siphash24(&sign, span_make(body, (size_t)n)));
	return n > 0;
}
