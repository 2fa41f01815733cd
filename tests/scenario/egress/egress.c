/* SPDX-License-Identifier: ISC */
/*
 * Runs stories of lists that flap, die and lie through egress.h in virtual time; TAP, one case a file. The
 * language is told in README. Each file is run with several seeds: jitter must not matter.
 */
#include <dirent.h>
#include <stdarg.h>
#include <unistd.h>

#include "egress_dump.h"
#include "egress_world.h"
#include "policyd/units.h"

#define FILE_BYTES_MAX 65536
#define WORDS_MAX      24
#define SEEDS          5

struct story {
	const char *path;
	unsigned line;
	uint64_t seed;
	struct world *w;
	size_t event_at, note_at; /* the next that was not looked at */
	char config[FILE_BYTES_MAX];
	char title[200], error[1000];
};

static bool wrong(struct story *s, const char *format, ...) PRINTF_LIKE(2, 3);

static bool wrong(struct story *s, const char *format, ...)
{
	char what[800];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (n < 0 || snprintf(s->error, sizeof(s->error), "%.120s:%u (seed %u): %s", s->path,
			     s->line, (unsigned)s->seed, what) < 0)
		s->error[0] = '?';
	return false;
}

/* ---- words ---- */

struct words {
	size_t n;
	char *word[WORDS_MAX];
	char *rest[WORDS_MAX]; /* the line from that word on */
	char line[1024], whole[1024];
};

static void words_of(const char *line, struct words *ret)
{
	ret->n = 0;
	(void)span_copy(span_of(line), ret->line, sizeof(ret->line));
	(void)span_copy(span_of(line), ret->whole, sizeof(ret->whole));
	char *at = ret->line;
	while (ret->n < WORDS_MAX) {
		at += strspn(at, " \t");
		if (!*at || *at == '#')
			return;
		ret->rest[ret->n] = ret->whole + (at - ret->line);
		ret->word[ret->n++] = at;
		at += strcspn(at, " \t");
		if (*at)
			*at++ = '\0';
	}
}

static bool seconds_of(struct story *s, const char *word, double *ret)
{
	int64_t us;
	bool is_back = word[0] == '-';
	struct errbuf err;
	if (duration_parse(span_of(word + is_back), &us, &err) != 0)
		return wrong(s, "%s: %s", word, err.text);
	*ret = (is_back ? -1.0 : 1.0) * (double)us / SECOND_US;
	return true;
}

/* ---- what the world does ---- */

static bool mode_of(struct story *s, const char *word, enum zone_mode *ret)
{
	for (unsigned mode = 0; mode < ZONE_MODES; mode++) {
		if (strcmp(zone_mode_names[mode], word) == 0) {
			*ret = mode;
			return true;
		}
	}
	return wrong(s, "no such mode: %s", word);
}

static bool do_zone(struct story *s, const struct words *words)
{
	enum zone_mode mode = ZONE_OK;
	if (words->n > 2 && !mode_of(s, words->word[2], &mode))
		return false;
	zone_mode(s->w, words->word[1], mode);
	return true;
}

static bool do_resolver(struct story *s, const struct words *words)
{
	return mode_of(s, words->word[1], &s->w->mode);
}

static bool do_cache(struct story *s, const struct words *words)
{
	(void)words;
	s->w->has_cache = true;
	return true;
}

static bool do_ttl(struct story *s, const struct words *words)
{
	double found_s, negative_s;
	struct world_zone *zone = zone_of(s->w, words->word[1]);
	if (!seconds_of(s, words->word[2], &found_s) || !seconds_of(s, words->word[3], &negative_s))
		return false;
	zone->ttl_s = (uint32_t)found_s;
	zone->negative_ttl_s = (uint32_t)negative_s;
	return true;
}

static bool do_list(struct story *s, const struct words *words)
{
	zone_list(s->w, words->word[1], words->rest[2]);
	return true;
}

static bool do_unlist(struct story *s, const struct words *words)
{
	zone_list(s->w, words->word[1], NULL);
	return true;
}

/* What the zone should list for IPv6 it does not. */
static bool do_no_ipv6(struct story *s, const struct words *words)
{
	zone_of(s->w, words->word[1])->test[2][0] = '\0';
	return true;
}

