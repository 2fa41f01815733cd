/* SPDX-License-Identifier: ISC */
/* DKIM keys, DMARC records and the walk up the tree, and what a message says of its signatures. */
#include <stdio.h>

#include "policyd/mailauth.h"
#include "suite.h"
#include "zone_help.h"

/* A copy of its own, so that a sanitizer sees every byte read beyond its end; for free(). */
static char *copy_of(struct span text)
{
	char *copy = malloc(text.n ? text.n : 1);
	ck_assert_ptr_nonnull(copy);
	if (text.n)
		memcpy(copy, text.p, text.n);
	return copy;
}

/* ---- DKIM keys ---- */

#define RSA_1024                                                                                   \
	("MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDb6+"                                              \
	 "MJCYYe8BmJra9JtqFJ9secUSJscte21v7sKSDiwO6VOQORBl"                                        \
	 "v5XeNThgR4H975O7xmGTLF+rcdKso75e6Fo1GgEEm6KvntrRkIQnGHLK6VGKoqtPd7s/"                    \
	 "yQbJdVP0VFokEpTO+qd6Sp"                                                                  \
	 "o9pyZ6ldnNxAGWXSfg+QFaQMoSk15QIDAQAB")
#define RSA_2048                                                                                   \
	("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1KMRVgCTPJBFTMqL0dCHOwaAfXA4ZO1NaES0xISwbwA" \
	 "wNu"                                                                                     \
	 "c0+zx3T7hLw5IM8wSzC0WhMFJHUcn66CV8YGJB1e4e0H9etJvGywvPG+17TTGTG72f9qTvg+"                \
	 "9I6WUOsyQgHcal0X51"                                                                      \
	 "Ixd+"                                                                                    \
	 "k29D29yaxaf4xLxkYL5VRHzNrttwHoWvnDFqg55el8eINhwNK4EHVwCmhxo8KnepEnUpa08u4LhTSK73hjyWyu"  \
	 "2rwOYGL2YjwcFqiyoddgRTELHFTBSQ2vuBBzAIgfgH877hiGlZFu5z/gBkJ/"                            \
	 "1cDsJpSZhWoLz9WUMZQYtExKM5XLjJ"                                                          \
	 "VFMcPiKGzCY0vj/X+9Mkrk2lzQIDAQAB")
#define ED25519 "ibexCk7+MnxCS5UKYvrmjWLCgjrnD7/N6FU682af7fo="
#define EC_P256                                                                                    \
	("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsj+zaPukfQr5Mm69VkfWk5+"                             \
	 "RzuCijzBe6LPGzgO5ZtoIOd7wRaxGqm"                                                         \
	 "ItpaKf31+qDfeGpUIpbnKwSGCmLBf9Qw==")

