/* SPDX-License-Identifier: MIT */
/* Which crash is meant, and where its core and its record are. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/detect.h"
#include "cli/cli.h"
#include "common/cleanup.h"

#define SEARCHED_CRASHES 10000

struct error *cli_open_store(const struct cli_options *options, struct store_reader **ret)
{
	struct error *err = store_reader_create(options->database, ret);

	if (err && err->code == ERROR_NOT_FOUND && !options->database_given) {
		error_destroy(err);
		*ret = NULL;
		return NULL;
	}
	return err;
}

/* ---- a recorded death by name ---- */

static bool same_executable(struct store_reader *store, int64_t space_id, const char *name)
{
	struct file_identity file;
	struct space space;
	struct error *err = store_reader_space(store, space_id, &space);
	bool same = false;

	if (!err && space.executable_file_id) {
		err = store_reader_file(store, space.executable_file_id, &file);
		if (!err) {
			const char *base = strrchr(file.path, '/');

			same = strcmp(file.path, name) == 0 || (base && strcmp(base + 1, name) == 0);
			file_identity_deinit(&file);
		}
	}
	error_destroy(err); /* what cannot be read does not match */
	return same;
}

static bool same_id(struct store_reader *store, const struct signal_event *signal, const char *name)
{
	struct explain_request request = {.store = store, .signal = signal};
	struct crash crash;
	struct error *err;
	bool same;

	if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16)
		return false;
	err = explain_crash(&request, &crash);
	if (err) {
		error_destroy(err);
		return false;
	}
	same = strcmp(crash.id, name) == 0;
	crash_deinit(&crash);
	return same;
}

static bool is_meant_by_name(struct store_reader *store, const struct signal_event *signal, const char *name)
{
	struct process process;
	char *end;
	unsigned long pid;
	struct error *err;

	pid = strtoul(name, &end, 10);
	err = store_reader_process(store, signal->process_id, &process);
	if (err) {
		error_destroy(err);
		return false;
	}
	if (end != name && !*end)
		return process.pid == pid || process.namespace_pid == pid;
	return strncmp(process.comm, name, sizeof(process.comm)) == 0 ||
	       strncmp(signal->comm, name, sizeof(signal->comm)) == 0 || same_executable(store, signal->space_id, name);
}

static bool is_meant(struct store_reader *store, const struct signal_event *signal, const char *name)
{
	return !name || same_id(store, signal, name) || is_meant_by_name(store, signal, name);
}

/* Processes that ended themselves with uretprobes at work; the newer of the two kinds of death is meant. */
static struct error *find_exit(struct store_reader *store, const char *name, struct cli_crash *ret)
{
	struct exit_state *exits = NULL;
	size_t count = 0;
	struct error *err = store_reader_exit_states(store, 0, SEARCHED_CRASHES, &exits, &count);

	for (size_t i = 0; !err && i < count && !ret->has_exit; i++) {
		struct signal_event as_signal = {
			.process_id = exits[i].process_id,
			.space_id = exits[i].space_id,
			.tid = exits[i].tid,
		};

		if (ret->has_signal && ret->signal.time_ns > exits[i].time_ns)
			break;
		memcpy(as_signal.comm, exits[i].comm, sizeof(as_signal.comm));
		if (name ? !is_meant_by_name(store, &as_signal, name) : false)
			continue;
		ret->exit = exits[i];
		ret->has_exit = true;
		if (ret->has_signal)
			signal_event_deinit(&ret->signal);
		ret->has_signal = false;
	}
	free(exits);
	return err;
}

static struct error *find_recorded(struct store_reader *store, const char *name, struct cli_crash *ret)
{
	struct signal_event *signals = NULL;
	size_t count = 0;
	struct error *err = store_reader_fatal_signals(store, SEARCHED_CRASHES, &signals, &count);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (!ret->has_signal && is_meant(store, &signals[i], name)) {
			ret->signal = signals[i];
			ret->has_signal = true;
		} else {
			signal_event_deinit(&signals[i]);
		}
	}
	free(signals);
	err = find_exit(store, name, ret);
	if (err || ret->has_signal || ret->has_exit)
		return err;
	if (name)
		return error_format(ERROR_NOT_FOUND, "no recorded crash is called '%s', and there is no such core file",
				    name);
	return error_format(ERROR_NOT_FOUND, "no crash has been recorded");
}

