/* SPDX-License-Identifier: ISC */
/*
 * What the daemon was asked and answered, as lines of JSON for policyctl simulate. Recording never
 * slows an answer: what the disk does not take in time is dropped, with a count.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/lines.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/replay.h"

struct recorder {
	int fd;
	struct lines *lines;
	uint64_t room; /* bytes that may still be written */
};

/* On the writing thread. */
static int file_write(void *ctx, struct span bytes)
{
	const struct recorder *r = ctx;
	while (bytes.n) {
		ssize_t n = write(r->fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes = span_make(bytes.p + n, bytes.n - (size_t)n);
	}
	return 0;
}

static void count_dropped(void *ctx, uint64_t lines)
{
	(void)ctx;
	metric_add(METRIC_RECORD_DROPPED, lines);
}

void recorder_flush(struct recorder *r)
{
	if (r)
		lines_flush(r->lines);
}

/* The first line without room ends the recording: with a hole it would replay differently. */
static void put_line(struct recorder *r, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(16));
	struct span line = span_of(text);
	json_decref(object);
	if (!text || line.n + 1 > r->room) {
		metric_add(METRIC_RECORD_DROPPED, 1);
		r->room = 0;
	} else {
		lines_put(r->lines, line);
		r->room -= line.n + 1;
	}
	free(text);
}

static json_t *line_new(struct now now, const char *event)
{
	json_t *object = json_object();
	jsonl_put_now(object, now);
	if (event)
		json_object_set_new(object, "event", json_string(event));
	return object;
}

static void put_start(struct recorder *r, const struct recorder_setup *setup)
{
	char seed[2 * 16 + 1];
	json_t *line = line_new(setup->now, "start");
	if (snprintf(seed, sizeof(seed), "%016" PRIx64 "%016" PRIx64, setup->seed[0],
		    setup->seed[1]) > 0)
		json_object_set_new(line, "seed", json_string(seed));
	if (setup->is_restored)
		json_object_set_new(line, "restored", json_true());
	put_line(r, line);
}

/* A crash may have cut the last line: the next one must not become a part of it. */
static void end_cut_line(struct recorder *r, uint64_t size)
{
	char last;
	if (pread(r->fd, &last, 1, (off_t)size - 1) != 1 || last == '\n' || r->room == 0)
		return;
	lines_put(r->lines, span_make("", 0));
	r->room--;
}

int recorder_open(const struct recorder_setup *setup, struct recorder **ret, struct errbuf *err)
{
	struct stat st = {0};
	int fd = open(setup->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st) != 0) {
		int r = -errno;
		err_set(err, "record.file: %s: %s", setup->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	uint64_t size = (uint64_t)st.st_size;
	struct recorder *r = xcalloc(1, sizeof(*r));
	*r = (struct recorder){
		.fd = fd, .room = setup->max_bytes > size ? setup->max_bytes - size : 0};
	r->lines = lines_new(
		&(struct lines_setup){.write = file_write, .dropped = count_dropped, .ctx = r},
		err);
	if (!r->lines) {
		close(fd);
		free(r);
		return -EAGAIN;
	}
	if (size)
		end_cut_line(r, size);
	put_start(r, setup);
	*ret = r;
	return 0;
}

void recorder_close(struct recorder *r)
{
	if (!r)
		return;
	lines_free(r->lines);
	close(r->fd);
	free(r);
}

void recorder_opened(struct recorder *r, engine_conn conn, struct span listener,
	const struct ip *peer, struct now now)
{
	char text[IP_TEXT_SIZE];
	if (!r)
		return;
	json_t *line = line_new(now, "open");
	json_object_set_new(line, "conn", json_integer(conn));
	jsonl_put_text(line, "listener", listener);
	if (peer)
		json_object_set_new(line, "peer", json_string(ip_format(peer, text)));
	put_line(r, line);
}

void recorder_closed(struct recorder *r, engine_conn conn, struct now now)
{
	if (!r)
		return;
	json_t *line = line_new(now, "close");
	json_object_set_new(line, "conn", json_integer(conn));
	put_line(r, line);
}

void recorder_answered(struct recorder *r, engine_conn conn, const struct request *request,
	const struct verdict *verdict, struct now now)
{
	if (!r)
		return;
	json_t *line = line_new(now, NULL);
	json_object_set_new(line, "conn", json_integer(conn));
	jsonl_put_request(line, request);
	jsonl_put_geo(line, &request->geo);
	jsonl_put_verdict(line, verdict);
	put_line(r, line);
}

void recorder_event(struct recorder *r, const struct policy_event *event, struct now now)
{
	char rate[RATE_TEXT_SIZE];
	if (!r)
		return;
	json_t *line = line_new(now, "command");
	json_object_set_new(line, "verb", json_string(event_rows[event->kind].name));
	jsonl_put_text(line, "account", event->account);
	/*
	 * A permanent end has no place among the microseconds that a double holds: it is left out.
	 */
	if (event->until.us != WALL_NEVER.us)
		json_object_set_new(line, "until", json_real((double)event->until.us / 1e6));
	if (event->limit.n)
		jsonl_put_text(line, "limit", event->limit);
	if (event->reason.n)
		jsonl_put_text(line, "reason", event->reason);
	/* Who of the desk it was does not matter to a replay. */
	if (span_equal(event->author, SPAN(AUTHOR_SELF)))
		jsonl_put_text(line, "author", event->author);
	if (event->kind == EVENT_OVERRIDE_SET)
		json_object_set_new(line, "rate", json_string(rate_format(&event->rate, rate)));
	put_line(r, line);
}

void recorder_egresses(
	struct recorder *r, const struct engine_egress *egress, size_t n, struct now now)
{
	if (!r)
		return;
	json_t *line = line_new(now, "egresses"), *list = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct posture_view *view = &egress[i].stands;
		char ip[IP_TEXT_SIZE];
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "egress",
				      ip_format(&view->egress, ip), "posture",
				      posture_name(view->posture), "provider", view->provider,
				      "share", (json_int_t)view->share, "generation",
				      (json_int_t)(view->generation & INT64_MAX), "transport",
				      egress[i].transport));
	}
	json_object_set_new(line, "list", list);
	put_line(r, line);
}

int recorder_fd(const struct recorder *r)
{
	return lines_fd(r->lines);
}

void recorder_collect(struct recorder *r)
{
	lines_collect(r->lines);
}
