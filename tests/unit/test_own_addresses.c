/* SPDX-License-Identifier: ISC */
/* own_addresses.h and postfix_sending.h: from postconf's words and interfaces to our addresses. */
#include "own_addresses.h"

#include <stdio.h>
#include <string.h>

#include "policyd/mem.h"
#include "suite.h"

/* ---- choosing ---- */

#define SMTP "smtp/unix/command = smtp\n"
#define TWO  SMTP "relay/unix/command = smtp -o syslog_name=postfix/$service_name\n"
/* Of main.cf: bind, bind6, inet_interfaces; then what nobody sets. */
#define MAIN(bind, bind6, interfaces)                                                              \
	bind "\n" bind6 "\n" interfaces "\nall\nmail.example.org\nmail.example.org\n"
#define PLAIN MAIN("", "", "all")
#define ETH0  "eth0 192.0.2.10 eth0 2001:db8::10"
#define AUTO  "{ address = \"auto\"; }"

static const struct choice_row {
	const char *label;
	const char *main, *commands, *options; /* main NULL: Postfix could not be asked */
	const char *interfaces;                /* "eth0 192.0.2.10 ..." */
	const char *elements;
	const char *found; /* "ip helo [transport] (origin)", a line each */
	const char *note;
} choices[] = {
	{"interfaces", PLAIN, SMTP, "", ETH0, AUTO,
		"192.0.2.10 mail.example.org [smtp] (interface eth0)\n"
		"2001:db8::10 mail.example.org [smtp] (interface eth0)\n",
		""},
	{"two transports, one address", PLAIN, TWO, "", "eth0 192.0.2.10", AUTO,
		"192.0.2.10 mail.example.org [smtp relay] (interface eth0)\n", ""},
	{"several interfaces", PLAIN, SMTP, "", "eth0 192.0.2.10 eth1 198.51.100.1", AUTO,
		"192.0.2.10 mail.example.org [smtp] (interface eth0)\n"
		"198.51.100.1 mail.example.org [smtp] (interface eth1)\n",
		""},
	{"private ones beside", PLAIN, SMTP, "", "docker0 172.17.0.1 eth0 192.0.2.10 eth0 fe80::1",
		AUTO, "192.0.2.10 mail.example.org [smtp] (interface eth0)\n", ""},
	{"bound", MAIN("192.0.2.20", "", "all"), SMTP, "", ETH0, AUTO,
		"192.0.2.20 mail.example.org [smtp] (smtp_bind_address)\n"
		"2001:db8::10 mail.example.org [smtp] (interface eth0)\n",
		""},
	{"bound twice, in brackets", MAIN("[192.0.2.20]", "[2001:db8::20]", "all"), SMTP, "", ETH0,
		AUTO,
		"192.0.2.20 mail.example.org [smtp] (smtp_bind_address)\n"
		"2001:db8::20 mail.example.org [smtp] (smtp_bind_address6)\n",
		""},
	{"bound to any", MAIN("0.0.0.0", "::", "192.0.2.30, 2001:db8::30"), SMTP, "", ETH0, AUTO,
		"192.0.2.10 mail.example.org [smtp] (interface eth0)\n"
		"2001:db8::10 mail.example.org [smtp] (interface eth0)\n",
		""},
	{"bound to a name", MAIN("mail", "", "all"), SMTP, "", "eth0 192.0.2.10", AUTO,
		"192.0.2.10 mail.example.org [smtp] (interface eth0)\n", ""},
	{"bound to the other family", MAIN("2001:db8::1", "", "all"), SMTP, "", "eth0 192.0.2.10",
		AUTO, "192.0.2.10 mail.example.org [smtp] (interface eth0)\n", ""},
	{"one inet_interfaces", MAIN("", "", "192.0.2.30"), SMTP, "", ETH0, AUTO,
		"192.0.2.30 mail.example.org [smtp] (inet_interfaces)\n"
		"2001:db8::10 mail.example.org [smtp] (interface eth0)\n",
		""},
	{"one of each family", MAIN("", "", "[192.0.2.30],\t[2001:db8::30]"), SMTP, "", ETH0, AUTO,
		"192.0.2.30 mail.example.org [smtp] (inet_interfaces)\n"
		"2001:db8::30 mail.example.org [smtp] (inet_interfaces)\n",
		""},
	{"two of one family", MAIN("", "", "192.0.2.30 192.0.2.31"), SMTP, "", "eth0 192.0.2.10",
		AUTO, "192.0.2.10 mail.example.org [smtp] (interface eth0)\n", ""},
	/* Postfix counts the loopback too, and then binds to nothing. */
	{"one beside loopback", MAIN("", "", "192.0.2.30, 127.0.0.1"), SMTP, "", "eth0 192.0.2.10",
		AUTO, "192.0.2.10 mail.example.org [smtp] (interface eth0)\n", ""},
	{"loopback alone", MAIN("", "", "127.0.0.1"), SMTP, "", "eth0 192.0.2.10", AUTO,
		"192.0.2.10 mail.example.org [smtp] (interface eth0)\n", ""},
	{"loopback-only", MAIN("", "", "loopback-only"), SMTP, "", "eth0 192.0.2.10", AUTO,
		"192.0.2.10 mail.example.org [smtp] (interface eth0)\n", ""},
	{"a name in inet_interfaces", MAIN("", "", "192.0.2.30, localhost"), SMTP, "",
		"eth0 192.0.2.10", AUTO, "192.0.2.10 mail.example.org [smtp] (interface eth0)\n",
		""},
	{"IPv4 only", "\n\nall\nipv4\nmail\nmail\n", SMTP, "", ETH0, AUTO,
		"192.0.2.10 mail [smtp] (interface eth0)\n", ""},
	{"IPv6 only", "\n\nall\nIPv6\nmail\nmail\n", SMTP, "", ETH0, AUTO,
		"2001:db8::10 mail [smtp] (interface eth0)\n", ""},
	{"both by name", "\n\nall\nipv6, ipv4\nmail\nmail\n", SMTP, "", ETH0, AUTO,
		"192.0.2.10 mail [smtp] (interface eth0)\n"
		"2001:db8::10 mail [smtp] (interface eth0)\n",
		""},
	{"a transport of its own", MAIN("192.0.2.20", "", "all"),
		SMTP "slow/unix/command = smtp -o smtp_bind_address=192.0.2.21\n",
		"slow/unix/smtp_bind_address = 192.0.2.21\n"
		"slow/unix/smtp_helo_name = slow.example.org\n",
		"", AUTO,
		"192.0.2.20 mail.example.org [smtp] (smtp_bind_address)\n"
		"192.0.2.21 slow.example.org [slow] (smtp_bind_address)\n",
		""},
	{"one address, two names", MAIN("192.0.2.20", "", "all"), TWO,
		"relay/unix/smtp_helo_name = relay.example.org\n", "", AUTO,
		"192.0.2.20 mail.example.org [smtp] (smtp_bind_address)\n"
		"192.0.2.20 relay.example.org [relay] (smtp_bind_address)\n",
		""},
	{"a host name of its own", MAIN("192.0.2.20", "", "all"), TWO,
		"relay/unix/myhostname = relay.example.org\n", "", AUTO,
		"192.0.2.20 mail.example.org [smtp] (smtp_bind_address)\n"
		"192.0.2.20 relay.example.org [relay] (smtp_bind_address)\n",
		""},
	{"a host name, but a HELO name in main.cf",
		"192.0.2.20\n\nall\nall\nhelo.example.org\nmail.example.org\n", TWO,
		"relay/unix/myhostname = relay.example.org\n", "", AUTO,
		"192.0.2.20 helo.example.org [smtp relay] (smtp_bind_address)\n", ""},
	{"main.cf's address taken back", MAIN("192.0.2.20", "", "all"), TWO,
		"relay/unix/smtp_bind_address =\nrelay/unix/inet_protocols = ipv4\n", ETH0, AUTO,
		"192.0.2.20 mail.example.org [smtp] (smtp_bind_address)\n"
		"2001:db8::10 mail.example.org [smtp] (interface eth0)\n"
		"192.0.2.10 mail.example.org [relay] (interface eth0)\n",
		""},
	/* smtpd, pipe(8) and inet services send nothing; names with blanks are none. */
	{"others are no senders", PLAIN,
		"lmtp/unix/command = lmtp\nsmtp/inet/command = smtp\nx/unix/command = smtpd\n"
		"pipe/unix/command = pipe argv=smtp\nrubbish\n/unix/\n=\nsmtp/unix/command "
		"=\n" SMTP,
		"lmtp/unix/smtp_bind_address = 192.0.2.99\nsmtp/unix/\nsmtp/inet/x = y\n=\n\n"
		"smtp/inet/smtp_bind_address = 192.0.2.98\n",
		"eth0 192.0.2.10", AUTO, "192.0.2.10 mail.example.org [smtp] (interface eth0)\n",
		""},
	{"no client at all", MAIN("192.0.2.20", "", "all"), "", "", "", AUTO,
		"192.0.2.20 mail.example.org [] (smtp_bind_address)\n", ""},
	{"names from the element", PLAIN, TWO, "", "eth0 192.0.2.10",
		"{ address = \"auto\"; helo = \"out.example.org\"; transport = \"slow\"; }",
		"192.0.2.10 out.example.org [slow] (interface eth0)\n", ""},
	{"the element's transport alone", MAIN("192.0.2.20", "", "all"), TWO,
		"relay/unix/smtp_bind_address = 192.0.2.21\n", "",
		"{ address = \"auto\"; transport = \"relay\"; }",
		"192.0.2.21 mail.example.org [relay] (smtp_bind_address)\n", ""},
	{"no auto", PLAIN, SMTP, "", ETH0, "{ address = \"192.0.2.77\"; }", "",
		"no address was found: set egress.addresses"},
	{"no Postfix", NULL, "", "", ETH0, AUTO,
		"192.0.2.10  [] (interface eth0)\n2001:db8::10  [] (interface eth0)\n",
		"there is no postconf: the interfaces' addresses are taken"},
	{"nothing said", "", "", "", "eth0 192.0.2.10", AUTO, "",
		"no address was found: set egress.addresses"},
	{"nothing at all", PLAIN, SMTP, "", "", AUTO, "",
		"no address was found: set egress.addresses"},
	{"private only", PLAIN, SMTP, "", "eth0 10.0.0.5 eth0 fe80::1", AUTO, "",
		"only private addresses found (10.0.0.5 on eth0): behind NAT? set egress.addresses "
		"or egress.who_am_i"},
	{"IPv4 behind NAT, IPv6 not", PLAIN, SMTP, "", "eth0 10.0.0.5 eth0 2001:db8::10", AUTO,
		"2001:db8::10 mail.example.org [smtp] (interface eth0)\n",
		"only private IPv4 addresses found (10.0.0.5 on eth0): behind NAT? set "
		"egress.addresses or egress.who_am_i"},
	{"private bind", MAIN("10.0.0.5", "", "all"), SMTP, "", "eth0 192.0.2.10", AUTO, "",
		"only private addresses found (10.0.0.5 by smtp_bind_address): behind NAT? set "
		"egress.addresses or egress.who_am_i"},
	{"two private binds", MAIN("10.0.0.5", "", "all"), TWO,
		"relay/unix/smtp_bind_address = 10.0.0.6\n", "", AUTO, "",
		"smtp_bind_address 10.0.0.6 of relay is a private address; only private addresses "
		"found (10.0.0.5 by smtp_bind_address): behind NAT? set egress.addresses or "
		"egress.who_am_i"},
	{"private bind of one", MAIN("192.0.2.20", "", "all"), TWO,
		"relay/unix/smtp_bind_address = 10.0.0.5\n", "", AUTO,
		"192.0.2.20 mail.example.org [smtp] (smtp_bind_address)\n",
		"smtp_bind_address 10.0.0.5 of relay is a private address"},
};

