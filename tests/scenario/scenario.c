/* SPDX-License-Identifier: ISC */
/*
 * Runs scenario files through the real engine in virtual time; TAP, one case a file. The language is told in
 * README; what a line does is in verb.c.
 */
#include "scenario.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/mem.h"

#define FILE_MAX_BYTES (256 * 1024)
#define FILES_MAX      500
#define SUFFIX         ".pds"
#define LISTEN         "listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n"

static const char usage[] = "usage: scenario [-x] PATH...\n"
			    "  PATH   a scenario, or a folder: all its *" SUFFIX "\n"
			    "  -x     each must fail, with what its line \"# fails: TEXT\" says\n";

int fail(struct scenario *s, const char *format, ...)
{
	char what[1000];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (n < 0 ||
		snprintf(s->error, sizeof(s->error), "%.150s:%u: %s", s->path, s->line, what) < 0)
		s->error[0] = '?';
	return -EINVAL;
}

/* The clocks begin apart, so that a mix-up shows. */
struct now scenario_now(const struct scenario *s)
{
	return (struct now){
		.mono = {.us = s->at_us - s->boot_us + (s->boots ? MINUTE_US : 1000 * HOUR_US)},
		.wall = {.us = s->at_us + s->wall_step_us + INT64_C(1800000000) * SECOND_US},
	};
}

void scenario_effects(struct scenario *s)
{
	struct effect effect;
	while (engine_effect(s->engine, &effect)) {
		s->decisions += effect.kind == EFFECT_DECISION;
		signal_effect(s, &effect);
		if (effect.kind == EFFECT_NOTE && s->notes < NOTES_MAX)
			span_copy(span_of(effect.note), s->note[s->notes++], sizeof(s->note[0]));
	}
}

/* ---- lines and blocks ---- */

/* The next line of *at, ended with NUL in place; NULL at the end. */
static char *line_next(struct scenario *s, char **at)
{
	char *line = *at, *end = strchr(line, '\n');
	if (*line == '\0')
		return NULL;
	*at = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	s->line++;
	return line;
}

static int configure(struct scenario *s, const char *text)
{
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	char *named = files_named(s, text);
	int r = config_parse(span_of(named), s->path, &config, report);
	free(named);
	for (size_t i = 0; r != 0 && i < report->n && s->error[0] == '\0'; i++) {
		if (report->line[i].error)
			span_copy(span_of(report->line[i].text), s->error, sizeof(s->error));
	}
	config_report_free(report);
	if (r != 0)
		return -EINVAL;
	config_unref(s->config);
	s->config = config;
	if (s->engine)
		engine_configure(s->engine, config);
	else
		state_start(s);
	standing_configure(s);
	return 0;
}

/* A block, up to its "end". */
struct block {
	enum { BLOCK_CONFIG, BLOCK_RELOAD, BLOCK_FILE, BLOCK_REPEAT } kind;
	const char *name; /* FILE */
};

/* What a line begins; false when it is no block. */
static bool block_of(const struct words *words, struct block *ret)
{
	const char *word = words->n ? words->word[0] : "";
	*ret = (struct block){.kind = BLOCK_CONFIG, .name = words->n == 2 ? words->word[1] : NULL};
	if (words->n == 1 && strcmp(word, "config") == 0)
		return true;
	ret->kind = BLOCK_REPEAT;
	if (strcmp(word, "repeat") == 0)
		return true;
	ret->kind = words->n == 2 ? BLOCK_FILE : BLOCK_RELOAD;
	return strcmp(word, ret->kind == BLOCK_FILE ? "file" : "reload") == 0 && words->n <= 2;
}

/* Its lines, below n empty ones; NULL when there is no end. For free(). */
static char *block_text(struct scenario *s, char **at, size_t n)
{
	const char *line;
	char *text = xmalloc(n + strlen(*at) + sizeof(LISTEN));
	memset(text, '\n', n);
	while ((line = line_next(s, at)) && strcmp(line, "end") != 0) {
		n += span_copy(span_of(line), text + n, strlen(line) + 1);
		text[n++] = '\n';
	}
	text[n] = '\0';
	if (line)
		return text;
	free(text);
	return NULL;
}

static int block_text_run(
	struct scenario *s, const struct block *block, const struct words *words, char *text)
{
	if (block->kind == BLOCK_REPEAT)
		return repeat_run(s, words, text);
	if (block->kind == BLOCK_FILE)
		return files_write(s, block->name, text);
	memcpy(text + strlen(text), LISTEN, sizeof(LISTEN));
	return configure(s, text);
}

static int block_run(
	struct scenario *s, const struct block *block, const struct words *words, char **at)
{
	unsigned begun = s->line;
	bool is_config = block->kind == BLOCK_CONFIG || block->kind == BLOCK_RELOAD;
	if (is_config && (block->kind == BLOCK_RELOAD) != (s->engine != NULL))
		return fail(s, "config comes first and once, then reload");
	/* As many empty lines as stand before it: messages tell the right line. */
	char *text = block_text(s, at, is_config ? begun : 0);
	unsigned end = s->line;
	if (block->kind == BLOCK_REPEAT || !text)
		s->line = begun;
	if (!text)
		return fail(s, "the block that begins here has no \"end\"");
	int r = block_text_run(s, block, words, text);
	if (r == 0)
		s->line = end;
	free(text);
	return r;
}

