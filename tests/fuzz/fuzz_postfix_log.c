/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a Postfix log: what is read lies within the line, times never go back, and a request
 * comes of nothing but a delivery or the end of a message.
 */
#include "fuzz.h"
#include "policyd/replay.h"

static void check_within(struct span part, struct span line)
{
	fuzz_check(part.n == 0 || (part.p >= line.p && part.p + part.n <= line.p + line.n));
}

static void check_line(struct span text)
{
	struct log_line line;
	char *copy = fuzz_copy(text);
	text.p = copy;
	log_line_parse(text, &line);
	fuzz_check(line.kind < LOG_KINDS);
	check_within(line.queue_id, text);
	check_within(line.client_name, text);
	check_within(line.client_address, text);
	check_within(line.sasl_method, text);
	check_within(line.sasl_username, text);
	check_within(line.message_id, text);
	check_within(line.from, text);
	check_within(line.to, text);
	check_within(line.original_to, text);
	check_within(line.dsn, text);
	check_within(line.status, text);
	free(copy);
}

static void check_said(const struct log_said *said, wall_t *last)
{
	fuzz_check(said->has_rcpt || said->has_end || said->has_bounce);
	fuzz_check(said->now.wall.us >= last->us);
	*last = said->now.wall;
	if (said->has_rcpt)
		fuzz_check(said->rcpt.stage == STAGE_RCPT && said->rcpt.instance.n > 0);
	if (said->has_end)
		fuzz_check(said->end.stage == STAGE_EOM && said->end.recipients > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_said said;
	wall_t last = {0};
	struct span rest = span_make((const char *)data, size);
	struct postfix_log *log = postfix_log_new((wall_t){.us = INT64_C(1795328038000000)});
	while (rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;
		struct span text = span_make(rest.p, n);
		check_line(text);
		if (postfix_log_read(log, text, &said))
			check_said(&said, &last);
		n += end != NULL;
		rest = span_make(rest.p + n, rest.n - n);
	}
	postfix_log_free(log);
	return 0;
}
