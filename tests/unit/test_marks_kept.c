/* SPDX-License-Identifier: ISC */
/* What is kept of requests is what would be made of them, whatever else was kept meanwhile. */
#include "judging_help.h"

/* More than there are places, so that some share one. */
#define CLIENTS 20000

static struct request usual(void)
{
	return (struct request){
		.stage = STAGE_RCPT,
		.client_address = SPAN("192.0.2.10"),
		.helo_name = SPAN("[192.168.1.5]"),
		.sender = SPAN("alice@example.org"),
		.recipient = SPAN("bob@example.net"),
		.sasl_method = SPAN("PLAIN"),
		.geo = {.country = {'D', 'E'}, .asn = 64500},
	};
}

static struct subject login(const char *name)
{
	struct subject subject = {.name.kind = ACCOUNT_LOGIN};
	subject.name.n =
		(size_t)snprintf(subject.name.key, sizeof(subject.name.key), "login:%s", name);
	return subject;
}

/* What is said of it is what is made of it; returned. */
static struct seen marks(
	const struct world *w, const struct request *request, const struct subject *subject)
{
	const struct recipient recipient = {.is_local = false};
	const struct sight sight = {
		.request = request, .subject = subject, .recipient = &recipient, .is_first = true};
	struct seen seen, made = {.is_first = true};
	marks_of(w->s, &sight, &seen);
	marks_make(w->s, &sight, &made);
	for (unsigned kind = 0; kind < HABIT_KINDS; kind++)
		ck_assert_msg(seen.habit[kind] == made.habit[kind], "kind %u of %.*s", kind,
			(int)request->client_address.n, request->client_address.p);
	ck_assert_uint_eq(seen.recipient, mark_recipient(w->s, request->recipient));
	return seen;
}

/* Of two requests only this kind of mark, and no other, is different. */
static void ck_only(const struct seen *a, const struct seen *b, enum habit only)
{
	for (unsigned kind = 0; kind < HABIT_KINDS; kind++)
		ck_assert_msg(
			(a->habit[kind] != b->habit[kind]) == (kind == only), "kind %u", kind);
}

START_TEST(test_each_part)
{
	struct world *w = world_new(ENFORCE);
	struct subject alice = login("alice@example.org"), bob = login("bob@example.org");
	struct request request = usual(), other = usual();
	other.helo_name = SPAN("laptop");
	for (unsigned i = 0; i < 3; i++) {
		struct seen first = marks(w, &request, &alice), seen = marks(w, &other, &alice);
		ck_only(&first, &seen, HABIT_HELO);
		struct request next = usual();
		next.sasl_method = SPAN("LOGIN");
		seen = marks(w, &next, &alice);
		ck_only(&first, &seen, HABIT_LOGIN);
		next = usual();
		next.geo.asn++;
		seen = marks(w, &next, &alice);
		ck_only(&first, &seen, HABIT_ASN);
		next.geo = (struct geo){.country = {'F', 'R'}, .asn = 64500};
		seen = marks(w, &next, &alice);
		ck_only(&first, &seen, HABIT_COUNTRY);
		/* The sender is another's only for others, and none is nobody's. */
		seen = marks(w, &request, &bob);
		ck_only(&first, &seen, HABIT_SENDER);
		next = usual();
		next.sender = SPAN("");
		seen = marks(w, &next, &bob);
		ck_only(&first, &seen, HABIT_KINDS);
		next.sender = SPAN("ALICE@example.org");
		seen = marks(w, &next, &alice);
		ck_only(&first, &seen, HABIT_KINDS);
	}
	world_free(w);
}
END_TEST

START_TEST(test_no_login)
{
	struct world *w = world_new(ENFORCE);
	struct subject host = login("alice@example.org"), relayed = login("bob@example.org");
	struct request request = usual();
	host.name.kind = ACCOUNT_ADDR;
	relayed.is_relayed = true;
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(marks(w, &request, &host).habit[HABIT_SENDER], 0);
		ck_assert_uint_ne(marks(w, &request, &host).habit[HABIT_NETWORK], 0);
		ck_assert_uint_ne(marks(w, &request, &relayed).habit[HABIT_SENDER], 0);
		ck_assert_uint_eq(marks(w, &request, &relayed).habit[HABIT_NETWORK], 0);
	}
	world_free(w);
}
END_TEST