struct chosen {
	struct own_addresses own;
	struct postfix_sending sending;
	struct interface interface[INTERFACES_MAX];
	size_t interface_n;
	struct config *config;
};

static struct config *config_with(const char *elements)
{
	char text[500];
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(text, sizeof(text),
		"listen = ( { address = \"unix:/p\"; } );\negress = { addresses = ( %s ); };",
		elements);
	int r = config_parse(span_make(text, (size_t)n), "test.conf", &config, report);
	ck_assert_msg(r == 0, "%s", report->n ? report->line[0].text : "");
	config_report_free(report);
	return config;
}

static size_t interfaces_of(const char *text, struct interface ret[INTERFACES_MAX])
{
	struct span rest = span_of(text), name, ip;
	size_t n = 0;
	while ((name = span_word(&rest)).n && n < INTERFACES_MAX) {
		ip = span_word(&rest);
		(void)span_copy(name, ret[n].name, sizeof(ret[n].name));
		ck_assert_int_eq(ip_parse(ip, &ret[n].ip), 0);
		n++;
	}
	return n;
}

static struct chosen *choose(const struct choice_row *row)
{
	struct chosen *chosen = xcalloc(1, sizeof(*chosen));
	chosen->config = config_with(row->elements);
	chosen->interface_n = interfaces_of(row->interfaces, chosen->interface);
	if (row->main) {
		postfix_sending_main(&chosen->sending, span_of(row->main));
		postfix_sending_commands(&chosen->sending, span_of(row->commands));
		postfix_sending_options(&chosen->sending, span_of(row->options));
	}
	const struct own_addresses_input input = {
		.config = chosen->config,
		.sending = row->main ? &chosen->sending : NULL,
		.why = "there is no postconf",
		.interface = chosen->interface,
		.interface_n = chosen->interface_n,
	};
	own_addresses_choose(&input, &chosen->own);
	return chosen;
}

