/* SPDX-License-Identifier: ISC */
/*
 * lines.h - text on its way to something slow (a file, a pipe, syslog): gathered on the loop
 * thread, written by a thread of its own. Whoever puts a line never waits; what the other side
 * cannot take in time is dropped and counted.
 */
#ifndef POLICYD_LINES_H
#define POLICYD_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/err.h"
#include "policyd/span.h"

struct lines;

struct lines_setup {
	/*
	 * On the writing thread: whole lines, each ended by '\n'. 0, or negative: they count as
	 * dropped. It must end within seconds even when the other side is stuck.
	 */
	int (*write)(void *ctx, struct span bytes);
	/* On the loop thread: so many lines were lost. */
	void (*dropped)(void *ctx, uint64_t lines);
	void *ctx;
};

/* NULL when there is no thread to be had; err. */
struct lines *lines_new(const struct lines_setup *setup, struct errbuf *err);
/* Writes what has gathered; NULL is fine. */
void lines_free(struct lines *l);
/* A line without its '\n'. What is longer than a batch is dropped. */
void lines_put(struct lines *l, struct span line);
/* Hands what has gathered to the thread. Until then (or until much has gathered) it stays here. */
void lines_flush(struct lines *l);
/* For the loop: readable when lines_collect() has something to do. */
int lines_fd(const struct lines *l);
void lines_collect(struct lines *l);

#endif
