/* SPDX-License-Identifier: ISC */
/*
 * Any bytes from a policy client: the same requests and the same end whether they come at once, in
 * pieces or one by one; spans stay inside the request; and whatever a verdict says, its reply is
 * one line that Postfix can carry out. The pieces are taken as src/io/conn.c takes them.
 */
#include "fuzz.h"
#include "policyd/request.h"
#include "policyd/verdict.h"

#define REQUESTS_MAX 64 /* compared; later ones are only parsed */

/* A request by places in the stream: its spans do not outlive the buffer that it was parsed from. */
struct noted {
	struct place {
		size_t at, n;
	} whole, value[ATTRIBUTE_COUNT];
	enum stage stage;
	uint32_t recipients;
	uint64_t bytes;
};

/* What a stream of bytes came to: its requests, and how it ended. */
struct outcome {
	unsigned n;
	struct noted request[REQUESTS_MAX];
	enum request_result end;
	size_t taken; /* bytes of whole requests */
};

/* ---- one request ---- */

static struct span attribute_of(const struct request *request, size_t row)
{
	struct span value;
	memcpy(&value, (const char *)request + attribute_rows[row].offset, sizeof(value));
	return value;
}

static void check_request(const struct request *request, struct span whole)
{
	fuzz_check(whole.n >= 2 && memcmp(whole.p + whole.n - 2, "\n\n", 2) == 0);
	fuzz_check(whole.n <= REQUEST_BYTES_MAX && !memchr(whole.p, '\0', whole.n));
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		struct span value = attribute_of(request, i);
		if (!value.p)
			fuzz_check(value.n == 0);
		else
			fuzz_check(value.p > whole.p && value.p + value.n < whole.p + whole.n &&
				   value.p[value.n] == '\n' && !memchr(value.p, '\n', value.n));
	}
	struct request again = *request;
	request_derive(&again);
	fuzz_check(again.stage == request->stage && again.recipients == request->recipients &&
		   again.bytes == request->bytes);
	fuzz_check(span_equal(request->request, SPAN("smtpd_access_policy")));
	fuzz_check(stage_of(request->protocol_state) == request->stage);
}

/* request_parse() with its promises: out-parameters untouched unless DONE, a reason when BAD. */
static enum request_result parse(struct span bytes, struct request *ret, size_t *ret_used)
{
	struct errbuf err = {{0}};
	struct request request;
	memset(&request, 0x5a, sizeof(request));
	struct request untouched = request;
	size_t used = SIZE_MAX;
	enum request_result r = request_parse(bytes, &request, &used, &err);
	if (r == REQUEST_DONE) {
		fuzz_check(used <= bytes.n);
		check_request(&request, span_make(bytes.p, used));
		*ret = request;
		*ret_used = used;
		return r;
	}
	fuzz_check(used == SIZE_MAX && memcmp(&request, &untouched, sizeof(request)) == 0);
	fuzz_check((r == REQUEST_BAD) == (err.text[0] != '\0'));
	return r;
}

static void note(struct outcome *outcome, const struct request *request, struct span whole)
{
	if (outcome->n == REQUESTS_MAX)
		return;
	struct noted *noted = &outcome->request[outcome->n++];
	*noted = (struct noted){
		.whole = {.at = outcome->taken, .n = whole.n},
		.stage = request->stage,
		.recipients = request->recipients,
		.bytes = request->bytes,
	};
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		struct span value = attribute_of(request, i);
		if (value.p)
			noted->value[i] =
				(struct place){.at = (size_t)(value.p - whole.p), .n = value.n};
	}
}

/* All requests at the front of bytes; returns how much they took. */
static size_t take_all(struct outcome *outcome, struct span bytes)
{
	struct request request;
	size_t at = 0, used;
	outcome->end = REQUEST_MORE;
	while (at < bytes.n) {
		outcome->end = parse(span_make(bytes.p + at, bytes.n - at), &request, &used);
		if (outcome->end != REQUEST_DONE)
			break;
		note(outcome, &request, span_make(bytes.p + at, used));
		at += used;
		outcome->taken += used;
	}
	return at;
}

/* ---- in pieces ---- */

struct rest {
	char *p;
	size_t n;
	struct request_scan scan;
};

static void rest_set(struct rest *rest, struct span bytes)
{
	char *copy = fuzz_copy(bytes);
	free(rest->p);
	*rest = (struct rest){.p = copy, .n = bytes.n};
}

static void rest_add(struct rest *rest, struct span piece)
{
	struct request_scan scan = rest->scan;
	char *all = realloc(rest->p, rest->n + piece.n);
	fuzz_check(all != NULL);
	memcpy(all + rest->n, piece.p, piece.n);
	/* A block of its own each time: spans into the old one must not be used any more. */
	rest->p = NULL;
	rest_set(rest, span_make(all, rest->n + piece.n));
	rest->scan = scan;
	free(all);
}

