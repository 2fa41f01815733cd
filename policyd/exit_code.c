/* SPDX-License-Identifier: ISC */
/* Errors of a start as exit codes. */
#include "exit_code.h"

#include <errno.h>
#include <stddef.h>
#include <sysexits.h>

int exit_code_of(int error)
{
	static const struct {
		int error, code;
	} rows[] = {
		{-EADDRINUSE, EX_UNAVAILABLE},
		{-EBUSY, EX_UNAVAILABLE},
		{-EACCES, EX_NOPERM},
		{-EPERM, EX_NOPERM},
		{-EPROTO, EX_DATAERR},
		{-ENOENT, EX_CANTCREAT},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].error == error)
			return rows[i].code;
	}
	return EX_OSERR;
}
