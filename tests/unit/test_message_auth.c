/* SPDX-License-Identifier: ISC */
/* What a receiver wrote into a header, which fields of it go elsewhere, and whom a signature speaks for. */
#include <stdio.h>

#include "policyd/mailauth.h"
#include "suite.h"

/* ---- what a receiver found ---- */

struct results_row {
	const char *value;  /* of Authentication-Results */
	const char *wanted; /* "server method=result detail|..." */
};
static const struct results_row results[] = {
	{"mx.example.net; spf=pass smtp.mailfrom=example.org",
		"mx.example.net spf=pass smtp.mailfrom=example.org|"},
	{"mx.example.net 1; SPF=Pass", "mx.example.net spf=pass |"},
	{"mx.example.net; none", ""},
	{"mx.example.net", ""},
	{"", ""},
	{";;;", ""},
	{"; spf=fail", " spf=fail |"},
	{"mx.test;\r\n\tdkim=pass (2048-bit key; \"x;\" (n)) header.d=example.org header.s=s1;\r\n "
	 "dmarc=fail\r\n"
	 "\t(p=NONE) header.from=example.org",
		"mx.test dkim=pass (2048-bit key; \"x;\" (n)) header.d=example.org header.s=s1|"
		"mx.test dmarc=fail (p=NONE) header.from=example.org|"},
	{"(c) mx.test (v) 1; (c) dkim (c) / 1 (c) = (c) temperror(why) x",
		"mx.test dkim=temperror (why) x|"},
	{"mx.test; arc=pass; iprev=pass; spf=none; x-dkim=pass; dkim", "mx.test spf=none |"},
	{"mx.test; dkim=; spf= ; dmarc==pass; dmarc = quarantine", "mx.test dmarc=quarantine |"},
	{"mx.test; dkim=pass reason=\"a; spf=pass b\" header.d=a.test",
		"mx.test dkim=pass reason=\"a; spf=pass b\" header.d=a.test|"},
	{"mx.test; spf=pass (unfinished; dkim=pass", "mx.test spf=pass (unfinished; dkim=pass|"},
	{"m\033[1mx\xff; spf=p\001ss \033[2J\xc3\xbc", "m?[1mx? spf=p?ss ?[2J??|"},
	{"mx.test; dkim=averyveryverylongword", "mx.test dkim=averyveryverylo |"},
};

START_TEST(each_result)
{
	char text[600], told[600] = "";
	struct message_auth auth;
	size_t n = 0;
	int length = snprintf(
		text, sizeof(text), "Authentication-Results: %s\r\n\r\n", results[_i].value);
	ck_assert_int_lt(length, (int)sizeof(text));
	/* A copy of its own, so that a sanitizer sees every byte read beyond its end. */
	char *copy = malloc((size_t)length);
	memcpy(copy, text, (size_t)length);
	message_auth_parse(span_make(copy, (size_t)length), &auth);
	free(copy);
	for (size_t i = 0; i < auth.results; i++)
		n += (size_t)snprintf(told + n, sizeof(told) - n, "%s %s=%s %s|",
			auth.result[i].server, auth.result[i].method, auth.result[i].result,
			auth.result[i].detail);
	ck_assert_str_eq(told, results[_i].wanted);
}
END_TEST

/* The topmost are the last receiver's: those are kept, in their order, whole of as much as fits. */
START_TEST(many_results)
{
	char text[8000] = "";
	size_t n = 0;
	struct message_auth auth;
	for (unsigned i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"authentication-results: mx%u.test; spf=pass; dkim=fail\n", i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "From: a@example.org\n");
	message_auth_parse(span_make(text, n), &auth);
	ck_assert_uint_eq(auth.results, AUTH_RESULTS_MAX);
	ck_assert_str_eq(auth.result[0].server, "mx0.test");
	ck_assert_str_eq(auth.result[23].server, "mx11.test");
	ck_assert_str_eq(auth.result[23].method, "dkim");
	ck_assert_str_eq(auth.from_domain, "example.org");
	n = (size_t)snprintf(text, sizeof(text), "Authentication-Results: ");
	memset(text + n, 'm', 1000);
	n += 1000;
	n += (size_t)snprintf(text + n, sizeof(text) - n, "; spf=pass ");
	memset(text + n, 'd', 3000);
	message_auth_parse(span_make(text, n + 3000), &auth);
	ck_assert_uint_eq(auth.results, 1);
	ck_assert_uint_eq(strlen(auth.result[0].server), sizeof(auth.result[0].server) - 2);
	ck_assert_uint_eq(strlen(auth.result[0].detail), sizeof(auth.result[0].detail) - 2);
}
END_TEST