/* One read's worth. False when the connection would have been closed. */
static bool take_piece(struct outcome *outcome, struct rest *rest, struct span piece)
{
	struct errbuf err = {{0}};
	if (rest->n == 0) {
		size_t used = take_all(outcome, piece);
		rest_set(rest, span_make(piece.p + used, piece.n - used));
		return outcome->end != REQUEST_BAD;
	}
	rest_add(rest, piece);
	outcome->end = request_scan(span_make(rest->p, rest->n), &rest->scan, &err);
	fuzz_check(rest->scan.pos <= rest->n);
	fuzz_check((outcome->end == REQUEST_BAD) == (err.text[0] != '\0'));
	if (outcome->end != REQUEST_DONE)
		return outcome->end == REQUEST_MORE;
	size_t used = take_all(outcome, span_make(rest->p, rest->n));
	/* What request_scan() calls whole, request_parse() does too. */
	fuzz_check(used > 0 || outcome->end == REQUEST_BAD);
	rest_set(rest, span_make(rest->p + used, rest->n - used));
	return outcome->end != REQUEST_BAD;
}

/*
 * The length of the next piece. The byte where it begins says how long it is: so the cuts come from
 * the input, and a captured request is a seed as it stands.
 */
static size_t piece_length(struct span left, const struct rest *rest, bool is_bytewise)
{
	size_t n = is_bytewise ? 1 : (size_t)(unsigned char)left.p[0] + 1;
	size_t room = rest->n ? REQUEST_BYTES_MAX - rest->n : REQUEST_BYTES_MAX;
	n = n < left.n ? n : left.n;
	return n < room ? n : room;
}

/* True when the rest holds a whole request, or can never become one. */
static bool is_decided(const struct rest *rest)
{
	struct request_scan scan = {0};
	struct errbuf err;
	return request_scan(span_make(rest->p, rest->n), &scan, &err) != REQUEST_MORE;
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->at == b->at && a->n == b->n;
}

static bool same_request(const struct noted *a, const struct noted *b)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (!same_place(&a->value[i], &b->value[i]))
			return false;
	}
	return same_place(&a->whole, &b->whole) && a->stage == b->stage &&
	       a->recipients == b->recipients && a->bytes == b->bytes;
}

static void check_pieces(struct span bytes, const struct outcome *whole, bool is_bytewise)
{
	struct outcome cut = {.n = 0};
	struct rest rest = {0};
	size_t at = 0;
	bool is_open = true;
	while (at < bytes.n && is_open) {
		struct span left = span_make(bytes.p + at, bytes.n - at);
		left.n = piece_length(left, &rest, is_bytewise);
		is_open = take_piece(&cut, &rest, left);
		at += left.n;
	}
	/* A bad line is told at once when the request came at once, else when its end has come. */
	if (whole->end == REQUEST_BAD && is_open)
		fuzz_check(!is_decided(&rest));
	else
		fuzz_check((whole->end == REQUEST_BAD) == !is_open);
	fuzz_check(cut.n == whole->n && cut.taken == whole->taken);
	for (unsigned i = 0; i < cut.n; i++)
		fuzz_check(same_request(&cut.request[i], &whole->request[i]));
	free(rest.p);
}

/* ---- out ---- */

static void check_reply(const char *reply, size_t n, const struct action_row *row)
{
	struct span word = span_of(row->word), start = SPAN("action=");
	fuzz_check(n <= REPLY_MAX && n > start.n + 2);
	fuzz_check(memcmp(reply + n - 2, "\n\n", 2) == 0);
	for (size_t i = 0; i < n - 2; i++)
		fuzz_check(reply[i] >= ' ' && reply[i] <= '~');
	fuzz_check(memcmp(reply, start.p, start.n) == 0);
	struct span said = span_make(reply + start.n, n - 2 - start.n);
	if (span_equal(said, SPAN("DUNNO")))
		return;
	fuzz_check(span_starts(said, word));
	struct span text = span_make(said.p + word.n, said.n - word.n);
	/* A word alone is whole unless it needs an argument; a blank always has something behind it. */
	if (text.n == 0)
		fuzz_check(!row->argument);
	else
		fuzz_check(text.n > 1 && text.p[0] == ' ' && text.p[1] != ' ');
}

static void check_verdict(enum action action, struct span text)
{
	struct verdict verdict = {.action = action, .rule = "", .would = ""};
	char *reply = malloc(REPLY_MAX);
	fuzz_check(reply != NULL);
	/* Also without its NUL: all of the text's bytes may be taken. */
	memcpy(verdict.text, text.p, text.n < sizeof(verdict.text) ? text.n : sizeof(verdict.text));
	size_t n = reply_format(&verdict, reply);
	check_reply(reply, n, &action_rows[action]);
	free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_make((const char *)data, size);
	struct outcome whole = {.n = 0};
	if (size == 0)
		return 0;
	(void)take_all(&whole, bytes);
	check_pieces(bytes, &whole, false);
	/* Each byte is a step: for large inputs that only takes longer. */
	if (size <= 1024)
		check_pieces(bytes, &whole, true);
	for (int i = 0; i < ACTION_COUNT; i++)
		check_verdict((enum action)i, bytes);
	return 0;
}
