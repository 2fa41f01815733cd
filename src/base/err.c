/* SPDX-License-Identifier: ISC */
/* One sentence for people; where it goes is the caller's business. */
#include "policyd/err.h"

#include <stdarg.h>
#include <stdio.h>

void err_set(struct errbuf *err, const char *format, ...)
{
	if (!err)
		return;
	va_list args;
	va_start(args, format);
	if (vsnprintf(err->text, sizeof(err->text), format, args) < 0)
		err->text[0] = '\0';
	va_end(args);
}
