/* SPDX-License-Identifier: ISC */
/* exit_code.h - what a start that failed ends with, in the words of sysexits.h. */
#ifndef POLICYD_EXIT_CODE_H
#define POLICYD_EXIT_CODE_H

/* error: a negative errno. */
int exit_code_of(int error);

#endif