int scenario_lines(struct scenario *s, char *text)
{
	struct words words;
	struct block block;
	struct errbuf err;
	char *line;
	int r = 0;
	while (r == 0 && (line = line_next(s, &text))) {
		if (words_split(line, &words, &err) != 0)
			return fail(s, "%s", err.text);
		if (block_of(&words, &block))
			r = block_run(s, &block, &words, &text);
		else if (words.n)
			r = verb_run(s, &words);
	}
	return r;
}

static int run_all(struct scenario *s, char *text)
{
	int r = scenario_lines(s, text);
	if (r == 0 && s->notes)
		r = fail(s, "at the end: a note that nobody expected: %s", s->note[0]);
	if (r == 0 && s->checks == 0)
		r = fail(s, "nothing is expected in it");
	return r;
}

/* ---- one file ---- */

static char *file_read(const char *path, char *error, size_t size)
{
	char *text = xmalloc(FILE_MAX_BYTES + 1);
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, FILE_MAX_BYTES + 1, file) : 0;
	bool is_good = file && !ferror(file) && n <= FILE_MAX_BYTES && !memchr(text, '\0', n);
	if (!is_good && snprintf(error, size, "%s: unreadable, binary, or over %d bytes", path,
				FILE_MAX_BYTES) < 0)
		error[0] = '?';
	if (file)
		(void)fclose(file);
	if (!is_good) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

/* Its first line, "# What it is about." */
static int title_of(struct scenario *s, const char *text, char *title, size_t size)
{
	if (strncmp(text, "# ", 2) != 0)
		return fail(s, "begins with no comment that says what it is about");
	span_copy(span_make(text + 2, strcspn(text + 2, "#\n")), title, size);
	return 0;
}

static int run_file(const char *path, bool is_lazy, char title[static 120], char error[static 1200])
{
	struct scenario s = {.path = path, .is_lazy = is_lazy};
	char *text = file_read(path, error, sizeof(s.error));
	if (!text)
		return -EINVAL;
	s.attributes.client_address = SPAN("192.0.2.7");
	s.attributes.server_port = SPAN("587");
	int r = title_of(&s, text, title, 120);
	if (r == 0)
		r = run_all(&s, text);
	memcpy(error, s.error, sizeof(s.error));
	state_free(&s);
	files_free(&s);
	repeat_free(&s);
	free(text);
	return r;
}

/* The text after "# fails: ", or "". */
static void failure_of(const char *path, char *buf, size_t size)
{
	static const char mark[] = "\n# fails: ";
	char ignored[200];
	char *text = file_read(path, ignored, sizeof(ignored));
	const char *at = text ? strstr(text, mark) : NULL;
	at = at ? at + sizeof(mark) - 1 : "";
	span_copy(span_make(at, strcspn(at, "\n")), buf, size);
	free(text);
}

static bool is_good(
	const char *path, bool must_fail, char title[static 120], char error[static 1200])
{
	char wanted[300];
	/* Whoever ticks, and when: the outcome is the same. */
	int r = run_file(path, false, title, error);
	if (r == 0)
		r = run_file(path, true, title, error);
	if (!must_fail)
		return r == 0;
	failure_of(path, wanted, sizeof(wanted));
	return r != 0 && wanted[0] && strstr(error, wanted);
}

static bool report(const char *path, unsigned number, bool must_fail)
{
	char title[120] = "", error[1200] = "no failure";
	const char *slash = strrchr(path, '/');
	bool good = is_good(path, must_fail, title, error);
	printf("%s %u - %s: %s\n", good ? "ok" : "not ok", number, slash ? slash + 1 : path, title);
	if (!good)
		printf("# %s\n", error);
	(void)fflush(stdout);
	return good;
}

/* ---- which files ---- */

struct files {
	size_t n;
	char *path[FILES_MAX];
};

static void add(struct files *files, const char *folder, const char *name)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", name);
	if (n > 0 && (size_t)n < sizeof(path) && files->n < FILES_MAX)
		files->path[files->n++] = xstrdup(path);
}

static int is_scenario(const struct dirent *entry)
{
	return span_ends(span_of(entry->d_name), SPAN(SUFFIX));
}

static void gather(struct files *files, const char *path)
{
	struct stat st;
	struct dirent **entry;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		add(files, "", path);
		return;
	}
	int n = scandir(path, &entry, is_scenario, alphasort);
	for (int i = 0; i < n; i++) {
		add(files, path, entry[i]->d_name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

int main(int argc, char **argv)
{
	struct files files = {.n = 0};
	unsigned failed = 0;
	bool must_fail = argc > 1 && strcmp(argv[1], "-x") == 0;
	for (int i = must_fail ? 2 : 1; i < argc; i++)
		gather(&files, argv[i]);
	if (files.n == 0) {
		fputs(usage, stderr);
		return 64;
	}
	printf("1..%zu\n", files.n);
	for (size_t i = 0; i < files.n; i++) {
		failed += !report(files.path[i], (unsigned)i + 1, must_fail);
		free(files.path[i]);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
