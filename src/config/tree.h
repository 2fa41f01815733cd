/* SPDX-License-Identifier: ISC */
/* tree.h - text to libconfig's tree, with the lines put right. */
#ifndef POLICYD_CONFIG_TREE_H
#define POLICYD_CONFIG_TREE_H

#include <libconfig.h>

#include "value.h"

/*
 * Scans and parses text. 0: *tree is to be destroyed with config_destroy(). -EINVAL: told to
 * origin's diag, nothing to destroy.
 */
MUST_CHECK int tree_parse(const struct origin *origin, struct span text, config_t *tree);

#endif