struct key_row {
	const char *format; /* its %s is the key */
	const char *key;
	enum dkim_fault fault;
	unsigned bits;
	const char *why; /* begins so */
};
static const struct key_row keys[] = {
	{"v=DKIM1; k=rsa; p=%s", RSA_2048, DKIM_FINE, 2048, ""},
	{"p=%s", RSA_2048, DKIM_FINE, 2048, ""},
	{"v=DKIM1;p=%s;", RSA_2048, DKIM_FINE, 2048, ""},
	{" v = DKIM1 ; n=a note; s = foo : email ; h=sha1:sha256; p = %s ;; ", RSA_2048, DKIM_FINE,
		2048, ""},
	{"v=DKIM1; s=*; x_1=unknown; p=%s", RSA_2048, DKIM_FINE, 2048, ""},
	{"v=DKIM1; p=%s", RSA_1024, DKIM_WARN, 1024, "an RSA key should have 2048 bits"},
	{"v=DKIM1; k=ed25519; p=%s", ED25519, DKIM_FINE, 256, ""},
	{"v=DKIM1; t=s; p=%s", RSA_2048, DKIM_FINE, 2048, ""},
	{"v=DKIM1; t=y; p=%s", RSA_2048, DKIM_WARN, 2048, "t=y"},
	{"v=DKIM1; t=y:s; p=%s", RSA_1024, DKIM_WARN, 1024, "an RSA key"},
	/* not for us */
	{"v=DKIM1; k=rsa; p=%s", "", DKIM_BAD, 0, "the key is revoked"},
	{"v=DKIM1; p=%s", " ", DKIM_BAD, 0, "the key is revoked"},
	{"v=DKIM1; h=sha1; p=%s", RSA_2048, DKIM_BAD, 2048, "h= does not"},
	{"v=DKIM1; h=; p=%s", RSA_2048, DKIM_BAD, 2048, "h= does not"},
	{"v=DKIM1; s=tlsrpt; p=%s", RSA_2048, DKIM_BAD, 2048, "s= says"},
	{"v=DKIM1; k=rsa%s", "", DKIM_BAD, 0, "there is no p="},
	{"v=DKIM1; p=%s; p=x", RSA_2048, DKIM_BAD, 2048, "a tag is given twice"},
	{"p=%s; v=DKIM1", RSA_2048, DKIM_BAD, 2048, "v= must"},
	{"v=DKIM2; p=%s", RSA_2048, DKIM_BAD, 2048, "v= must"},
	{"v=dkim1; p=%s", RSA_2048, DKIM_BAD, 2048, "v= must"},
	{"v=DKIM1; junk; p=%s", RSA_2048, DKIM_BAD, 2048, "what stands"},
	{"v=DKIM1; =x; p=%s", RSA_2048, DKIM_BAD, 2048, "what stands"},
	{"v=DKIM1 p=%s", RSA_2048, DKIM_BAD, 0, "v= must"},
	{"v=DKIM1; k=dsa; p=%s", RSA_2048, DKIM_BAD, 0, "nobody knows"},
	{"v=DKIM1; k=ed25519; p=%s", RSA_2048, DKIM_BAD, 0, "an ed25519 key"},
	{"v=DKIM1; k=ed25519; p=%s", "AAAA", DKIM_BAD, 0, "an ed25519 key"},
	{"v=DKIM1; p=%s", ED25519, DKIM_BAD, 0, "p= is no RSA key"},
	{"v=DKIM1; p=%s", EC_P256, DKIM_BAD, 0, "p= is no RSA key"},
	{"v=DKIM1; p=%s", "AAAA", DKIM_BAD, 0, "p= is no RSA key"},
	{"v=DKIM1; p=%s", "MIGf", DKIM_BAD, 0, "p= is no RSA key"},
	{"v=DKIM1; p=%s", "AAA-", DKIM_BAD, 0, "p= is not base64"},
	{"v=DKIM1; p=%s", "AAAAA", DKIM_BAD, 0, "p= is not base64"},
	{"v=DKIM1; p=%s", "AA=A", DKIM_BAD, 0, "p= is not base64"},
	{"v=DKIM1; p=%s", "A===", DKIM_BAD, 0, "p= is not base64"},
	{"v=DKIM1; k=ed25519; p=%s", "ibexCk7+MnxCS5UKYvrmjWLCgjrnD7/N6FU682af7fo", DKIM_WARN, 256,
		"p= is base64 without"},
	{"v=DKIM1; k=ed25519; p=%s",
		"ibexCk7+MnxCS5 UKYvrmjWLCgjr\r\n\tnD7/N6FU682af7fo =", DKIM_FINE, 256, ""},
	{"%s", "", DKIM_BAD, 0, "there is no p="},
};

START_TEST(each_key)
{
	const struct key_row *row = &keys[_i];
	struct dkim_key key;
	char text[600];
	const char *place = strstr(row->format, "%s");
	int n = snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - row->format), row->format,
		row->key, place + 2);
	ck_assert_int_lt(n, (int)sizeof(text));
	char *copy = copy_of(span_make(text, (size_t)n));
	dkim_key_parse(span_make(copy, (size_t)n), &key);
	free(copy);
	ck_assert_msg(key.fault == row->fault && key.bits == row->bits &&
			      strncmp(key.why, row->why, strlen(row->why)) == 0 &&
			      !key.why[0] == !row->why[0],
		"%s: %d, %u bits, %s", text, (int)key.fault, key.bits, key.why);
	ck_assert(key.is_revoked == (strncmp(row->why, "the key is revoked", 18) == 0));
}
END_TEST

