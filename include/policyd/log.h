/* SPDX-License-Identifier: ISC */
/*
 * log.h - one event, one line: a name and typed fields, "name key=value key=value".
 *
 * Foreign text is escaped so that no line can be forged: values with blanks, quotes, controls or
 * bytes beyond ASCII are quoted, with \xNN for what is not printable. Core modules do not log; the
 * rim and the programs do. The sink is one of the few globals (style: log sink, metric registry).
 *
 *	log_event(LEVEL_NOTICE, "suspend", F_SPAN("account", name), F_INT("uid", uid));
 */
#ifndef POLICYD_LOG_H
#define POLICYD_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/span.h"

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE };

/* "ERROR", ...: how a line on standard error begins. */
const char *log_level_word(enum log_level level);

struct log_field {
	const char *name;
	enum { LOG_FIELD_SPAN, LOG_FIELD_INT } kind;
	struct span text;
	int64_t number;
};

#define F_SPAN(field, value)                                                                       \
	((struct log_field){.name = (field), .kind = LOG_FIELD_SPAN, .text = (value)})
#define F_STR(field, value) F_SPAN(field, span_of(value))
#define F_INT(field, value)                                                                        \
	((struct log_field){.name = (field), .kind = LOG_FIELD_INT, .number = (int64_t)(value)})

/* Where lines go: text is n bytes without newline, valid during the call only. */
typedef void log_sink(void *ctx, enum log_level level, const char *text, size_t n);

/* Until set, lines go to stderr; NULL: there again. */
void log_set_sink(log_sink *sink, void *ctx);

#define LOG_LINE_MAX 2048 /* longer lines are cut, and say so with "..." */
void log_write(enum log_level level, const char *name, const struct log_field *field, size_t n);

#define log_event(level, name, ...)                                                                \
	log_write(level, name, (const struct log_field[]){__VA_ARGS__},                            \
		sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* Appends text to buf[size] at *n, quoted and escaped where needed; what does not fit is cut. */
void log_escape(struct span text, char *buf, size_t size, size_t *n);

/*
 * A repeated warning: true at most once in every_s seconds for one struct; *ret_missed says how
 * many were swallowed since. Zero is the valid first state.
 */
struct log_throttle {
	int64_t last_s;
	uint64_t missed;
	bool began;
};
bool log_may(struct log_throttle *throttle, int64_t mono_s, int64_t every_s, uint64_t *ret_missed);

#endif
