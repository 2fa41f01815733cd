/* SPDX-License-Identifier: ISC */
/* request.h and verdict.h: every split, every bound, no reply that Postfix could misread. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/request.h"
#include "policyd/verdict.h"
#include "suite.h"

/* As a real Postfix 3.7.11 sends it, with a value that holds '=' and blanks. */
static const char real[] =
	"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
	"client_address=192.0.2.7\nclient_name=unknown\nclient_port=59914\n"
	"reverse_client_name=unknown\nserver_address=127.0.0.1\nserver_port=587\n"
	"helo_name=client.example.net\nsender=a b=c@x@example.org\nrecipient=bob@example.net\n"
	"recipient_count=0\nqueue_id=\ninstance=7944.6b01e152.3fd8c.0\nsize=1234\netrn_domain=\n"
	"stress=\nsasl_method=PLAIN\nsasl_username=alice@example.org\nsasl_sender=\nccert_subject="
	"\n"
	"ccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\n"
	"encryption_cipher=\nencryption_keysize=0\npolicy_context=submission\n\n";

static void check_real(const struct request *r)
{
	ck_assert_int_eq(r->stage, STAGE_RCPT);
	ck_assert(span_equal(r->sender, SPAN("a b=c@x@example.org")));
	ck_assert(span_equal(r->sasl_username, SPAN("alice@example.org")));
	ck_assert(span_equal(r->policy_context, SPAN("submission")));
	ck_assert_uint_eq(r->queue_id.n, 0);
	ck_assert_uint_eq(r->bytes, 1234);
	ck_assert_uint_eq(r->recipients, 0);
}

START_TEST(whole)
{
	struct request r;
	size_t used;
	struct errbuf err;
	ck_assert_int_eq(request_parse(SPAN(real), &r, &used, &err), REQUEST_DONE);
	ck_assert_uint_eq(used, sizeof(real) - 1);
	check_real(&r);
}
END_TEST

/* Cut at every byte: MORE before the end, and the scan finds the end exactly there. */
START_TEST(split_at_every_byte)
{
	struct request r;
	size_t used;
	struct errbuf err;
	struct request_scan scan = {0};
	for (size_t n = 0; n < sizeof(real) - 1; n++) {
		/* In as much memory as there are bytes: the sanitizers see a look beyond. */
		char *cut = malloc(n + 1);
		memcpy(cut + 1, real, n);
		ck_assert_int_eq(
			request_parse(span_make(cut + 1, n), &r, &used, &err), REQUEST_MORE);
		free(cut);
		ck_assert_int_eq(request_scan(span_make(real, n), &scan, &err), REQUEST_MORE);
	}
	ck_assert_int_eq(request_scan(SPAN(real), &scan, &err), REQUEST_DONE);
}
END_TEST

START_TEST(several_in_one_read)
{
	char three[3 * sizeof(real)];
	struct request r;
	size_t used, at = 0;
	struct errbuf err;
	int n = snprintf(three, sizeof(three), "%s%s%s", real, real, real);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
			request_parse(span_make(three + at, (size_t)n - at), &r, &used, &err),
			REQUEST_DONE);
		check_real(&r);
		at += used;
	}
	ck_assert_uint_eq(at, (size_t)n);
}
END_TEST

START_TEST(any_order_and_unknown_attributes)
{
	static const char text[] =
		"sender=x\ntls_sni=mail\nrecipient_count=7\nrequest=smtpd_access_"
		"policy\nprotocol_state=DATA\nsender=y\n=\b"
		"=z\n\n";
	struct request r;
	size_t used;
	struct errbuf err;
	/* The line "=\b=z" has no name. */
	ck_assert_int_eq(request_parse(SPAN(text), &r, &used, &err), REQUEST_BAD);
	static const char good[] =
		"sender=x\ntls_sni=mail\nrecipient_count=7\nrequest=smtpd_access_"
		"policy\nprotocol_state=DATA\nsender=y\n\n";
	ck_assert_int_eq(request_parse(SPAN(good), &r, &used, &err), REQUEST_DONE);
	ck_assert_int_eq(r.stage, STAGE_DATA);
	ck_assert_uint_eq(r.recipients, 7);
	ck_assert_msg(span_equal(r.sender, SPAN("y")), "the last of equal attributes counts");
}
END_TEST