static bool do_elsewhere(struct story *s, const struct words *words)
{
	const char *name = words->n > 1 ? words->word[1] : "";
	(void)span_copy(span_of(name), s->w->elsewhere, sizeof(s->w->elsewhere));
	return true;
}

static bool do_run(struct story *s, const struct words *words)
{
	double seconds;
	if (!seconds_of(s, words->word[1], &seconds))
		return false;
	world_run(s->w, seconds);
	return true;
}

static bool do_sleep(struct story *s, const struct words *words)
{
	double seconds;
	if (!seconds_of(s, words->word[1], &seconds))
		return false;
	world_sleep(s->w, seconds);
	return true;
}

static bool do_restart(struct story *s, const struct words *words)
{
	double seconds;
	if (!seconds_of(s, words->word[1], &seconds))
		return false;
	world_restart(s->w, seconds);
	return true;
}

/* Somebody looks now, once, and takes five seconds. */
static bool do_check(struct story *s, const struct words *words)
{
	struct errbuf err;
	egress_check check;
	const struct egress_check_query query = {
		.list = span_of(words->n > 1 ? words->word[1] : NULL)};
	if (egress_check_begin(s->w->e, &query, MONO_NEVER, s->w->now, &check, &err) != 0)
		return wrong(s, "%s", err.text);
	world_run(s->w, 5);
	egress_check_drop(s->w->e, check);
	return true;
}

/* ---- what is expected ---- */

static bool do_verdict(struct story *s, const struct words *words)
{
	struct world_find find = world_listing(s->w, words->word[1], words->word[2]);
	const char *verdict = find.is_found ? verdict_state_name(find.listing.verdict) : "nothing";
	if (strcmp(verdict, words->word[3]) != 0)
		return wrong(s, "%s on %s is %s (%s)", words->word[1], words->word[2], verdict,
			find.why);
	return true;
}

static bool do_seen(struct story *s, const struct words *words)
{
	struct world_find find = world_listing(s->w, words->word[1], words->word[2]);
	const char *seen = find.is_found ? verdict_state_name(find.listing.seen) : "nothing";
	if (strcmp(seen, words->word[3]) != 0)
		return wrong(s, "%s on %s is seen as %s", words->word[1], words->word[2], seen);
	return true;
}

static bool do_why(struct story *s, const struct words *words)
{
	struct world_find find = world_listing(s->w, words->word[1], words->word[2]);
	if (!strstr(find.why, words->rest[3]))
		return wrong(s, "why is \"%s\"", find.why);
	return true;
}

static bool do_state(struct story *s, const struct words *words)
{
	const char *state = world_state(s->w, words->word[1]);
	if (strcmp(state, words->word[2]) != 0)
		return wrong(s, "list %s is %s: %s", words->word[1], state,
			world_list(s->w, words->word[1]).why);
	return true;
}

static bool next_has(struct story *s, char **log, size_t n, size_t *at, const char *text)
{
	if (*at == n)
		return wrong(s, "nothing was told");
	const char *told = log[(*at)++];
	return strstr(told, text) ? true : wrong(s, "told was \"%s\"", told);
}

static bool do_event(struct story *s, const struct words *words)
{
	return next_has(s, s->w->event, s->w->event_n, &s->event_at, words->rest[1]);
}

static bool do_note(struct story *s, const struct words *words)
{
	return next_has(s, s->w->note, s->w->note_n, &s->note_at, words->rest[1]);
}

static bool do_silence(struct story *s, const struct words *words)
{
	(void)words;
	if (s->event_at < s->w->event_n)
		return wrong(s, "told was \"%s\"", s->w->event[s->event_at]);
	if (s->note_at < s->w->note_n)
		return wrong(s, "noted was \"%s\"", s->w->note[s->note_at]);
	return true;
}

static bool do_quiet(struct story *s, const struct words *words)
{
	(void)words;
	s->event_at = s->w->event_n;
	s->note_at = s->w->note_n;
	return true;
}

/* ---- lines ---- */

