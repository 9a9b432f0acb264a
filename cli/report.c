/* SPDX-License-Identifier: MIT */
/* corelate report: the explanation in the form that a ticket, a browser or a service takes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/output.h"

static struct error *write_text(const struct report *report, FILE *out)
{
	report_write_text(report, &(struct report_style){.all = true, .columns = UINT_MAX}, out);
	return NULL;
}

static const struct form {
	const char *name;
	struct error *(*write)(const struct report *report, FILE *out);
} forms[] = {
	{"text", write_text},	     {"json", report_write_json},   {"markdown", report_write_markdown},
	{"html", report_write_html}, {"sarif", report_write_sarif},
};

static const struct form *find_form(const char *name)
{
	for (size_t i = 0; i < array_size(forms); i++) {
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	}
	return NULL;
}

static struct error *write_to(const struct form *form, const struct report *report, struct output *output)
{
	int fd = fcntl(output->fd, F_DUPFD_CLOEXEC, 3);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	struct error *err;
	bool failed;

	if (!out) {
		cleanup_close_fd(&fd);
		return &error_no_memory;
	}
	errno = 0;
	err = form->write(report, out);
	failed = ferror(out) || fflush(out) != 0;
	if (failed) {
		/* The renderer knows neither the path nor why. */
		error_destroy(err);
		err = write_place_failure(output->path, errno ?: EIO);
	}
	if (fclose(out) != 0 && !err)
		err = write_place_failure(output->path, errno);
	return err;
}

static struct error *write_file(const struct form *form, const struct report *report, const char *path)
{
	struct output output;
	struct error *err = output_open(path, false, &output);

	if (err)
		return err;
	err = write_to(form, report, &output) ?: output_commit(&output);
	output_deinit(&output);
	return err;
}

static struct error *render_report(const struct cli_options *options, const struct cli_explained *explained)
{
	const struct form *form = find_form(options->format ? options->format : options->json ? "json" : "text");

	if (options->output)
		return write_file(form, &explained->report, options->output);
	return form->write(&explained->report, stdout);
}

static struct error *run_report(const struct cli_options *options, int *ret_status)
{
	if (options->format && options->json) {
		*ret_status = CLI_USAGE;
		return error_format(ERROR_INVALID, "report: --format and --json exclude each other");
	}
	return cli_render_crash(options, render_report);
}

const struct cli_command cli_report = {
	.name = "report",
	.arguments = "[CRASH...]",
	.summary = "write the explanation for a ticket, a browser or a service",
	.flags = CLI_DB | CLI_MATCH | CLI_JSON | CLI_OUTPUT | CLI_FORMAT | CLI_LIMITS,
	.most = CLI_ANY,
	.run = run_report,
};
