/* SPDX-License-Identifier: ISC */
/*
 * Does a name look like one that a provider gives to its customers' lines? Points, as receivers give them
 * (SpamAssassin's 20_dynrdns.cf, rspamd's hfilter, BOTNET): the address in the name, words of lines. Words
 * of mail servers speak against it: whoever named it so, meant it.
 */
#include <stdio.h>

#include "internal.h"

#define POINTS_ADDRESS 5
#define POINTS_TWO     3 /* the two last octets */
#define POINTS_DIGITS  2 /* a long number */
#define DIGITS_LONG    6
#define TOKENS_MAX     64

static const struct {
	const char *word;
	unsigned points;
} words[] = {
	{"dynamic", 5},
	{"dyn", 5},
	{"dynip", 5},
	{"dial", 5},
	{"dialup", 5},
	{"dialin", 5},
	{"dip", 4},
	{"ppp", 5},
	{"pppoe", 5},
	{"dhcp", 5},
	{"nat", 5},
	{"gprs", 5},
	{"umts", 5},
	{"lte", 4},
	{"mobile", 4},
	{"wifi", 5},
	{"wlan", 5},
	{"wireless", 4},
	{"broadband", 5},
	{"catv", 5},
	{"cdma", 5},
	{"cable", 4},
	{"docsis", 5},
	{"modem", 5},
	{"isdn", 5},
	{"adsl", 4},
	{"dsl", 4},
	{"vdsl", 4},
	{"xdsl", 4},
	{"sdsl", 4},
	{"ftth", 4},
	{"fiber", 3},
	{"pool", 4},
	{"pools", 4},
	{"kabel", 3},
	{"unused", 4},
	{"unassigned", 5},
	{"cpe", 4},
	{"node", 1},
	{"res", 3},
	{"resnet", 4},
	{"residential", 5},
	{"client", 2},
	{"clients", 2},
	{"customer", 2},
	{"cust", 2},
	{"host", 2},
	{"user", 1},
	{"peer", 1},
	{"vps", 1},
	{"ip", 2},
	{"rev", 1},
	{"reverse", 2},
};

static const char *const exempt[] = {"mail", "mta", "mx", "relay", "smtp", "static", "fix", "fixip",
	"dedicated", "outbound", "mailout", "smtpout", "email"};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

/* The part in front of the domain that somebody registered: two labels, three where the second is one of a
 * country's ("co.uk"). A firm may be called "dynamic". */
static struct span host_part(const char *name)
{
	struct span text = span_of(name);
	ptrdiff_t top = span_rfind(text, '.');
	if (top < 0)
		return (struct span){0};
	ptrdiff_t second = span_rfind(span_make(name, (size_t)top), '.');
	if (second < 0)
		return (struct span){0};
	if (text.n - (size_t)top - 1 == 2 && top - second - 1 <= 3) {
		ptrdiff_t third = span_rfind(span_make(name, (size_t)second), '.');
		second = third < 0 ? 0 : third;
	}
	return span_make(name, (size_t)second);
}

struct number {
	unsigned value;
	size_t begin, end; /* in the host part */
};

static size_t numbers_of(struct span host, struct number *number)
{
	size_t n = 0;
	for (size_t i = 0; host.p && i < host.n && n < TOKENS_MAX; i++) {
		if (!is_digit(host.p[i]))
			continue;
		struct number it = {.begin = i};
		for (; i < host.n && is_digit(host.p[i]); i++)
			it.value = it.value < 100000 ? it.value * 10 + (unsigned)(host.p[i] - '0')
						     : it.value;
		it.end = i;
		number[n++] = it;
	}
	return n;
}

/* So many numbers from the i-th on are parted by one byte that is no digit. */
static bool are_together(const struct number *number, size_t n, size_t i, size_t want)
{
	for (size_t j = i; j + 1 < i + want; j++) {
		if (j + 1 >= n || number[j + 1].begin != number[j].end + 1)
			return false;
	}
	return i + want <= n;
}

/* octet: the first of want octets; forwards or backwards. */
static bool is_octets(const struct number *number, const uint8_t *octet, size_t want)
{
	bool forwards = true, backwards = true;
	for (size_t i = 0; i < want; i++) {
		forwards = forwards && number[i].value == octet[i];
		backwards = backwards && number[i].value == octet[want - 1 - i];
	}
	return forwards || backwards;
}

static bool has_text(struct span host, const char *text)
{
	size_t n = strlen(text);
	for (size_t i = 0; n > 0 && i + n <= host.n; i++) {
		if (memcmp(host.p + i, text, n) == 0)
			return true;
	}
	return false;
}