START_TEST(flags_of_a_key)
{
	struct dkim_key key;
	dkim_key_parse(SPAN("v=DKIM1; t= y : s; k=RSA\001and much more than fits; p=AA"), &key);
	ck_assert(key.is_testing && key.is_strict);
	ck_assert_str_eq(key.algorithm, "rsa?and much mo");
	dkim_key_parse(SPAN("v=DKIM1; t=sy; p="), &key);
	ck_assert(!key.is_testing && !key.is_strict && key.is_revoked);
	ck_assert_str_eq(key.algorithm, "rsa");
}
END_TEST

/* ---- keys of any size ---- */

struct der_text {
	uint8_t byte[6000];
	size_t n; /* written from the end, so that lengths are known */
};

static void der_bytes(struct der_text *der, const void *p, size_t n)
{
	ck_assert_uint_le(der->n + n, sizeof(der->byte));
	der->n += n;
	memcpy(der->byte + sizeof(der->byte) - der->n, p, n);
}

static void der_head(struct der_text *der, uint8_t tag, size_t length)
{
	const uint8_t big[] = {tag, 0x82, (uint8_t)(length >> 8), (uint8_t)length};
	const uint8_t small[] = {tag, (uint8_t)length};
	if (length < 0x80)
		der_bytes(der, small, sizeof(small));
	else
		der_bytes(der, big, sizeof(big));
}

/* An RSA key with a modulus of so many bits (of ones); "v=DKIM1; p=..."; for free(). */
static char *rsa_text(unsigned bits, bool is_bare)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	static const uint8_t exponent[] = {0x02, 0x03, 0x01, 0x00, 0x01}, zero[] = {0};
	struct der_text der = {0};
	uint8_t modulus[2100];
	size_t n = (bits + 7) / 8;
	memset(modulus, 0xff, sizeof(modulus));
	modulus[0] = (uint8_t)(0xff >> (n * 8 - bits));
	der_bytes(&der, exponent, sizeof(exponent));
	der_bytes(&der, modulus, n);
	if (modulus[0] & 0x80)
		der_bytes(&der, zero, 1);
	der_head(&der, 0x02, n + (modulus[0] >> 7));
	der_head(&der, 0x30, der.n);
	if (!is_bare) {
		der_bytes(&der, zero, 1);
		der_head(&der, 0x03, der.n);
		der_bytes(&der, algorithm, sizeof(algorithm));
		der_head(&der, 0x30, der.n);
	}
	char *text = calloc(1, der.n * 2 + 30);
	ck_assert_ptr_nonnull(text);
	size_t at = span_copy(SPAN("v=DKIM1; p="), text, 30);
	const uint8_t *p = der.byte + sizeof(der.byte) - der.n;
	for (size_t i = 0; i < der.n; i += 3) {
		uint32_t group = (uint32_t)p[i] << 16;
		group |= i + 1 < der.n ? (uint32_t)p[i + 1] << 8 : 0;
		group |= i + 2 < der.n ? (uint32_t)p[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			text[at++] = i + k > der.n ? '=' : letters[group >> (18 - 6 * k) & 63];
	}
	return text;
}

START_TEST(sizes_of_keys)
{
	static const struct {
		unsigned bits;
		enum dkim_fault fault;
	} rows[] = {
		{512, DKIM_BAD},
		{1023, DKIM_BAD},
		{1024, DKIM_WARN},
		{1025, DKIM_WARN},
		{2047, DKIM_WARN},
		{2048, DKIM_FINE},
		{3072, DKIM_FINE},
		{4096, DKIM_FINE},
		{4097, DKIM_WARN},
		{16384, DKIM_WARN},
	};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct dkim_key key;
		char *text = rsa_text(rows[i / 2].bits, i % 2);
		dkim_key_parse(span_of(text), &key);
		ck_assert_uint_eq(key.bits, rows[i / 2].bits);
		ck_assert_int_eq(key.fault, rows[i / 2].fault);
		free(text);
	}
}
END_TEST

