/* SPDX-License-Identifier: ISC */
/*
 * A Postfix log as requests: lines are joined by queue id, and a recipient is asked about when its
 * first delivery is tried, for the log names it no earlier. The number of messages that are joined at
 * a time is bounded; so is the number of recipients of one that are told apart.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"
#include "policyd/siphash.h"
#include "policyd/table.h"

#define MESSAGES_MAX   50000
#define RECIPIENTS_MAX 2000
#define KEY_MAX        200
/* A step back in a log by more than this is a new year. */
#define ROLL_OVER_US (180 * DAY_US)
/* Later than that it is another message that bears the same Message-ID. */
#define AGAIN_US HOUR_US

struct message {
	struct table_node node;
	char client_name[256], client_address[46], sasl_method[24], sasl_username[256];
	char from[321], instance[48];
	uint64_t size, recipients;
	bool is_again, is_queued, is_ended;
	size_t seen_n, seen_size;
	uint64_t *seen; /* recipients, hashed */
};

struct message_id {
	struct table_node node;
	struct table_ref message;
	wall_t at;
	char instance[48];
};

struct postfix_log {
	struct table *messages, *ids;
	struct log_figures figures;
	wall_t wall, last;
	int year;
	char size[NUMBER_TEXT_SIZE], count[NUMBER_TEXT_SIZE];
	char recipient[1024];
	struct table_ref gone; /* what was said last may point into it */
};

static void message_drop(void *ctx, void *at, bool evicted)
{
	(void)ctx, (void)evicted;
	struct message *message = at;
	free(message->seen);
}

struct postfix_log *postfix_log_new(wall_t wall)
{
	struct postfix_log *log = xcalloc(1, sizeof(*log));
	log->wall = wall;
	log->messages = table_new(&(struct table_setup){.entry_bytes = sizeof(struct message),
		.lists = 1,
		.max = {MESSAGES_MAX},
		.drop = message_drop});
	log->ids = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct message_id), .lists = 1, .max = {MESSAGES_MAX}});
	return log;
}

void postfix_log_free(struct postfix_log *log)
{
	if (!log)
		return;
	table_free(log->messages);
	table_free(log->ids);
	free(log);
}

void postfix_log_figures(const struct postfix_log *log, struct log_figures *ret)
{
	*ret = log->figures;
}

/* ---- time ---- */

/* Days since 1970, in the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int year_of(wall_t at)
{
	int year = (int)(at.us / DAY_US / 366) + 1970;
	while (days_of(year + 1, 1, 1) * DAY_US <= at.us)
		year++;
	return year;
}

static int64_t us_of(const struct log_stamp *stamp, int year)
{
	return days_of(year, stamp->month, stamp->day) * DAY_US + stamp->us;
}

/* Never before the line before it: processes write a little out of order. */
static wall_t wall_of(struct postfix_log *log, const struct log_stamp *stamp)
{
	int year = stamp->year;
	if (year == 0 && log->year == 0) {
		/* The log ended about at wall: what would be later than that is of the year before. */
		log->year = year_of(log->wall);
		log->year -= us_of(stamp, log->year) > log->wall.us + DAY_US;
	} else if (year == 0 && us_of(stamp, log->year) + ROLL_OVER_US < log->last.us) {
		log->year++;
	}
	int64_t us = us_of(stamp, year ? year : log->year);
	/* Written late in the night of the new year: still of the old one. */
	bool is_late = year == 0 && log->last.us && us > log->last.us + ROLL_OVER_US &&
		       us_of(stamp, log->year - 1) > log->last.us - DAY_US;
	if (us > log->last.us && !is_late)
		log->last.us = us;
	return log->last;
}

/* ---- messages ---- */

static struct span key_of(struct span text)
{
	return span_make(text.p, text.n < KEY_MAX ? text.n : KEY_MAX);
}

static void copy(struct span text, char *buf, size_t size)
{
	(void)span_copy(text, buf, size);
}

static void instance_of(struct span queue_id, wall_t at, char buf[48])
{
	/* Short queue ids are used again. */
	if (snprintf(buf, 48, "%.*s.%" PRIx64, (int)queue_id.n, queue_id.p,
		    (uint64_t)(at.us / SECOND_US)) < 0)
		buf[0] = '\0';
}

static void begin(struct postfix_log *log, const struct log_line *line, wall_t at)
{
	struct message *message = table_find(log->messages, line->queue_id);
	if (message)
		table_remove(log->messages, message);
	message = table_add(log->messages, line->queue_id, 0);
	copy(line->client_name, message->client_name, sizeof(message->client_name));
	copy(line->client_address, message->client_address, sizeof(message->client_address));
	copy(line->sasl_method, message->sasl_method, sizeof(message->sasl_method));
	copy(line->sasl_username, message->sasl_username, sizeof(message->sasl_username));
	instance_of(line->queue_id, at, message->instance);
	log->figures.messages++;
}

/*
 * One that has the Message-ID of another came back from a content filter or a list, unless somebody
 * logged in with it: what it does is the first one's doing.
 */