static void chosen_free(struct chosen *chosen)
{
	postfix_sending_deinit(&chosen->sending);
	config_unref(chosen->config);
	free(chosen);
}

static void found_text(const struct own_addresses *own, char *buf, size_t size)
{
	size_t n = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < own->n; i++) {
		const struct egress_address *a = &own->found[i];
		char ip[IP_TEXT_SIZE];
		int got = snprintf(buf + n, size - n, "%s %s [%s] (%s)\n", ip_format(&a->ip, ip),
			a->helo, a->transport, a->origin);
		ck_assert(got > 0 && (size_t)got < size - n);
		n += (size_t)got;
	}
}

START_TEST(choice)
{
	const struct choice_row *row = &choices[_i];
	struct chosen *chosen = choose(row);
	char text[4096];
	own_addresses_note_hidden(&chosen->own);
	found_text(&chosen->own, text, sizeof(text));
	ck_assert_msg(strcmp(text, row->found) == 0, "%s: %s", row->label, text);
	ck_assert_msg(
		strcmp(chosen->own.note, row->note) == 0, "%s: %s", row->label, chosen->own.note);
	chosen_free(chosen);
}
END_TEST

/* ---- what DNS says ---- */

static struct ip ip_at(const char *text)
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(span_of(text), &ip), 0);
	return ip;
}

