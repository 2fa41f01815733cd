/* SPDX-License-Identifier: ISC */
/* The writer thread's queue: order, bound, groups, and who calls whom when. */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "policyd/writer.h"

#define GROUP_MAX 256 /* as in writer.c */

/* A gate at which the writer thread waits, so that a test knows what is queued. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t moved;
	bool is_reached, is_open;
};

struct bench {
	struct writer *writer;
	struct gate gate;
	/* The writer thread's, read after collecting. No ck_assert there: Check has one thread. */
	unsigned mistakes;
	unsigned run;
	bool is_in_group;
	unsigned groups, group_n, group_size[16];
	bool is_signal_blocked;
	/* The test's. */
	unsigned done;
	bool is_submitting; /* done submits another job */
	bool is_refused;
};

struct numbered {
	struct writer_job job;
	struct bench *bench;
	unsigned number;
};

static void gate_wait(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->is_reached = true;
	pthread_cond_broadcast(&gate->moved);
	while (!gate->is_open)
		pthread_cond_wait(&gate->moved, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void gate_await_reached(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	while (!gate->is_reached)
		pthread_cond_wait(&gate->moved, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->is_open = true;
	pthread_cond_broadcast(&gate->moved);
	pthread_mutex_unlock(&gate->mutex);
}

static void on_begin(void *ctx)
{
	struct bench *b = ctx;

	b->mistakes += b->is_in_group;
	b->is_in_group = true;
	b->group_n = 0;
}

static void on_end(void *ctx)
{
	struct bench *b = ctx;

	b->mistakes += !b->is_in_group || b->group_n > GROUP_MAX;
	b->is_in_group = false;
	if (b->groups < 16)
		b->group_size[b->groups] = b->group_n;
	b->groups++;
}

static void on_run(void *ctx, struct writer_job *base)
{
	struct bench *b = ctx;

	b->mistakes += !b->is_in_group || ((struct numbered *)base)->number != b->run;
	b->run++;
	b->group_n++;
}

static void on_gate(void *ctx, struct writer_job *base)
{
	struct bench *b = ctx;
	sigset_t mask;

	on_run(ctx, base);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	b->is_signal_blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGXFSZ);
	gate_wait(&b->gate);
}

static bool submit(struct bench *b, unsigned number, void (*run)(void *, struct writer_job *));

static void on_done(void *ctx, struct writer_job *base)
{
	struct bench *b = ctx;

	ck_assert_uint_eq(((struct numbered *)base)->number, b->done);
	b->done++;
	free(base);
	if (b->is_submitting)
		b->is_refused = !submit(b, b->done, on_run);
}

static bool submit(struct bench *b, unsigned number, void (*run)(void *, struct writer_job *))
{
	struct numbered *n = calloc(1, sizeof(*n));

	ck_assert_ptr_nonnull(n);
	n->number = number;
	n->job = (struct writer_job){.run = run, .done = on_done, .ctx = b};
	if (writer_submit(b->writer, &n->job))
		return true;
	free(n);
	return false;
}

static struct bench *bench_new(size_t max_jobs)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct errbuf err;

	ck_assert_ptr_nonnull(b);
	pthread_mutex_init(&b->gate.mutex, NULL);
	pthread_cond_init(&b->gate.moved, NULL);
	b->writer = writer_new(
		&(struct writer_group){.begin = on_begin, .end = on_end, .ctx = b}, max_jobs, &err);
	ck_assert_ptr_nonnull(b->writer);
	return b;
}

/* After writer_free(). */
static void bench_free(struct bench *b)
{
	ck_assert_uint_eq(b->mistakes, 0);
	pthread_cond_destroy(&b->gate.moved);
	pthread_mutex_destroy(&b->gate.mutex);
	free(b);
}

/* As the loop does: sleeps until the descriptor is readable, then collects. */
static void collect_until(struct bench *b, unsigned done)
{
	while (b->done < done) {
		struct pollfd fd = {.fd = writer_fd(b->writer), .events = POLLIN};

		ck_assert_int_eq(poll(&fd, 1, 10000), 1);
		writer_collect(b->writer);
	}
}

START_TEST(test_free_of_null)
{
	writer_free(NULL);
}
END_TEST

START_TEST(test_done_comes_from_collect_alone)
{
	struct bench *b = bench_new(8);
	struct pollfd fd = {.fd = writer_fd(b->writer), .events = POLLIN};

	writer_collect(b->writer);
	ck_assert(submit(b, 0, on_run));
	ck_assert_int_eq(poll(&fd, 1, 10000), 1);
	ck_assert_uint_eq(b->done, 0);
	writer_collect(b->writer);
	ck_assert_uint_eq(b->done, 1);
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	writer_free(b->writer);
	bench_free(b);
}
END_TEST

START_TEST(test_bound_counts_until_collected)
{
	struct bench *b = bench_new(4);
	unsigned taken = 0;

	ck_assert(submit(b, taken++, on_gate));
	gate_await_reached(&b->gate);
	while (submit(b, taken, on_run))
		taken++;
	ck_assert_uint_eq(taken, 4);
	gate_open(&b->gate);
	collect_until(b, 4);
	ck_assert(submit(b, 4, on_run));
	collect_until(b, 5);
	writer_free(b->writer);
	bench_free(b);
}
END_TEST

START_TEST(test_what_waits_is_one_group)
{
	static const unsigned sizes[] = {1, GROUP_MAX, GROUP_MAX, 88};
	struct bench *b = bench_new(1000);

	ck_assert(submit(b, 0, on_gate));
	gate_await_reached(&b->gate);
	for (unsigned i = 1; i <= 600; i++)
		ck_assert(submit(b, i, on_run));
	gate_open(&b->gate);
	collect_until(b, 601);
	ck_assert_uint_eq(b->groups, 4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(b->group_size[i], sizes[i]);
	ck_assert(b->is_signal_blocked);
	writer_free(b->writer);
	bench_free(b);
}
END_TEST

START_TEST(test_free_runs_and_collects_what_is_queued)
{
	struct bench *b = bench_new(1000);

	for (unsigned i = 0; i < 300; i++)
		ck_assert(submit(b, i, on_run));
	writer_free(b->writer);
	ck_assert_uint_eq(b->run, 300);
	ck_assert_uint_eq(b->done, 300);
	bench_free(b);
}
END_TEST

START_TEST(test_stopping_takes_nothing)
{
	struct bench *b = bench_new(10);

	b->is_submitting = true;
	ck_assert(submit(b, 0, on_run));
	writer_free(b->writer);
	ck_assert(b->is_refused);
	ck_assert_uint_eq(b->done, 1);
	bench_free(b);
}
END_TEST

START_TEST(test_done_may_submit)
{
	struct bench *b = bench_new(1);
	struct pollfd fd = {.fd = writer_fd(b->writer), .events = POLLIN};

	/* The place of a job is free in its own callback. */
	b->is_submitting = true;
	ck_assert(submit(b, 0, on_run));
	ck_assert_int_eq(poll(&fd, 1, 10000), 1);
	writer_collect(b->writer);
	ck_assert(!b->is_refused);
	b->is_submitting = false;
	collect_until(b, 2);
	writer_free(b->writer);
	bench_free(b);
}
END_TEST

START_TEST(test_a_hundred_thousand)
{
	struct bench *b = bench_new(1024);
	const unsigned total = 100000;
	unsigned next = 0;

	while (next < total) {
		while (next < total && submit(b, next, on_run))
			next++;
		collect_until(b, b->done + 1);
	}
	collect_until(b, total);
	ck_assert_uint_eq(b->run, total);
	writer_free(b->writer);
	bench_free(b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("writer");
	TCase *tests = tcase_create("writer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_free_of_null);
	tcase_add_test(tests, test_done_comes_from_collect_alone);
	tcase_add_test(tests, test_bound_counts_until_collected);
	tcase_add_test(tests, test_what_waits_is_one_group);
	tcase_add_test(tests, test_free_runs_and_collects_what_is_queued);
	tcase_add_test(tests, test_stopping_takes_nothing);
	tcase_add_test(tests, test_done_may_submit);
	tcase_add_test(tests, test_a_hundred_thousand);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
