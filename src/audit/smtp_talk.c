/* SPDX-License-Identifier: ISC */
/*
 * One SMTP dialogue (RFC 5321), step by step: each reply is read whole, and leads to the next command or to the end.
 * A server may say anything: its lines, their number and what is kept of them have bounds.
 */
#include <stdio.h>

#include "policyd/probe.h"

static const char *const recipients[PROBE_RECIPIENTS] = {"abuse", "postmaster"};

const char *probe_recipient_name(enum probe_recipient recipient)
{
	return recipients[recipient];
}

bool probe_accepts(unsigned code)
{
	return code >= 200 && code < 300;
}

bool probe_refuses(unsigned code)
{
	return code >= 500 && code < 600 && code != 521;
}

bool probe_outcome_tells(const struct probe_outcome *outcome)
{
	for (size_t i = 0; i < PROBE_RECIPIENTS; i++) {
		if (probe_accepts(outcome->said[i].code) || probe_refuses(outcome->said[i].code))
			return true;
	}
	return false;
}

/* ---- what was said ---- */

static void said_set(
	struct probe_talk *talk, enum probe_recipient recipient, unsigned code, const char *text)
{
	struct probe_said *said = &talk->outcome.said[recipient];
	if (talk->is_told[recipient])
		return;
	talk->is_told[recipient] = true;
	said->code = code;
	(void)span_copy(span_of(text), said->text, sizeof(said->text));
}

void probe_talk_break(struct probe_talk *talk, const char *why)
{
	for (unsigned i = 0; i < PROBE_RECIPIENTS; i++)
		said_set(talk, (enum probe_recipient)i, 0, why);
	talk->step = PROBE_OVER;
}

void probe_talk_begin(
	struct probe_talk *talk, const struct probe_order *order, const struct probe_target *target)
{
	char ip[IP_TEXT_SIZE];
	*talk = (struct probe_talk){.order = order};
	(void)snprintf(talk->outcome.server, sizeof(talk->outcome.server), "%s [%s]", target->host,
		ip_format(&target->ip, ip));
}

/* ---- commands ---- */

static enum probe_talk_news say(struct probe_talk *talk, enum probe_step step)
{
	const struct probe_order *order = talk->order;
	const char *name =
		step == PROBE_RCPT_ABUSE ? recipients[PROBE_ABUSE] : recipients[PROBE_POSTMASTER];
	int n = 0;
	talk->step = step;
	switch (step) {
	case PROBE_EHLO:
	case PROBE_HELO:
		n = snprintf(talk->say, sizeof(talk->say), "%s %s\r\n",
			step == PROBE_EHLO ? "EHLO" : "HELO", order->helo);
		break;
	case PROBE_MAIL:
		/* Nothing can come back to anybody (RFC 5321 4.5.5). */
		n = snprintf(talk->say, sizeof(talk->say), "MAIL FROM:<>\r\n");
		break;
	case PROBE_RCPT_ABUSE:
	case PROBE_RCPT_POSTMASTER:
		n = snprintf(
			talk->say, sizeof(talk->say), "RCPT TO:<%s@%s>\r\n", name, order->domain);
		break;
	case PROBE_RSET:
		n = snprintf(talk->say, sizeof(talk->say), "RSET\r\n");
		break;
	case PROBE_QUIT:
		n = snprintf(talk->say, sizeof(talk->say), "QUIT\r\n");
		break;
	case PROBE_GREETING:
	case PROBE_OVER:
		break;
	}
	return n > 0 ? PROBE_TALK_SAY : PROBE_TALK_OVER;
}

/* Whoever does not want us at all says nothing of a recipient. */
static enum probe_talk_news refused(struct probe_talk *talk, const char *where)
{
	char why[PROBE_TEXT_SIZE];
	int n = snprintf(why, sizeof(why), "refused %s: %u %.150s", where, talk->code, talk->text);
	probe_talk_break(talk, n > 0 ? why : where);
	return say(talk, PROBE_QUIT);
}

static enum probe_talk_news recipient_told(
	struct probe_talk *talk, enum probe_recipient recipient, enum probe_step next)
{
	said_set(talk, recipient, talk->code, talk->text);
	if (talk->code != 421)
		return say(talk, next);
	/* RFC 5321 3.8: it closes the connection. */
	probe_talk_break(talk, "it closed the connection before that");
	return PROBE_TALK_OVER;
}

