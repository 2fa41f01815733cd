/* SPDX-License-Identifier: ISC */
/*
 * Answers made of any bytes drive a walk: it asks a bounded number of times for names that can be asked for, ends,
 * and says what it came to. The first byte: bit 0 an IPv6 client, bit 1 the local part and HELO are known. Then
 * lines, each an answer to the next question ('#': the lines begin anew, so that a walk may go on for ever):
 * "!" and a digit is that result of DNS; else its first letter says how many records are made of the rest.
 */
#include "fuzz.h"
#include "policyd/spf.h"

/* A TXT for each of the records (the first, and one for each term), and what the terms ask. */
#define ASKED_MAX (1 + SPF_TERMS_MAX * (1 + SPF_MX_MAX))
#define RR_MAX    12

struct script {
	struct span all, rest;
	struct dns_rr rr[RR_MAX];
	struct dns_answer answer;
};

static struct span line_take(struct script *script)
{
	if (script->rest.n == 0 || script->rest.p[0] == '#')
		script->rest = script->all;
	struct span rest = script->rest;
	const char *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
	size_t n = end ? (size_t)(end - rest.p) : rest.n, taken = end ? n + 1 : n;
	script->rest = span_make(rest.p + taken, rest.n - taken);
	return span_make(rest.p, n);
}

static struct ip ip_from(struct span text, bool is_v4)
{
	struct ip ip = {.byte = {0x20, 0x01, 0x0d, 0xb8}};
	const struct ip v4 = {.byte = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2}};
	if (is_v4)
		ip = v4;
	ip.byte[15] = text.n ? (uint8_t)text.p[text.n - 1] : 1;
	return ip;
}

/* As the resolver gives them: in lower case. */
static struct span name_from(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' &&
			c != '.')
			text.n = i;
	}
	if (text.n > 253)
		text.n = 253;
	return text.n ? text : SPAN(".");
}

static void rr_make(struct script *script, size_t i, enum dns_type type, struct span text)
{
	struct dns_rr *rr = &script->rr[i];
	*rr = (struct dns_rr){0};
	if (type == DNS_TXT)
		rr->text = text;
	else if (type == DNS_A || type == DNS_AAAA)
		rr->ip = ip_from(text, type == DNS_A);
	else
		rr->name = name_from(text);
}

/* NULL: it could not be asked. */
static const struct dns_answer *answer_next(struct script *script, enum dns_type type)
{
	struct span line = line_take(script);
	struct dns_answer *answer = &script->answer;
	*answer = (struct dns_answer){.result = DNS_NODATA, .rr = script->rr};
	if (line.n < 2)
		return answer;
	if (line.p[0] == '!') {
		unsigned result = (uint8_t)line.p[1] % 8u;
		answer->result = result ? (enum dns_result)result : DNS_NODATA;
		return result > DNS_MALFORMED ? NULL : answer;
	}
	answer->n = (uint8_t)line.p[0] % RR_MAX + 1u;
	if (type == DNS_TXT)
		answer->n = answer->n > RR_MAX - 1 ? 2 : 1;
	answer->is_cut = line.p[0] == '~';
	answer->result = DNS_FOUND;
	for (size_t i = 0; i < answer->n; i++)
		rr_make(script, i, type, span_make(line.p + 1, line.n - 1));
	return answer;
}

static void check_question(const struct dns_question *question)
{
	fuzz_check(question->name.n > 0 && question->name.n < DNS_NAME_SIZE);
	for (size_t i = 0; i < question->name.n; i++) {
		char c = question->name.p[i];
		fuzz_check((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			   c == '_' || c == '.' || c == '\\');
	}
}

static void check_result(const struct spf_result *result)
{
	fuzz_check(result->verdict < SPF_VERDICTS && spf_verdict_name(result->verdict));
	fuzz_check(result->terms <= SPF_TERMS_MAX && result->voids <= SPF_VOIDS_MAX + 1);
	fuzz_check(memchr(result->record, '\0', sizeof(result->record)) != NULL);
	fuzz_check(memchr(result->term, '\0', sizeof(result->term)) != NULL);
	fuzz_check(memchr(result->why, '\0', sizeof(result->why)) != NULL);
	for (const char *c = result->why; *c; c++)
		fuzz_check(*c >= ' ' && *c <= '~');
	bool is_plain = result->verdict == SPF_PASS || result->verdict == SPF_FAIL ||
			result->verdict == SPF_SOFTFAIL || result->verdict == SPF_NONE;
	fuzz_check(!is_plain || result->why[0] == '\0');
	bool is_error = result->verdict == SPF_PERMERROR || result->verdict == SPF_TEMPERROR ||
			result->verdict == SPF_UNKNOWN;
	fuzz_check(!is_error || result->why[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct span text = span_make((const char *)data + 1, size - 1);
	char *copy = fuzz_copy(text);
	text.p = copy;
	struct script script = {.all = text, .rest = text};
	struct spf_query query = {
		.ip = ip_from(SPAN("\x07"), !(data[0] & 1)), .domain = SPAN("a.example")};
	if (data[0] & 2) {
		query.local = SPAN("b.c-d+e");
		query.helo = SPAN("mail.a.example");
	}
	struct spf_walk *walk = spf_new(&query);
	struct dns_question question;
	struct spf_result result;
	unsigned asked = 0;
	while (spf_question(walk, &question)) {
		fuzz_check(++asked <= ASKED_MAX);
		check_question(&question);
		spf_answered(walk, answer_next(&script, question.type));
	}
	spf_result(walk, &result);
	check_result(&result);
	spf_free(walk);
	free(copy);
	return 0;
}
