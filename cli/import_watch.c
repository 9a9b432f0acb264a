/* SPDX-License-Identifier: MIT */
/* corelate import --watch: what comes is imported until a signal ends it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cli/import.h"
#include "common/cleanup.h"
#include "common/inert.h"

/* A file that was linked into place (systemd-coredump's are) is created whole; one that is written there is closed. */
#define EVENTS (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static int stop_pipe[2] = {-1, -1};

static void stop(int signal)
{
	int saved = errno;

	(void)signal;
	if (write(stop_pipe[1], "", 1) < 0)
		errno = 0; /* full: it has been told before */
	errno = saved;
}

static struct error *catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		return error_errno(errno, "cannot make a pipe");
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return NULL;
}

static struct error *take_events(struct importer *importer, int events)
{
	char buffer[64 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t length = read(events, buffer, sizeof(buffer));
	struct error *err = NULL;

	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? NULL
							 : error_errno(errno, "cannot watch %s", importer->directory);
	for (ssize_t at = 0; !err && at < length;) {
		const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

		at += (ssize_t)(sizeof(*event) + event->len);
		if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
			return error_format(ERROR_SYSTEM, "%s is there no more", importer->directory);
		if (event->mask & IN_Q_OVERFLOW)
			err = import_directory(importer);
		else if (event->len)
			err = import_named(importer, event->name);
	}
	return err;
}

static struct error *serve(struct importer *importer, int events, struct import_journal *journal)
{
	struct pollfd wanted[] = {
		{.fd = stop_pipe[0], .events = POLLIN},
		{.fd = events, .events = POLLIN},
		{.fd = journal ? import_journal_fd(journal) : -1, .events = POLLIN},
	};
	struct error *err = NULL;

	while (!err) {
		int ready;

		fflush(stdout);
		ready = poll(wanted, 3, importer->postponed ? 1000 : -1);
		if (ready < 0 && errno != EINTR)
			return error_errno(errno, "cannot wait");
		if (ready < 0)
			continue;
		if (wanted[0].revents)
			return NULL;
		if (wanted[1].revents)
			err = take_events(importer, events);
		if (!err && wanted[2].revents)
			err = import_journal_more(importer, journal);
		if (!err && !ready && importer->postponed) {
			importer->postponed = false;
			err = import_directory(importer);
		}
	}
	return err;
}

struct error *import_watch(struct importer *importer, struct import_journal *journal)
{
	cleanup_fd int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct error *err;

	if (events < 0 || inotify_add_watch(events, importer->directory, EVENTS) < 0)
		return error_errno(errno, "cannot watch %s", importer->directory);
	/* Watched first: nothing comes in between. */
	err = catch_signals() ?: import_directory(importer);
	if (!err && journal)
		err = import_journal_more(importer, journal);
	if (err)
		return err;
	importer->watching = true;
	if (!importer->options->quiet) {
		fputs("watching ", stderr);
		inert_write(importer->directory, stderr);
		fputc('\n', stderr);
	}
	return serve(importer, events, journal);
}
