/* SPDX-License-Identifier: MIT */
/*
 * corelate probes: what uprobes and uretprobes are attached now, by whom, and which are dangerous. corelated asks the
 * kernel (it alone knows BPF); the probed files are looked at here.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "analyzer/elf/elf_file.h"
#include "analyzer/probe/probe_safety.h"
#include "analyzer/code/code_return_sites.h"
#include "cli/json.h"
#include "common/array.h"
#include "common/child.h"
#include "common/cleanup.h"
#include "common/inert.h"

/* One line of corelated --list-probes. The texts are those of the line, unescaped in place. */
struct listed_probe {
	bool at_return;
	const char *path;
	uint64_t offset;
	unsigned device_major, device_minor;
	uint64_t inode;
	uint32_t holder_pid; /* 0: not known */
	const char *comm;
	const char *cgroup;
	const char *how;
	bool enabled;
	long only_pid; /* 0: any; -1: not known */
};

/* What the probed file says of it. */
struct judgement {
	char *function; /* NULL when not known */
	uint64_t function_offset;
	const char *danger; /* NULL when nothing was found; a constant */
	const char *severity;
	const char *advice;
};

static void unescape(char *text)
{
	char *out = text;
	unsigned byte;

	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && sscanf(text + 2, "%2x", &byte) == 1) {
			*out++ = (char)byte;
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = 0;
}

/* The columns are told in collector/holders.h. */
static bool parse_line(char *line, struct listed_probe *probe)
{
	char *cells[12];
	size_t count = 0;

	line[strcspn(line, "\n")] = 0;
	for (char *cell; count < 12 && (cell = strsep(&line, "\t"));)
		cells[count++] = cell;
	if (count != 12)
		return false;
	unescape(cells[1]);
	unescape(cells[6]);
	unescape(cells[7]);
	*probe = (struct listed_probe){
		.at_return = strcmp(cells[0], "uretprobe") == 0,
		.path = strcmp(cells[1], "-") ? cells[1] : NULL,
		.offset = strtoull(cells[2], NULL, 16),
		.inode = strtoull(cells[4], NULL, 10),
		.holder_pid = (uint32_t)strtoul(cells[5], NULL, 10),
		.comm = strcmp(cells[6], "-") ? cells[6] : NULL,
		.cgroup = strcmp(cells[7], "-") ? cells[7] : NULL,
		.how = cells[8],
		.enabled = cells[10][0] == '1',
		.only_pid = strtol(cells[11], NULL, 10),
	};
	return sscanf(cells[3], "%u:%u", &probe->device_major, &probe->device_minor) == 2;
}

static bool is_file_of(const struct listed_probe *probe, const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == probe->inode &&
	       major(status.st_dev) == probe->device_major && minor(status.st_dev) == probe->device_minor;
}

/* The path is one of the holder's mount namespace. */
static struct error *open_probed(const struct listed_probe *probe, struct elf_file **ret_elf)
{
	char path[PATH_MAX];

	if (!probe->path)
		return &error_not_found;
	if (is_file_of(probe, probe->path))
		return elf_open_path(probe->path, ret_elf);
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root%s", probe->holder_pid, probe->path);
	return probe->holder_pid && is_file_of(probe, path) ? elf_open_path(path, ret_elf) : &error_not_found;
}

/* A uprobe leaves the stack alone. Of a uretprobe, the gravest thing that its file shows; that nothing shows proves
 * nothing about a stripped file. */
static void probe_is_dangerous(const struct elf_file *elf, uint64_t address, struct judgement *judgement)
{
	struct probe_safety safety = {0};
	struct code_return_sites sites = {0};
	struct code_function function;
	bool has_sites = false;
	struct error *err = code_find_function_at(elf, address, &function);

	if (!err) {
		err = code_find_return_sites(elf, &function, &sites);
		has_sites = !err;
	}
	error_destroy(err);
	err = probe_safety_add_file(&safety, elf);
	error_destroy(err);
	probe_safety_finish(&safety);
	for (size_t i = 0; i < safety.count && !judgement->danger; i++) {
		enum probe_hazard_severity severity =
			probe_hazard_severity_for(&safety.hazards[i], has_sites ? &sites : NULL);

		if (severity == PROBE_HAZARD_NOTE)
			continue;
		judgement->danger = safety.hazards[i].claim;
		judgement->severity = probe_hazard_severity_name(severity);
		judgement->advice = safety.hazards[i].advice;
	}
	probe_safety_deinit(&safety);
	code_return_sites_deinit(&sites);
}

static void judge(const struct listed_probe *probe, struct judgement *judgement)
{
	const struct elf_symbol *symbol;
	struct elf_file *elf = NULL;
	struct error *err = open_probed(probe, &elf);
	uint64_t address;

	error_destroy(err); /* not an ELF file, or gone: then there is no name to tell */
	if (err || !elf_address_of_offset(elf, probe->offset, &address)) {
		elf_destroy(elf);
		return;
	}
	symbol = elf_symbol_at(elf, address);
	if (!symbol)
		symbol = elf_symbol_around(elf, address);
	if (symbol) {
		judgement->function = strdup(symbol->name);
		judgement->function_offset = address - symbol->address;
	}
	if (probe->at_return)
		probe_is_dangerous(elf, address, judgement);
	elf_destroy(elf);
}

static json_t *text_or_null(const char *text)
{
	json_t *string = text ? json_string(text) : NULL;

	return string ? string : json_null(); /* names need not be UTF-8 */
}

