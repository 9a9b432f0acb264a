/* SPDX-License-Identifier: MIT */
/* corelate bundle: a crash as one file, for another machine. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/elf/elf_file.h"
#include "analyzer/elf/elf_host.h"
#include "analyzer/causes.h"
#include "bundle/bundle.h"
#include "cli/cli.h"
#include "cli/limits.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/output.h"
#include "schema/reader.h"
#include "schema/reader_extract.h"

/* A crash on its way into a bundle. It is explained from what the bundle will hold, while the host is watched, so that
 * the bundle has all that the explanation needs. */
struct bundling {
	struct cli_crash found; /* as every verb finds it; its core's modules are not looked at */
	struct bundle_room *room;
	struct elf_host *host;
	struct core *core;
	struct store_reader *record;
	struct crash crash;
	struct finding_list findings;
	struct report report;
	char *record_path, *json_path, *html_path, *vdso_path;
	struct bundle_contents contents;
};

static void bundling_deinit(struct bundling *bundling)
{
	finding_list_deinit(&bundling->findings);
	crash_deinit(&bundling->crash);
	store_reader_destroy(bundling->record);
	core_destroy(bundling->core);
	elf_host_destroy(bundling->host);
	bundle_room_destroy(bundling->room);
	cli_crash_deinit(&bundling->found);
	free(bundling->record_path);
	free(bundling->json_path);
	free(bundling->html_path);
	free(bundling->vdso_path);
}

static struct error *name_in_room(const struct bundling *bundling, const char *name, char **ret_path)
{
	if (asprintf(ret_path, "%s/%s", bundle_room_path(bundling->room), name) < 0) {
		*ret_path = NULL;
		return &error_no_memory;
	}
	return NULL;
}

/* ---- the record ---- */

/* The space that the crash is of; 0 when it was not recorded. */
static struct error *find_space(const struct bundling *bundling, int64_t *ret_id)
{
	const struct cli_crash *found = &bundling->found;
	struct process process;
	struct space space;
	struct error *err;

	*ret_id = 0;
	if (!bundling->core) {
		*ret_id = found->row.has_signal ? found->row.signal_event.space_id : found->row.exit.space_id;
		return NULL;
	}
	err = assemble_match_core(bundling->core, found->sources.store, &space, &process);
	if (!err)
		*ret_id = space.id;
	error_catch(&err, ERROR_NOT_FOUND);
	return err;
}

static struct error *make_record(struct bundling *bundling)
{
	struct extract_query query = {0};
	struct error *err;

	if (!bundling->found.sources.store)
		return NULL;
	err = name_in_room(bundling, "record.db", &bundling->record_path) ?: find_space(bundling, &query.space_id);
	if (err)
		return err;
	query.sender_pid =
		bundling->core ? bundling->core->signal.sender_pid : bundling->found.row.signal_event.sender_pid;
	return store_reader_extract(bundling->found.sources.store, &query, bundling->record_path)
		       ?: store_reader_create(bundling->record_path, &bundling->record);
}

/* ---- the explanation ---- */

static struct error *open_core(struct bundling *bundling)
{
	if (!bundling->found.file.core)
		return NULL;
	/* Once more, so that the looks at its files are watched. */
	return core_open(bundling->found.file.core->path, &bundling->core)
		       ?: core_find_modules_of(bundling->core, bundling->host);
}

static struct error *explain(struct bundling *bundling)
{
	const struct cli_crash *found = &bundling->found;
	struct assemble_request request = {
		.core = bundling->core,
		.store = bundling->record,
		.signal = found->row.has_signal ? &found->row.signal_event : NULL,
		.exit = found->row.has_exit ? &found->row.exit : NULL,
		.host = bundling->host,
		.core_name = found->file.name,
	};
	struct error *err =
		assemble_crash(&request, &bundling->crash) ?: causes_judge(&bundling->crash, &bundling->findings);

	if (err)
		return err;
	report_init(&bundling->report, &bundling->crash, &bundling->findings);
	return NULL;
}

/* Questions that come later (`why` of another address) may be about any file that the record names: those that are
 * still the recorded ones are looked at too. */
