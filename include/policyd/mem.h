/* SPDX-License-Identifier: ISC */
/*
 * mem.h - allocation that does not fail: small and fixed sizes only. Running out of memory ends the
 * program with one line on stderr (a limiter that cannot remember must not pretend to). What is
 * sized by foreign input is checked against a bound before it comes here.
 */
#ifndef POLICYD_MEM_H
#define POLICYD_MEM_H

#include <stddef.h>

/* Never NULL; freed with free(). */
void *xmalloc(size_t bytes);
/* Zeroed; count * bytes is checked for overflow. */
void *xcalloc(size_t count, size_t bytes);
/* count * bytes is checked for overflow; old may be NULL. */
void *xrealloc(void *old, size_t count, size_t bytes);
/* A NUL-terminated copy of n bytes. */
char *xstrndup(const char *p, size_t n);
/* A NUL-terminated copy; NULL stays NULL. */
char *xstrdup(const char *text);

#endif
