/* SPDX-License-Identifier: ISC */
/* geoip.h: databases of several vendors, none of which can be relied upon. */
#include "geoip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mmdb_help.h"
#include "random.h"
#include "suite.h"

static char directory[] = "/tmp/policyd-geoip-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[2][64];
	static unsigned at;
	char *text = path[at++ % 2];
	(void)snprintf(text, sizeof(path[0]), "%s/%s", directory, name);
	return text;
}

static struct geoip_database *opened(const char *path)
{
	struct geoip_stamp stamp = {0};
	struct geoip_database *database = NULL;
	struct errbuf err = {.text = ""};
	int r = geoip_database_open(path, &stamp, &database, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	return database;
}

static struct ip ip_of(const char *text)
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(span_of(text), &ip), 0);
	return ip;
}

/* "DE AS64500 52.50,13.40", what is unknown left out. */
static const char *geo_text(const struct geo *geo)
{
	static char text[64];
	int n = 0;
	text[0] = '\0';
	if (geo_has_country(geo))
		n += snprintf(text, sizeof(text), "%.2s", geo->country);
	if (geo->asn)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " AS%u", geo->asn);
	if (geo->has_position)
		(void)snprintf(text + n, sizeof(text) - (size_t)n, " %.2f,%.2f",
			geo->latitude / 100.0, geo->longitude / 100.0);
	return text[0] == ' ' ? text + 1 : text;
}

/* ---- vendors ---- */

#define V4 "192.0.2.0/24"
#define V6 "2001:db8::/32"

static const struct layout_row {
	const char *label;
	struct mmdb_file file;
	const char *ip, *found;
	const char *knows;
} layouts[] = {
	{"GeoLite2-City",
		{"GeoLite2-City", 6, 1,
			{{V4, "{\"country\":{\"iso_code\":\"DE\"},\"location\":{\"latitude\":52.5,"
			      "\"longitude\":13.4}}"}}},
		"192.0.2.1", "DE 52.50,13.40", "country position"},
	{"GeoLite2-Country, a record without one",
		{"GeoLite2-Country", 6, 2,
			{{V4, "{\"continent\":{\"code\":\"EU\"}}"},
				{"198.51.100.0/24", "{\"country\":{\"iso_code\":\"FR\"}}"}}},
		"192.0.2.1", "", "country"},
	{"GeoLite2-ASN",
		{"GeoLite2-ASN", 6, 1,
			{{V6, "{\"autonomous_system_number\":64500,"
			      "\"autonomous_system_organization\":\"x\"}"}}},
		"2001:db8::1", "AS64500", "asn"},
	{"GeoIP2-Enterprise",
		{"GeoIP2-Enterprise", 6, 1,
			{{V4, "{\"country\":{\"iso_code\":\"se\"},\"traits\":{\"autonomous_system_"
			      "number\":64501},\"location\":{\"latitude\":-33.86,\"longitude\":"
			      "151.207}}"}}},
		"192.0.2.255", "SE AS64501 -33.86,151.21", "country asn position"},
	{"DB-IP lite",
		{"DBIP-Country-Lite", 6, 1,
			{{V4, "{\"continent\":{\"code\":\"EU\"},\"country\":{\"iso_code\":\"NL\"}"
			      "}"}}},
		"192.0.2.1", "NL", "country"},
	{"IPinfo lite",
		{"ipinfo generic_lite.mmdb", 6, 1,
			{{V4, "{\"country\":\"Germany\",\"country_code\":\"DE\",\"asn\":"
			      "\"AS64502\",\"as_name\":\"x\"}"}}},
		"192.0.2.1", "DE AS64502", "country asn"},
	{"IPinfo, country alone",
		{"ipinfo country_asn.mmdb", 6, 1,
			{{V6, "{\"country\":\"PL\",\"country_name\":\"Poland\",\"asn\":\"AS1\"}"}}},
		"2001:db8:ffff::", "PL AS1", "country asn"},
	{"IPinfo location, numbers as text",
		{"ipinfo standard_location.mmdb", 6, 1,
			{{V4, "{\"country\":\"US\",\"lat\":\"37.386\",\"lng\":\"-122.084\"}"}}},
		"192.0.2.1", "US 37.39,-122.08", "country position"},
	{"IPinfo core",
		{"ipinfo core", 6, 1,
			{{V4, "{\"geo\":{\"country_code\":\"IT\",\"latitude\":41.9,\"longitude\":"
			      "12.5},\"as\":{\"asn\":\"AS64503\"}}"}}},
		"192.0.2.1", "IT AS64503 41.90,12.50", "country asn position"},
	{"IP2Location", {"IP2LITE-Country", 4, 1, {{V4, "{\"country\":{\"iso_code\":\"ES\"}}"}}},
		"192.0.2.1", "ES", "country"},
	{"IPv6 asked of a database of IPv4",
		{"IP2LITE-Country", 4, 1, {{V4, "{\"country\":{\"iso_code\":\"ES\"}}"}}},
		"2001:db8::1", "", "country"},
	{"no such network", {"x", 6, 1, {{V4, "{\"country_code\":\"GB\"}"}}}, "192.0.3.1", "",
		"country"},
	{"unknown in words of ISO 3166",
		{"x", 6, 2,
			{{V4, "{\"country_code\":\"ZZ\"}"},
				{"198.51.100.0/24", "{\"country_code\":\"GB\"}"}}},
		"192.0.2.1", "", "country"},
	{"no position on earth, no country, no number",
		{"x", 6, 2,
			{{V4, "{\"country_code\":\"D1\",\"asn\":\"AS99999999999\",\"latitude\":"
			      "90.01,\"longitude\":0.0}"},
				{"198.51.100.0/24", "{\"country_code\":\"GB\",\"asn\":7,"
						    "\"latitude\":1.0,\"longitude\":1.0}"}}},
		"192.0.2.1", "", "country asn position"},
	{"0, 0 is nowhere",
		{"x", 6, 2,
			{{V4, "{\"country_code\":\"DE\",\"lat\":0.0,\"lon\":0.001}"},
				{"198.51.100.0/24", "{\"lat\":1.0,\"lon\":1.0}"}}},
		"192.0.2.1", "DE", "country position"},
};

