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
#include <time.h>

#include "policyd/units.h"
#include "rule_egress.h"
#include "rule_list.h"
#include "rule_posture.h"
#include "rule_signal.h"
#include "zone.h"

/* Room in sockaddr_un, with its NUL. */
#define SOCKET_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

/* A reply's text holds 400 bytes and has more to say (semantics 18). */
#define CONTACT_MAX 200
/* RFC 1035 2.3.4, as text without the final dot. */
#define DOMAIN_MAX 253
#define LABEL_MAX  63
/* Postfix has no bound, but more than one is rare. */
#define DELIMITERS_MAX 8
/* As much as HMAC-SHA-256 of the token deserves, and people still type. */
#define TOKEN_KEY_MIN 16
/* RFC 5321 4.5.3.1.1. */
#define LOCAL_PART_MAX 64
/* RFC 5322 2.1.1 has lines of 78, and there is a value to come. */
#define FIELD_NAME_MAX 64
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

static int rule_path(struct span text, struct errbuf *err)
{
	if (text.p[0] == '/')
		return 0;
	err_set(err, "the path must be absolute: begin it with '/'");
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

static bool is_word_byte(char c)
{
	return is_alnum(c) || c == '_' || c == '.' || c == '-';
}

bool rule_is_word(struct span text)
{
	return text.n != 0 && all_bytes(text, is_word_byte);
}

static int name_check(struct span text, const char *whose, const char *sample, struct errbuf *err)
{
	if (text.n <= RULE_NAME_MAX && rule_is_word(text))
		return 0;
	err_set(err, "%s name has 1 to %d letters, digits, '_', '.' and '-': write \"%s\"", whose,
		RULE_NAME_MAX, sample);
	return -EINVAL;
}

static int rule_limit_name(struct span text, struct errbuf *err)
{
	return name_check(text, "a limit's", "hourly", err);
}

static int rule_class_name(struct span text, struct errbuf *err)
{
	return name_check(text, "a class's", "newsletter", err);
}

static int rule_provider_name(struct span text, struct errbuf *err)
{
	return name_check(text, "a provider's", "example", err);
}

static int rule_transport(struct span text, struct errbuf *err)
{
	return name_check(text, "a transport's", "slow", err);
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

bool rule_is_domain(struct span text)
{
	bool fine = text.n <= DOMAIN_MAX;
	size_t begin = 0;

	for (size_t i = 0; i <= text.n && fine; i++) {
		if (i < text.n && text.p[i] != '.')
			continue;
		fine = label_is_fine(span_make(text.p + begin, i - begin));
		begin = i + 1;
	}
	return fine;
}

static int rule_domain(struct span text, struct errbuf *err)
{
	if (rule_is_domain(text))
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

static int rule_ip(struct span text, struct errbuf *err)
{
	struct ip ip;

	if (ip_parse(text, &ip) == 0)
		return 0;
	err_set(err, "this is no address: write \"192.0.2.10\" or \"2001:db8::10\"");
	return -EINVAL;
}

/* What may part an extension from a name; letters and digits would cut names in two. */
static bool is_delimiter(char c)
{
	return c > 0x20 && c < 0x7f && !is_alnum(c) && c != '@' && c != '"' && c != '\\';
}

static int rule_delimiter(struct span text, struct errbuf *err)
{
	if (text.n <= DELIMITERS_MAX && all_bytes(text, is_delimiter))
		return 0;
	err_set(err, "this is 1 to %d marks like those of Postfix's setting: write \"+\"",
		DELIMITERS_MAX);
	return -EINVAL;
}

static bool is_local_part_byte(char c)
{
	return (unsigned char)c > 0x20 && c != 0x7f && c != '@';
}

static int rule_local_part(struct span text, struct errbuf *err)
{
	if (text.n <= LOCAL_PART_MAX && all_bytes(text, is_local_part_byte))
		return 0;
	err_set(err, "this is no local part: write \"abuse\", without '@' and domain");
	return -EINVAL;
}

/* Any printable byte but ':'. */
static bool is_field_name_byte(char c)
{
	return c > 0x20 && c < 0x7f && c != ':';
}

bool rule_is_field_name(struct span text)
{
	return text.n != 0 && text.n <= FIELD_NAME_MAX && all_bytes(text, is_field_name_byte);
}

static int rule_header(struct span text, struct errbuf *err)
{
	if (rule_is_field_name(text))
		return 0;
	err_set(err, "this is no header's name: write \"X-Policyd-Token\", without ':'");
	return -EINVAL;
}

/* What does not parse is told by the type. */
static int rule_windowed(struct span text, struct errbuf *err)
{
	struct rate rate;

	if (rate_parse(text, &rate, NULL) != 0 ||
		(rate.window_us != RATE_PER_MESSAGE && !rate.is_size))
		return 0;
	err_set(err, "this counts recipients in a window: write \"100/1h\"");
	return -EINVAL;
}

static int rule_exempt_rate(struct span text, struct errbuf *err)
{
	if (!span_equal(text, SPAN("unlimited")))
		return rule_windowed(text, err);
	err_set(err, "this would let anybody send without limit to abuse@ and postmaster@ of "
		     "foreign domains: write \"5/1h\"");
	return -EINVAL;
}

/* One number of a date, all digits, from low to high. */
static bool date_part(const char *p, size_t n, int low, int high, int *ret)
{
	uint64_t value;

	if (span_to_u64(span_make(p, n), &value) != 0 || value < (uint64_t)low ||
		value > (uint64_t)high)
		return false;
	*ret = (int)value;
	return true;
}

static bool date_parse(const char *p, struct tm *ret)
{
	if (!date_part(p, 4, 1970, 9999, &ret->tm_year) || p[4] != '-' ||
		!date_part(p + 5, 2, 1, 12, &ret->tm_mon) || p[7] != '-' ||
		!date_part(p + 8, 2, 1, 31, &ret->tm_mday))
		return false;
	ret->tm_year -= 1900;
	ret->tm_mon -= 1;
	return true;
}

static bool time_parse(const char *p, struct tm *ret)
{
	return p[0] == 'T' && date_part(p + 1, 2, 0, 23, &ret->tm_hour) && p[3] == ':' &&
	       date_part(p + 4, 2, 0, 59, &ret->tm_min) && p[6] == ':' &&
	       date_part(p + 7, 2, 0, 59, &ret->tm_sec) && p[9] == 'Z';
}

int rule_until_parse(struct span text, wall_t *ret, struct errbuf *err)
{
	const size_t date_n = 10, both_n = 20;
	struct tm when = {0};
	bool fine = (text.n == date_n || text.n == both_n) && date_parse(text.p, &when) &&
		    (text.n == date_n || time_parse(text.p + date_n, &when));
	int day = when.tm_mday;
	/* timegm() makes 3 March of 31 February. */
	int64_t s = fine ? timegm(&when) : 0;

	if (!fine || when.tm_mday != day) {
		err_set(err, "this is no time: write \"2026-12-31\" or \"2026-12-31T18:00:00Z\" "
			     "(UTC)");
		return -EINVAL;
	}
	*ret = (wall_t){.us = s * SECOND_US + (text.n == date_n ? DAY_US : 0)};
	return 0;
}

static int rule_until(struct span text, struct errbuf *err)
{
	wall_t wall;

	return rule_until_parse(text, &wall, err);
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
	{"classes.name", rule_class_name},
	{"classes.match.domain", rule_domain},
	{"classes.match.file", rule_path},
	{"classes.egress", rule_ip},
	{"overrides.domain", rule_domain},
	{"overrides.until", rule_until},
	{"providers.name", rule_provider_name},
	{"providers.domains", rule_domain},
	{"egress.addresses.address", rule_egress_address},
	{"egress.addresses.helo", rule_domain},
	{"egress.addresses.transport", rule_transport},
	{"egress.addresses.warm_up", rule_warm_up},
	{"egress.dkim_selectors", rule_selector},
	{"egress.domains", rule_domain},
	{"egress.map.egress", rule_ip},
	{"egress.map.domain", rule_domain},
	{"egress.map.server_address", rule_ip},
	{"egress.who_am_i", rule_who_am_i},
	{"egress.catalogue", rule_path},
	{"blocklists.name", rule_list_name},
	{"blocklists.zone", rule_zone},
	{"blocklists.subjects", rule_subject},
	{"blocklists.test_listed", rule_test_point},
	{"blocklists.test_clean", rule_test_point},
	{"blocklists.key_file", rule_path},
	{"blocklists.codes.code", rule_listing_code},
	{"blocklists.errors.code", rule_error_code},
	{"dead.zone", rule_zone},
	{"dns.servers", rule_server},
	{"dns.resolv_conf", rule_path},
	{"signals.tune.name", rule_signal_name},
	{"signals.home_countries", rule_country},
	{"signals.trap_recipients", rule_trap},
	{"classes.ladder.home_countries", rule_country},
	{"ladder.slow_rate", rule_slow_rate},
	{"ladder.max_auto", rule_max_auto},
	{"posture.ramp", rule_ramp},
	{"geoip.databases", rule_path},
	{"token.key_file", rule_path},
	{"token.header", rule_header},
	{"postfix.config_directory", rule_path},
	{"state.directory", rule_path},
	{"control.socket", rule_socket},
	{"record.file", rule_path},
	{"pid_file", rule_path},
	{"trusted_networks", rule_network},
	{"relay_networks", rule_network},
	{"client_certificates", rule_fingerprint},
	{"local_domains", rule_domain},
	{"login_domain", rule_domain},
	{"recipient_delimiter", rule_delimiter},
	{"account_aliases", rule_path},
	{"exempt_recipients", rule_local_part},
	{"exempt_foreign_rate", rule_exempt_rate},
	{"emergency_rate", rule_windowed},
	{"contact", rule_contact},
	{"aup", rule_contact},
};

int rule_check(const char *path, struct span text, struct errbuf *err)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(rules[i].path, path) == 0)
			return rules[i].check(text, err);
	}
	return 0;
}

int rule_check_secret(
	const char *setting, struct span content, const char *path, struct errbuf *err)
{
	if (strcmp(setting, "blocklists.key_file") == 0)
		return zone_key_check(content, err);
	if (content.n >= TOKEN_KEY_MIN)
		return 0;
	err_set(err, "is shorter than %d bytes: make one with \"openssl rand -hex 32 > %.300s\"",
		TOKEN_KEY_MIN, path);
	return -EINVAL;
}
