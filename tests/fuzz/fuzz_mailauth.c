/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a DKIM key, a DMARC record, a domain whose policy is looked for (with itself as the answer), and
 * the header of a message: what comes out is text within its bounds, and the walk ends.
 */
#include "fuzz.h"
#include "policyd/mailauth.h"

#define check_text(text) fuzz_check(memchr(text, '\0', sizeof(text)) != NULL)

static void check_name(const char *name)
{
	size_t n = strlen(name);
	fuzz_check(n <= 253);
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		fuzz_check((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			   c == '_' || c == '.');
	}
}

static void check_key(struct span text)
{
	struct dkim_key key;
	dkim_key_parse(text, &key);
	check_text(key.algorithm);
	check_text(key.why);
	fuzz_check((key.fault == DKIM_FINE) == (key.why[0] == '\0'));
	fuzz_check(key.fault == DKIM_BAD || key.bits >= 256);
	fuzz_check(key.bits <= 4096 * 8);
}

static void check_policy(struct span text)
{
	struct dmarc_record record;
	if (!dmarc_parse(text, &record))
		return;
	check_text(record.why);
	fuzz_check(record.is_valid == (record.policy[0] != '\0'));
	fuzz_check(record.is_valid || !record.has_reports);
	fuzz_check(record.psd == 'u' || record.psd == 'y' || record.psd == 'n');
}

/* What stands before the first LF is the domain, what stands behind it each answer. */
static void check_walk(struct span text)
{
	const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	struct span domain = span_make(text.p, end ? (size_t)(end - text.p) : text.n);
	struct dns_rr rr = {.text = end ? span_make(end + 1, text.n - domain.n - 1) : SPAN("")};
	struct dns_answer answer = {.result = DNS_FOUND, .n = 1, .rr = &rr};
	struct dns_question question;
	struct dmarc_result result;
	unsigned asked = 0;
	struct dmarc_walk *walk = dmarc_new(domain);
	while (dmarc_question(walk, &question)) {
		fuzz_check(++asked <= DMARC_QUERIES_MAX && question.name.n <= 253);
		dmarc_answered(walk, &answer);
	}
	dmarc_result(walk, &result);
	check_text(result.why);
	check_name(result.at);
	check_name(result.organisational);
	fuzz_check(result.has_record == (result.at[0] != '\0') && !result.is_unknown);
	dmarc_free(walk);
}

static void check_line(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);
	fuzz_check(end != NULL);
	for (const char *at = text; at < end; at++)
		fuzz_check(*at >= ' ' && *at <= '~');
}

static void check_results(const struct message_auth *auth)
{
	fuzz_check(auth->results <= AUTH_RESULTS_MAX);
	for (size_t i = 0; i < auth->results; i++) {
		const struct auth_result *result = &auth->result[i];
		check_line(result->server, sizeof(result->server));
		check_line(result->method, sizeof(result->method));
		check_line(result->result, sizeof(result->result));
		check_line(result->detail, sizeof(result->detail));
		fuzz_check(result->method[0] && result->result[0]);
	}
}

/* The fields that are cut out say what the whole said. */
static void check_fields(struct span text, const struct message_auth *auth)
{
	struct span rest = text, field;
	struct message_auth again;
	char *cut = malloc(text.n + 1);
	size_t n = 0;
	while (message_auth_field(&rest, &field)) {
		fuzz_check(n + field.n <= text.n);
		memcpy(cut + n, field.p, field.n);
		n += field.n;
	}
	message_auth_parse(span_make(cut, n), &again);
	fuzz_check(memcmp(auth, &again, sizeof(again)) == 0);
	free(cut);
}

static void check_alignment(const struct message_auth *auth)
{
	for (size_t i = 0; i < auth->signatures; i++) {
		const char *domain = auth->signature[i].domain;
		(void)dkim_alignment_name(dkim_aligned(domain, auth->from_domain, ""));
		(void)dkim_alignment_name(
			dkim_aligned(domain, auth->from_domain, auth->return_path_domain));
		fuzz_check(dkim_aligned(domain, domain, "") == ALIGNED_STRICT);
	}
}

static void check_message(struct span text)
{
	struct message_auth auth;
	message_auth_parse(text, &auth);
	check_results(&auth);
	if (text.n <= MESSAGE_HEADER_MAX)
		check_fields(text, &auth);
	check_alignment(&auth);
	check_name(auth.from_domain);
	check_name(auth.return_path_domain);
	fuzz_check(auth.signatures <= DKIM_SIGNATURES_MAX);
	for (size_t i = 0; i < auth.signatures; i++) {
		check_name(auth.signature[i].domain);
		check_name(auth.signature[i].selector);
		check_text(auth.signature[i].algorithm);
		fuzz_check(auth.signature[i].domain[0] && auth.signature[i].selector[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size);
	char *copy = fuzz_copy(text);
	text.p = copy;
	check_key(text);
	check_policy(text);
	check_walk(text);
	check_message(text);
	free(copy);
	return 0;
}
