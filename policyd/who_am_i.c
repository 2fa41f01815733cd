/* SPDX-License-Identifier: ISC */
/* Two probes, one for each family; each asks for an address, then for a text. */
#include "who_am_i.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

struct probe {
	struct who_am_i *who;
	bool is_v6, is_open;
	enum dns_type type; /* of the open question */
	dns_ticket ticket;
};

struct who_am_i {
	struct dns_client *dns;
	who_am_i_done *done;
	void *ctx;
	struct event *over; /* nothing could be asked: told from the loop all the same */
	char name[DNS_NAME_SIZE];
	struct dns_server server;
	bool has_server;
	struct probe probe[2];
	struct who_am_i_answer answer;
	struct errbuf why;
};

/* Of a text all that is no address is taken off in front: "ip 192.0.2.1", quotes. */
static bool text_read(struct span text, struct ip *ret)
{
	struct span word;
	while ((word = span_word(&text)).n) {
		while (word.n && (word.p[0] == '"' || word.p[0] == '['))
			word = span_make(word.p + 1, word.n - 1);
		while (word.n && (word.p[word.n - 1] == '"' || word.p[word.n - 1] == ']'))
			word.n--;
		if (ip_parse(word, ret) == 0)
			return true;
	}
	return false;
}

bool who_am_i_read(const struct dns_answer *answer, enum dns_type type, bool is_v6, struct ip *ret)
{
	if (answer->result != DNS_FOUND)
		return false;
	for (size_t i = 0; i < answer->n; i++) {
		struct ip ip = answer->rr[i].ip;
		if (type == DNS_TXT && !text_read(answer->rr[i].text, &ip))
			continue;
		if (ip_is_v4(&ip) == is_v6)
			continue;
		*ret = ip;
		return true;
	}
	return false;
}

static void over_look(struct who_am_i *who)
{
	if (who->probe[0].is_open || who->probe[1].is_open)
		return;
	who->answer.why = who->why.text;
	who->done(who->ctx, &who->answer);
}

static void on_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	over_look(arg);
}

static dns_client_done on_answer;

/* False: it could not be put. */
static bool probe_ask(struct probe *probe, enum dns_type type)
{
	struct who_am_i *who = probe->who;
	const struct dns_question question = {
		.name = span_of(who->name),
		.type = type,
		.server = who->has_server ? &who->server : NULL,
		.wants_recursion = true,
		.is_fresh = true,
	};
	probe->type = type;
	probe->is_open = dns_client_ask(who->dns, &question, on_answer, probe, &probe->ticket) == 0;
	if (!probe->is_open) {
		err_set(&who->why, "%.200s: it cannot be asked at present", who->name);
		who->answer.has_failed = true;
	}
	return probe->is_open;
}

static void on_answer(void *ctx, const struct dns_answer *answer)
{
	struct probe *probe = ctx;
	struct who_am_i *who = probe->who;
	probe->is_open = false;
	if (who_am_i_read(answer, probe->type, probe->is_v6, &who->answer.ip[probe->is_v6])) {
		who->answer.is_known[probe->is_v6] = true;
	} else if (probe->type != DNS_TXT && answer->result <= DNS_NXDOMAIN) {
		(void)probe_ask(probe, DNS_TXT);
	} else {
		bool is_answer = answer->result <= DNS_NXDOMAIN;
		who->answer.has_failed |= !is_answer;
		err_set(&who->why, "%.200s: %s", who->name,
			is_answer ? "DNS tells no address" : dns_result_name(answer->result));
	}
	over_look(who);
}

void who_am_i_ask(struct who_am_i *who, struct span spec, const bool wants[2])
{
	ptrdiff_t at = span_rfind(spec, '@');
	size_t n = at < 0 ? spec.n : (size_t)at;
	who_am_i_cancel(who);
	who->answer = (struct who_am_i_answer){0};
	who->why = (struct errbuf){{0}};
	(void)span_copy(span_make(spec.p, n), who->name, sizeof(who->name));
	who->has_server = at >= 0;
	/* Looked at when the configuration was read; should it not be, it is told. */
	if (at >= 0 &&
		dns_server_parse(span_make(spec.p + at + 1, spec.n - n - 1), &who->server) != 0)
		err_set(&who->why, "%.200s: no server is behind the '@'", who->name);
	else
		for (int i = 0; i < 2; i++)
			(void)(wants[i] && probe_ask(&who->probe[i], i ? DNS_AAAA : DNS_A));
	if (!who->probe[0].is_open && !who->probe[1].is_open)
		event_active(who->over, EV_TIMEOUT, 0);
}

void who_am_i_cancel(struct who_am_i *who)
{
	event_del(who->over);
	for (int i = 0; i < 2; i++) {
		if (who->probe[i].is_open)
			dns_client_cancel(who->dns, who->probe[i].ticket);
		who->probe[i].is_open = false;
	}
}

struct who_am_i *who_am_i_new(
	struct event_base *base, struct dns_client *dns, who_am_i_done *done, void *ctx)
{
	struct who_am_i *who = xcalloc(1, sizeof(*who));
	who->dns = dns;
	who->done = done;
	who->ctx = ctx;
	who->over = evtimer_new(base, on_over, who);
	for (int i = 0; i < 2; i++)
		who->probe[i] = (struct probe){.who = who, .is_v6 = i};
	return who;
}

void who_am_i_free(struct who_am_i *who)
{
	if (!who)
		return;
	who_am_i_cancel(who);
	event_free(who->over);
	free(who);
}
