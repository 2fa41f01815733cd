/* SPDX-License-Identifier: ISC */
/* Allocation of small things. Bounds on foreign input are not kept here. */
#include "policyd/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
	static const char text[] = "policyd: out of memory\n";
	/* Nothing can be done about a failed write either. */
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)ignored;
	abort();
}

void *xmalloc(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t count, size_t bytes)
{
	void *p = calloc(count ? count : 1, bytes ? bytes : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *old, size_t count, size_t bytes)
{
	if (bytes && count > SIZE_MAX / bytes)
		out_of_memory();
	size_t total = count * bytes;
	void *p = realloc(old, total ? total : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *xstrndup(const char *p, size_t n)
{
	char *copy = xmalloc(n + 1);
	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *xstrdup(const char *text)
{
	return text ? xstrndup(text, strlen(text)) : NULL;
}