static bool has_joined_v4(struct span host, const uint8_t *o)
{
	char text[16];
	for (int turn = 0; turn < 2; turn++) {
		unsigned q[4];
		for (size_t i = 0; i < 4; i++)
			q[i] = o[turn ? 3 - i : i];
		(void)snprintf(text, sizeof(text), "%03u%03u%03u%03u", q[0], q[1], q[2], q[3]);
		if (has_text(host, text))
			return true;
		(void)snprintf(text, sizeof(text), "%02x%02x%02x%02x", q[0], q[1], q[2], q[3]);
		if (has_text(host, text))
			return true;
	}
	return false;
}

static unsigned points_v4(struct span host, const struct ip *ip)
{
	struct number number[TOKENS_MAX];
	size_t n = numbers_of(host, number);
	const uint8_t *octet = ip->byte + 12;
	if (has_joined_v4(host, octet))
		return POINTS_ADDRESS;
	unsigned points = 0;
	for (size_t i = 0; i < n; i++) {
		/* Any four: it may be the address as another one knows it. */
		if (are_together(number, n, i, 4))
			return POINTS_ADDRESS;
		if (are_together(number, n, i, 2) && is_octets(number + i, octet + 2, 2))
			points = POINTS_TWO;
	}
	return points;
}

static unsigned points_v6(struct span host, const struct ip *ip)
{
	char text[IP_TEXT_SIZE], nibbles[33];
	(void)ip_format(ip, text);
	for (char *at = text; *at; at++)
		*at = (char)(*at == ':' ? '-' : *at);
	for (size_t i = 0; i < 16; i++)
		(void)snprintf(nibbles + 2 * i, 3, "%02x", ip->byte[i]);
	if (has_text(host, text) || has_text(host, nibbles + 16))
		return POINTS_ADDRESS;
	/* Nibbles with a mark between them, the last first. */
	char spread[32];
	for (size_t i = 0; i < 16; i++) {
		spread[2 * i] = nibbles[31 - i];
		spread[2 * i + 1] = '.';
	}
	spread[31] = '\0';
	return has_text(host, spread) ? POINTS_ADDRESS : 0;
}

static bool is_exempt(struct span word)
{
	for (size_t i = 0; i < sizeof(exempt) / sizeof(exempt[0]); i++) {
		if (span_equal(word, span_of(exempt[i])))
			return true;
	}
	return false;
}

static unsigned word_points(struct span word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_equal(word, span_of(words[i].word)))
			return words[i].points;
	}
	return 0;
}

/* The next run of letters. */
static bool next_word(struct span *rest, struct span *ret)
{
	size_t begin = 0, end;
	if (!rest->p)
		return false;
	while (begin < rest->n && !is_letter(rest->p[begin]))
		begin++;
	end = begin;
	while (end < rest->n && is_letter(rest->p[end]))
		end++;
	*ret = span_make(rest->p + begin, end - begin);
	*rest = span_make(rest->p + end, rest->n - end);
	return ret->n > 0;
}

static bool has_long_number(struct span host)
{
	struct number number[TOKENS_MAX];
	size_t n = numbers_of(host, number);
	for (size_t i = 0; i < n; i++) {
		if (number[i].end - number[i].begin >= DIGITS_LONG)
			return true;
	}
	return false;
}

/* Points of its words; false: it is exempt. */
static bool words_points(struct span host, unsigned *ret, struct span *worst)
{
	struct span rest = host, word;
	unsigned most = 0;
	*ret = 0;
	while (next_word(&rest, &word)) {
		if (is_exempt(word))
			return false;
		unsigned points = word_points(word);
		*ret += points;
		if (points > most) {
			most = points;
			*worst = word;
		}
	}
	return true;
}

unsigned generic_score(const char *name, const struct ip *ip, char why[GENERIC_WHY_MAX])
{
	struct span host = host_part(name), worst = {0};
	unsigned points;
	why[0] = '\0';
	if (!words_points(host, &points, &worst))
		return 0;
	unsigned address = ip_is_v4(ip) ? points_v4(host, ip) : points_v6(host, ip);
	unsigned digits = address == 0 && has_long_number(host) ? POINTS_DIGITS : 0;
	if (address >= POINTS_TWO)
		(void)snprintf(why, GENERIC_WHY_MAX, "the address is in it");
	else if (worst.n > 0)
		(void)snprintf(why, GENERIC_WHY_MAX, "'%.*s' is in it",
			(int)(worst.n < 60 ? worst.n : 60), worst.p);
	else if (digits > 0)
		(void)snprintf(why, GENERIC_WHY_MAX, "a long number is in it");
	return points + address + digits;
}