START_TEST(told_by_dns)
{
	static const struct choice_row row = {
		"", PLAIN, TWO, "", "eth0 10.0.0.5 eth0 fd00::5", AUTO, "", ""};
	struct chosen *chosen = choose(&row);
	struct own_addresses *own = &chosen->own;
	char text[4096];
	ck_assert(own->is_hidden[SENDING_V4] && own->is_hidden[SENDING_V6]);
	struct ip ip = ip_at("192.168.0.1");
	own_addresses_add(own, &own->hidden[SENDING_V4], &ip, "who_am_i");
	ck_assert_uint_eq(own->n, 0);
	ck_assert(own->is_hidden[SENDING_V4]);
	ip = ip_at("192.0.2.44");
	own_addresses_add(own, &own->hidden[SENDING_V4], &ip, "who_am_i");
	own_addresses_add(own, &own->hidden[SENDING_V4], &ip, "who_am_i");
	ck_assert(!own->is_hidden[SENDING_V4] && own->is_hidden[SENDING_V6]);
	found_text(own, text, sizeof(text));
	ck_assert_str_eq(text, "192.0.2.44 mail.example.org [smtp relay] (who_am_i)\n");
	own_addresses_note_hidden(own);
	ck_assert_ptr_nonnull(strstr(own->note, "only private IPv6 addresses found (fd00::5 on "));
	chosen_free(chosen);
}
END_TEST

/* ---- bounds ---- */

START_TEST(many)
{
	static struct interface interface[INTERFACES_MAX];
	static struct own_addresses own;
	struct config *config = config_with(AUTO);
	for (size_t i = 0; i < INTERFACES_MAX; i++) {
		interface[i].ip = ip_at("192.0.2.0");
		interface[i].ip.byte[15] = (uint8_t)i;
		(void)span_copy(SPAN("an-interface-of-a-long-name-of-32"), interface[i].name, 32);
	}
	struct postfix_sending sending = {0};
	postfix_sending_main(&sending, SPAN(PLAIN));
	char *text = xcalloc(300 * 200, 1);
	size_t n = 0;
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(text + n, 200,
			"a-transport-with-a-name-of-many-bytes-%03d/unix/command = smtp\n", i);
	postfix_sending_commands(&sending, span_make(text, n));
	ck_assert_uint_eq(sending.client_n, POSTFIX_CLIENTS_MAX);
	own_addresses_choose(
		&(struct own_addresses_input){config, &sending, "", interface, INTERFACES_MAX},
		&own);
	ck_assert_uint_eq(own.n, EGRESS_ADDRESSES_MAX);
	ck_assert_str_eq(own.found[0].transport, "a-transport-with-a-name-of-many-bytes-000");
	ck_assert_str_eq(own.note, "more than 64 addresses were found: set egress.addresses");
	postfix_sending_deinit(&sending);
	config_unref(config);
	free(text);
}
END_TEST

START_TEST(wanted)
{
	struct config *config = config_with(AUTO);
	ck_assert(own_addresses_wanted(config));
	config_unref(config);
	config = config_with("{ address = \"192.0.2.1\"; }");
	ck_assert(!own_addresses_wanted(config));
	config_unref(config);
}
END_TEST

START_TEST(interfaces_are_read)
{
	static struct interface interface[INTERFACES_MAX];
	size_t n = interfaces_read(interface);
	ck_assert_uint_le(n, INTERFACES_MAX);
	for (size_t i = 0; i < n; i++) {
		ck_assert(!ip_is_loopback(&interface[i].ip));
		ck_assert_uint_gt(strlen(interface[i].name), 0);
	}
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"choice", choice, ROWS(choices)},
		{"told_by_dns", told_by_dns, 0},
		{"many", many, 0},
		{"wanted", wanted, 0},
		{"interfaces_are_read", interfaces_are_read, 0},
	};
	return SUITE_RUN("own_addresses", rows);
}