START_TEST(layout)
{
	const struct layout_row *row = &layouts[_i];
	struct geo geo = {0};
	struct ip ip = ip_of(row->ip);
	mmdb_write(path_of("a"), &row->file);
	struct geoip_database *database = opened(path_of("a"));
	ck_assert_msg(geoip_database_look(database, &ip, &geo), "%s", row->label);
	ck_assert_msg(
		strcmp(geo_text(&geo), row->found) == 0, "%s: %s", row->label, geo_text(&geo));
	ck_assert_str_eq(geoip_database_type(database), row->file.type);
	ck_assert_str_eq(geoip_database_knows(database), row->knows);
	geoip_database_close(database);
}
END_TEST

/* ---- several as one ---- */

static const struct mmdb_file city = {"City", 6, 2,
	{{V4, "{\"country\":{\"iso_code\":\"DE\"},\"location\":{\"latitude\":52.5,\"longitude\":13."
	      "4}"
	      "}"},
		{"198.51.100.0/24", "{\"country\":{\"iso_code\":\"FR\"}}"}}};
static const struct mmdb_file asn = {"ASN", 6, 2,
	{{V4, "{\"asn\":\"AS64500\",\"country_code\":\"AT\"}"},
		{"203.0.113.0/24", "{\"asn\":\"AS64501\",\"country_code\":\"CH\"}"}}};

static struct config *config_of(char **text, size_t n)
{
	static struct config config;
	config.geoip.databases = (struct config_strings){.text = text, .n = n};
	return &config;
}

static const char *asked(struct geoip *geoip, const char *text)
{
	struct geo geo = {.asn = 1};
	struct ip ip = ip_of(text);
	geoip_look(geoip, &ip, &geo);
	/* Asked by its text, which is remembered for itself, it is the same. */
	struct geo by_text = {.asn = 1};
	char answer[64];
	span_copy(span_of(geo_text(&geo)), answer, sizeof(answer));
	geoip_locate(geoip, span_of(text), &by_text);
	ck_assert_str_eq(geo_text(&by_text), answer);
	return geo_text(&geo);
}

