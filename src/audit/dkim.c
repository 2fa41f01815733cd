/* SPDX-License-Identifier: ISC */
/*
 * A DKIM key as it stands in DNS (RFC 6376 3.6.1). Of the key itself no more is looked at than its kind and
 * size: nothing is verified with it.
 */
#include <stdint.h>

#include "policyd/mailauth.h"
#include "tag_list.h"

/* Far above what fits in a packet that still is sent: 16,384 bits have 2 KiB. */
#define KEY_BYTES_MAX   4096
#define RSA_BITS_LEAST  1024 /* RFC 8301 3.2: receivers take no less, */
#define RSA_BITS_SHOULD 2048 /* signers should have so many, */
#define RSA_BITS_MOST   4096 /* and receivers need not take more. */
#define ED25519_BYTES   32   /* RFC 8463 4 */

/* ---- base64 ---- */

struct key_bytes {
	size_t n;
	uint8_t byte[KEY_BYTES_MAX];
	bool is_padded;
};

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks may stand anywhere. False: other bytes, too many, or a lone sextet at the end. */
static bool base64_decode(struct span text, struct key_bytes *ret)
{
	uint32_t group = 0;
	size_t sextets = 0, pads = 0;
	ret->n = 0;
	for (size_t i = 0; i < text.n; i++) {
		int value = sextet(text.p[i]);
		if (is_blank(text.p[i]))
			continue;
		if (text.p[i] == '=' && ++pads <= 2)
			continue;
		if (value < 0 || pads)
			return false;
		group = group << 6 | (uint32_t)value;
		if (++sextets % 4 == 1)
			continue;
		if (ret->n == KEY_BYTES_MAX)
			return false;
		unsigned shift = sextets % 4 == 2 ? 4 : sextets % 4 == 3 ? 2 : 0;
		ret->byte[ret->n++] = (uint8_t)(group >> shift);
	}
	ret->is_padded = (sextets + pads) % 4 == 0;
	return sextets % 4 != 1;
}

/* ---- DER: as much of X.690 as a key of RSA has ---- */

enum { DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_OID = 0x06, DER_SEQUENCE = 0x30 };

struct der {
	const uint8_t *p;
	size_t n;
};

/* The value that stands first, if it has that tag. */
static bool der_take(struct der *in, uint8_t tag, struct der *ret)
{
	size_t at = 2, length;
	if (in->n < 2 || in->p[0] != tag)
		return false;
	length = in->p[1];
	if (length & 0x80) {
		size_t octets = length & 0x7f;
		if (octets == 0 || octets > 2 || in->n < 2 + octets)
			return false;
		for (length = 0; at < 2 + octets; at++)
			length = length << 8 | in->p[at];
	}
	if (length > in->n - at)
		return false;
	*ret = (struct der){.p = in->p + at, .n = length};
	*in = (struct der){.p = in->p + at + length, .n = in->n - at - length};
	return true;
}

/* Bits of a positive number; 0: it is none. */
static unsigned der_bits(struct der number)
{
	unsigned bits = 0;
	if (number.n == 0 || number.p[0] & 0x80)
		return 0;
	while (number.n && number.p[0] == 0)
		number = (struct der){.p = number.p + 1, .n = number.n - 1};
	if (number.n == 0)
		return 0;
	for (uint8_t top = number.p[0]; top; top >>= 1)
		bits++;
	return bits + (unsigned)(number.n - 1) * 8;
}

/* RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 A.1.1); within it. */
static unsigned rsa_key_bits(struct der key)
{
	struct der modulus, exponent;
	if (!der_take(&key, DER_INTEGER, &modulus) || !der_take(&key, DER_INTEGER, &exponent) ||
		der_bits(exponent) < 2 || !(exponent.p[exponent.n - 1] & 1))
		return 0;
	return der_bits(modulus);
}

/*
 * SubjectPublicKeyInfo (RFC 5280 4.1) around it, as RFC 6376 3.6.1 says, or the bare key, which some publish and
 * most receivers read. 0: neither.
 */