/* Wherever a key is cut, it is none, and nothing behind it is read. */
START_TEST(keys_cut_short)
{
	char *text = rsa_text(2048, false);
	for (size_t n = 0; n < strlen(text); n++) {
		struct dkim_key key;
		char *copy = copy_of(span_make(text, n));
		dkim_key_parse(span_make(copy, n), &key);
		free(copy);
		/* The last sextets are padding. */
		ck_assert(key.fault == DKIM_BAD || n + 2 >= strlen(text));
	}
	free(text);
}
END_TEST

START_TEST(keys_too_large)
{
	static char text[65536];
	struct dkim_key key;
	memset(text, 'A', sizeof(text));
	memcpy(text, "v=DKIM1; p=", 11);
	dkim_key_parse(span_make(text, sizeof(text)), &key);
	ck_assert_int_eq(key.fault, DKIM_BAD);
	memset(text, ';', sizeof(text));
	dkim_key_parse(span_make(text, sizeof(text)), &key);
	ck_assert_int_eq(key.fault, DKIM_BAD);
}
END_TEST

/* ---- DMARC records ---- */

struct policy_row {
	const char *text;
	bool is_valid;
	const char *p, *sp, *np;
	const char *why; /* begins so */
};
static const struct policy_row policies[] = {
	{"v=DMARC1; p=none", true, "none", "", "", ""},
	{"v=DMARC1;p=reject;", true, "reject", "", "", ""},
	{"v = DMARC1 ; P = Quarantine ; SP=none; np=REJECT", true, "quarantine", "none", "reject",
		""},
	{"v=DMARC1; p=reject; pct=50; rf=afrf; ri=1; x=y", true, "reject", "", "", ""},
	{"v=DMARC1; rua=mailto:a@example.org", true, "none", "", "", "there is no p="},
	{"v=DMARC1; p=rejct; rua=mailto:a@example.org", true, "none", "", "", "p= is no policy"},
	{"v=DMARC1; p=; rua=mailto:a@example.org", true, "none", "", "", "p= is no policy"},
	{"v=DMARC1; p=reject; sp=x; rua=mailto:a@example.org", true, "none", "", "", "sp= or np="},
	{"v=DMARC1; p=reject; sp=none; np=x", false, "", "", "", "sp= or np="},
	{"v=DMARC1", false, "", "", "", "there is no p="},
	{"v=DMARC1; rua=a@example.org", false, "", "", "", "rua= has no"},
	{"v=DMARC1; rua=mailto:nobody", false, "", "", "", "rua= has no"},
	{"v=DMARC1; p=reject; p=none", true, "reject", "", "", "a tag is given twice"},
	{"v=DMARC1; p=reject; aspf=x", true, "reject", "", "", "adkim, aspf"},
	{"v=DMARC1; p=reject, sp=none", false, "", "", "", "p= is no policy"},
	{"v=DMARC1; p=reject; what", true, "reject", "", "", "what stands"},
	{"v=DMARC1 p=reject", false, NULL, NULL, NULL, NULL},
	{"v=dmarc1; p=reject", false, NULL, NULL, NULL, NULL},
	{"p=reject; v=DMARC1", false, NULL, NULL, NULL, NULL},
	{"v=DMARC10; p=reject", false, NULL, NULL, NULL, NULL},
	{"v=spf1 -all", false, NULL, NULL, NULL, NULL},
	{"", false, NULL, NULL, NULL, NULL},
};