START_TEST(merged)
{
	struct errbuf err;
	char a[64], b[64];
	char *paths[] = {a, b};
	span_copy(span_of(path_of("a")), a, sizeof(a));
	span_copy(span_of(path_of("b")), b, sizeof(b));
	mmdb_write(a, &city);
	mmdb_write(b, &asn);
	struct geoip *geoip = geoip_open(config_of(paths, 2), &err);
	ck_assert_str_eq(err.text, "");
	/* The first that knows has the word. */
	for (int i = 0; i < 3; i++) {
		ck_assert_str_eq(asked(geoip, "192.0.2.1"), "DE AS64500 52.50,13.40");
		ck_assert_str_eq(asked(geoip, "198.51.100.1"), "FR");
		ck_assert_str_eq(asked(geoip, "203.0.113.1"), "CH AS64501");
		ck_assert_str_eq(asked(geoip, "203.0.114.1"), "");
	}
	struct geoip_figures figures;
	geoip_figures(geoip, &figures);
	ck_assert_uint_eq(figures.loaded, 2);
	ck_assert_uint_eq(figures.lookups, 24);
	ck_assert_uint_eq(figures.cached, 16);
	ck_assert_uint_eq(figures.damaged, 0);
	/* What was remembered of a database goes with it. */
	geoip_put(geoip, 0, NULL);
	ck_assert_str_eq(asked(geoip, "192.0.2.1"), "AT AS64500");
	geoip_put(geoip, 0, opened(a));
	ck_assert_str_eq(asked(geoip, "192.0.2.1"), "DE AS64500 52.50,13.40");
	geoip_close(geoip);
}
END_TEST

/* What is no address is nowhere, and is not taken for one whose bytes are the same. */
START_TEST(located_by_text)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8:0:0:0:0:0:1", "192.0.2.1", "",
		"192.0.2.256", "nonsense", "0.0.0.0.0.0.0.0.0", "192.0.2.1"};
	static const char *const found[] = {"DE", "", "DE", "", "", "", "", "DE"};
	struct geoip *geoip = geoip_new(1);
	mmdb_write(path_of("a"), &city);
	geoip_put(geoip, 0, opened(path_of("a")));
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct geo geo = {.asn = 1};
		geoip_locate(geoip, span_of(texts[i]), &geo);
		ck_assert_str_eq(geo_text(&geo), found[i][0] ? "DE 52.50,13.40" : "");
		struct ip same = {{0}};
		memcpy(same.byte, texts[i], strlen(texts[i]) < 16 ? strlen(texts[i]) : 16);
		geoip_look(geoip, &same, &geo);
		ck_assert_str_eq(geo_text(&geo), "");
	}
	struct geoip_figures figures;
	geoip_figures(geoip, &figures);
	ck_assert_uint_eq(figures.lookups, 4 + ROWS(texts));
	geoip_close(geoip);
}
END_TEST

/* More addresses than are remembered: each gets its own answer all the same. */
START_TEST(cache_is_exact)
{
	struct geoip *geoip = geoip_new(1);
	mmdb_write(path_of("a"), &city);
	geoip_put(geoip, 0, opened(path_of("a")));
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 20000; i++) {
			struct ip ip = ip_of(i % 2 ? "192.0.2.1" : "2001:db8::");
			struct geo geo;
			if (!(i % 2))
				memcpy(ip.byte + 4 + i % 8, &i, sizeof(i));
			geoip_look(geoip, &ip, &geo);
			ck_assert_str_eq(geo_text(&geo), i % 2 ? "DE 52.50,13.40" : "");
		}
	}
	geoip_close(geoip);
}
END_TEST

/* ---- what cannot be read ---- */

static void file_put(const char *path, const char *bytes, size_t n)
{
	FILE *out = fopen(path, "we");
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(bytes, 1, n, out), n);
	ck_assert_int_eq(fclose(out), 0);
}

static void make_fifo(const char *path)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void make_directory(const char *path)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void make_empty(const char *path)
{
	file_put(path, "", 0);
}