static enum probe_talk_news reply_take(struct probe_talk *talk)
{
	bool is_good = probe_accepts(talk->code);
	switch (talk->step) {
	case PROBE_GREETING:
		return is_good ? say(talk, PROBE_EHLO) : refused(talk, "at the greeting");
	case PROBE_EHLO:
		/* RFC 5321 3.2: who does not know it. */
		if (!is_good && probe_refuses(talk->code))
			return say(talk, PROBE_HELO);
		return is_good ? say(talk, PROBE_MAIL) : refused(talk, "at EHLO");
	case PROBE_HELO:
		return is_good ? say(talk, PROBE_MAIL) : refused(talk, "at HELO");
	case PROBE_MAIL:
		return is_good ? say(talk, PROBE_RCPT_ABUSE) : refused(talk, "at MAIL FROM:<>");
	case PROBE_RCPT_ABUSE:
		return recipient_told(talk, PROBE_ABUSE, PROBE_RCPT_POSTMASTER);
	case PROBE_RCPT_POSTMASTER:
		return recipient_told(talk, PROBE_POSTMASTER, PROBE_RSET);
	case PROBE_RSET:
		return say(talk, PROBE_QUIT);
	case PROBE_QUIT:
	case PROBE_OVER:
		break;
	}
	talk->step = PROBE_OVER;
	return PROBE_TALK_OVER;
}

/* ---- replies ---- */

static void text_add(struct probe_talk *talk, struct span text)
{
	size_t n = strlen(talk->text);
	text = span_trim(text);
	if (n && text.n)
		n += span_copy(SPAN(" "), talk->text + n, sizeof(talk->text) - n);
	for (size_t i = 0; i < text.n && n + 1 < sizeof(talk->text); i++) {
		char c = text.p[i];
		talk->text[n++] = (char)(c < ' ' || c > '~' ? '?' : c);
	}
	talk->text[n] = '\0';
}

/* The code that a line begins with; 0: none (RFC 5321 4.2). */
static unsigned code_of(struct span line)
{
	unsigned code = 0;
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5')
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return 0;
		code = code * 10 + (unsigned)(line.p[i] - '0');
	}
	return line.n == 3 || line.p[3] == ' ' || line.p[3] == '-' ? code : 0;
}

/* A line without its end. */
static enum probe_talk_news line_take(struct probe_talk *talk, struct span line)
{
	unsigned code = code_of(line);
	if (talk->lines == 0) {
		talk->code = code;
		talk->text[0] = '\0';
	}
	if (code == 0 || code != talk->code || ++talk->lines > PROBE_LINES_MAX) {
		probe_talk_break(talk, code == 0            ? "what it said is no reply of SMTP"
				       : code != talk->code ? "one reply of it has two codes"
							    : "a reply of it has no end");
		return PROBE_TALK_OVER;
	}
	if (line.n > 4)
		text_add(talk, span_make(line.p + 4, line.n - 4));
	if (line.n > 3 && line.p[3] == '-')
		return PROBE_TALK_MORE;
	talk->lines = 0;
	return reply_take(talk);
}

enum probe_talk_news probe_talk_feed(struct probe_talk *talk, struct span bytes)
{
	enum probe_talk_news news = PROBE_TALK_MORE;
	for (size_t i = 0; i < bytes.n && talk->step != PROBE_OVER; i++) {
		if (news == PROBE_TALK_SAY) {
			/* It could be taken for the reply to what is asked next. */
			probe_talk_break(talk, "it said more than it was asked");
			break;
		}
		if (bytes.p[i] != '\n') {
			if (talk->line_n == PROBE_LINE_MAX - 1) {
				probe_talk_break(talk, "it sent a line that is too long");
				break;
			}
			talk->line[talk->line_n++] = bytes.p[i];
			continue;
		}
		size_t n = talk->line_n;
		talk->line_n = 0;
		n -= n > 0 && talk->line[n - 1] == '\r';
		news = line_take(talk, span_make(talk->line, n));
	}
	return talk->step == PROBE_OVER ? PROBE_TALK_OVER : news;
}
