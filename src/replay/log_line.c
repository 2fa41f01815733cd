/* SPDX-License-Identifier: ISC */
/*
 * One line of a Postfix log, as syslog, journald's exports or postlogd write it: "Nov 22 06:13:58 host
 * postfix/smtpd[123]: 4XyZ: client=...", or with a stamp of RFC 3339. Any syslog_name, short and long
 * queue ids. What senders and remote servers wrote into it is never trusted to be well formed.
 */
#include "policyd/replay.h"

/* ---- pieces ---- */

static bool take(struct span *rest, struct span prefix)
{
	if (!span_starts(*rest, prefix))
		return false;
	*rest = span_make(rest->p + prefix.n, rest->n - prefix.n);
	return true;
}

/* What stands before mark; *rest is what stands behind it. False: it does not come. */
static bool take_until(struct span *rest, struct span mark, struct span *ret)
{
	const char *at = rest->n ? memmem(rest->p, rest->n, mark.p, mark.n) : NULL;
	if (!at)
		return false;
	*ret = span_make(rest->p, (size_t)(at - rest->p));
	*rest = span_make(at + mark.n, rest->n - ret->n - mark.n);
	return true;
}

/* The value behind mark up to a comma, or the end. */
static struct span value_of(struct span text, struct span mark)
{
	struct span before, value;
	if (!take_until(&text, mark, &before))
		return span_make(NULL, 0);
	return take_until(&text, SPAN(", "), &value) ? value : text;
}

/* Exactly so many digits, at most 4. -1: they are not there. */
static int take_digits(struct span *rest, size_t n)
{
	int number = 0;
	if (rest->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (rest->p[i] < '0' || rest->p[i] > '9')
			return -1;
		number = number * 10 + (rest->p[i] - '0');
	}
	*rest = span_make(rest->p + n, rest->n - n);
	return number;
}

/* ---- stamps ---- */

/* "06:13:58", perhaps with a fraction. */
static bool take_time(struct span *rest, int64_t *ret)
{
	int hour = take_digits(rest, 2);
	int minute = hour >= 0 && take(rest, SPAN(":")) ? take_digits(rest, 2) : -1;
	int second = minute >= 0 && take(rest, SPAN(":")) ? take_digits(rest, 2) : -1;
	if (second < 0 || hour > 23 || minute > 59 || second > 60)
		return false;
	*ret = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US;
	if (!take(rest, SPAN(".")))
		return true;
	int digit;
	for (int64_t unit = 100000; (digit = take_digits(rest, 1)) >= 0; unit /= 10)
		*ret += unit * digit;
	return true;
}

static bool take_zone(struct span *rest, int64_t *us)
{
	bool is_east = take(rest, SPAN("+"));
	if (take(rest, SPAN("Z")) || (!is_east && !take(rest, SPAN("-"))))
		return true;
	int hour = take_digits(rest, 2);
	(void)take(rest, SPAN(":"));
	int minute = take_digits(rest, 2);
	if (hour < 0 || hour > 14 || minute < 0 || minute > 59)
		return false;
	int64_t offset = hour * HOUR_US + minute * MINUTE_US;
	*us += is_east ? -offset : offset;
	return true;
}

/* RFC 3339: "2026-11-22T06:13:58.123456+01:00". */
static bool take_iso(struct span *rest, struct log_stamp *ret)
{
	struct span at = *rest;
	ret->year = take_digits(&at, 4);
	ret->month = ret->year > 0 && take(&at, SPAN("-")) ? take_digits(&at, 2) : -1;
	ret->day = ret->month > 0 && take(&at, SPAN("-")) ? take_digits(&at, 2) : -1;
	if (ret->day < 1 || ret->day > 31 || ret->month > 12 || ret->year < 1970 ||
		(!take(&at, SPAN("T")) && !take(&at, SPAN(" "))) || !take_time(&at, &ret->us) ||
		!take_zone(&at, &ret->us))
		return false;
	*rest = at;
	return true;
}

/* RFC 3164: "Nov  2 06:13:58". */
static bool take_month(struct span *rest, struct log_stamp *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct span at = *rest;
	ret->year = ret->month = 0;
	for (int i = 0; i < 12; i++) {
		if (take(&at, span_make(months + i * 3, 3)))
			ret->month = i + 1;
	}
	if (ret->month == 0 || !take(&at, SPAN(" ")))
		return false;
	ret->day = take(&at, SPAN(" ")) ? take_digits(&at, 1) : take_digits(&at, 2);
	if (ret->day < 1 || ret->day > 31 || !take(&at, SPAN(" ")) || !take_time(&at, &ret->us))
		return false;
	*rest = at;
	return true;
}

/* ---- who says it ---- */

/* "host name/program[pid]: ": the program, which stands behind the last slash. */
static bool take_program(struct span *rest, struct span *ret)
{
	struct span host, tag;
	if (!take(rest, SPAN(" ")) || !take_until(rest, SPAN(" "), &host) ||
		!take_until(rest, SPAN(": "), &tag))
		return false;
	const char *bracket = tag.n ? memchr(tag.p, '[', tag.n) : NULL;
	tag.n = bracket ? (size_t)(bracket - tag.p) : tag.n;
	ptrdiff_t slash = span_rfind(tag, '/');
	if (slash < 0 || memchr(tag.p, ' ', tag.n))
		return false;
	*ret = span_make(tag.p + slash + 1, tag.n - (size_t)slash - 1);
	struct span id;
	if (take(rest, SPAN("[ID ")))
		(void)take_until(rest, SPAN("] "), &id);
	return true;
}