#define HEAD "request=smtpd_access_policy\n"
static const struct {
	const char *label;
	struct span text;
	enum request_result result;
} odd[] = {
	{"empty line alone", {"\n", 1}, REQUEST_BAD},
	{"no request=", {"sender=x\n\n", 10}, REQUEST_BAD},
	{"foreign request=", {"request=junk\n\n", 14}, REQUEST_BAD},
	{"no '='", {HEAD "hello\n\n", sizeof(HEAD) + 6}, REQUEST_BAD},
	{"CRLF", {"request=smtpd_access_policy\r\n\r\n", 31}, REQUEST_BAD},
	{"NUL", {HEAD "sender=a\0b\n\n", sizeof(HEAD) + 11}, REQUEST_BAD},
	{"HTTP", {"GET / HTTP/1.1\nHost: x\n\n", 24}, REQUEST_BAD},
	{"control in a value", {HEAD "sender=a\033b\n\n", sizeof(HEAD) + 11}, REQUEST_DONE},
	{"invalid UTF-8", {HEAD "sender=\xff\xfe\n\n", sizeof(HEAD) + 10}, REQUEST_DONE},
	{"unknown state", {HEAD "protocol_state=XYZ\n\n", sizeof(HEAD) + 19}, REQUEST_DONE},
	{"count no number", {HEAD "recipient_count=x\n\n", sizeof(HEAD) + 18}, REQUEST_DONE},
};

START_TEST(odd_request)
{
	struct request r;
	size_t used;
	struct errbuf err = {.text = ""};
	ck_assert_msg(request_parse(odd[_i].text, &r, &used, &err) == odd[_i].result, "%s: %s",
		odd[_i].label, err.text);
	ck_assert_int_eq(err.text[0] != '\0', odd[_i].result == REQUEST_BAD);
}
END_TEST

START_TEST(huge_numbers_saturate)
{
	static const char text[] =
		HEAD "recipient_count=99999999999\nsize=99999999999999999999999\n\n";
	struct request r;
	size_t used;
	struct errbuf err;
	ck_assert_int_eq(request_parse(SPAN(text), &r, &used, &err), REQUEST_DONE);
	ck_assert_uint_eq(r.recipients, UINT32_MAX);
	ck_assert_uint_eq(r.bytes, UINT64_MAX);
}
END_TEST

/* Exactly the bound passes, one more does not, in both ways of reading. */
START_TEST(bound_of_bytes)
{
	char *text = malloc(REQUEST_BYTES_MAX + 1);
	struct request r;
	size_t used;
	struct errbuf err;
	struct request_scan scan = {0}, scan2 = {0};
	size_t head = (size_t)sprintf(text, HEAD "sender=");
	memset(text + head, 'a', REQUEST_BYTES_MAX + 1 - head);
	text[REQUEST_BYTES_MAX - 2] = text[REQUEST_BYTES_MAX - 1] = '\n';
	struct span exact = span_make(text, REQUEST_BYTES_MAX);
	ck_assert_int_eq(request_parse(exact, &r, &used, &err), REQUEST_DONE);
	ck_assert_int_eq(request_scan(exact, &scan, &err), REQUEST_DONE);
	text[REQUEST_BYTES_MAX - 2] = 'a';
	text[REQUEST_BYTES_MAX] = '\n';
	struct span over = span_make(text, REQUEST_BYTES_MAX + 1);
	ck_assert_int_eq(request_parse(over, &r, &used, &err), REQUEST_BAD);
	ck_assert_int_eq(request_scan(over, &scan2, &err), REQUEST_BAD);
	free(text);
}
END_TEST

