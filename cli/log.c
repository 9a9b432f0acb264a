/* SPDX-License-Identifier: MIT */
#include "cli/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/inert.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX 30
/* The kernel cuts longer lines off (printk.c, LOG_LINE_MAX). */
#define KERNEL_LINE 900

static bool to_kernel, to_stderr = true;

/* Then main() has put something there that children do not get. */
static bool is_closed(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags < 0 || flags & FD_CLOEXEC;
}

void log_begin(bool *ret_by_kernel)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	to_kernel = is_closed(STDERR_FILENO);
	to_stderr = !to_kernel;
	*ret_by_kernel = to_kernel;
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++) {
		if (is_closed(fd))
			dup2(null, fd);
	}
	if (null > STDERR_FILENO)
		close(null);
}

void log_quiet(void)
{
	to_stderr = false;
}

static void write_kernel(enum log_level level, const char *message)
{
	cleanup_fd int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	char line[KERNEL_LINE + 64];
	int length;

	if (fd < 0)
		return;
	length = snprintf(line, sizeof(line), "<%d>corelate[%ld]: %.*s\n", level, (long)getpid(), KERNEL_LINE, message);
	if (write(fd, line, (size_t)length) < 0)
		return; /* there is nobody left to tell */
}

void log_fields(enum log_level level, const char *message, char *const *fields, int count)
{
	char priority[16], identifier[] = "SYSLOG_IDENTIFIER=corelate";
	cleanup_free char *text = NULL;
	struct iovec parts[FIELDS_MAX + 3];
	int used = 3;

	if (asprintf(&text, "MESSAGE=%s", message) < 0) {
		text = NULL;
		return;
	}
	snprintf(priority, sizeof(priority), "PRIORITY=%d", level);
	parts[0] = (struct iovec){text, strlen(text)};
	parts[1] = (struct iovec){priority, strlen(priority)};
	parts[2] = (struct iovec){identifier, strlen(identifier)};
	for (int i = 0; i < count && used < FIELDS_MAX + 3; i++) {
		if (fields[i])
			parts[used++] = (struct iovec){fields[i], strlen(fields[i])};
	}
	/* Where there is no journal it does nothing, and says nothing. */
	if (access(JOURNAL_SOCKET, W_OK) == 0)
		sd_journal_sendv(parts, used);
	else if (to_kernel)
		write_kernel(level, message);
	if (to_stderr)
		fprintf(stderr, "corelate: %s\n", message);
}

void log_write(enum log_level level, const char *format, ...)
{
	cleanup_free char *text = NULL, *inert = NULL;
	size_t size;
	va_list args;
	FILE *out;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		text = NULL;
		return;
	}
	out = open_memstream(&inert, &size);
	if (!out)
		return;
	inert_write(text, out);
	if (fclose(out) == 0)
		log_fields(level, inert, NULL, 0);
}
