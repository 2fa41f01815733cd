/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as the name of an account: bounded, and in a form that stays the same when it is read
 * again, whether it came from a request or from a person. The input is lines, as in a request: what
 * was typed, then values of attributes.
 */
#include "fuzz.h"
#include "policyd/mem.h"
#include "policyd/subject.h"

static const char config_text[] = "listen = ( { address = \"unix:/p\"; } );\n"
				  "client_certificates = [ \"3E:4B:77\", \"ab:cd\" ];\n"
				  "trusted_networks = [ \"127.0.0.0/8\", \"::1/128\", "
				  "\"192.0.2.0/25\", \"2001:db8::/32\" ];\n";
static const char with_domain[] = "login_domain = \"example.org\";\n";

static struct config *config_of(const char *more)
{
	char text[sizeof(config_text) + sizeof(with_domain)];
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
	char *once = xmalloc(ACCOUNT_KEY_MAX), *twice = xmalloc(ACCOUNT_KEY_MAX);
	char *given = fuzz_copy(address);
	size_t n = address_normalise(span_make(given, address.n), login_domain, once);
	/* A key is "login:" and the name. */
	fuzz_check(n + strlen("login:") <= ACCOUNT_KEY_MAX);
	size_t again = address_normalise(span_make(once, n), login_domain, twice);
	fuzz_check(span_equal(span_make(once, n), span_make(twice, again)));
	free(once);
	free(twice);
	free(given);
}

static void check_name(const struct account_name *name)
{
	static const char *const words[ACCOUNT_KINDS] = {
		[ACCOUNT_LOGIN] = "login:",
		[ACCOUNT_CERT] = "cert:",
		[ACCOUNT_ADDR] = "addr:",
	};
	fuzz_check(name->kind >= 0 && name->kind < ACCOUNT_KINDS);
	fuzz_check(name->n <= ACCOUNT_KEY_MAX && name->key[name->n] == '\0');
	fuzz_check(span_starts(span_make(name->key, name->n), span_of(words[name->kind])));
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

/* What is shown of an account, and its whole key, name that account when somebody types them. */
static void check_typed_again(const struct account_name *name, const struct config *config)
{
	struct account_name again;
	struct span key = span_make(name->key, name->n);
	struct span shown[] = {key, subject_shown(key)};
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		/* Nobody can type control bytes, or nothing. */
		if (parse(shown[i], config, &again))
			fuzz_check(span_equal(key, span_make(again.key, again.n)));
	}
}

static void check_subject(const struct request *request, const struct config *config)
{
	struct account_name name, untouched;
	memset(&name, 0x5a, sizeof(name));
	memcpy(&untouched, &name, sizeof(name));
	if (!subject_of(request, config, &name)) {
		fuzz_check(memcmp(&name, &untouched, sizeof(name)) == 0);
		fuzz_check(request->sasl_username.n == 0 ||
			   span_equal(request->policy_context, SPAN("reinject")));
		return;
	}
	check_name(&name);
	fuzz_check((name.kind == ACCOUNT_LOGIN) == (request->sasl_username.n > 0));
	check_typed_again(&name, config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *configs[2];
	static const char *const domains[] = {NULL, "example.org", "b\303\274cher.example"};
	struct span left = span_make((const char *)data, size);
	struct account_name name;
	if (!configs[0]) {
		configs[0] = config_of("");
		configs[1] = config_of(with_domain);
	}
	struct span typed = line_take(&left);
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		check_normalise(typed, domains[i]);
	struct request request = {.sasl_username = line_take(&left)};
	request.client_address = line_take(&left);
	request.ccert_fingerprint = line_take(&left);
	request.policy_context = line_take(&left);
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		if (parse(typed, configs[i], &name))
			check_typed_again(&name, configs[i]);
		check_subject(&request, configs[i]);
	}
	return 0;
}