static void make_text(const char *path)
{
	file_put(path, "GeoIP.dat\n", 10);
}

static void make_nothing(const char *path)
{
	(void)path;
}

static void make_other(const char *path)
{
	mmdb_write(path, &(struct mmdb_file){"Anonymous-IP", 6, 1, {{V4, "{\"is_vpn\":1}"}}});
}

static void make_without_records(const char *path)
{
	mmdb_write(path, &(struct mmdb_file){"City", 6, 0, {{NULL, NULL}}});
}

static const struct bad_row {
	const char *label, *says;
	void (*make)(const char *path);
	int result;
} bad[] = {
	{"absent", "No such file", make_nothing, -ENOENT},
	{"a directory", "is no file", make_directory, -EINVAL},
	{"a pipe", "is no file", make_fifo, -EINVAL},
	{"empty", "no MaxMind DB file", make_empty, -EINVAL},
	{"text", "no MaxMind DB file", make_text, -EINVAL},
	{"another kind", "no country, autonomous system or position", make_other, -EINVAL},
	{"no records", "no country, autonomous system or position", make_without_records, -EINVAL},
};

START_TEST(refused)
{
	const struct bad_row *row = &bad[_i];
	struct geoip_stamp stamp = {0};
	struct geoip_database *database = NULL;
	struct errbuf err = {.text = ""};
	char path[64];
	span_copy(span_of(path_of("bad")), path, sizeof(path));
	row->make(path);
	int r = geoip_database_open(path, &stamp, &database, &err);
	ck_assert_msg(r == row->result, "%s: %d", row->label, r);
	ck_assert_ptr_null(database);
	ck_assert_msg(strstr(err.text, path) && strstr(err.text, row->says), "%s: %s", row->label,
		err.text);
	/* Once: it is the same file still. */
	ck_assert_int_eq(geoip_database_open(path, &stamp, &database, &err), GEOIP_SAME);
	(void)(rmdir(path) == 0 || unlink(path) == 0);
	/* Beside one that is good, it takes nothing away. */
	char good[64];
	char *paths[] = {path, good};
	span_copy(span_of(path_of("good")), good, sizeof(good));
	mmdb_write(good, &city);
	struct geoip *geoip = geoip_open(config_of(paths, 2), &err);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_str_eq(asked(geoip, "198.51.100.1"), "FR");
	geoip_close(geoip);
}
END_TEST

START_TEST(none)
{
	struct errbuf err = {.text = "x"};
	char *paths[] = {(char[]){"/nonexistent/a.mmdb"}};
	ck_assert_ptr_null(geoip_open(config_of(NULL, 0), &err));
	ck_assert_str_eq(err.text, "");
	ck_assert_ptr_null(geoip_open(config_of(paths, 1), &err));
	ck_assert_str_ne(err.text, "");
	ck_assert_str_eq(asked(NULL, "192.0.2.1"), "");
	struct geoip_figures figures;
	geoip_figures(NULL, &figures);
	ck_assert_uint_eq(figures.databases, 0);
	geoip_close(NULL);
}
END_TEST

/* ---- files that change ---- */

START_TEST(written_over)
{
	struct geoip_stamp stamp = {0};
	struct geoip_database *database = NULL, *second = NULL;
	struct errbuf err;
	struct geo geo = {0};
	struct ip ip = ip_of("198.51.100.1");
	char path[64];
	span_copy(span_of(path_of("a")), path, sizeof(path));
	mmdb_write(path, &city);
	ck_assert_int_eq(geoip_database_open(path, &stamp, &database, &err), 0);
	ck_assert_int_eq(geoip_database_open(path, &stamp, &second, &err), GEOIP_SAME);
	/* In place: a mapping of the file itself would end the process here. */
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert(geoip_database_look(database, &ip, &geo));
	ck_assert_str_eq(geo_text(&geo), "FR");
	ck_assert_int_lt(geoip_database_open(path, &stamp, &second, &err), 0);
	mmdb_write(path, &asn);
	ck_assert_int_eq(geoip_database_open(path, &stamp, &second, &err), 0);
	ck_assert_str_eq(geoip_database_knows(second), "country asn");
	geoip_database_close(database);
	geoip_database_close(second);
}
END_TEST

