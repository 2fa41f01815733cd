/* SPDX-License-Identifier: ISC */
/*
 * Rules for the text of single settings. Nothing is looked up here: whether a user, a directory or
 * a socket exists shows when it is used, and a configuration can be checked on another host.
 */
#include "rule.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/un.h>

/* Room in sockaddr_un, with its NUL. */
#define SOCKET_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

#define LIMIT_NAME_MAX 40
/* A reply's text holds 400 bytes and has more to say (semantics 18). */
#define CONTACT_MAX 200
/* RFC 1035 2.3.4, as text without the final dot. */
#define DOMAIN_MAX 253
#define LABEL_MAX  63
/* Wider networks hold so many strangers that "ours" is surely a mistake. */
#define WIDE_V4_BITS (96 + 8)
#define WIDE_V6_BITS 16

static bool is_alnum(char c)
{
	char lower = ascii_lower(c);

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

static bool all_bytes(struct span text, bool (*is_fine)(char c))
{
	for (size_t i = 0; i < text.n; i++) {
		if (!is_fine(text.p[i]))
			return false;
	}
	return true;
}

static int rule_directory(struct span text, struct errbuf *err)
{
	if (text.p[0] == '/')
		return 0;
	err_set(err, "the path must be absolute: write \"/var/lib/policyd\"");
	return -EINVAL;
}

static int rule_file(struct span text, struct errbuf *err)
{
	if (text.p[0] == '/')
		return 0;
	err_set(err, "the path must be absolute: write \"/var/lib/policyd/record.jsonl\"");
	return -EINVAL;
}

static int rule_socket(struct span text, struct errbuf *err)
{
	if (text.p[0] != '/') {
		err_set(err,
			"a socket's path must be absolute: write \"/run/policyd/control.sock\"");
		return -EINVAL;
	}
	if (text.n >= SOCKET_PATH_SIZE) {
		err_set(err, "a socket's path has at most %zu bytes, this one has %zu: shorten it",
			SOCKET_PATH_SIZE - 1, text.n);
		return -EINVAL;
	}
	return 0;
}

static bool is_limit_name_byte(char c)
{
	return is_alnum(c) || c == '_' || c == '.' || c == '-';
}

static int rule_limit_name(struct span text, struct errbuf *err)
{
	if (text.n <= LIMIT_NAME_MAX && all_bytes(text, is_limit_name_byte))
		return 0;
	err_set(err,
		"a limit's name has 1 to %d letters, digits, '_', '.' and '-': write \"hourly\"",
		LIMIT_NAME_MAX);
	return -EINVAL;
}

static bool label_is_fine(struct span label)
{
	if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++) {
		char c = label.p[i];
		/* Bytes beyond ASCII: an IDN as people write it, which the subject module converts.
		 */
		if (!is_alnum(c) && c != '-' && c != '_' && (unsigned char)c < 0x80)
			return false;
	}
	return true;
}

static int rule_domain(struct span text, struct errbuf *err)
{
	bool fine = text.n <= DOMAIN_MAX;
	size_t begin = 0;

	for (size_t i = 0; i <= text.n && fine; i++) {
		if (i < text.n && text.p[i] != '.')
			continue;
		fine = label_is_fine(span_make(text.p + begin, i - begin));
		begin = i + 1;
	}
	if (fine)
		return 0;
	err_set(err, "this is no domain: write \"example.org\", without '@' or a dot at an end");
	return -EINVAL;
}

static bool is_fingerprint_byte(char c)
{
	char lower = ascii_lower(c);

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f') || c == ':';
}

static int rule_fingerprint(struct span text, struct errbuf *err)
{
	if (all_bytes(text, is_fingerprint_byte))
		return 0;
	err_set(err, "a fingerprint is hexadecimal as Postfix logs it: write \"3E:4B:...\"");
	return -EINVAL;
}

static int rule_contact(struct span text, struct errbuf *err)
{
	if (text.n > CONTACT_MAX) {
		err_set(err, "it stands in every refusal: write at most %d bytes", CONTACT_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] >= 0x80) {
			err_set(err,
				"replies are ASCII: senders will see '?' for its other letters");
			return RULE_WARNS;
		}
	}
	return 0;
}