START_TEST(each_policy)
{
	const struct policy_row *row = &policies[_i];
	struct dmarc_record record;
	struct span text = span_of(row->text);
	char *copy = copy_of(text);
	ck_assert_msg(
		dmarc_parse(span_make(copy, text.n), &record) == (row->p != NULL), "%s", row->text);
	free(copy);
	if (!row->p)
		return;
	ck_assert_str_eq(record.policy, row->p);
	ck_assert_str_eq(record.subdomain_policy, row->sp);
	ck_assert_str_eq(record.missing_policy, row->np);
	ck_assert(record.is_valid == row->is_valid);
	ck_assert_msg(strncmp(record.why, row->why, strlen(row->why)) == 0 &&
			      !record.why[0] == !row->why[0],
		"%s: %s", row->text, record.why);
}
END_TEST

START_TEST(flags_of_a_policy)
{
	struct dmarc_record record;
	ck_assert(dmarc_parse(SPAN("v=DMARC1; p=none"), &record));
	ck_assert(record.psd == 'u' && !record.is_testing && !record.is_strict_dkim);
	ck_assert(!record.is_strict_spf && !record.has_reports);
	ck_assert(dmarc_parse(SPAN("v=DMARC1; p=none; psd=Y; t=y; adkim=s; aspf=S;"
				   "rua=bad, mailto:a@example.org"),
		&record));
	ck_assert(record.psd == 'y' && record.is_testing && record.is_strict_dkim);
	ck_assert(record.is_strict_spf && record.has_reports);
	ck_assert_str_eq(record.why, "");
	ck_assert(dmarc_parse(
		SPAN("v=DMARC1; p=none; psd=n; t=n; adkim=r; rua=https://example.org"), &record));
	ck_assert(record.psd == 'n' && !record.is_testing && record.has_reports);
}
END_TEST

/* ---- the walk ---- */

struct found {
	struct dmarc_result result;
	struct asked asked;
};

static void dmarc_through(const char *zone, struct span domain, struct found *ret)
{
	struct dns_question question;
	*ret = (struct found){0};
	struct dmarc_walk *walk = dmarc_new(domain);
	while (dmarc_question(walk, &question)) {
		struct zone_answer *answer = zone_ask(zone, NULL, &question);
		ck_assert_int_eq(question.type, DNS_TXT);
		asked_add(&ret->asked, &question);
		ck_assert_uint_le(ret->asked.n, DMARC_QUERIES_MAX);
		dmarc_answered(walk, answer->is_null ? NULL : &answer->answer);
		free(answer);
	}
	dmarc_answered(walk, NULL); /* too late: nothing */
	dmarc_result(walk, &ret->result);
	dmarc_free(walk);
}