START_TEST(bound_of_attributes)
{
	char text[REQUEST_ATTRIBUTES_MAX * 4 + 64];
	struct request r;
	size_t used;
	struct errbuf err;
	size_t n = (size_t)sprintf(text, HEAD);
	for (int i = 1; i < REQUEST_ATTRIBUTES_MAX; i++)
		n += (size_t)sprintf(text + n, "x=\n");
	text[n] = '\n';
	ck_assert_int_eq(request_parse(span_make(text, n + 1), &r, &used, &err), REQUEST_DONE);
	n += (size_t)sprintf(text + n, "x=\n\n");
	ck_assert_int_eq(request_parse(span_make(text, n), &r, &used, &err), REQUEST_BAD);
	struct request_scan scan = {0};
	ck_assert_int_eq(request_scan(span_make(text, n), &scan, &err), REQUEST_BAD);
}
END_TEST

START_TEST(stages_and_attributes_read_back)
{
	for (int i = 1; i < STAGE_COUNT; i++)
		ck_assert_int_eq((int)stage_of(span_of(stage_name((enum stage)i))), i);
	ck_assert_int_eq(stage_of(SPAN("rcpt")), STAGE_UNKNOWN);
	ck_assert_int_eq(stage_of(span_make(NULL, 0)), STAGE_UNKNOWN);
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		ck_assert_ptr_eq(
			attribute_find(span_of(attribute_rows[i].name)), &attribute_rows[i]);
		ck_assert_uint_eq(attribute_rows[i].name_n, strlen(attribute_rows[i].name));
	}
	ck_assert_ptr_null(attribute_find(SPAN("tls_sni")));
}
END_TEST

/* Values of all lengths, NUL where nothing may stand: a search by words must neither miss nor pass LF. */
START_TEST(values_of_any_length)
{
	char text[512];
	struct request r;
	size_t used;
	struct errbuf err;
	for (size_t n = 0; n < 40; n++) {
		int head = sprintf(text, HEAD "protocol_state=RCPT\nprotocol_name=");
		for (size_t i = 0; i < n; i++)
			text[(size_t)head + i] = (char)"\x0b\x8a\x8b\xff\x09"[i % 5];
		sprintf(text + (size_t)head + n, "\nclient_address=192.0.2.7\nclient_name=%.*s\n\n",
			(int)n, "a-name-that-is-long-enough-for-all-of-them");
		ck_assert_int_eq(request_parse(span_of(text), &r, &used, &err), REQUEST_DONE);
		ck_assert_uint_eq(used, strlen(text));
		ck_assert_ptr_eq(r.protocol_name.p, text + head);
		ck_assert_uint_eq(r.protocol_name.n, n);
		ck_assert_uint_eq(r.client_name.n, n);
		ck_assert(span_equal(r.client_address, SPAN("192.0.2.7")));
		text[(size_t)head + n / 2] = '\0';
		ck_assert_int_eq(
			request_parse(span_make(text, used), &r, &used, &err), REQUEST_BAD);
	}
}
END_TEST

/* Whichever line comes first, whatever stands between: each value is found where it stands. */
START_TEST(lines_in_any_order)
{
	char text[4096];
	struct request r;
	size_t used;
	struct errbuf err;
	for (size_t first = 0; first < 3 * ATTRIBUTE_COUNT; first++) {
		bool has_other = first >= ATTRIBUTE_COUNT;
		size_t n = 0;
		for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
			const struct attribute_row *row =
				&attribute_rows[(first + i) % ATTRIBUTE_COUNT];
			const char *value =
				row == attribute_rows ? "smtpd_access_policy" : row->name;
			n += (size_t)sprintf(text + n, "%s=%s\n", row->name, value);
			if (has_other && i == first - ATTRIBUTE_COUNT)
				n += (size_t)sprintf(text + n, "%s_=other\nx=\n", row->name);
		}
		text[n++] = '\n';
		ck_assert_int_eq(request_parse(span_make(text, n), &r, &used, &err), REQUEST_DONE);
		for (size_t i = 1; i < ATTRIBUTE_COUNT; i++) {
			const struct span *value =
				(const struct span *)(const void *)((const char *)&r +
								    attribute_rows[i].offset);
			ck_assert(span_equal(*value, span_of(attribute_rows[i].name)));
		}
	}
}
END_TEST

/* ---- replies ---- */