static unsigned rsa_bits(const struct key_bytes *bytes)
{
	static const uint8_t rsa_encryption[] = {
		0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
	struct der all = {.p = bytes->byte, .n = bytes->n}, key, algorithm, oid, bits;
	if (!der_take(&all, DER_SEQUENCE, &key))
		return 0;
	if (key.n && key.p[0] == DER_INTEGER)
		return rsa_key_bits(key);
	if (!der_take(&key, DER_SEQUENCE, &algorithm) || !der_take(&algorithm, DER_OID, &oid) ||
		oid.n != sizeof(rsa_encryption) || memcmp(oid.p, rsa_encryption, oid.n) != 0)
		return 0;
	if (!der_take(&key, DER_BIT_STRING, &bits) || bits.n == 0 || bits.p[0] != 0)
		return 0;
	bits = (struct der){.p = bits.p + 1, .n = bits.n - 1};
	return der_take(&bits, DER_SEQUENCE, &key) ? rsa_key_bits(key) : 0;
}

/* ---- the record ---- */

/* The worst is kept, and of equals the first. */
static void blame(struct dkim_key *key, enum dkim_fault fault, const char *why)
{
	if (fault <= key->fault)
		return;
	key->fault = fault;
	span_copy(span_of(why), key->why, sizeof(key->why));
}

static void rsa_judge(struct dkim_key *key, const struct key_bytes *bytes)
{
	key->bits = rsa_bits(bytes);
	if (key->bits == 0)
		blame(key, DKIM_BAD, "p= is no RSA key");
	else if (key->bits < RSA_BITS_LEAST)
		blame(key, DKIM_BAD, "receivers take no RSA key of less than 1024 bits");
	else if (key->bits < RSA_BITS_SHOULD)
		blame(key, DKIM_WARN, "an RSA key should have 2048 bits");
	else if (key->bits > RSA_BITS_MOST)
		blame(key, DKIM_WARN, "receivers need not take an RSA key of more than 4096 bits");
}

static void ed25519_judge(struct dkim_key *key, const struct key_bytes *bytes)
{
	key->bits = bytes->n == ED25519_BYTES ? ED25519_BYTES * 8 : 0;
	if (key->bits == 0)
		blame(key, DKIM_BAD, "an ed25519 key must be 32 bytes");
}

static void key_judge(struct dkim_key *key, struct span p)
{
	struct key_bytes bytes;
	key->is_revoked = p.n == 0;
	if (key->is_revoked) {
		blame(key, DKIM_BAD, "the key is revoked: p= is empty");
		return;
	}
	if (!base64_decode(p, &bytes)) {
		blame(key, DKIM_BAD, "p= is not base64");
		return;
	}
	if (strcmp(key->algorithm, "rsa") == 0)
		rsa_judge(key, &bytes);
	else if (strcmp(key->algorithm, "ed25519") == 0)
		ed25519_judge(key, &bytes);
	else
		blame(key, DKIM_BAD, "nobody knows the kind of key that k= names");
	if (!bytes.is_padded)
		blame(key, DKIM_WARN, "p= is base64 without the padding at its end");
}

enum { TAG_V, TAG_H, TAG_K, TAG_P, TAG_S, TAG_T, TAGS };
static const char tag_names[] = "vhkpst";

/* RFC 6376 3.2: names with case; one that is there twice spoils the list. */
static void tags_read(struct span txt, struct dkim_key *key, struct span value[TAGS])
{
	struct tag tag;
	for (size_t i = 0; tag_take(&txt, &tag); i++) {
		const char *letter = tag.name.n == 1 ? strchr(tag_names, tag.name.p[0]) : NULL;
		if (!tag.is_sound)
			blame(key, DKIM_BAD,
				"what stands between two semicolons must be tag=value");
		if (!tag.is_sound || !letter)
			continue;
		struct span *slot = &value[letter - tag_names];
		if (slot->p)
			blame(key, DKIM_BAD, "a tag is given twice");
		if (letter - tag_names == TAG_V && (i > 0 || !span_equal(tag.value, SPAN("DKIM1"))))
			blame(key, DKIM_BAD, "v= must come first and be DKIM1");
		if (!slot->p)
			*slot = tag.value;
	}
}

void dkim_key_parse(struct span txt, struct dkim_key *ret)
{
	struct span value[TAGS] = {0};
	*ret = (struct dkim_key){.fault = DKIM_FINE};
	tags_read(txt, ret, value);
	tag_show(value[TAG_K].p ? value[TAG_K] : SPAN("rsa"), ret->algorithm,
		sizeof(ret->algorithm));
	ret->is_testing = tag_value_has(value[TAG_T], SPAN("y"));
	ret->is_strict = tag_value_has(value[TAG_T], SPAN("s"));
	if (value[TAG_P].p)
		key_judge(ret, value[TAG_P]);
	else
		blame(ret, DKIM_BAD, "there is no p=");
	if (value[TAG_H].p && !tag_value_has(value[TAG_H], SPAN("sha256")))
		blame(ret, DKIM_BAD, "h= does not allow sha256, and sha1 is not taken any more");
	if (value[TAG_S].p && !tag_value_has(value[TAG_S], SPAN("email")) &&
		!tag_value_has(value[TAG_S], SPAN("*")))
		blame(ret, DKIM_BAD, "s= says that the key is not for mail");
	if (ret->is_testing)
		blame(ret, DKIM_WARN,
			"t=y: the domain is testing, signatures may count for nothing");
}