static json_t *json_probe(const struct listed_probe *probe, const struct judgement *judgement)
{
	json_t *object = json_object();
	json_t *holder = probe->holder_pid ? json_object() : json_null();
	char number[32];

	if (probe->holder_pid) {
		json_object_set_new(holder, "pid", json_integer(probe->holder_pid));
		json_object_set_new(holder, "comm", text_or_null(probe->comm));
		json_object_set_new(holder, "cgroup", text_or_null(probe->cgroup));
	}
	json_object_set_new(object, "kind", json_string(probe->at_return ? "uretprobe" : "uprobe"));
	json_object_set_new(object, "path", text_or_null(probe->path));
	snprintf(number, sizeof(number), "0x%" PRIx64, probe->offset);
	json_object_set_new(object, "offset", json_string(number));
	json_object_set_new(object, "function", text_or_null(judgement->function));
	snprintf(number, sizeof(number), "0x%" PRIx64, judgement->function_offset);
	json_object_set_new(object, "function_offset", judgement->function ? json_string(number) : json_null());
	json_object_set_new(object, "attached_by", holder);
	json_object_set_new(object, "how", text_or_null(probe->how));
	json_object_set_new(object, "enabled", json_boolean(probe->enabled));
	json_object_set_new(object, "only_pid", probe->only_pid > 0 ? json_integer(probe->only_pid) : json_null());
	json_object_set_new(object, "danger", text_or_null(judgement->danger));
	json_object_set_new(object, "severity", text_or_null(judgement->severity));
	json_object_set_new(object, "advice", text_or_null(judgement->advice));
	return object;
}

static void write_probe(const struct listed_probe *probe, const struct judgement *judgement)
{
	printf("%-9s ", probe->at_return ? "uretprobe" : "uprobe");
	inert_write(probe->path, stdout);
	printf(" +0x%" PRIx64, probe->offset);
	if (judgement->function) {
		fputs(" (", stdout);
		inert_write(judgement->function, stdout);
		if (judgement->function_offset)
			printf("+0x%" PRIx64, judgement->function_offset);
		fputc(')', stdout);
	}
	if (probe->holder_pid) {
		fputs("\n          by ", stdout);
		inert_write(probe->comm, stdout);
		printf(" (pid %" PRIu32 ")", probe->holder_pid);
		if (probe->cgroup && strcmp(probe->cgroup, "/") != 0) {
			fputs(" in ", stdout);
			inert_write(probe->cgroup, stdout);
		}
	} else if (strcmp(probe->how, "tracefs") == 0) {
		fputs("\n          defined in tracefs, which keeps no owner", stdout);
		if (!probe->enabled)
			fputs("; not switched on there", stdout);
	} else {
		fputs("\n          by a BPF link that no process holds (pinned)", stdout);
	}
	if (probe->only_pid > 0)
		printf(", for process %ld alone", probe->only_pid);
	if (judgement->danger)
		printf("\n          %s: %s", strcmp(judgement->severity, "forbidden") ? "DANGEROUS" : "DEADLY",
		       judgement->danger);
	fputc('\n', stdout);
}

/* corelated lies beside corelate in a build, in ../sbin when installed, else on the PATH. */
static struct error *start_corelated(struct child *ret_child)
{
	static const char *const places[] = {"/corelated", "/../sbin/corelated"};
	char here[PATH_MAX], path[PATH_MAX + 32] = "corelated";
	char *const arguments[] = {path, (char *)"--list-probes", NULL};
	ssize_t length = readlink("/proc/self/exe", here, sizeof(here) - 1);

	here[length > 0 ? length : 0] = 0;
	if (strrchr(here, '/'))
		*strrchr(here, '/') = 0;
	for (size_t i = 0; i < array_size(places); i++) {
		snprintf(path, sizeof(path), "%s%s", here, places[i]);
		if (access(path, X_OK) == 0)
			break;
		strcpy(path, "corelated");
	}
	return child_start(&(struct child_task){.arguments = arguments, .pipes = CHILD_PIPE(CHILD_OUTPUT)}, ret_child);
}

static void take_lines(FILE *lines, bool as_json, json_t *array, size_t *ret_count)
{
	cleanup_free char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, lines) > 0) {
		struct judgement judgement = {0};
		struct listed_probe probe;

		if (!parse_line(line, &probe))
			continue;
		judge(&probe, &judgement);
		if (as_json)
			json_array_append_new(array, json_probe(&probe, &judgement));
		else
			write_probe(&probe, &judgement);
		free(judgement.function);
		++*ret_count;
	}
}

static struct error *run_probes(const struct cli_options *options, int *ret_status)
{
	json_auto_t *array = json_array();
	cleanup_child struct child corelated = CHILD_NONE;
	cleanup_file FILE *lines = NULL;
	struct child_status status;
	struct error *err;
	size_t count = 0;

	(void)ret_status;
	if (geteuid() != 0)
		return error_format(ERROR_PERMISSION, "listing probes needs root: the kernel tells nobody else");
	err = start_corelated(&corelated);
	if (err)
		return err;
	lines = fdopen(corelated.ends[CHILD_OUTPUT], "r");
	if (!lines)
		return error_errno(errno, "cannot read what corelated says");
	corelated.ends[CHILD_OUTPUT] = -1;
	take_lines(lines, options->json, array, &count);
	status = child_wait(&corelated);
	if (status.signal || status.exit_code > 0)
		return error_format(ERROR_SYSTEM, "corelated could not list the probes");
	if (options->json)
		return cli_json_write(options, json_incref(array));
	if (!count)
		fputs("No uprobe is attached.\n", stderr);
	return NULL;
}

const struct cli_command cli_probes = {
	.name = "probes",
	.arguments = "",
	.summary = "show the probes that are attached now, by whom, and which are dangerous",
	.details =
		"Needs root. What is marked was recognised in the probed file; a stripped file shows little, so that\n"
		"no mark does not mean safe. A perf event without a BPF program is not listed, unless tracefs defines "
		"it.\n",
	.flags = CLI_JSON,
	.run = run_probes,
};
