/* SPDX-License-Identifier: ISC */
/* Which of these addresses count is own_addresses.c's business. */
#include "postfix_sending.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"
#include "postconf.h"

#define UNIX "/unix/"

static void text_set(char *buf, size_t size, struct span value)
{
	(void)span_copy(value, buf, size);
}

/* As Postfix separates what it lists. */
static bool word_next(struct span *rest, struct span *ret)
{
	size_t begin = 0, end;
	while (begin < rest->n && strchr(", \t\r\n", rest->p[begin]))
		begin++;
	end = begin;
	while (end < rest->n && !strchr(", \t\r\n", rest->p[end]))
		end++;
	*ret = span_make(rest->p + begin, end - begin);
	*rest = span_make(rest->p + end, rest->n - end);
	return ret->n > 0;
}

static void protocols_set(struct postfix_client *client, struct span value)
{
	struct span word;
	bool uses[2] = {false, false};
	while (word_next(&value, &word)) {
		bool is_all = span_equal_nocase(word, SPAN("all"));
		uses[SENDING_V4] |= is_all || span_equal_nocase(word, SPAN("ipv4"));
		uses[SENDING_V6] |= is_all || span_equal_nocase(word, SPAN("ipv6"));
	}
	memcpy(client->uses, uses, sizeof(uses));
}

typedef void take_fn(struct postfix_client *client, struct span value);

static void take_bind(struct postfix_client *client, struct span value)
{
	text_set(client->bind[SENDING_V4], POSTFIX_ADDRESS_SIZE, value);
}

static void take_bind6(struct postfix_client *client, struct span value)
{
	text_set(client->bind[SENDING_V6], POSTFIX_ADDRESS_SIZE, value);
}

static void take_interfaces(struct postfix_client *client, struct span value)
{
	text_set(client->interfaces, sizeof(client->interfaces), value);
}

static void take_helo(struct postfix_client *client, struct span value)
{
	text_set(client->helo, sizeof(client->helo), value);
}

/* In the order that main.cf is asked for them; myhostname comes behind. */
static const struct {
	const char *name;
	take_fn *take;
} parameters[] = {
	{"smtp_bind_address", take_bind},
	{"smtp_bind_address6", take_bind6},
	{"inet_interfaces", take_interfaces},
	{"inet_protocols", protocols_set},
	{"smtp_helo_name", take_helo},
};
#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

void postfix_sending_main(struct postfix_sending *sending, struct span text)
{
	struct span line;
	for (size_t i = 0; i < PARAMETERS && postconf_line(&text, &line); i++)
		parameters[i].take(&sending->all, line);
	if (postconf_line(&text, &line))
		sending->is_helo_hostname = span_equal(line, span_of(sending->all.helo));
}

/* "slow/unix/NAME", which is split. False: it is of another type. */
static bool service_split(struct span text, struct span *ret_service, struct span *ret_name)
{
	ptrdiff_t at = span_rfind(text, '/');
	size_t n = at < 0 ? 0 : (size_t)at + 1;
	if (!span_ends(span_make(text.p, n), SPAN(UNIX)))
		return false;
	*ret_service = span_make(text.p, n - strlen(UNIX));
	*ret_name = span_make(text.p + n, text.n - n);
	return true;
}

void postfix_sending_commands(struct postfix_sending *sending, struct span text)
{
	struct span line, key, command, service, name, program;
	while (sending->client_n < POSTFIX_CLIENTS_MAX && postconf_line(&text, &line)) {
		postconf_pair(line, &key, &command);
		if (!service_split(key, &service, &name) || !word_next(&command, &program) ||
			!span_equal(program, SPAN("smtp")) || service.n >= POSTFIX_NAME_SIZE)
			continue;
		sending->client =
			xrealloc(sending->client, sending->client_n + 1, sizeof(*sending->client));
		struct postfix_client *client = &sending->client[sending->client_n++];
		*client = sending->all;
		text_set(client->name, sizeof(client->name), service);
	}
}

static struct postfix_client *client_of(struct postfix_sending *sending, struct span service)
{
	for (size_t i = 0; i < sending->client_n; i++) {
		if (span_equal(span_of(sending->client[i].name), service))
			return &sending->client[i];
	}
	return NULL;
}

static void option_take(const struct postfix_sending *sending, struct postfix_client *client,
	struct span name, struct span value)
{
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (span_equal(name, span_of(parameters[i].name)))
			parameters[i].take(client, value);
	}
	/* Unless it says another name on its own account. */
	if (span_equal(name, SPAN("myhostname")) && sending->is_helo_hostname &&
		strcmp(client->helo, sending->all.helo) == 0)
		take_helo(client, value);
}

void postfix_sending_options(struct postfix_sending *sending, struct span text)
{
	struct span line, key, value, service, name;
	while (postconf_line(&text, &line)) {
		postconf_pair(line, &key, &value);
		struct postfix_client *client =
			service_split(key, &service, &name) ? client_of(sending, service) : NULL;
		if (client)
			option_take(sending, client, name, value);
	}
}

int postfix_sending_ask(const char *directory, struct postfix_sending *ret, struct errbuf *err)
{
	static const struct {
		const char *argument[10];
		void (*take)(struct postfix_sending *sending, struct span text);
	} questions[] = {
		{{"-x", "-h", "smtp_bind_address", "smtp_bind_address6", "inet_interfaces",
			 "inet_protocols", "smtp_helo_name", "myhostname", NULL},
			postfix_sending_main},
		{{"-F", "*/unix/command", NULL}, postfix_sending_commands},
		{{"-x", "-P", NULL}, postfix_sending_options},
	};
	struct postfix_sending sending = {0};
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		char *text = NULL;
		int r = postconf_ask(directory, questions[i].argument, &text, err);
		if (r != 0) {
			postfix_sending_deinit(&sending);
			return r;
		}
		questions[i].take(&sending, span_of(text));
		free(text);
	}
	*ret = sending;
	return 0;
}

void postfix_sending_deinit(struct postfix_sending *sending)
{
	free(sending->client);
	*sending = (struct postfix_sending){0};
}