static bool net_is_wide(const struct ip_net *net)
{
	static const struct ip v4_any = {.byte = {[10] = 0xff, [11] = 0xff}};

	if (ip_is_v4(&net->base) || ip_net_has(net, &v4_any))
		return net->bits < WIDE_V4_BITS;
	return net->bits < WIDE_V6_BITS;
}

/* What does not parse is told by the type. */
static int rule_network(struct span text, struct errbuf *err)
{
	struct ip_net net;

	if (ip_net_parse(text, &net) != 0 || !net_is_wide(&net))
		return 0;
	err_set(err,
		"everybody in this network becomes an account of ours: list only networks that "
		"you run");
	return RULE_WARNS;
}

static int unix_parse(struct span text, struct rule_address *ret, struct errbuf *err)
{
	struct span path = span_make(text.p + 5, text.n - 5);

	if (path.n == 0 || path.p[0] != '/') {
		err_set(err, "the path must be absolute: write "
			     "\"unix:/var/spool/postfix/policyd/policyd.sock\"");
		return -EINVAL;
	}
	if (path.n >= SOCKET_PATH_SIZE) {
		err_set(err, "a socket's path has at most %zu bytes, this one has %zu: shorten it",
			SOCKET_PATH_SIZE - 1, path.n);
		return -EINVAL;
	}
	*ret = (struct rule_address){.path = path};
	return 0;
}

static int inet_parse(struct span text, struct rule_address *ret, struct errbuf *err)
{
	struct span rest = span_make(text.p + 5, text.n - 5);
	ptrdiff_t colon = span_rfind(rest, ':');
	struct rule_address address = {0};
	struct span host;
	uint64_t port;
	bool brackets;

	if (colon < 0) {
		err_set(err, "the port is missing: write \"inet:127.0.0.1:10040\"");
		return -EINVAL;
	}
	host = span_make(rest.p, (size_t)colon);
	brackets = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (brackets)
		host = span_make(host.p + 1, host.n - 2);
	/* Without brackets the last group of an IPv6 address would pass as the port. */
	if (ip_parse(host, &address.ip) != 0 || brackets != (memchr(host.p, ':', host.n) != NULL)) {
		err_set(err, "an address is wanted, not a name: write \"inet:127.0.0.1:10040\" or "
			     "\"inet:[::1]:10040\"");
		return -EINVAL;
	}
	if (span_to_u64(span_make(rest.p + colon + 1, rest.n - (size_t)colon - 1), &port) != 0 ||
		port < 1 || port > UINT16_MAX) {
		err_set(err, "a port is 1 to 65535: write \"inet:127.0.0.1:10040\"");
		return -EINVAL;
	}
	address.port = (uint16_t)port;
	*ret = address;
	return 0;
}

int rule_address_parse(struct span text, struct rule_address *ret, struct errbuf *err)
{
	if (span_starts(text, SPAN("unix:")))
		return unix_parse(text, ret, err);
	if (span_starts(text, SPAN("inet:")))
		return inet_parse(text, ret, err);
	err_set(err, "write \"unix:/path\", \"inet:127.0.0.1:10040\" or \"inet:[::1]:10040\"");
	return -EINVAL;
}

static int rule_listen_address(struct span text, struct errbuf *err)
{
	struct rule_address address;

	return rule_address_parse(text, &address, err);
}

static const struct rule_row {
	const char *path;
	int (*check)(struct span text, struct errbuf *err); /* text is not empty */
} rules[] = {
	{"listen.address", rule_listen_address},
	{"limits.name", rule_limit_name},
	{"state.directory", rule_directory},
	{"control.socket", rule_socket},
	{"record.file", rule_file},
	{"trusted_networks", rule_network},
	{"client_certificates", rule_fingerprint},
	{"local_domains", rule_domain},
	{"login_domain", rule_domain},
	{"contact", rule_contact},
};

int rule_check(const char *path, struct span text, struct errbuf *err)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(rules[i].path, path) == 0)
			return rules[i].check(text, err);
	}
	return 0;
}
