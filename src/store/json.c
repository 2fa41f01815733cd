/* SPDX-License-Identifier: ISC */
/* Foreign bytes as JSON strings. Rows and their names are read.c's. */
#include "store_private.h"

#include <stdlib.h>

#include "policyd/utf8.h"

json_t *json_of_bytes(struct span bytes)
{
	size_t n;
	char *text = utf8_repair(bytes, &n);
	json_t *json = json_stringn(text, n);
	free(text);
	return json;
}