struct walk_row {
	const char *zone, *domain;
	const char *at, *organisational, *policy; /* at "": none; NULL: unknown */
	unsigned records;
};
#define REJECT "TXT v=DMARC1; p=reject"
#define NONE   "TXT v=DMARC1; p=none"
static const struct walk_row walks[] = {
	{"", "mail.example.com", "", "mail.example.com", "", 0},
	{"_dmarc.example.com " REJECT, "example.com", "example.com", "example.com", "reject", 1},
	{"_dmarc.example.com " REJECT, "Mail.Example.Com.", "example.com", "example.com", "reject",
		1},
	{"_dmarc.mail.example.com " NONE "\n_dmarc.example.com " REJECT, "mail.example.com",
		"mail.example.com", "example.com", "none", 1},
	/* that of a name between does not hold */
	{"_dmarc.b.example.com " NONE "\n_dmarc.example.com " REJECT, "a.b.example.com",
		"example.com", "example.com", "reject", 1},
	/* psd=n: me */
	{"_dmarc.b.example.com " NONE ";psd=n\n_dmarc.example.com " REJECT, "a.b.example.com",
		"b.example.com", "b.example.com", "none", 1},
	{"_dmarc.example.com " NONE ";psd=n\n_dmarc.com " REJECT, "example.com", "example.com",
		"example.com", "none", 1},
	/* psd=y: the one below, by its own record if it has one */
	{"_dmarc.example.co.uk " NONE "\n_dmarc.co.uk " REJECT ";psd=y", "a.example.co.uk",
		"example.co.uk", "example.co.uk", "none", 1},
	{"_dmarc.co.uk " REJECT ";psd=y\n_dmarc.uk " NONE, "a.example.co.uk", "co.uk",
		"example.co.uk", "reject", 1},
	{"_dmarc.b.example.uk " NONE "\n_dmarc.uk " REJECT ";psd=y", "a.b.example.uk", "uk",
		"example.uk", "reject", 1},
	{"_dmarc.co.uk " REJECT ";psd=y\n_dmarc.uk " NONE, "co.uk", "co.uk", "co.uk", "reject", 1},
	{"_dmarc.com " REJECT, "example.com", "com", "com", "reject", 1},
	/* several are none */
	{"_dmarc.example.com " REJECT "\n_dmarc.example.com " NONE, "example.com", "",
		"example.com", "", 2},
	{"_dmarc.example.com " REJECT "\n_dmarc.example.com " NONE, "a.b.example.com", "",
		"a.b.example.com", "", 2},
	{"_dmarc.a.example.com " REJECT "\n_dmarc.a.example.com " NONE
	 "\n_dmarc.example.com " REJECT,
		"a.example.com", "example.com", "example.com", "reject", 1},
	{"_dmarc.example.com TXT v=spf1 -all\n_dmarc.example.com " REJECT, "example.com",
		"example.com", "example.com", "reject", 1},
	/* a wild card that is no policy */
	{"_dmarc.example.com TXT v=spf1 -all", "example.com", "", "example.com", "", 0},
	/* look-ups that fail */
	{"_dmarc.example.com TXT !SERVFAIL", "example.com", NULL, "", "", 0},
	{"_dmarc.example.com TXT !NULL", "example.com", NULL, "", "", 0},
	{"_dmarc.example.com TXT !TIMEOUT\n_dmarc.a.example.com " REJECT, "b.a.example.com", NULL,
		"", "", 0},
	{"_dmarc.com TXT !SERVFAIL\n_dmarc.example.com " REJECT, "example.com", "example.com", "",
		"reject", 1},
	{"_dmarc.com TXT !SERVFAIL\n_dmarc.example.com " REJECT ";psd=n", "example.com",
		"example.com", "example.com", "reject", 1},
};

START_TEST(each_walk)
{
	const struct walk_row *row = &walks[_i];
	struct found found;
	dmarc_through(row->zone, span_of(row->domain), &found);
	ck_assert(found.result.is_unknown == !row->at);
	ck_assert(found.result.has_record == (row->at && row->at[0]));
	ck_assert_str_eq(found.result.at, row->at ? row->at : "");
	ck_assert_str_eq(found.result.organisational, row->organisational);
	ck_assert_str_eq(found.result.record.policy, row->policy);
	ck_assert_uint_eq(found.result.records, row->records);
}
END_TEST

START_TEST(names_that_are_asked)
{
	static const char *const rows[][2] = {
		{"com", "TXT _dmarc.com"},
		{"mail.example.com",
			"TXT _dmarc.mail.example.com, TXT _dmarc.example.com, TXT _dmarc.com"},
		{"a.b.c.d.e.f.g.h", ("TXT _dmarc.a.b.c.d.e.f.g.h, TXT _dmarc.b.c.d.e.f.g.h, TXT "
				     "_dmarc.c.d.e.f.g.h, "
				     "TXT _dmarc.d.e.f.g.h, TXT _dmarc.e.f.g.h, TXT _dmarc.f.g.h, "
				     "TXT _dmarc.g.h, "
				     "TXT _dmarc.h")},
		{"a.b.c.d.e.f.g.h.i.j.mail.example.com",
			("TXT _dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com, "
			 "TXT _dmarc.g.h.i.j.mail.example.com, TXT _dmarc.h.i.j.mail.example.com, "
			 "TXT _dmarc.i.j.mail.example.com, TXT _dmarc.j.mail.example.com, "
			 "TXT _dmarc.mail.example.com, TXT _dmarc.example.com, TXT _dmarc.com")},
		{"", ""},
		{".", ""},
		{"a..b", ""},
		{".example.com", ""},
		{"exa mple.com", ""},
	};
	struct found found;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		dmarc_through("", span_of(rows[i][0]), &found);
		ck_assert_str_eq(found.asked.text, rows[i][1]);
		ck_assert(!found.result.has_record && !found.result.is_unknown);
	}
}
END_TEST