/* ---- from a record to its core ---- */

static char *read_setting(const char *path)
{
	cleanup_file FILE *file = fopen(path, "re");
	char line[256];

	if (!file || !fgets(line, sizeof(line), file))
		return NULL;
	line[strcspn(line, "\n")] = 0;
	return strdup(line);
}

struct pattern_facts {
	const struct signal_event *signal;
	const struct process *process;
	int64_t real_ns; /* date of the death */
};

/* core(5): one specifier of core_pattern; NULL for those that cannot be known afterwards. */
static bool expand(FILE *out, char specifier, const struct pattern_facts *facts)
{
	char host[256] = "";

	switch (specifier) {
	case '%':
		fputc('%', out);
		return true;
	case 'p':
		fprintf(out, "%" PRIu32, facts->process->namespace_pid);
		return true;
	case 'P':
		fprintf(out, "%" PRIu32, facts->process->pid);
		return true;
	case 'i':
		fprintf(out, "%" PRIu32, facts->signal->namespace_tid);
		return true;
	case 'I':
		fprintf(out, "%" PRIu32, facts->signal->tid);
		return true;
	case 'u':
		fprintf(out, "%" PRIu32, facts->process->uid);
		return true;
	case 's':
		fprintf(out, "%" PRId32, facts->signal->number);
		return true;
	case 't':
		fprintf(out, "%" PRId64, facts->real_ns / 1000000000);
		return true;
	case 'e':
		for (size_t i = 0; i < sizeof(facts->signal->comm) && facts->signal->comm[i]; i++)
			fputc(facts->signal->comm[i] == '/' ? '!' : facts->signal->comm[i], out);
		return true;
	case 'h':
		gethostname(host, sizeof(host) - 1);
		fputs(host, out);
		return true;
	default:
		return false;
	}
}

/* The path that the kernel's core_pattern gives this death; NULL when it gives none that can be told. */
static char *core_path(const struct pattern_facts *facts)
{
	cleanup_free char *pattern = read_setting("/proc/sys/kernel/core_pattern");
	cleanup_free char *with_pid = read_setting("/proc/sys/kernel/core_uses_pid");
	char *path = NULL;
	size_t size;
	bool known = true;
	FILE *out;

	if (!pattern || !pattern[0] || pattern[0] == '|' || pattern[0] == '@')
		return NULL;
	out = open_memstream(&path, &size);
	if (!out)
		return NULL;
	if (pattern[0] != '/')
		fprintf(out, "%s/", facts->signal->directory);
	for (const char *at = pattern; *at && known; at++) {
		if (*at == '%' && at[1])
			known = expand(out, *++at, facts);
		else if (*at != '%')
			fputc(*at, out);
	}
	if (!strstr(pattern, "%p") && with_pid && strcmp(with_pid, "0") != 0)
		fprintf(out, ".%" PRIu32, facts->process->namespace_pid);
	fclose(out);
	if (!known) {
		free(path);
		return NULL;
	}
	return path;
}

static bool is_core_of(const struct core *core, const struct space *space, const struct signal_event *signal)
{
	return core->has_auxv && core->auxv_random == space->auxv_random && core->auxv_entry == space->auxv_entry &&
	       core->auxv_sysinfo_ehdr == space->auxv_sysinfo_ehdr && core->auxv_base == space->auxv_base &&
	       explain_same_death(core, signal);
}

struct error *cli_find_core(struct store_reader *store, const struct signal_event *signal, struct core **ret_core)
{
	struct pattern_facts facts = {.signal = signal};
	cleanup_free char *path = NULL;
	struct recording recording;
	struct process process;
	struct space space;
	struct core *core;
	struct error *err;

