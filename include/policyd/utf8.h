/* SPDX-License-Identifier: ISC */
/*
 * utf8.h - telling UTF-8 (RFC 3629) from other bytes. Foreign names may hold any byte; JSON and
 * terminals may not.
 */
#ifndef POLICYD_UTF8_H
#define POLICYD_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/span.h"

/*
 * The length of the character that n bytes begin with, and its code point; 0: they begin with none.
 */
size_t utf8_read(const char *p, size_t n, uint32_t *ret_code);

/*
 * A copy in which U+FFFD stands for each byte that belongs to no character, and for NUL; for
 * free().
 */
char *utf8_repair(struct span text, size_t *ret_n);

#endif