static struct error *look_at_files(struct bundling *bundling)
{
	struct file_identity *files = NULL;
	size_t count = 0;
	struct error *err = bundling->record ? store_reader_files(bundling->record, &files, &count) : NULL;

	for (size_t i = 0; !err && i < count; i++) {
		struct elf_host_facts facts;
		struct elf_file *elf;

		if (files[i].path[0] == '/' && elf_host_look(bundling->host, files[i].path, &facts) == 0 &&
		    facts.regular && facts.inode == files[i].inode) {
			/* One that is no ELF file is of no use. */
			struct error *unusable = elf_open_path_of(bundling->host, files[i].path, &elf);

			if (!unusable)
				elf_destroy(elf);
			error_destroy(unusable);
		}
	}
	for (size_t i = 0; i < count; i++)
		file_identity_deinit(&files[i]);
	free(files);
	return err;
}

/* ---- what is made for the bundle ---- */

static struct error *write_report(const struct bundling *bundling, const char *path,
				  struct error *(*write)(const struct report *report, FILE *out))
{
	FILE *file = fopen(path, "wxe");
	struct error *err;

	if (!file)
		return error_errno(errno, "%s", path);
	err = write(&bundling->report, file);
	if (fclose(file) != 0 && !err)
		err = error_errno(errno, "%s", path);
	return err;
}

static struct error *write_reports(struct bundling *bundling)
{
	return name_in_room(bundling, "report.json", &bundling->json_path)
		?: name_in_room(bundling, "report.html", &bundling->html_path)
		?: write_report(bundling, bundling->json_path, report_write_json)
		?: write_report(bundling, bundling->html_path, report_write_html);
}

/* The core has its own. */
static struct error *write_vdso(struct bundling *bundling)
{
	cleanup_fd int from = -1, to = -1;
	char bytes[4096];
	struct error *err;
	ssize_t got;
	off_t at = 0;

	if (!bundling->crash.record.known || (bundling->core && !elf_host_gave_vdso(bundling->host)))
		return NULL;
	from = elf_host_open_vdso(bundling->host, bundling->crash.record.recording.boot_id);
	if (from < 0)
		return NULL;
	err = name_in_room(bundling, "vdso", &bundling->vdso_path);
	if (err)
		return err;
	to = open(bundling->vdso_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	while (to >= 0 && (got = pread(from, bytes, sizeof(bytes), at)) > 0) {
		if (write(to, bytes, (size_t)got) != got)
			return error_errno(errno, "%s", bundling->vdso_path);
		at += got;
	}
	return to < 0 ? error_errno(errno, "%s", bundling->vdso_path) : NULL;
}

/* What is about the death in the record, when there will be no core to tell it. */
static struct error *take_death(struct bundling *bundling)
{
	const struct cli_crash *found = &bundling->found;
	struct bundle_contents *contents = &bundling->contents;

	if (found->row.has_exit)
		contents->exit_state_id = found->row.exit.id;
	else if (found->row.has_signal)
		contents->signal_id = found->row.signal_event.id;
	else if (bundling->crash.record.has_signal_event)
		contents->signal_id = bundling->crash.record.signal_event.id;
	if (!contents->core && !contents->signal_id && !contents->exit_state_id)
		return error_format(ERROR_INVALID, "the death was not recorded: without its core there is nothing to "
						   "explain");
	return NULL;
}

static struct error *fill_contents(struct bundling *bundling, bool with_core)
{
	struct bundle_contents *contents = &bundling->contents;

	*contents = (struct bundle_contents){
		.crash_id = bundling->crash.facts.id,
		.host = bundling->host,
		.core = with_core && bundling->core ? bundling->core->path : NULL,
		.core_name = bundling->crash.core.path,
		.record = bundling->record_path,
		.report_json = bundling->json_path,
		.report_html = bundling->html_path,
		.vdso = bundling->vdso_path,
		.boot_id = bundling->crash.record.known ? bundling->crash.record.recording.boot_id : NULL,
	};
	return take_death(bundling);
}

static struct error *make_bundle(const struct cli_options *options, struct bundling *bundling,
				 struct bundle_packed *packed)
{
	struct error *err;