static const struct verb {
	const char *word;
	size_t least;
	bool (*run)(struct story *s, const struct words *words);
} verbs[] = {
	{"zone", 2, do_zone},
	{"resolver", 2, do_resolver},
	{"cache", 1, do_cache},
	{"ttl", 4, do_ttl},
	{"list", 3, do_list},
	{"unlist", 2, do_unlist},
	{"no_ipv6", 2, do_no_ipv6},
	{"elsewhere", 1, do_elsewhere},
	{"run", 2, do_run},
	{"sleep", 2, do_sleep},
	{"restart", 2, do_restart},
	{"check", 1, do_check},
	{"verdict", 4, do_verdict},
	{"seen", 4, do_seen},
	{"why", 4, do_why},
	{"state", 3, do_state},
	{"event", 2, do_event},
	{"note", 2, do_note},
	{"silence", 1, do_silence},
	{"quiet", 1, do_quiet},
};

static bool verb_run(struct story *s, const struct words *words)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].word, words->word[0]) != 0)
			continue;
		if (words->n < verbs[i].least)
			return wrong(s, "%s wants %zu words", verbs[i].word, verbs[i].least - 1);
		return s->w ? verbs[i].run(s, words) : wrong(s, "no config before it");
	}
	return wrong(s, "no such verb: %s", words->word[0]);
}

static void configure(struct story *s)
{
	if (s->w)
		world_configure(s->w, s->config);
	else
		s->w = world_new_at(s->config, s->seed, 0);
}

static bool config_read(struct story *s, FILE *f)
{
	char line[1024];
	size_t n = 0;
	while (fgets(line, sizeof(line), f)) {
		s->line++;
		if (strcmp(line, "end\n") == 0) {
			configure(s);
			return true;
		}
		n += span_copy(span_of(line), s->config + n, sizeof(s->config) - n);
	}
	return wrong(s, "config without end");
}

static bool lines_run(struct story *s, FILE *f)
{
	char line[1024];
	struct words words;
	while (fgets(line, sizeof(line), f)) {
		s->line++;
		line[strcspn(line, "\n")] = '\0';
		if (s->line == 1)
			(void)span_copy(
				span_of(line + strspn(line, "# ")), s->title, sizeof(s->title));
		words_of(line, &words);
		if (words.n == 0)
			continue;
		if (strcmp(words.word[0], "config") == 0 ? !config_read(s, f)
							 : !verb_run(s, &words))
			return false;
	}
	if (s->w && s->w->told_twice)
		return wrong(s, "an event was told twice in a row");
	return s->w ? do_silence(s, NULL) : wrong(s, "nothing in it");
}

static bool story_run(struct story *s)
{
	FILE *f = fopen(s->path, "re");
	if (!f)
		return wrong(s, "cannot be opened");
	bool good = lines_run(s, f);
	(void)fclose(f);
	if (s->w)
		world_free(s->w);
	return good;
}

/* ---- files ---- */

static bool report(const char *path, unsigned number)
{
	bool good = true;
	struct story *s = NULL;
	for (uint64_t seed = 1; good && seed <= SEEDS; seed++) {
		free(s);
		s = xcalloc(1, sizeof(*s));
		s->path = path;
		s->seed = seed;
		good = story_run(s);
	}
	const char *slash = strrchr(path, '/');
	printf("%s %u - %s: %s\n", good ? "ok" : "not ok", number, slash ? slash + 1 : path,
		s->title);
	if (!good)
		printf("# %s\n", s->error);
	(void)fflush(stdout);
	free(s);
	return good;
}

static int is_story(const struct dirent *entry)
{
	return span_ends(span_of(entry->d_name), SPAN(".pds"));
}

static unsigned folder_run(const char *folder)
{
	struct dirent **entry;
	char path[4096];
	unsigned failed = 0;
	int n = scandir(folder, &entry, is_story, alphasort);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		int wrote = snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name);
		failed += wrote < 0 || !report(path, (unsigned)i + 1);
		free(entry[i]);
	}
	free(entry);
	return failed + (n <= 0);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fputs("usage: egress FOLDER|FILE\n", stderr);
		return 64;
	}
	DIR *dir = opendir(argv[1]);
	if (!dir) {
		(void)puts("1..1");
		return report(argv[1], 1) ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	(void)closedir(dir);
	return folder_run(argv[1]) ? EXIT_FAILURE : EXIT_SUCCESS;
}
