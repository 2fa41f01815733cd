/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as the name of an account, or of what limits count by: bounded, and in a form that stays
 * the same when it is read again, whether it came from a request or from a person. The input is
 * lines, as in a request: what was typed, then values of attributes.
 */
#include "fuzz.h"
#include "policyd/mem.h"
#include "policyd/subject.h"

static const char config_text[] = "listen = ( { address = \"unix:/p\"; } );\n"
				  "client_certificates = [ \"3E:4B:77\", \"ab:cd\" ];\n"
				  "trusted_networks = [ \"127.0.0.0/8\", \"::1/128\", "
				  "\"192.0.2.0/25\", \"2001:db8::/32\" ];\n";
static const char with_more[] = "login_domain = \"example.org\";\n"
				"local_domains = [ \"example.org\", \"xn--bcher-kva.example\" ];\n"
				"recipient_delimiter = \"+-\";\n"
				"relay_networks = [ \"192.0.2.64/26\", \"2001:db8:1::/48\" ];\n";

static struct config *config_of(const char *more)
{
	char text[sizeof(config_text) + sizeof(with_more)];
	struct config_report *report = config_report_new();
	struct config *config = NULL;
	size_t n = span_copy(span_of(config_text), text, sizeof(text));
	n += span_copy(span_of(more), text + n, sizeof(text) - n);
	fuzz_check(config_parse(span_make(text, n), "fuzz.conf", &config, report) == 0);
	config_report_free(report);
	return config;
}

/* The next line of the input, without its newline. */
static struct span line_take(struct span *left)
{
	const char *end = left->n ? memchr(left->p, '\n', left->n) : NULL;
	size_t n = end ? (size_t)(end - left->p) : left->n;
	struct span line = span_make(left->p, n);
	size_t used = end ? n + 1 : n;
	*left = span_make(left->p + used, left->n - used);
	return line;
}

static void check_normalise(struct span address, const char *login_domain)
{
	/* Exactly the room that is promised to be enough. */
	char *once = xmalloc(ADDRESS_MAX), *twice = xmalloc(ADDRESS_MAX);
	char *given = fuzz_copy(address);
	size_t n = address_normalise(span_make(given, address.n), login_domain, once);
	fuzz_check(n <= ADDRESS_MAX);
	size_t again = address_normalise(span_make(once, n), login_domain, twice);
	fuzz_check(span_equal(span_make(once, n), span_make(twice, again)));
	free(once);
	free(twice);
	free(given);
}

static void check_domain(struct span domain)
{
	char *once = xmalloc(ADDRESS_DOMAIN_MAX), *twice = xmalloc(ADDRESS_DOMAIN_MAX);
	char *given = fuzz_copy(domain);
	size_t n = domain_normalise(span_make(given, domain.n), once);
	fuzz_check(n <= ADDRESS_DOMAIN_MAX);
	size_t again = domain_normalise(span_make(once, n), twice);
	fuzz_check(span_equal(span_make(once, n), span_make(twice, again)));
	free(once);
	free(twice);
	free(given);
}

static void check_name(const struct account_name *name)
{
	fuzz_check(name->kind >= 0 && name->kind < ACCOUNT_KINDS);
	fuzz_check(name->n <= ACCOUNT_KEY_MAX && name->key[name->n] == '\0');
	fuzz_check(kind_of_key(account_name_key(name)) == name->kind);
}

/* subject_parse() with its promises; true when it took it. */
static bool parse(struct span typed, const struct config *config, struct account_name *ret)
{
	struct errbuf err = {{0}};
	struct account_name name, untouched;
	memset(&name, 0x5a, sizeof(name));
	memcpy(&untouched, &name, sizeof(name));
	bool is_taken = subject_parse(typed, config, &name, &err) == 0;
	if (is_taken) {
		check_name(&name);
		*ret = name;
	} else {
		fuzz_check(err.text[0] != '\0');
		fuzz_check(memcmp(&name, &untouched, sizeof(name)) == 0);
	}
	return is_taken;
}

/* What is shown of a name, and its whole key, give that name when somebody types them. */
static void check_typed_again(const struct account_name *name, const struct config *config)
{
	struct account_name again;
	struct span key = account_name_key(name);
	struct span shown[] = {key, subject_shown(key)};
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		/* Nobody can type control bytes, or nothing. */
		if (parse(shown[i], config, &again))
			fuzz_check(span_equal(key, account_name_key(&again)));
	}
}

static void check_keys(const struct key_input *input)
{
	for (int key = 0; key < KEY_COUNT; key++) {
		struct account_name name;
		if (!key_name_of((enum key)key, input, &name))
			continue;
		check_name(&name);
		check_typed_again(&name, input->config);
	}
}

static void check_subject(const struct request *request, const struct config *config)
{
	struct subject subject, untouched;
	memset(&subject, 0x5a, sizeof(subject));
	memcpy(&untouched, &subject, sizeof(subject));
	if (!subject_of(request, config, &subject)) {
		fuzz_check(memcmp(&subject, &untouched, sizeof(subject)) == 0);
		fuzz_check(request->sasl_username.n == 0 ||
			   span_equal(request->policy_context, SPAN("reinject")));
		return;
	}
	check_name(&subject.name);
	fuzz_check((subject.name.kind == ACCOUNT_LOGIN) == (request->sasl_username.n > 0));
	fuzz_check(!subject.is_null_sender || request->sender.n == 0);
	check_typed_again(&subject.name, config);
	struct recipient recipient;
	recipient_of(request, config, &recipient);
	fuzz_check(recipient.domain_n <= ADDRESS_DOMAIN_MAX);
	fuzz_check(recipient.domain[recipient.domain_n] == '\0');
	fuzz_check(!recipient.is_local || recipient.domain_n == 0 ||
		   config_is_local(config, recipient_domain(&recipient)));
	check_keys(&(struct key_input){request, config, &subject, &recipient});
	check_keys(&(struct key_input){request, config, &subject, NULL});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *configs[2];
	static const char *const domains[] = {NULL, "example.org", "b\303\274cher.example"};
	struct span left = span_make((const char *)data, size);
	struct account_name name;
	if (!configs[0]) {
		configs[0] = config_of("");
		configs[1] = config_of(with_more);
	}
	struct span typed = line_take(&left);
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		check_normalise(typed, domains[i]);
	check_domain(typed);
	struct request request = {.sasl_username = line_take(&left)};
	request.client_address = line_take(&left);
	request.ccert_fingerprint = line_take(&left);
	request.policy_context = line_take(&left);
	request.sender = line_take(&left);
	request.recipient = line_take(&left);
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		if (parse(typed, configs[i], &name))
			check_typed_again(&name, configs[i]);
		check_subject(&request, configs[i]);
	}
	return 0;
}
