/* SPDX-License-Identifier: ISC */
/*
 * err.h - the one error model, told once.
 *
 * A function that can fail returns int: 0 is fine; negative is -errno, trouble to hand up
 * unchanged; positive is a named condition of that function (an enum in its header), which the
 * caller must handle. Out-parameters are called ret_*, stand second to last and are untouched on
 * failure. Text for people goes into a struct errbuf, always the last parameter. bool only answers
 * questions.
 *
 *	struct errbuf err;
 *	int r = store_open(&setup, &store, &err);
 *	if (r < 0)
 *		complain(err.text);
 */
#ifndef POLICYD_ERR_H
#define POLICYD_ERR_H

#define MUST_CHECK          __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, v) __attribute__((format(printf, fmt, v)))
/* Runs free_fn(&variable) when the variable leaves its scope. */
#define CLEANUP(free_fn) __attribute__((cleanup(free_fn)))

/* Room for one sentence; longer ones are cut. */
struct errbuf {
	char text[512];
};

/* Writes the sentence; err may be NULL (the caller does not want it). */
void err_set(struct errbuf *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