START_TEST(actions_read_back)
{
	for (int i = 0; i < ACTION_COUNT; i++) {
		enum action action;
		ck_assert_int_eq(action_of(span_of(action_rows[i].word), &action), 0);
		ck_assert_int_eq((int)action, i);
		/* Refusing beats accepting. */
		for (int j = 0; j < ACTION_COUNT; j++)
			ck_assert(action_rows[i].accepts || !action_rows[j].accepts ||
				  action_rows[i].strength > action_rows[j].strength);
	}
	enum action action;
	ck_assert_int_eq(action_of(SPAN("hold"), &action), 0);
	ck_assert_int_eq((int)action, ACTION_HOLD);
	ck_assert_int_eq(action_of(SPAN("OK"), &action), -ENOENT);
	ck_assert_int_eq(action_of(SPAN(""), &action), -ENOENT);
}
END_TEST

static const struct {
	enum action action;
	const char *text, *reply;
} replies[] = {
	{ACTION_DUNNO, "", "action=DUNNO\n\n"},
	{ACTION_DUNNO, "ignored", "action=DUNNO\n\n"},
	{ACTION_REJECT, "5.7.1 no", "action=REJECT 5.7.1 no\n\n"},
	{ACTION_HOLD, "", "action=HOLD\n\n"},
	{ACTION_DEFER_IF_PERMIT, "4.7.1 a\nb\r\nc\td", "action=DEFER_IF_PERMIT 4.7.1 a?b??c?d\n\n"},
	{ACTION_REJECT, "  5.7.1 blanks  ", "action=REJECT 5.7.1 blanks\n\n"},
	{ACTION_REJECT, "5.7.1 \xc3\xbc \xff", "action=REJECT 5.7.1 ?? ?\n\n"},
	{ACTION_REJECT, "x\n\naction=OK", "action=REJECT x??action=OK\n\n"},
	{ACTION_FILTER, "", "action=DUNNO\n\n"},
	{ACTION_FILTER, "slow:", "action=FILTER slow:\n\n"},
	{ACTION_REDIRECT, "   ", "action=DUNNO\n\n"},
};

START_TEST(reply)
{
	struct verdict verdict = {.action = replies[_i].action};
	char buf[REPLY_MAX];
	snprintf(verdict.text, sizeof(verdict.text), "%s", replies[_i].text);
	size_t n = reply_format(&verdict, buf);
	ck_assert_msg(
		span_equal(span_make(buf, n), span_of(replies[_i].reply)), "%.*s", (int)n, buf);
}
END_TEST

START_TEST(reply_is_bounded_for_every_text)
{
	struct verdict verdict = {0};
	char buf[REPLY_MAX];
	memset(verdict.text, 'x', sizeof(verdict.text));
	for (int i = 0; i < ACTION_COUNT; i++) {
		verdict.action = (enum action)i;
		ck_assert_uint_le(reply_format(&verdict, buf), REPLY_MAX);
	}
	for (int c = 1; c < 256; c++) {
		memset(verdict.text, c, VERDICT_TEXT_MAX);
		verdict.text[VERDICT_TEXT_MAX] = '\0';
		verdict.action = ACTION_REJECT;
		size_t n = reply_format(&verdict, buf);
		ck_assert(buf[n - 1] == '\n' && buf[n - 2] == '\n');
		for (size_t i = 0; i < n - 2; i++)
			ck_assert(isprint((unsigned char)buf[i]));
	}
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"whole", whole, 0},
		{"split_at_every_byte", split_at_every_byte, 0},
		{"several_in_one_read", several_in_one_read, 0},
		{"any_order_and_unknown_attributes", any_order_and_unknown_attributes, 0},
		{"odd_request", odd_request, ROWS(odd)},
		{"huge_numbers_saturate", huge_numbers_saturate, 0},
		{"bound_of_bytes", bound_of_bytes, 0},
		{"bound_of_attributes", bound_of_attributes, 0},
		{"values_of_any_length", values_of_any_length, 0},
		{"lines_in_any_order", lines_in_any_order, 0},
		{"stages_and_attributes_read_back", stages_and_attributes_read_back, 0},
		{"actions_read_back", actions_read_back, 0},
		{"reply", reply, ROWS(replies)},
		{"reply_is_bounded_for_every_text", reply_is_bounded_for_every_text, 0},
	};
	return SUITE_RUN("protocol", rows);
}