/* ---- damage ---- */

/* libmaxminddb 1.7.1 loses a few KiB when it refuses damaged metadata; that is not ours to find. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(
	void); /* NOLINT(bugprone-reserved-identifier) */

const char *__lsan_default_suppressions(void) /* NOLINT(bugprone-reserved-identifier) */
{
	return "leak:libmaxminddb";
}

static void look_around(const struct geoip_database *database)
{
	static const char *const addresses[] = {"192.0.2.1", "198.51.100.1", "203.0.113.9",
		"0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "2002:c000:201::1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "127.0.0.1"};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct geo geo = {0};
		struct ip ip = ip_of(addresses[i]);
		(void)geoip_database_look(database, &ip, &geo);
		ck_assert_int_le(geo.latitude, 9000);
		ck_assert_int_ge(geo.longitude, -18000);
		ck_assert(
			!geo_has_country(&geo) || (geo.country[0] >= 'A' && geo.country[0] <= 'Z'));
	}
}

/* Whatever stands in the file: it opens or is refused, and answers or does not. True: it opened. */
static bool is_survived(const char *path, const char *bytes, size_t n)
{
	struct geoip_stamp stamp = {0};
	struct geoip_database *database = NULL;
	struct errbuf err;
	file_put(path, bytes, n);
	if (geoip_database_open(path, &stamp, &database, &err) != 0)
		return false;
	look_around(database);
	geoip_database_close(database);
	return true;
}

static size_t file_get(const char *path, char *bytes, size_t size)
{
	FILE *in = fopen(path, "re");
	ck_assert_ptr_nonnull(in);
	size_t n = fread(bytes, 1, size, in);
	ck_assert_int_eq(fclose(in), 0);
	return n;
}

START_TEST(damaged)
{
	static char whole[MMDB_BYTES_MAX], bytes[MMDB_BYTES_MAX];
	struct chance chance = chance_new("geoip");
	unsigned survived = 0, rounds = 300;
	char path[64];
	span_copy(span_of(path_of("damaged")), path, sizeof(path));
	mmdb_write(path, &layouts[_i].file);
	size_t n = file_get(path, whole, sizeof(whole));
	ck_assert(is_survived(path, whole, n));
	for (size_t cut = 0; cut < n; cut += 1 + n / 200)
		(void)is_survived(path, whole, cut);
	for (unsigned round = 0; round < rounds; round++) {
		memcpy(bytes, whole, n);
		/* Nearer to the end there are the records, and what the rest means. */
		for (uint64_t flips = 1 + chance_next(&chance) % 4; flips > 0; flips--) {
			size_t back = (size_t)(chance_next(&chance) % (round % 2 ? n : 320));
			bytes[n - 1 - (back < n ? back : 0)] = (char)chance_next(&chance);
		}
		survived += is_survived(path, bytes, n);
	}
	/* Else it is only the opening that is tried. */
	ck_assert_uint_gt(survived, rounds / 20);
}
END_TEST

/* A tree that leads back to its beginning. */
START_TEST(circle)
{
	static char bytes[MMDB_BYTES_MAX];
	char path[64];
	span_copy(span_of(path_of("circle")), path, sizeof(path));
	mmdb_write(path, &city);
	size_t n = file_get(path, bytes, sizeof(bytes));
	memset(bytes, 0, 8 * (size_t)100);
	(void)is_survived(path, bytes, n);
}
END_TEST

int main(void)
{
	static const char *const names[] = {"a", "b", "good", "bad", "damaged", "circle"};
	const struct suite_row rows[] = {
		{"layout", layout, ROWS(layouts)},
		{"merged", merged, 0},
		{"located_by_text", located_by_text, 0},
		{"cache_is_exact", cache_is_exact, 0},
		{"refused", refused, ROWS(bad)},
		{"none", none, 0},
		{"written_over", written_over, 0},
		{"damaged", damaged, ROWS(layouts)},
		{"circle", circle, 0},
	};
	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	int code = SUITE_RUN("geoip", rows);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]));
	return rmdir(directory) == 0 ? code : EXIT_FAILURE;
}
