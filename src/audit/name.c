/* SPDX-License-Identifier: ISC */
/*
 * What a host's name may look like: RFC 952 and 1123, which is stricter than what Postfix takes ('_'), and
 * none of the names that the public DNS does not have.
 */
#include <stdio.h>

#include "internal.h"
#include "policyd/address.h"

#define LABEL_MAX 63

bool name_canonical(struct span text, char buf[NAME_SIZE])
{
	char canonical[ADDRESS_DOMAIN_MAX];
	size_t n = domain_normalise(text, canonical);
	if (n == 0 || n >= NAME_SIZE)
		return false;
	(void)span_copy(span_make(canonical, n), buf, NAME_SIZE);
	return true;
}

const char *name_reverse(const struct ip *ip, char buf[REVERSE_SIZE])
{
	char reversed[IP_REVERSED_SIZE];
	ip_reversed(ip, reversed);
	int n = snprintf(
		buf, REVERSE_SIZE, "%s.%s", reversed, ip_is_v4(ip) ? "in-addr.arpa" : "ip6.arpa");
	return n > 0 ? buf : "";
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

static const char *label_fault(struct span label)
{
	if (label.n == 0)
		return "has an empty label";
	if (label.n > LABEL_MAX)
		return "has a label of more than 63 letters";
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return "has a label that begins or ends with '-'";
	for (size_t i = 0; i < label.n; i++) {
		if (label.p[i] == '_')
			return "has '_', which no host name may have";
		if (!is_alnum(label.p[i]) && label.p[i] != '-')
			return "has what is neither letter nor digit nor '-'";
	}
	return NULL;
}

static const char *labels_fault(struct span name, struct span *last)
{
	size_t begin = 0;
	for (size_t i = 0; i <= name.n; i++) {
		if (i < name.n && name.p[i] != '.')
			continue;
		*last = span_make(name.p + begin, i - begin);
		const char *fault = label_fault(*last);
		if (fault)
			return fault;
		begin = i + 1;
	}
	return NULL;
}

/* RFC 6761 (with 2606), 6762, 7686, 8375, 9476; .internal by ICANN, 2024; the rest are what people made up. */
static const char *const special[] = {"alt", "arpa", "corp", "example", "home", "internal", "intra",
	"invalid", "lan", "local", "localdomain", "localhost", "onion", "priv", "private", "test"};

/* Tests and documents have domains there; a host that is seen with such a name has it wrong. */
static bool is_for_tests(struct span last)
{
	return span_equal_nocase(last, SPAN("test")) || span_equal_nocase(last, SPAN("example"));
}

static bool is_special(struct span last)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		if (span_equal_nocase(last, span_of(special[i])))
			return true;
	}
	return false;
}

static const char *fault_of(const char *name, bool is_host)
{
	struct span text = span_of(name), last = {0};
	struct ip ip;
	if (text.n == 0)
		return "is empty";
	if (name[0] == '[' || ip_parse(text, &ip) == 0)
		return "is an address, no name";
	if (text.n >= NAME_SIZE)
		return "is longer than 253 letters";
	const char *fault = labels_fault(text, &last);
	if (fault)
		return fault;
	if (is_special(last) && (is_host || !is_for_tests(last)))
		return "is not in the public DNS: its last label is reserved or made up";
	if (!memchr(name, '.', text.n))
		return "has no dot: it is no full name";
	for (size_t i = 0; i < last.n; i++) {
		if (!is_digit(last.p[i]))
			return NULL;
	}
	return "ends in a number";
}

const char *name_fault(const char *name)
{
	return fault_of(name, true);
}

bool name_is_public(const char *name)
{
	char plain[NAME_SIZE];
	size_t n = span_copy(span_of(name), plain, sizeof(plain));
	/* Labels of a domain may have '_' (RFC 8552); else it is as strict. */
	for (size_t i = 0; i < n; i++) {
		if (plain[i] == '_')
			plain[i] = 'x';
	}
	return name[n] == '\0' && !fault_of(plain, false);
}