/* With "_dmarc." before it a name of 250 octets cannot be: it is passed over. */
START_TEST(names_too_long)
{
	char name[300];
	struct found found;
	memset(name, 'x', sizeof(name));
	for (size_t i = 49; i < sizeof(name); i += 50)
		name[i] = '.';
	dmarc_through("", span_make(name, 246), &found);
	ck_assert_uint_eq(found.asked.n, 5);
	dmarc_through("", span_make(name, 248), &found);
	ck_assert_uint_eq(found.asked.n, 4);
	dmarc_through("", span_make(name, 254), &found);
	ck_assert_uint_eq(found.asked.n, 0);
	memset(name, 'x', 100);
	dmarc_through("", span_make(name, 100), &found);
	ck_assert_uint_eq(found.asked.n, 0);
}
END_TEST

START_TEST(tells_of_walks)
{
	struct found found;
	dmarc_through("_dmarc.a.test " REJECT "\n_dmarc.a.test " NONE "\n", SPAN("a.test"), &found);
	ck_assert_str_eq(found.result.why, "a.test has 2 DMARC records, so none of them counts");
	ck_assert_str_eq(found.result.crowd, "a.test");
	dmarc_through("_dmarc.a.test TXT !TIMEOUT", SPAN("b.a.test"), &found);
	ck_assert_str_eq(found.result.why, "TXT of _dmarc.a.test: timeout");
	dmarc_through("_dmarc.a.test TXT v=DMARC1", SPAN("a.test"), &found);
	ck_assert(found.result.has_record && !found.result.record.is_valid);
	dmarc_free(NULL);
}
END_TEST

/* ---- messages ---- */

#define SIGNED(d, s) "DKIM-Signature: v=1; a=rsa-sha256; d=" d "; s=" s "; bh=; b=\r\n"

struct message_row {
	const char *text;
	const char *from, *return_path;
	const char *signatures; /* "s1._domainkey.example.org/rsa-sha256 ..." */
};
static const struct message_row messages[] = {
	{"", "", "", ""},
	{"From: alice@Example.ORG\r\n\r\nFrom: b@example.net\r\n", "example.org", "", ""},
	{"From: alice@example.org", "example.org", "", ""},
	{"FROM :alice@example.org\n", "example.org", "", ""},
	{"From:\n \"Alice, x@y.test\" (z@w.test (n)) \r\n\t<alice@example.org>\r\n", "example.org",
		"", ""},
	{"From: x@name.test <alice@example.org>\n", "example.org", "", ""},
	{"From: alice@example.org, bob@example.net\n", "example.org", "", ""},
	{"From: A, B <b@example.net>\n", "example.net", "", ""},
	{"From: \"a\\\"b@x.test\" <alice@example.org>\n", "example.org", "", ""},
	{"From: \"a@b\"@example.org\n", "example.org", "", ""},
	{"From: <@relay.test:alice@example.org>\n", "example.org", "", ""},
	{"From: friends: alice@example.org;\n", "example.org", "", ""},
	{"From: undisclosed:;\n", "", "", ""},
	{"From: alice@[192.0.2.1]\n", "", "", ""},
	{"From: alice\n", "", "", ""},
	{"From: alice@\n", "", "", ""},
	{"From: alice@..\n", "", "", ""},
	{"From: alice@b\xc3\xbc"
	 "cher.example\n",
		"xn--bcher-kva.example", "", ""},
	{"From: (unfinished alice@example.org\n", "", "", ""},
	{"From: a@one.test\nFrom: b@two.test\n", "one.test", "", ""},
	{"From x@mbox.test Thu\nReturn-Path: <bounce@Out.Example.org>\nFrom: a@example.org\n",
		"example.org", "out.example.org", ""},
	{"Return-Path: <>\nFrom: a@example.org\n", "example.org", "", ""},
	{"no field\n folded: From: x@y.test\nFrom: a@example.org\n", "example.org", "", ""},
	{SIGNED("Example.org", "S1") SIGNED("example.net", "a.b") "\r\n" SIGNED("late.test", "x"),
		"", "",
		"s1._domainkey.example.org/rsa-sha256 a.b._domainkey.example.net/rsa-sha256 "},
	{"dkim-signature:a=ed25519-sha256;b=x=;\n\ts=s2;\n d=example.org\n", "", "",
		"s2._domainkey.example.org/ed25519-sha256 "},
	{"X-DKIM-Signature: s=s; d=x.test\nDKIM-Signature: s=s; d=x\001.test\n"
	 "DKIM-Signature: s=s\nDKIM-Signature: d=x.test\nDKIM-Signature: d=ok.test; s=ok",
		"", "", "ok._domainkey.ok.test/ "},
};