/* Both kinds are letters and digits; nothing else that stands there is so short and followed by a colon. */
static bool take_queue_id(struct span *rest, struct span *ret)
{
	size_t n = 0;
	for (; n < rest->n && n < 32; n++) {
		char c = rest->p[n];
		if (!(c >= '0' && c <= '9') && !(ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'))
			break;
	}
	if (n < 5 || n > 24 || rest->n < n + 2 || rest->p[n] != ':' || rest->p[n + 1] != ' ')
		return false;
	*ret = span_make(rest->p, n);
	*rest = span_make(rest->p + n + 2, rest->n - n - 2);
	return true;
}

/* ---- what is said ---- */

/* "name[address]", perhaps ":port" behind it. */
static bool parse_client(struct span client, struct log_line *ret)
{
	ptrdiff_t open = span_rfind(client, '['), close = span_rfind(client, ']');
	if (open < 0 || close < open)
		return false;
	ret->client_name = span_make(client.p, (size_t)open);
	ret->client_address = span_make(client.p + open + 1, (size_t)(close - open) - 1);
	return true;
}

/* A login may hold commas: it ends where the next thing begins that smtpd writes. */
static struct span login_of(struct span text)
{
	static const struct span ends[] = {{.p = ", sasl_sender=", .n = 14},
		{.p = ", orig_queue_id=", .n = 16}, {.p = ", orig_client=", .n = 14}};
	struct span before;
	if (!take_until(&text, SPAN(", sasl_username="), &before))
		return span_make(NULL, 0);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct span rest = text;
		if (take_until(&rest, ends[i], &before))
			text = before;
	}
	return text;
}

static enum log_kind smtpd_line(struct span rest, struct log_line *ret)
{
	struct span whole = rest;
	if (take(&rest, SPAN("reject: ")) || take(&rest, SPAN("reject_warning: ")))
		return LOG_REJECT;
	if (!take(&rest, SPAN("client=")))
		return LOG_FOREIGN;
	ret->sasl_method = value_of(whole, SPAN(", sasl_method="));
	ret->sasl_username = login_of(whole);
	return parse_client(value_of(whole, SPAN("client=")), ret) ? LOG_CLIENT : LOG_UNREAD;
}

static enum log_kind cleanup_line(struct span rest, struct log_line *ret)
{
	if (!take(&rest, SPAN("message-id=")))
		return LOG_FOREIGN;
	ret->message_id = span_trim(rest);
	return LOG_MESSAGE_ID;
}

static uint64_t number_of(struct span text)
{
	uint64_t number = 0;
	size_t n = 0;
	while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
		n++;
	return span_to_u64(span_make(text.p, n), &number) == 0 ? number : 0;
}

static enum log_kind qmgr_line(struct span rest, struct log_line *ret)
{
	if (span_equal(span_trim(rest), SPAN("removed")))
		return LOG_REMOVED;
	if (!take(&rest, SPAN("from=<")))
		return LOG_FOREIGN;
	if (!take_until(&rest, SPAN(">, size="), &ret->from))
		/* "from=<>, status=expired": of one that is known. */
		return memmem(rest.p, rest.n, ">, status=", 10) ? LOG_FOREIGN : LOG_UNREAD;
	ret->size = number_of(rest);
	ret->recipients = number_of(value_of(rest, SPAN(", nrcpt=")));
	return LOG_QUEUED;
}

/* Any program that delivers. */
static enum log_kind delivery_line(struct span rest, struct log_line *ret)
{
	if (!take(&rest, SPAN("to=<")))
		return LOG_FOREIGN;
	if (!take_until(&rest, SPAN(">, "), &ret->to))
		return LOG_UNREAD;
	/* Before the relay: behind it come words of a remote server. */
	if (take(&rest, SPAN("orig_to=<")) && !take_until(&rest, SPAN(">, "), &ret->original_to))
		return LOG_UNREAD;
	ret->dsn = value_of(rest, SPAN(", dsn="));
	struct span status = value_of(rest, SPAN(", status="));
	ret->status = span_word(&status);
	return ret->status.n ? LOG_RECIPIENT : LOG_UNREAD;
}

static enum log_kind said_by(struct span program, struct span rest, struct log_line *ret)
{
	if (!take_queue_id(&rest, &ret->queue_id))
		return LOG_FOREIGN;
	if (span_equal(program, SPAN("smtpd")))
		return smtpd_line(rest, ret);
	if (span_equal(program, SPAN("cleanup")))
		return cleanup_line(rest, ret);
	if (span_equal(program, SPAN("qmgr")) || span_equal(program, SPAN("nqmgr")))
		return qmgr_line(rest, ret);
	if (span_equal(program, SPAN("pickup")))
		return span_starts(rest, SPAN("uid=")) ? LOG_PICKUP : LOG_FOREIGN;
	return delivery_line(rest, ret);
}

void log_line_parse(struct span text, struct log_line *ret)
{
	struct span priority, program, rest = text;
	*ret = (struct log_line){.kind = LOG_FOREIGN};
	if (take(&rest, SPAN("<")))
		(void)take_until(&rest, SPAN(">"), &priority);
	if (!take_iso(&rest, &ret->stamp) && !take_month(&rest, &ret->stamp))
		return;
	if (take_program(&rest, &program))
		ret->kind = said_by(program, rest, ret);
}