	cli_limits_begin(options, options->arguments, (size_t)options->argument_count);
	err = cli_find_crash(options, options->arguments, (size_t)options->argument_count, &bundling->found)
		?: bundle_room_create(&bundling->room)
		?: elf_host_create_watched(&bundling->host)
		?: open_core(bundling)
		?: make_record(bundling)
		?: explain(bundling)
		?: look_at_files(bundling);
	/* What follows copies. */
	limits_end();
	return err
		?: write_reports(bundling)
		?: write_vdso(bundling)
		?: fill_contents(bundling, !options->no_core)
		?: bundle_pack(&bundling->contents, options->output, packed);
}

static void write_size(uint64_t bytes, FILE *out)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes;
	size_t unit = 0;

	while (size >= 1024 && unit + 1 < array_size(units)) {
		size /= 1024;
		unit++;
	}
	fprintf(out, "%.*f %s", unit ? 1 : 0, size, units[unit]);
}

static void tell(const struct cli_options *options, const struct bundling *bundling, const struct bundle_packed *packed,
		 FILE *out)
{
	inert_write(options->output, out);
	fputs(": ", out);
	write_size(packed->bytes, out);
	fprintf(out, ", crash %s\n  core: ", bundling->crash.facts.id);
	if (bundling->contents.core) {
		write_size(packed->core_bytes, out);
		fputs(", of which not zero ", out);
		write_size(packed->core_stored, out);
	} else {
		fputs(options->no_core ? "left out" : "none was found", out);
	}
	fprintf(out, "\n  record: %s", bundling->crash.record.known ? "" : "none");
	if (bundling->crash.record.known)
		fprintf(out, "%" PRIu64 " events of this process", bundling->crash.record.event_count);
	fprintf(out, "\n  programs, libraries, debug files: %" PRIu64 ", ", packed->file_count);
	write_size(packed->file_bytes, out);
	fputc('\n', out);
}

static struct error *run_bundle(const struct cli_options *options, int *ret_status)
{
	cleanup_with(bundling_deinit) struct bundling bundling = {0};
	struct bundle_packed packed;
	struct error *err;
	bool to_stdout;

	if (!options->output) {
		*ret_status = CLI_USAGE;
		return error_format(ERROR_INVALID, "bundle wants -o FILE");
	}
	if (options->argument_count == 1 && bundle_recognise(options->arguments[0]))
		return error_format(ERROR_INVALID, "%s is a bundle already", options->arguments[0]);
	to_stdout = output_is_standard(options->output);
	err = make_bundle(options, &bundling, &packed);
	if (err)
		return err;
	tell(options, &bundling, &packed, to_stdout ? stderr : stdout);
	return NULL;
}

static const struct option_row own_options[] = {
	{.name = "no-core",
	 .help = "leave the core out: the record alone is explained then, and the report tells the rest",
	 .store = OPTION_FLAG,
	 .offset = offsetof(struct cli_options, no_core)},
};

const struct cli_command cli_bundle = {
	.name = "bundle",
	.arguments = "[CRASH...]",
	.summary = "pack a crash into one file that can be explained on another machine",
	.details =
		"The file holds the report (JSON, HTML), the recorded history of this process and of what it was "
		"forked from, the core, and the programs, libraries and debug files that the explanation needs. Every "
		"verb that takes CRASH takes the file, and answers as it does here; nothing of the other machine is "
		"looked at for it, and its --db is not either. `tar --zstd -tf FILE` lists it.\n\n"
		"A core is a copy of the process's memory, with its passwords and keys. The file can be read by its "
		"owner alone (mode 0600). --no-core leaves the memory out; what the record and the report tell of it "
		"(stack slices, registers, arguments of recorded calls) stays.\n\n"
		"FILE is replaced when it is there, once the new one is whole.\n",
	.flags = CLI_DB | CLI_MATCH | CLI_OUTPUT | CLI_LIMITS,
	.most = CLI_ANY,
	.options = own_options,
	.option_count = array_size(own_options),
	.run = run_bundle,
};
