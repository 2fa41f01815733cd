/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what an SMTP server says, '|' where it waits: whole, and again byte by byte. What must hold: it ends
 * within its bounds, says only commands of one line that can do no harm, and what is told of it is printable.
 */
#include "fuzz.h"
#include "policyd/probe.h"

#define SAID_MAX 8 /* commands: EHLO, HELO, MAIL, two RCPT, RSET, QUIT, and one to spare */

static const struct probe_order order = {.domain = "example.org",
	.helo = "mail.example.org",
	.n = 1,
	.target = {{.host = "mx.example.org"}}};

static void check_text(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);
	fuzz_check(end != NULL);
	for (; text < end; text++)
		fuzz_check(*text >= ' ' && *text <= '~');
}

static void check_said(const struct probe_talk *talk)
{
	static const char *const commands[] = {"EHLO mail.example.org\r\n",
		"HELO mail.example.org\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<abuse@example.org>\r\n",
		"RCPT TO:<postmaster@example.org>\r\n", "RSET\r\n", "QUIT\r\n"};
	size_t i = 0;
	while (i < sizeof(commands) / sizeof(commands[0]) && strcmp(talk->say, commands[i]) != 0)
		i++;
	fuzz_check(i < sizeof(commands) / sizeof(commands[0]));
}

static void check_outcome(const struct probe_outcome *outcome)
{
	check_text(outcome->server, sizeof(outcome->server));
	for (size_t i = 0; i < PROBE_RECIPIENTS; i++) {
		const struct probe_said *said = &outcome->said[i];
		check_text(said->text, sizeof(said->text));
		fuzz_check(said->code == 0 || (said->code >= 200 && said->code < 600));
		fuzz_check(said->code != 0 || said->text[0]);
		fuzz_check(!probe_accepts(said->code) || !probe_refuses(said->code));
	}
}

static void feed(struct probe_talk *talk, struct span bytes, unsigned *said)
{
	bool was_over = talk->step == PROBE_OVER;
	enum probe_talk_news news = probe_talk_feed(talk, bytes);
	fuzz_check((news == PROBE_TALK_OVER) == (talk->step == PROBE_OVER));
	fuzz_check(!was_over || news == PROBE_TALK_OVER);
	if (news != PROBE_TALK_SAY)
		return;
	check_said(talk);
	fuzz_check(++*said <= SAID_MAX);
}

static void talk_through(struct span bytes, size_t piece)
{
	struct probe_talk talk;
	unsigned said = 0;
	probe_talk_begin(&talk, &order, &order.target[0]);
	for (size_t at = 0; at < bytes.n;) {
		const char *wait = memchr(bytes.p + at, '|', bytes.n - at);
		size_t n = wait ? (size_t)(wait - bytes.p) - at : bytes.n - at;
		size_t k = n < piece ? n : piece;
		feed(&talk, span_make(bytes.p + at, k), &said);
		at += k + (k == n);
	}
	probe_talk_break(&talk, "that was all");
	fuzz_check(talk.step == PROBE_OVER);
	check_outcome(&talk.outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(span_make((const char *)data, size));
	talk_through(span_make(copy, size), SIZE_MAX);
	talk_through(span_make(copy, size), 1);
	free(copy);
	return 0;
}
