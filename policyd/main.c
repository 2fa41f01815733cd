/* SPDX-License-Identifier: ISC */
/* policyd: arguments, the background, exit codes. What runs is app.c. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "app.h"
#include "candidate.h"
#include "geoip.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "privilege.h"

#define CONFIG_DEFAULT "/etc/policyd/policyd.conf"

static const char usage[] =
	"usage: policyd [-c FILE] [-f] [-t]\n"
	"  -c, --config FILE   the configuration (" CONFIG_DEFAULT ")\n"
	"  -f, --foreground    stay in the foreground, log to standard error\n"
	"  -t, --test          check the configuration and exit: 0, or 78 with every error\n"
	"  -V, --version       print the version\n"
	"  -h, --help          this text\n"
	"SIGHUP reloads the configuration, SIGTERM answers what was asked and stops.\n"
	"policyctl(8) asks the running daemon.\n";

static void report_print(const struct config_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		fprintf(stderr, "%s\n", report->line[i].text);
}

static int config_test(const char *path, struct config **ret)
{
	struct config_report *report = config_report_new();
	struct errbuf err;
	int r = candidate_load(path, ret, report);
	report_print(report);
	config_report_free(report);
	if (r != 0)
		return EX_CONFIG;
	if (privilege_check(*ret, &err) == 0)
		return EX_OK;
	fprintf(stderr, "%s: %s\n", path, err.text);
	config_unref(*ret);
	*ret = NULL;
	return EX_CONFIG;
}

/* A running policyd tells by itself. */
static void databases_test(const struct config *config)
{
	struct config_report *report = config_report_new();
	geoip_check(config, report);
	report_print(report);
	config_report_free(report);
}

/* ---- the background ---- */

/* While the parent waits, errors still reach the terminal of whoever started it. */
static int *background(void)
{
	int *ends = xcalloc(2, sizeof(*ends));
	if (pipe2(ends, O_CLOEXEC) != 0) {
		fprintf(stderr, "policyd: pipe: %s\n", strerror(errno));
		exit(EX_OSERR);
	}
	pid_t pid = fork();
	if (pid < 0) {
		fprintf(stderr, "policyd: fork: %s\n", strerror(errno));
		exit(EX_OSERR);
	}
	if (pid == 0) {
		close(ends[0]);
		(void)setsid();
		(void)umask(077);
		return ends;
	}
	unsigned char code;
	close(ends[1]);
	_exit(read(ends[0], &code, 1) == 1 ? code : EX_SOFTWARE);
}

/* Postfix can ask: the terminal is let go, and the parent ends well. */
static void settled(void *ctx)
{
	int *ends = ctx;
	unsigned char code = EX_OK;
	if (!ends)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (chdir("/") != 0 || null < 0)
		log_event(LEVEL_WARNING, "cannot leave the terminal",
			F_STR("error", strerror(errno)));
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	if (write(ends[1], &code, 1) != 1)
		log_event(LEVEL_WARNING, "the parent has gone", F_STR("error", strerror(errno)));
	if (null > STDERR_FILENO)
		close(null);
	close(ends[1]);
	ends[1] = -1;
}

static void failed(const int *ends, int code)
{
	unsigned char byte = (unsigned char)code;
	/* After a good start the pipe is closed: nobody reads it any more, and nobody needs it. */
	if (ends && write(ends[1], &byte, 1) != 1)
		return;
}

/* ---- arguments ---- */

/* A socket or a database in the place of standard error would get the log written into it. */
static void standard_open(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * The daemon leaves for "/": a relative path must outlive that, for SIGHUP. Links stay links: a
 * reload follows them anew, and conf.d is beside what was named.
 */
static char *path_absolute(const char *path)
{
	char *folder = *path == '/' ? NULL : getcwd(NULL, 0), *joined;
	if (!folder)
		return xstrdup(path);
	if (asprintf(&joined, "%s/%s", folder, path) < 0)
		joined = xstrdup(path);
	free(folder);
	return joined;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"foreground", no_argument, NULL, 'f'},
		{"test", no_argument, NULL, 't'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *path = CONFIG_DEFAULT;
	bool is_foreground = false, is_test = false;
	struct config *config = NULL;
	int option;
	standard_open();
	while ((option = getopt_long(argc, argv, "c:ftVh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'f':
			is_foreground = true;
			break;
		case 't':
			is_test = true;
			break;
		case 'V':
			return puts("policyd " POLICYD_VERSION) < 0 ? EX_IOERR : EX_OK;
		case 'h':
			return fputs(usage, stdout) < 0 ? EX_IOERR : EX_OK;
		default:
			(void)fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "policyd: unexpected argument \"%s\"\n%s", argv[optind], usage);
		return EX_USAGE;
	}
	char *config_path = path_absolute(path);
	int code = config_test(config_path, &config);
	if (code == EX_OK && is_test) {
		databases_test(config);
		config_unref(config);
	} else if (code == EX_OK) {
		int *ends = is_foreground ? NULL : background();
		struct app_setup setup = {
			.config = config,
			.config_path = config_path,
			.log_to_syslog = !is_foreground,
			.ready = settled,
			.ctx = ends,
		};
		code = app_run(&setup);
		failed(ends, code);
		free(ends);
	}
	free(config_path);
	return code;
}
