/* SPDX-License-Identifier: ISC */
/* check.h - rules over several settings. Those of a single one are rows of rule.c. */
#ifndef POLICYD_CONFIG_CHECK_H
#define POLICYD_CONFIG_CHECK_H

#include <stdint.h>

#include "diag.h"

/* One element of listen, as soon as it is read. mode_given: the file has it, it is not the preset.
 */
void check_listen(struct diag *diag, const struct config_listen *listen, bool mode_given);

/* What must differ between elements and sections. */
void check_config(struct diag *diag, const struct config *config);

/* What is worth a word when all sources were read: judged after everything else. */
void check_whole(struct diag *diag, const struct config *config);

#endif
