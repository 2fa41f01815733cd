/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes catalogues of blocklists, and the rows of a configuration over them: what stands before a line
 * "--" goes into the configuration, the rest is the catalogue (egress.catalogue, a file in memory).
 * Whatever they hold there is a snapshot or at least one error, and the lists of a snapshot can be asked.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "policyd/blocklist.h"

/* Larger texts only take longer. */
#define TEXT_MAX 16384
#define LEAST                                                                                      \
	"listen = ( { address = \"unix:/p\"; } ); limits = ( { name = \"a\"; rate = \"1/1h\"; } "  \
	");\n"

static int file = -1;

static void file_write(struct span text)
{
	if (file < 0)
		file = memfd_create("catalogue", MFD_CLOEXEC);
	fuzz_check(file >= 0 && ftruncate(file, 0) == 0);
	fuzz_check(pwrite(file, text.p, text.n, 0) == (ssize_t)text.n);
}

static void check_code(const struct blocklist_code *code)
{
	const struct code_pattern *pattern = &code->pattern;

	fuzz_check(code->severity >= 1 && code->severity <= 5);
	fuzz_check(code->kind < LISTING_COUNT);
	fuzz_check(pattern->low[0] == 127 && pattern->high[0] == 127);
	for (int i = 0; i < 4; i++)
		fuzz_check(pattern->low[i] <= pattern->high[i]);
	fuzz_check(pattern->bits || code_pattern_has(pattern, pattern->low));
	fuzz_check(!code_pattern_has(pattern, (const uint8_t[]){127, 255, 255, 254}));
}

static void check_tests(const struct blocklist *list)
{
	bool listed = false, clean = false;

	for (size_t i = 0; i < list->test_n; i++) {
		fuzz_check(list->test[i].label[0] != '\0');
		listed = listed || list->test[i].is_listed;
		clean = clean || !list->test[i].is_listed;
	}
	fuzz_check(listed && clean);
}

static void check_list(const struct config *config, const struct blocklist *list)
{
	size_t n = strlen(list->zone_asked);

	fuzz_check(config_blocklist_of(config, span_of(list->name)) != NULL);
	fuzz_check(config_blocklist_of(config, span_of(list->zone)) != NULL);
	fuzz_check(config_dead_list_of(config, span_of(list->zone)) == NULL);
	fuzz_check(n > 0 && n <= 251 && list->zone_asked[n - 1] != '.');
	fuzz_check(list->subjects != 0 && list->subjects < 1u << BLOCKLIST_SUBJECTS);
	fuzz_check(list->interval_min_us > 0 && list->interval_min_us <= list->interval_us);
	fuzz_check(!(list->is_enabled && list->has_key_missing));
	fuzz_check(list->title && list->place.file && list->place.line);
	for (size_t i = 0; i < list->code_n; i++)
		check_code(&list->code[i]);
	check_tests(list);
}

static void check_lists(const struct config *config)
{
	size_t n, enabled = 0;
	const struct blocklist *list = config_blocklists(config, &n);

	while (enabled < n && list[enabled].is_enabled)
		enabled++;
	fuzz_check(enabled <= BLOCKLISTS_MAX);
	for (size_t i = 0; i < n; i++) {
		fuzz_check(list[i].is_enabled == (i < enabled));
		check_list(config, &list[i]);
	}
}

/* One printable line each, and from one of the two. */
static size_t check_report(const struct config_report *report)
{
	size_t errors = 0;

	for (size_t i = 0; i < report->n; i++) {
		const char *text = report->line[i].text;

		fuzz_check(strncmp(text, "fuzz.conf", 9) == 0 || text[0] == '/');
		for (const char *at = text; *at; at++)
			fuzz_check(*at >= 0x20 && *at < 0x7f);
		errors += report->line[i].error;
	}
	return errors;
}

/* The line "--", or the end. */
static size_t split_at(const char *text, size_t n)
{
	for (size_t i = 0; i + 3 <= n; i++) {
		if ((i == 0 || text[i - 1] == '\n') && memcmp(text + i, "--\n", 3) == 0)
			return i;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t rows_n = split_at(text, size), skip = rows_n < size ? rows_n + 3 : size;
	struct config_report *report = config_report_new();
	struct config *config;
	char *whole;

	if (size > TEXT_MAX) {
		config_report_free(report);
		return 0;
	}
	file_write(span_make(text + skip, size - skip));
	int n = asprintf(&whole, LEAST "egress = { catalogue = \"/proc/self/fd/%d\"; };\n%.*s",
		file, (int)rows_n, text);
	fuzz_check(n > 0);
	int r = config_parse(span_make(whole, (size_t)n), "fuzz.conf", &config, report);
	size_t errors = check_report(report);
	fuzz_check((r == 0) == (errors == 0));
	if (r == 0) {
		check_lists(config);
		config_unref(config);
	}
	config_report_free(report);
	free(whole);
	return 0;
}
