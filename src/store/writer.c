/* SPDX-License-Identifier: ISC */
/*
 * The thread that waits for the disk, and its two queues. It knows neither files nor SQLite: what a
 * job does, and what a group of jobs has in common, is its owner's business.
 */
#include "policyd/writer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "policyd/mem.h"

/*
 * Enough to share the price of an fsync, few enough that the first of a group does not wait long.
 */
#define GROUP_MAX 256

/* How long what may wait does, and how much of it is enough to begin before. */
#define PATIENCE_NS    500000000L
#define PATIENT_ENOUGH 128

#define WRITER_NICE 10 /* about a tenth of the loop's share when both want the processor */

struct job_list {
	struct writer_job *first, *last;
};

struct writer {
	struct writer_group group;
	size_t max_jobs;
	size_t held; /* loop thread only: submitted and not collected yet */
	int fd;
	bool is_running;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t woken;
	struct job_list queue, finished;
	unsigned patient; /* in the queue, of those that may wait */
	bool is_due;      /* the queue is not to wait any longer */
	bool is_stopping;
};

static void list_append(struct job_list *list, struct job_list more)
{
	if (!more.first)
		return;
	if (list->last)
		list->last->next = more.first;
	else
		list->first = more.first;
	list->last = more.last;
}

/* Cuts off the first jobs, GROUP_MAX at most. */
static struct job_list list_take_group(struct job_list *list)
{
	struct job_list group = {.first = list->first, .last = list->first};

	for (unsigned n = 1; n < GROUP_MAX && group.last && group.last->next; n++)
		group.last = group.last->next;
	if (group.last) {
		list->first = group.last->next;
		group.last->next = NULL;
	}
	if (!list->first)
		list->last = NULL;
	return group;
}

static void run_group(const struct writer *w, struct job_list group)
{
	if (w->group.begin)
		w->group.begin(w->group.ctx);
	for (struct writer_job *job = group.first; job; job = job->next)
		job->run(job->ctx, job);
	if (w->group.end)
		w->group.end(w->group.ctx);
}

/* Until somebody waits for what is in the queue, or it has waited long enough. */
static void await_due(struct writer *w)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	int r = 0;
	while (!w->is_due && !w->is_stopping && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&w->woken, &w->mutex, &until);
}

/* Waits for work; an empty list means that it is time to go. */
static struct job_list await_group(struct writer *w)
{
	struct job_list group;

	pthread_mutex_lock(&w->mutex);
	while (!w->queue.first && !w->is_stopping)
		pthread_cond_wait(&w->woken, &w->mutex);
	await_due(w);
	group = list_take_group(&w->queue);
	/* What is left goes on at once. */
	w->is_due = w->queue.first != NULL;
	w->patient = 0;
	pthread_mutex_unlock(&w->mutex);
	return group;
}

static void hand_back(struct writer *w, struct job_list group)
{
	const uint64_t one = 1;
	ssize_t n;

	pthread_mutex_lock(&w->mutex);
	list_append(&w->finished, group);
	pthread_mutex_unlock(&w->mutex);
	/* EAGAIN: the counter is full, so the loop is being woken already. */
	n = write(w->fd, &one, sizeof(one));
	assert(n > 0 || errno == EAGAIN);
}

static void *thread_main(void *arg)
{
	struct writer *w = arg;
	struct job_list group;

	/*
	 * Of this thread alone (Linux): where there is one processor for both, a group of some
	 * thousand decisions must not stand between Postfix and its answers.
	 */
	(void)setpriority(PRIO_PROCESS, 0, WRITER_NICE);
	while ((group = await_group(w)).first) {
		run_group(w, group);
		hand_back(w, group);
	}
	return NULL;
}

/* With all signals blocked in the thread: they are the loop's. */
static int start_thread(struct writer *w)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, thread_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->is_running = r == 0;
	return -r;
}

struct writer *writer_new(const struct writer_group *group, size_t max_jobs, struct errbuf *err)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	int r;

	w->group = *group;
	w->max_jobs = max_jobs;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&w->woken, &clock);
	pthread_condattr_destroy(&clock);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->fd < 0 ? -errno : start_thread(w);
	if (r != 0) {
		err_set(err, "cannot start the writer thread: %s", strerror(-r));
		writer_free(w);
		return NULL;
	}
	return w;
}

static void stop_thread(struct writer *w)
{
	pthread_mutex_lock(&w->mutex);
	w->is_stopping = true;
	pthread_cond_signal(&w->woken);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	w->is_running = false;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	if (w->is_running) {
		stop_thread(w);
		writer_collect(w);
	}
	if (w->fd >= 0)
		close(w->fd);
	pthread_cond_destroy(&w->woken);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

bool writer_submit(struct writer *w, struct writer_job *job)
{
	bool is_taken;

	job->next = NULL;
	pthread_mutex_lock(&w->mutex);
	is_taken = !w->is_stopping && w->held < w->max_jobs;
	if (is_taken) {
		bool was_empty = !w->queue.first;
		list_append(&w->queue, (struct job_list){.first = job, .last = job});
		w->patient += job->may_wait;
		w->is_due = w->is_due || !job->may_wait || w->patient >= PATIENT_ENOUGH;
		if (was_empty || w->is_due)
			pthread_cond_signal(&w->woken);
	}
	pthread_mutex_unlock(&w->mutex);
	if (is_taken)
		w->held++;
	return is_taken;
}

int writer_fd(const struct writer *w)
{
	return w->fd;
}

void writer_collect(struct writer *w)
{
	struct job_list finished;
	uint64_t count;
	ssize_t n;

	/* Cleared before the list is taken: who ends in between wakes the loop once more. */
	n = read(w->fd, &count, sizeof(count));
	assert(n > 0 || errno == EAGAIN);
	pthread_mutex_lock(&w->mutex);
	finished = w->finished;
	w->finished = (struct job_list){0};
	pthread_mutex_unlock(&w->mutex);

	while (finished.first) {
		struct writer_job *job = finished.first;

		finished.first = job->next;
		w->held--;
		job->done(job->ctx, job);
	}
}