static void identify(struct postfix_log *log, const struct log_line *line, wall_t at)
{
	struct message *message = table_find(log->messages, line->queue_id);
	if (!message || line->message_id.n == 0)
		return;
	struct message_id *id = table_find(log->ids, key_of(line->message_id));
	if (!id)
		id = table_add(log->ids, key_of(line->message_id), 0);
	if (message->sasl_username[0] || id->at.us == 0 || at.us - id->at.us > AGAIN_US) {
		id->at = at;
		id->message = table_ref_of(message);
		copy(span_of(message->instance), id->instance, sizeof(id->instance));
		return;
	}
	if (strcmp(id->instance, message->instance) == 0)
		return;
	const struct message *first = table_get(log->messages, id->message);
	if (first)
		copy(span_of(first->sasl_username), message->sasl_username,
			sizeof(message->sasl_username));
	copy(span_of(id->instance), message->instance, sizeof(message->instance));
	message->is_again = true;
	log->figures.again++;
}

static void queued(struct postfix_log *log, const struct log_line *line)
{
	struct message *message = table_find(log->messages, line->queue_id);
	/* qmgr says it again each time it looks at a deferred one. */
	if (!message || message->is_queued)
		return;
	message->is_queued = true;
	copy(line->from, message->from, sizeof(message->from));
	message->size = line->size;
	message->recipients = line->recipients;
}

/* True when it is the first time. */
static bool is_new(struct message *message, struct span recipient)
{
	static const struct siphash_key key = {1, 2};
	uint64_t hash = siphash13(&key, recipient);
	for (size_t i = 0; i < message->seen_n; i++) {
		if (message->seen[i] == hash)
			return false;
	}
	if (message->seen_n == RECIPIENTS_MAX)
		return false;
	if (message->seen_n == message->seen_size) {
		message->seen_size = message->seen_size ? message->seen_size * 2 : 4;
		message->seen = xrealloc(message->seen, message->seen_size, sizeof(*message->seen));
	}
	message->seen[message->seen_n++] = hash;
	return true;
}

/* ---- requests ---- */

static struct request request_of(struct postfix_log *log, const struct message *message)
{
	return (struct request){
		.request = SPAN("smtpd_access_policy"),
		.protocol_name = SPAN("ESMTP"),
		.client_address = span_of(message->client_address),
		.client_name = span_of(message->client_name),
		.sender = span_of(message->from),
		.instance = span_of(message->instance),
		.queue_id = table_key(message),
		.size = span_of_u64(message->size, log->size),
		.sasl_method = span_of(message->sasl_method),
		.sasl_username = span_of(message->sasl_username),
	};
}

static bool end(struct postfix_log *log, struct message *message, struct log_said *ret)
{
	if (message->is_ended || message->is_again || message->seen_n == 0)
		return false;
	message->is_ended = true;
	ret->end = request_of(log, message);
	ret->end.protocol_state = SPAN("END-OF-MESSAGE");
	ret->end.recipient_count = span_of_u64(message->seen_n, log->count);
	request_derive(&ret->end);
	return ret->has_end = true;
}

static bool delivered(struct postfix_log *log, const struct log_line *line, struct log_said *ret)
{
	struct span original = line->original_to.n ? line->original_to : line->to;
	struct message *message = table_find(log->messages, line->queue_id);
	if (!message || !message->is_queued) {
		log->figures.beginnings++;
		return false;
	}
	size_t n = span_copy(original, log->recipient, sizeof(log->recipient));
	ret->recipient = span_make(log->recipient, n);
	ret->has_rcpt = !message->is_again && !message->is_ended && is_new(message, original);
	if (ret->has_rcpt) {
		ret->rcpt = request_of(log, message);
		ret->rcpt.protocol_state = SPAN("RCPT");
		ret->rcpt.recipient = ret->recipient;
		request_derive(&ret->rcpt);
	}
	ret->has_bounce = span_equal(line->status, SPAN("bounced")) && message->sasl_username[0] &&
			  replay_signal_of_status(line->dsn) != SIGNAL_COUNT;
	ret->login = span_of(message->sasl_username);
	ret->instance = span_of(message->instance);
	ret->dsn = line->dsn;
	if (message->seen_n >= message->recipients)
		(void)end(log, message, ret);
	return ret->has_rcpt || ret->has_bounce || ret->has_end;
}

static bool removed(struct postfix_log *log, const struct log_line *line, struct log_said *ret)
{
	struct message *message = table_find(log->messages, line->queue_id);
	if (!message)
		return false;
	log->gone = table_ref_of(message);
	return end(log, message, ret);
}

bool postfix_log_read(struct postfix_log *log, struct span text, struct log_said *ret)
{
	struct log_line line;
	struct message *gone = table_get(log->messages, log->gone);
	if (gone)
		table_remove(log->messages, gone);
	log_line_parse(text, &line);
	log->figures.kind[line.kind]++;
	if (line.kind == LOG_FOREIGN || line.kind == LOG_UNREAD)
		return false;
	wall_t at = wall_of(log, &line.stamp);
	*ret = (struct log_said){.now = {.wall = at, .mono = {.us = at.us}}};
	switch (line.kind) {
	case LOG_CLIENT:
		begin(log, &line, at);
		break;
	case LOG_MESSAGE_ID:
		identify(log, &line, at);
		break;
	case LOG_QUEUED:
		queued(log, &line);
		break;
	case LOG_RECIPIENT:
		return delivered(log, &line, ret);
	case LOG_REMOVED:
		return removed(log, &line, ret);
	case LOG_FOREIGN:
	case LOG_UNREAD:
	case LOG_PICKUP:
	case LOG_REJECT:
	case LOG_KINDS:
		break;
	}
	return false;
}
