/* SPDX-License-Identifier: ISC */
/* suite.h - a suite from rows, and the main() that runs it. TAP comes from the environment. */
#ifndef POLICYD_TEST_SUITE_H
#define POLICYD_TEST_SUITE_H

#include <check.h>
#include <stdlib.h>

struct suite_row {
	const char *name;
	const TTest *test;
	int rows; /* 0: once; else a loop over so many labelled rows */
};

static inline int suite_run(const char *name, const struct suite_row *row, size_t n)
{
	Suite *suite = suite_create(name);
	for (size_t i = 0; i < n; i++) {
		TCase *tcase = tcase_create(row[i].name);
		tcase_set_timeout(tcase, 120);
		if (row[i].rows)
			tcase_add_loop_test(tcase, row[i].test, 0, row[i].rows);
		else
			tcase_add_test(tcase, row[i].test);
		suite_add_tcase(suite, tcase);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define ROWS(table)            ((int)(sizeof(table) / sizeof((table)[0])))
#define SUITE_RUN(name, table) suite_run(name, table, sizeof(table) / sizeof((table)[0]))

#endif