/* Long fields, long names, many lines: all in a moment. */
START_TEST(hostile_results)
{
	static const char fills[] = "a@(\"\\;:<\n .\xff,=)";
	const size_t size = (size_t)1 << 20;
	char *text = malloc(size);
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < sizeof(fills) - 1; i++) {
		struct message_auth auth;
		memset(text, fills[i], size);
		memcpy(text, "Authentication-Results: a; spf=x", 32);
		message_auth_parse(span_make(text, size), &auth);
		ck_assert_uint_le(auth.results, 1);
		for (size_t at = 24; at + 10 < size; at += 10)
			memcpy(text + at, "(\"(;spf=a)", 10);
		message_auth_parse(span_make(text, size), &auth);
	}
	free(text);
}
END_TEST

/* ---- fields ---- */

/* What is cut out says the same as the whole. */
START_TEST(fields_that_are_read)
{
	static const char text[] =
		"Received: from x\n by y; DKIM-Signature: no\n"
		"DKIM-Signature: d=example.org;\n\ts=s1\r\nSubject: From: b@x.test\n"
		"from: a@example.org\nX-From: z\nAuthentication-Results: mx.test; spf=pass\n"
		"Return-Path: <r@example.org>\n\nFrom: body@x.test\n";
	struct span rest = SPAN(text), field;
	char cut[400] = "";
	size_t n = 0;
	while (message_auth_field(&rest, &field))
		n += span_copy(field, cut + n, sizeof(cut) - n);
	ck_assert_str_eq(cut,
		"DKIM-Signature: d=example.org;\n\ts=s1\r\nfrom: a@example.org\n"
		"Authentication-Results: mx.test; spf=pass\nReturn-Path: <r@example.org>\n");
	struct message_auth whole, some;
	message_auth_parse(SPAN(text), &whole);
	message_auth_parse(span_make(cut, n), &some);
	ck_assert_mem_eq(&whole, &some, sizeof(whole));
	ck_assert_uint_eq(whole.signatures, 1);
	rest = SPAN("");
	ck_assert(!message_auth_field(&rest, &field));
}
END_TEST

/* ---- alignment ---- */

static const struct {
	const char *domain, *from, *organisational;
	enum dkim_alignment wanted;
} alignments[] = {
	{"example.org", "example.org", "", ALIGNED_STRICT},
	{"example.org", "mail.example.org", "example.org", ALIGNED_RELAXED},
	{"a.example.org", "b.example.org", "example.org", ALIGNED_RELAXED},
	{"a.example.org", "example.org", "example.org", ALIGNED_RELAXED},
	{"badexample.org", "example.org", "example.org", ALIGNED_NOT},
	{"example.net", "example.org", "example.org", ALIGNED_NOT},
	{"org", "example.org", "example.org", ALIGNED_NOT},
	/* the organisational domain is further down than the suffix says */
	{"example.org", "b.a.example.org", "a.example.org", ALIGNED_NOT},
	{"c.example.org", "b.a.example.org", "a.example.org", ALIGNED_NOT},
	/* not known: by suffix */
	{"example.org", "mail.example.org", "", ALIGNED_RELAXED},
	{"mail.example.org", "example.org", "", ALIGNED_RELAXED},
	{"a.example.org", "b.example.org", "", ALIGNED_UNKNOWN},
	{"a.co.uk", "b.co.uk", "", ALIGNED_UNKNOWN},
	{"xa.co.uk", "ya.co.uk", "", ALIGNED_UNKNOWN},
	{"org", "example.org", "", ALIGNED_NOT},
	{"badexample.org", "example.org", "", ALIGNED_NOT},
	{"example.org", "badexample.org", "", ALIGNED_NOT},
	{"example.net", "example.org", "", ALIGNED_NOT},
	{"example.org", "", "", ALIGNED_UNKNOWN},
};

START_TEST(each_alignment)
{
	enum dkim_alignment got = dkim_aligned(
		alignments[_i].domain, alignments[_i].from, alignments[_i].organisational);
	ck_assert_str_eq(dkim_alignment_name(got), dkim_alignment_name(alignments[_i].wanted));
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"each_result", each_result, ROWS(results)},
		{"many_results", many_results, 0},
		{"hostile_results", hostile_results, 0},
		{"fields_that_are_read", fields_that_are_read, 0},
		{"each_alignment", each_alignment, ROWS(alignments)},
	};
	return SUITE_RUN("message_auth", rows);
}
