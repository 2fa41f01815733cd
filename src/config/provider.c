/* SPDX-License-Identifier: ISC */
/* Which organisation receives for a domain. Those built in are large and have many domains. */
#include "maps.h"
#include "policyd/address.h"

/* Domains of one organisation, parted by blanks. */
static const struct {
	const char *name, *domains;
} builtin[] = {
	{"google", "gmail.com googlemail.com"},
	{"microsoft",
		"outlook.com outlook.de outlook.fr outlook.es outlook.it outlook.at outlook.be "
		"outlook.dk outlook.ie outlook.pt outlook.jp outlook.kr outlook.cl outlook.in "
		"outlook.co.id outlook.com.ar outlook.com.au outlook.com.br hotmail.com hotmail.de "
		"hotmail.fr hotmail.es hotmail.it hotmail.nl hotmail.be hotmail.ch hotmail.at "
		"hotmail.se hotmail.dk hotmail.no hotmail.fi hotmail.gr hotmail.ca hotmail.cl "
		"hotmail.co.uk hotmail.co.jp hotmail.co.th hotmail.com.ar hotmail.com.br "
		"hotmail.com.tr live.com live.de live.fr live.it live.nl live.be live.ca live.cl "
		"live.at live.dk live.no live.se live.ie live.jp live.cn live.co.uk live.co.za "
		"live.com.ar live.com.au live.com.mx live.com.pt msn.com passport.com "
		"windowslive.com"},
	{"yahoo", "yahoo.com yahoo.de yahoo.fr yahoo.es yahoo.it yahoo.ca yahoo.ie yahoo.in "
		  "yahoo.pl yahoo.ro yahoo.se yahoo.no yahoo.dk yahoo.nl yahoo.be yahoo.gr "
		  "yahoo.at yahoo.co.uk yahoo.co.in yahoo.co.id yahoo.co.nz yahoo.co.th "
		  "yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.cn yahoo.com.hk yahoo.com.mx "
		  "yahoo.com.my yahoo.com.ph yahoo.com.sg yahoo.com.tr yahoo.com.tw yahoo.com.vn "
		  "ymail.com rocketmail.com myyahoo.com aol.com aol.de aol.fr aol.co.uk aim.com"},
	{"yahoo-japan", "yahoo.co.jp ybb.ne.jp"},
	{"apple", "icloud.com me.com mac.com"},
	{"united-internet", "gmx.de gmx.net gmx.at gmx.ch gmx.com gmx.eu gmx.info gmx.org gmx.us "
			    "gmx.fr gmx.es gmx.co.uk web.de mail.com 1und1.de online.de"},
	{"t-online", "t-online.de magenta.de"},
	{"orange", "orange.fr wanadoo.fr voila.fr"},
	{"laposte", "laposte.net"},
	{"comcast", "comcast.net"},
	{"proton", "proton.me protonmail.com protonmail.ch pm.me"},
	{"yandex", "yandex.ru yandex.com yandex.by yandex.kz yandex.ua ya.ru narod.ru"},
	{"mail.ru", "mail.ru bk.ru inbox.ru list.ru internet.ru"},
	{"qq", "qq.com foxmail.com"},
	{"163", "163.com 126.com yeah.net vip.163.com vip.126.com"},
};

static void complain_twice(struct diag *diag, const struct config *config,
	const struct config_provider *provider, const struct map_entry *entry)
{
	const struct map *map = &config->maps->providers;
	char shown[QUOTE_SIZE], other[PLACE_SIZE];

	diag_error(diag, provider->place,
		"providers.domains %s is listed already at %s: remove one of them",
		diag_quote(map_text(map, entry->at), shown),
		diag_place(map_place(map, entry), other));
}

static void provider_add(
	struct diag *diag, struct config *config, const struct config_provider *provider)
{
	struct map *map = &config->maps->providers;
	uint32_t name = map_store(map, span_of(provider->name));

	for (size_t i = 0; i < provider->domains.n; i++) {
		char domain[ADDRESS_MAX];
		size_t n = domain_normalise(span_of(provider->domains.text[i]), domain);
		const struct map_entry *entry =
			map_add(map, span_make(domain, n), name, provider->place);

		if (entry)
			complain_twice(diag, config, provider, entry);
	}
}

void provider_build(struct diag *diag, struct config *config)
{
	struct map *map = &config->maps->providers;

	for (size_t i = 0; i < config->providers_n; i++)
		provider_add(diag, config, &config->providers[i]);
	/* What is configured comes first and stays. */
	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
		struct span rest = span_of(builtin[i].domains);
		uint32_t name = map_store(map, span_of(builtin[i].name));

		for (struct span word = span_word(&rest); word.n; word = span_word(&rest))
			(void)map_add(map, word, name, config->place);
	}
}

struct span config_provider_of(const struct config *config, struct span domain)
{
	const struct map *map = &config->maps->providers;
	const struct map_entry *entry = map_find(map, domain);

	return entry ? map_text(map, entry->value) : domain;
}