	*ret_core = NULL;
	err = store_reader_process(store, signal->process_id, &process);
	if (!err)
		err = store_reader_space(store, signal->space_id, &space);
	if (!err)
		err = store_reader_recording(store, process.recording_id, &recording);
	if (err)
		return err;
	facts.process = &process;
	if (!crash_realtime_ns(&recording, signal->time_ns, &facts.real_ns))
		facts.real_ns = 0;
	recording_deinit(&recording);
	path = core_path(&facts);
	if (!path)
		return NULL;
	err = core_open(path, &core);
	if (err) {
		/* Whatever is there is not this crash's core: the record alone has to do. */
		error_destroy(err);
		return NULL;
	}
	if (is_core_of(core, &space, signal))
		*ret_core = core;
	else
		core_destroy(core);
	return NULL;
}

/* ---- the whole search ---- */

static bool names_a_file(const char *name)
{
	struct stat status;

	/* A bare number or word could be a file by accident; a path with a slash is meant as one. */
	return strchr(name, '/') || (stat(name, &status) == 0 && !S_ISDIR(status.st_mode));
}

struct error *cli_find_crash(const struct cli_options *options, const char *name, struct cli_crash *ret)
{
	struct error *err;

	*ret = (struct cli_crash){0};
	err = cli_open_store(options, &ret->store);
	if (!err && name && names_a_file(name)) {
		err = core_open(name, &ret->core);
		/* An executable's path also names its crashes. */
		if (err && (err->code == ERROR_INVALID || err->code == ERROR_NOT_FOUND) && ret->store) {
			struct error *again = find_recorded(ret->store, name, ret);

			if (!again) {
				error_destroy(err);
				err = NULL;
			}
			error_destroy(again);
		}
	} else if (!err && !ret->store) {
		err = error_format(ERROR_NOT_FOUND, "nothing has been recorded (no database %s); name a core file",
				   options->database);
	} else if (!err) {
		err = find_recorded(ret->store, name, ret);
	}
	if (!err && !ret->core && ret->has_signal)
		err = cli_find_core(ret->store, &ret->signal, &ret->core);
	if (!err && ret->core)
		err = core_find_modules(ret->core, NULL);
	if (err)
		cli_crash_deinit(ret);
	return err;
}

void cli_crash_deinit(struct cli_crash *found)
{
	if (found->has_signal)
		signal_event_deinit(&found->signal);
	core_destroy(found->core);
	store_reader_destroy(found->store);
	*found = (struct cli_crash){0};
}

struct error *cli_explain_crash(const struct cli_options *options, const char *name, const uint64_t *address,
				struct cli_explained *ret)
{
	struct explain_request request = {0};
	struct error *err;

	*ret = (struct cli_explained){0};
	err = cli_find_crash(options, name, &ret->found);
	if (err)
		return err;
	request.core = ret->found.core;
	request.store = ret->found.store;
	request.signal = ret->found.has_signal ? &ret->found.signal : NULL;
	request.exit = ret->found.has_exit ? &ret->found.exit : NULL;
	if (address) {
		request.address = *address;
		request.has_address = true;
	}
	err = explain_crash(&request, &ret->crash);
	if (!err)
		err = detect_all(&ret->crash, &ret->findings);
	if (err) {
		cli_explained_deinit(ret);
		return err;
	}
	report_init(&ret->report, &ret->crash, &ret->findings);
	return NULL;
}

void cli_explained_deinit(struct cli_explained *explained)
{
	finding_list_deinit(&explained->findings);
	crash_deinit(&explained->crash);
	cli_crash_deinit(&explained->found);
}

struct error *cli_render_crash(const struct cli_options *options, cli_render_function render)
{
	struct cli_explained explained;
	struct error *err =
		cli_explain_crash(options, options->argument_count ? options->arguments[0] : NULL, NULL, &explained);

	if (err)
		return err;
	err = render(options, &explained);
	cli_explained_deinit(&explained);
	return err;
}
