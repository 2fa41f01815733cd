/* SPDX-License-Identifier: ISC */
/* text.h - foreign bytes as JSON text. */
#ifndef POLICYD_CONTROL_TEXT_H
#define POLICYD_CONTROL_TEXT_H

#include <jansson.h>

#include "policyd/clock.h"
#include "policyd/span.h"

/*
 * A JSON string; NUL and every byte that is not valid UTF-8 become U+FFFD (jansson takes nothing
 * else).
 */
json_t *text_json(struct span text);
/* What may be absent: null for NULL and "". */
json_t *text_or_null(const char *text);
/* RFC 3339, or "permanent". */
json_t *text_time(wall_t t);
/* RFC 3339; null for 0, what never was. */
json_t *text_moment(wall_t t);
/* A stretch of time as people say it, its two largest units: "3d 4h", "12m", "0s" (also for less). */
json_t *text_stretch(int64_t us);
/* A number; JSON's end at INT64_MAX, and so does this one. */
json_t *text_count(uint64_t n);
/* The code that a reply began with in place of a word, "452"; null for 0. */
json_t *text_reply(unsigned code);

#endif
