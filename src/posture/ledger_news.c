/* SPDX-License-Identifier: ISC */
/* What the ledger has to tell, until it is taken. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger_internal.h"
#include "policyd/addr.h"
#include "policyd/mem.h"

const char *ledger_stretch(int64_t us, char buf[LEDGER_STRETCH_SIZE])
{
	bool is_days = us >= 2 * DAY_US, is_hours = us >= 2 * HOUR_US;
	int64_t unit = is_days ? DAY_US : is_hours ? HOUR_US : MINUTE_US;
	const char *word = is_days ? "days" : is_hours ? "hours" : "minutes";
	if (snprintf(buf, LEDGER_STRETCH_SIZE, "%" PRId64 " %s", us > 0 ? us / unit : 0, word) < 0)
		buf[0] = '\0';
	return buf;
}

/* As events of the same subject have it. */
static char *account_of(const struct ledger_news_new *new)
{
	char account[EVENT_ACCOUNT_MAX + 1];
	struct ip ip;
	const char *kind = ip_parse(new->subject, &ip) == 0 ? "egress" : "domain";
	if (new->kind == EVENT_PROGRAMME)
		kind = "programme";
	int n = snprintf(
		account, sizeof(account), "%s:%.*s", kind, (int)new->subject.n, new->subject.p);
	return xstrdup(n < 0 ? "" : account);
}

static void news_free(struct ledger_news *news)
{
	if (!news)
		return;
	free(news->account);
	free(news->limit);
	free(news->reason);
	free(news);
}

void ledger_news_free(struct ledger *l)
{
	news_free(l->given);
	while (l->news) {
		struct ledger_news *next = l->news->next;
		news_free(l->news);
		l->news = next;
	}
}

void ledger_news_add(struct ledger *l, const struct ledger_news_new *new, const char *format, ...)
{
	char reason[EVENT_REASON_MAX + 1];
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	if (n < 0 || l->news_n == LEDGER_EFFECTS_MAX) {
		l->dropped++;
		return;
	}
	struct ledger_news *news = xcalloc(1, sizeof(*news));
	news->kind = new->kind;
	news->at = new->at;
	news->account = account_of(new);
	news->limit = xstrdup(new->limit);
	news->reason = xstrdup(reason);
	news->is_event = new->is_event;
	news->is_grave = new->is_grave;
	*l->news_end = news;
	l->news_end = &news->next;
	l->news_n++;
}

bool ledger_effect(struct ledger *l, struct ledger_effect *ret)
{
	struct ledger_news *news = l->news;
	news_free(l->given);
	l->given = news;
	if (!news)
		return false;
	l->news = news->next;
	l->news_n--;
	if (!l->news)
		l->news_end = &l->news;
	*ret = (struct ledger_effect){
		.event = {.kind = news->kind,
			.at = news->at,
			.account = span_of(news->account),
			.limit = span_of(news->limit),
			.reason = span_of(news->reason),
			.author = SPAN(AUTHOR_SELF)},
		.is_event = news->is_event,
		.is_grave = news->is_grave,
	};
	return true;
}

uint64_t ledger_dropped(const struct ledger *l)
{
	return l->dropped;
}
