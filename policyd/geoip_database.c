/* SPDX-License-Identifier: ISC */
/*
 * One database, by libmaxminddb: opened, its vendor's names found out, asked. The file may be anything,
 * from damaged to made by an enemy: every walk over it is bounded, and the library checks its offsets.
 *
 * The library maps what it opens into memory, and reading a mapping of a file that was cut short ends
 * the process. So it is given a copy, which has no name and which nobody else can write to.
 */
#include <errno.h>
#include <math.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "geoip.h"
#include "geoip_file.h"
#include "geoip_meta.h"
#include "policyd/mem.h"

/* ---- what vendors call things ---- */

enum field { FIELD_COUNTRY, FIELD_ASN, FIELD_POSITION, FIELDS };

static const char *const field_name[FIELDS] = {"country", "asn", "position"};

#define PATH_MAX_WORDS 3
struct way {
	enum field field;
	/* Of a position: latitude, longitude. */
	const char *path[2][PATH_MAX_WORDS];
};

/* Where several lead to something, the one that does so most often is taken, then the first. */
static const struct way ways[] = {
	/* MaxMind, DB-IP, IP2Location */
	{FIELD_COUNTRY, {{"country", "iso_code"}}},
	{FIELD_ASN, {{"autonomous_system_number"}}},
	{FIELD_ASN, {{"traits", "autonomous_system_number"}}},
	{FIELD_POSITION, {{"location", "latitude"}, {"location", "longitude"}}},
	/* IPinfo, IPLocate and what is made of public registries */
	{FIELD_COUNTRY, {{"country_code"}}},
	{FIELD_COUNTRY, {{"geo", "country_code"}}},
	{FIELD_COUNTRY, {{"country"}}},
	{FIELD_ASN, {{"asn"}}},
	{FIELD_ASN, {{"as", "asn"}}},
	{FIELD_ASN, {{"asn", "asn"}}},
	{FIELD_ASN, {{"as_number"}}},
	{FIELD_POSITION, {{"latitude"}, {"longitude"}}},
	{FIELD_POSITION, {{"geo", "latitude"}, {"geo", "longitude"}}},
	{FIELD_POSITION, {{"lat"}, {"lng"}}},
	{FIELD_POSITION, {{"lat"}, {"lon"}}},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct geoip_database {
	MMDB_s mmdb;
	const struct way *way[FIELDS]; /* NULL: it has none */
	char type[64], knows[32];
};

/* ---- values ---- */

static bool country_of(const MMDB_entry_data_s *data, struct geo *geo)
{
	if (data->type != MMDB_DATA_TYPE_UTF8_STRING || data->data_size != 2)
		return false;
	char a = ascii_lower(data->utf8_string[0]), b = ascii_lower(data->utf8_string[1]);
	/* XX and ZZ: "unknown" in words of ISO 3166. */
	if (a < 'a' || a > 'z' || b < 'a' || b > 'z' || (a == b && (a == 'x' || a == 'z')))
		return false;
	geo->country[0] = (char)(a - 'a' + 'A');
	geo->country[1] = (char)(b - 'a' + 'A');
	return true;
}

/* "AS64500" or "64500". */
static uint64_t asn_of_text(struct span text)
{
	uint64_t asn = 0;
	if (text.n > 2 && span_equal_nocase(span_make(text.p, 2), SPAN("AS")))
		text = span_make(text.p + 2, text.n - 2);
	return span_to_u64(text, &asn) == 0 ? asn : 0;
}

static bool asn_of(const MMDB_entry_data_s *data, struct geo *geo)
{
	uint64_t asn = 0;
	if (data->type == MMDB_DATA_TYPE_UINT32)
		asn = data->uint32;
	else if (data->type == MMDB_DATA_TYPE_UINT16)
		asn = data->uint16;
	else if (data->type == MMDB_DATA_TYPE_UINT64)
		asn = data->uint64;
	else if (data->type == MMDB_DATA_TYPE_INT32 && data->int32 > 0)
		asn = (uint64_t)data->int32;
	else if (data->type == MMDB_DATA_TYPE_UTF8_STRING)
		asn = asn_of_text(span_make(data->utf8_string, data->data_size));
	if (asn == 0 || asn > UINT32_MAX)
		return false;
	geo->asn = (uint32_t)asn;
	return true;
}

/* NaN: none. Some vendors write numbers as text. */
static double degrees_of(const MMDB_entry_data_s *data)
{
	char text[24], *end;
	if (data->type == MMDB_DATA_TYPE_DOUBLE)
		return data->double_value;
	if (data->type == MMDB_DATA_TYPE_FLOAT)
		return (double)data->float_value;
	if (data->type != MMDB_DATA_TYPE_UTF8_STRING || data->data_size == 0 ||
		data->data_size >= sizeof(text))
		return NAN;
	span_copy(span_make(data->utf8_string, data->data_size), text, sizeof(text));
	double degrees = strtod(text, &end);
	return *end == '\0' ? degrees : NAN;
}

static bool position_of(
	const MMDB_entry_data_s *north, const MMDB_entry_data_s *east, struct geo *geo)
{
	double latitude = degrees_of(north), longitude = degrees_of(east);
	/* Also false for what is no number. */
	if (!(fabs(latitude) <= 90 && fabs(longitude) <= 180))
		return false;
	long y = lround(latitude * 100), x = lround(longitude * 100);
	/* 0, 0 is how some say that they do not know: nobody sends mail from there. */
	if (x == 0 && y == 0)
		return false;
	geo->has_position = true;
	geo->latitude = (int16_t)y;
	geo->longitude = (int16_t)x;
	return true;
}

/* ---- a record ---- */

enum found { FOUND, FOUND_NOT, FOUND_DAMAGED };

static enum found value_at(
	const MMDB_entry_s *entry, const char *const *words, MMDB_entry_data_s *ret)
{
	MMDB_entry_s start = *entry;
	const char *path[PATH_MAX_WORDS + 1] = {NULL};
	for (size_t i = 0; i < PATH_MAX_WORDS; i++)
		path[i] = words[i];
	int r = MMDB_aget_value(&start, ret, path);
	if (r == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		return FOUND_NOT;
	if (r != MMDB_SUCCESS)
		return FOUND_DAMAGED;
	return ret->has_data ? FOUND : FOUND_NOT;
}

static enum found way_read(const struct way *way, const MMDB_entry_s *entry, struct geo *geo)
{
	MMDB_entry_data_s data, second;
	enum found found = value_at(entry, way->path[0], &data);
	if (found == FOUND && way->field == FIELD_POSITION)
		found = value_at(entry, way->path[1], &second);
	if (found != FOUND)
		return found;
	bool is_good = false;
	switch (way->field) {
	case FIELD_COUNTRY:
		is_good = country_of(&data, geo);
		break;
	case FIELD_ASN:
		is_good = asn_of(&data, geo);
		break;
	case FIELD_POSITION:
		is_good = position_of(&data, &second, geo);
		break;
	case FIELDS:
		break;
	}
	return is_good ? FOUND : FOUND_NOT;
}

/* ---- its layout ---- */

#define SAMPLES_MAX 1024
#define NODES_MAX   65536
#define DEPTH_MAX   128

struct walk {
	const MMDB_s *mmdb;
	size_t samples, nodes;
	unsigned votes[WAYS];
	size_t stack_n;
	struct {
		uint32_t node;
		unsigned depth;
	} stack[DEPTH_MAX + 2];
};

static void sample(struct walk *walk, const MMDB_entry_s *entry)
{
	struct geo geo;
	walk->samples++;
	for (size_t i = 0; i < WAYS; i++) {
		if (way_read(&ways[i], entry, &geo) == FOUND)
			walk->votes[i]++;
	}
}

/* One side of a node: a record is looked at, a node comes onto the stack. */
static void side_take(
	struct walk *walk, uint8_t type, uint64_t record, const MMDB_entry_s *entry, unsigned depth)
{
	if (type == MMDB_RECORD_TYPE_DATA)
		sample(walk, entry);
	else if (type == MMDB_RECORD_TYPE_SEARCH_NODE && depth < DEPTH_MAX &&
		 record < walk->mmdb->metadata.node_count) {
		walk->stack[walk->stack_n].node = (uint32_t)record;
		walk->stack[walk->stack_n++].depth = depth + 1;
	}
}

/* The first records, left to right. A tree that runs in circles ends at the bound of nodes. */
static void walk_run(struct walk *walk)
{
	MMDB_search_node_s node;
	walk->stack_n = walk->mmdb->metadata.node_count > 0;
	while (walk->stack_n && walk->samples < SAMPLES_MAX && walk->nodes++ < NODES_MAX) {
		uint32_t at = walk->stack[--walk->stack_n].node;
		unsigned depth = walk->stack[walk->stack_n].depth;
		if (MMDB_read_node(walk->mmdb, at, &node) != MMDB_SUCCESS)
			continue;
		side_take(walk, node.right_record_type, node.right_record, &node.right_record_entry,
			depth);
		side_take(walk, node.left_record_type, node.left_record, &node.left_record_entry,
			depth);
	}
}

static bool layout_find(struct geoip_database *database)
{
	struct walk walk = {.mmdb = &database->mmdb};
	unsigned most[FIELDS] = {0};
	size_t n = 0;
	walk_run(&walk);
	for (size_t i = 0; i < WAYS; i++) {
		enum field field = ways[i].field;
		if (walk.votes[i] <= most[field])
			continue;
		most[field] = walk.votes[i];
		database->way[field] = &ways[i];
	}
	for (size_t i = 0; i < FIELDS; i++) {
		if (!database->way[i])
			continue;
		if (n)
			n += span_copy(SPAN(" "), database->knows + n, sizeof(database->knows) - n);
		n += span_copy(
			span_of(field_name[i]), database->knows + n, sizeof(database->knows) - n);
	}
	return n > 0;
}

/* ---- opening ---- */

static int refuse(const char *path, const char *why, struct errbuf *err)
{
	err_set(err, "%s: %s; get the file again, or take it out of geoip.databases", path, why);
	return -EINVAL;
}

static bool copy_fits(int fd, struct geoip_meta *ret)
{
	off_t n = lseek(fd, 0, SEEK_END);
	void *bytes = n > 0 ? mmap(NULL, (size_t)n, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (bytes == MAP_FAILED)
		return false;
	bool does_fit = geoip_meta_read(bytes, (size_t)n, ret);
	munmap(bytes, (size_t)n);
	return does_fit;
}

/*
 * The copy is the library's from then on: a mapping needs no descriptor. Of damaged metadata the library
 * (1.7.1) loses a few KiB, which is let be: a file is tried once for each time that it changes.
 */
static int copy_open(int fd, const char *path, struct geoip_database *database, struct errbuf *err)
{
	char name[32];
	struct geoip_meta meta;
	if (!copy_fits(fd, &meta))
		return refuse(path, "is no MaxMind DB file, or a damaged one", err);
	int n = snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (n < 0 || (size_t)n >= sizeof(name))
		return refuse(path, "too many descriptors", err);
	int r = MMDB_open(name, MMDB_MODE_MMAP, &database->mmdb);
	if (r == MMDB_FILE_OPEN_ERROR || r == MMDB_IO_ERROR)
		return refuse(path, "cannot be mapped (is /proc mounted?), or is empty", err);
	if (r != MMDB_SUCCESS)
		return refuse(path, "is no MaxMind DB file, or a damaged one", err);
	/* A type may hold anything; it goes into the log. */
	span_copy(span_of(database->mmdb.metadata.database_type), database->type,
		sizeof(database->type));
	const MMDB_metadata_s *found = &database->mmdb.metadata;
	bool is_as_read = found->node_count == meta.nodes && found->record_size == meta.record_bits;
	if (is_as_read && layout_find(database))
		return 0;
	MMDB_close(&database->mmdb);
	return refuse(
		path, "has no country, autonomous system or position under a known name", err);
}

int geoip_database_open(const char *path, struct geoip_stamp *stamp, struct geoip_database **ret,
	struct errbuf *err)
{
	int fd = geoip_file_copy(path, stamp, err);
	if (fd < 0)
		return fd == -EALREADY ? GEOIP_SAME : fd;
	struct geoip_database *database = xcalloc(1, sizeof(*database));
	int r = copy_open(fd, path, database, err);
	close(fd);
	if (r == 0)
		*ret = database;
	else
		free(database);
	return r;
}

void geoip_database_close(struct geoip_database *database)
{
	if (!database)
		return;
	MMDB_close(&database->mmdb);
	free(database);
}

const char *geoip_database_type(const struct geoip_database *database)
{
	return database->type;
}

const char *geoip_database_knows(const struct geoip_database *database)
{
	return database->knows;
}

/* ---- asking ---- */

static MMDB_lookup_result_s look(const MMDB_s *mmdb, const struct ip *ip, int *ret_error)
{
	if (ip_is_v4(ip)) {
		struct sockaddr_in v4 = {.sin_family = AF_INET};
		memcpy(&v4.sin_addr, ip->byte + 12, 4);
		return MMDB_lookup_sockaddr(mmdb, (const struct sockaddr *)&v4, ret_error);
	}
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	memcpy(&v6.sin6_addr, ip->byte, 16);
	return MMDB_lookup_sockaddr(mmdb, (const struct sockaddr *)&v6, ret_error);
}

bool geoip_database_look(
	const struct geoip_database *database, const struct ip *ip, struct geo *geo)
{
	const bool is_known[FIELDS] = {geo_has_country(geo), geo->asn != 0, geo->has_position};
	int error = MMDB_SUCCESS;
	bool is_sound = true;
	MMDB_lookup_result_s at = look(&database->mmdb, ip, &error);
	/* A database of IPv4 says nothing of IPv6, and is none the worse for it. */
	if (error == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
		return true;
	if (error != MMDB_SUCCESS)
		return false;
	for (size_t i = 0; at.found_entry && i < FIELDS; i++) {
		if (!is_known[i] && database->way[i] &&
			way_read(database->way[i], &at.entry, geo) == FOUND_DAMAGED)
			is_sound = false;
	}
	return is_sound;
}