START_TEST(each_message)
{
	const struct message_row *row = &messages[_i];
	struct span text = span_of(row->text);
	struct message_auth auth;
	char signatures[500] = "", *copy = copy_of(text);
	size_t n = 0;
	message_auth_parse(span_make(copy, text.n), &auth);
	free(copy);
	for (size_t i = 0; i < auth.signatures; i++)
		n += (size_t)snprintf(signatures + n, sizeof(signatures) - n,
			"%s._domainkey.%s/%s ", auth.signature[i].selector,
			auth.signature[i].domain, auth.signature[i].algorithm);
	ck_assert_str_eq(auth.from_domain, row->from);
	ck_assert_str_eq(auth.return_path_domain, row->return_path);
	ck_assert_str_eq(signatures, row->signatures);
}
END_TEST

START_TEST(many_signatures)
{
	char text[4000] = "";
	size_t n = 0;
	struct message_auth auth;
	for (unsigned i = 0; i < 40; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "DKIM-Signature: d=example.org; s=s%u\n", i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "From: a@example.org\n");
	message_auth_parse(span_make(text, n), &auth);
	ck_assert_uint_eq(auth.signatures, DKIM_SIGNATURES_MAX);
	ck_assert_str_eq(auth.signature[15].selector, "s15");
	ck_assert_str_eq(auth.from_domain, "example.org");
}
END_TEST

/* Long fields, long names, many lines: all in a moment. */
START_TEST(hostile_messages)
{
	static const char *const heads[] = {"From: a@", "From: ", "From: (((",
		"DKIM-Signature: d=", "DKIM-Signature: ;;", "a:b\n", "\n ", "@", ""};
	static const char fills[] = "a@(\"\\;:<\n .\xff,=";
	const size_t size = (size_t)1 << 20;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]) * (sizeof(fills) - 1); i++) {
		struct message_auth auth;
		char *text = malloc(size);
		ck_assert_ptr_nonnull(text);
		memset(text, fills[i % (sizeof(fills) - 1)], size);
		const char *head = heads[i / (sizeof(fills) - 1)];
		memcpy(text, head, strlen(head));
		message_auth_parse(span_make(text, size), &auth);
		ck_assert_uint_eq(auth.signatures, 0);
		free(text);
	}
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"each_key", each_key, ROWS(keys)},
		{"flags_of_a_key", flags_of_a_key, 0},
		{"sizes_of_keys", sizes_of_keys, 0},
		{"keys_cut_short", keys_cut_short, 0},
		{"keys_too_large", keys_too_large, 0},
		{"each_policy", each_policy, ROWS(policies)},
		{"flags_of_a_policy", flags_of_a_policy, 0},
		{"each_walk", each_walk, ROWS(walks)},
		{"names_that_are_asked", names_that_are_asked, 0},
		{"names_too_long", names_too_long, 0},
		{"tells_of_walks", tells_of_walks, 0},
		{"each_message", each_message, ROWS(messages)},
		{"many_signatures", many_signatures, 0},
		{"hostile_messages", hostile_messages, 0},
	};
	return SUITE_RUN("mailauth", rows);
}
