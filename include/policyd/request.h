/* SPDX-License-Identifier: ISC */
/*
 * request.h - the Postfix policy delegation protocol, the asking side: bytes in, request out. No
 * descriptor inside. Source: SMTPD_POLICY_README; what a real Postfix sends was observed on 3.7.11.
 *
 * A request is lines "name=value", each ended by LF, and an empty line. The usual case is one whole
 * request in one read: request_parse() takes it where it lies and the spans point into that buffer.
 * When it is not whole, the caller keeps the bytes and lets request_scan() watch for the end, so
 * that a sender of single bytes costs one look at each byte:
 *
 *	switch (request_parse(bytes, &req, &used, &err)) {
 *	case REQUEST_DONE: answer(&req); bytes advance by used; break;
 *	case REQUEST_MORE: keep the rest; later request_scan(), then request_parse() again; break;
 *	case REQUEST_BAD:  no reply, warn with err.text, close; break;
 *	}
 */
#ifndef POLICYD_REQUEST_H
#define POLICYD_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/err.h"
#include "policyd/geo.h"
#include "policyd/span.h"

#define REQUEST_BYTES_MAX      (64 * 1024)
#define REQUEST_ATTRIBUTES_MAX 512

enum stage {
	STAGE_UNKNOWN, /* a protocol_state that this version does not know, or none */
#define STAGE(id, word) STAGE_##id,
#include "policyd/stage.def"
#undef STAGE
	STAGE_COUNT
};

/* An absent attribute is an empty span, as Postfix itself sends attributes without a value. */
struct request {
#define ATTRIBUTE(name) struct span name;
#include "policyd/attribute.def"
#undef ATTRIBUTE
	enum stage stage;
	uint32_t recipients; /* recipient_count; 0 when it is no number; saturates */
	uint64_t bytes;      /* size; 0 when it is no number; saturates */
	struct geo geo;      /* of the client: whoever asks the engine fills it in */
};

enum request_result { REQUEST_DONE, REQUEST_MORE, REQUEST_BAD };

/*
 * One request from the front of bytes. DONE: *ret points into bytes and *ret_used says how much of
 * them it took. MORE: bytes end within a request. BAD: this is no policy request (a line without
 * name or '=', a NUL byte, CR LF, no or a foreign request=, more than REQUEST_BYTES_MAX bytes or
 * REQUEST_ATTRIBUTES_MAX attributes); err says what. Unknown attributes are passed over; of equal
 * ones the last counts. Bytes beyond ASCII, and controls, are let through as they are.
 */
enum request_result request_parse(
	struct span bytes, struct request *ret, size_t *ret_used, struct errbuf *err);

/* Where request_scan() has got to. Zero: at the beginning. */
struct request_scan {
	size_t pos;
	unsigned lines;
};

/*
 * Looks on from *scan for the end of the request that bytes begin with. DONE: it is whole. MORE.
 * BAD: over one of the two bounds; err says which.
 */
enum request_result request_scan(struct span bytes, struct request_scan *scan, struct errbuf *err);

/* The protocol_state of a stage, "" for STAGE_UNKNOWN. */
const char *stage_name(enum stage stage);
/* STAGE_UNKNOWN when no row has that word. */
enum stage stage_of(struct span word);

/* All attributes by name, for those that write or read a request in another form. */
struct attribute_row {
	const char *name;
	size_t name_n;
	size_t offset; /* of its span in struct request */
};
#define ATTRIBUTE_COUNT 29
extern const struct attribute_row attribute_rows[ATTRIBUTE_COUNT];
/* The row, or NULL. */
const struct attribute_row *attribute_find(struct span name);
/* Fills stage, recipients and bytes from the spans. */
void request_derive(struct request *request);

#endif