START_TEST(test_shared_places)
{
	struct world *w = world_new(ENFORCE);
	struct subject alice = login("alice@example.org");
	for (unsigned i = 0; i < 2 * CLIENTS; i++) {
		char client[32];
		unsigned n = i % CLIENTS;
		int length = snprintf(client, sizeof(client), "10.%u.%u.1", n >> 8, n & 255);
		struct request request = usual();
		request.client_address = span_make(client, (size_t)length);
		(void)marks(w, &request, &alice);
	}
	world_free(w);
}
END_TEST

/* One byte at the end makes the difference, however long they are. */
START_TEST(test_long)
{
	struct world *w = world_new(ENFORCE);
	struct subject alice = login("alice@example.org");
	char sender[ADDRESS_MAX];
	memset(sender, 'x', sizeof(sender));
	for (size_t n = 2; n <= sizeof(sender); n++) {
		struct request request = usual();
		request.sender = span_make(sender, n);
		sender[n - 1] = 'y';
		uint64_t y = marks(w, &request, &alice).habit[HABIT_SENDER];
		ck_assert_uint_eq(marks(w, &request, &alice).habit[HABIT_SENDER], y);
		sender[n - 1] = 'x';
		ck_assert_uint_ne(marks(w, &request, &alice).habit[HABIT_SENDER], y);
	}
	world_free(w);
}
END_TEST

#define LOCAL ENFORCE "local_domains = [ \"example.org\" ];\n"

/* Whose address it is depends on the configuration: what was kept by the old one is gone. */
START_TEST(test_reload)
{
	struct world *w = world_new(LOCAL);
	struct config *before = w->config;
	struct subject alice = login("alice@example.org");
	struct request request = usual();
	request.sender = SPAN("alice+news@example.org");
	ck_assert_uint_ne(marks(w, &request, &alice).habit[HABIT_SENDER], 0);
	w->config = config_of(LOCAL "recipient_delimiter = \"+\";\n");
	signals_configure(w->s, w->config);
	config_unref(before);
	ck_assert_uint_eq(marks(w, &request, &alice).habit[HABIT_SENDER], 0);
	world_free(w);
}
END_TEST

static const struct {
	const char *settings, *address, *same, *other;
} spellings[] = {
	{LOCAL, "bob@example.net", "BOB@Example.NET", "bob@example.ne"},
	{LOCAL, "bob@example.net", "bob@example.net.", "bob@examplenet"},
	{LOCAL, "bob", "Bob", "bob@"},
	{LOCAL, "a@b@example.net", "A@b@example.NET", "b@example.net"},
	{LOCAL, "bob+x@example.org", "BOB+X@example.org", "bob@example.org"},
	{LOCAL "recipient_delimiter = \"+\";\n", "bob@example.org", "bob+x@example.org",
		"bob-x@example.org"},
	{LOCAL "recipient_delimiter = \"+\";\n", "bob+x@example.net", "bob+X@EXAMPLE.net",
		"bob@example.net"},
	{LOCAL "recipient_delimiter = \"-+\";\n", "bob@example.org", "bob-x@example.org",
		"bob.x@example.org"},
	{LOCAL,
		"bob@b\xc3\xbc"
		"cher.example",
		"bob@xn--bcher-kva.example", "bob@bucher.example"},
};

/* Whether a recipient is seen at a glance or looked at, it is the same one. */
START_TEST(test_spelling)
{
	struct world *w = world_new(spellings[_i].settings);
	uint64_t mark = mark_recipient(w->s, span_of(spellings[_i].address));
	ck_assert_uint_eq(mark, mark_recipient(w->s, span_of(spellings[_i].same)));
	ck_assert_uint_ne(mark, mark_recipient(w->s, span_of(spellings[_i].other)));
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"each part", test_each_part, 0},
		{"no login", test_no_login, 0},
		{"shared places", test_shared_places, 0},
		{"long", test_long, 0},
		{"reload", test_reload, 0},
		{"spelling", test_spelling, sizeof(spellings) / sizeof(spellings[0])},
	};

	return SUITE_RUN("marks kept", rows);
}
