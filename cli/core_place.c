/* SPDX-License-Identifier: MIT */
#include "cli/core_place.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/assemble/assemble.h"
#include "common/cleanup.h"

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
		fprintf(out, "%" PRIu32, facts->process->last_uid);
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

char *core_place(const struct signal_event *signal, const struct process *process, int64_t real_ns)
{
	const struct pattern_facts facts = {.signal = signal, .process = process, .real_ns = real_ns};
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
		fprintf(out, "%s/", facts.signal->directory);
	for (const char *at = pattern; *at && known; at++) {
		if (*at == '%' && at[1])
			known = expand(out, *++at, &facts);
		else if (*at != '%')
			fputc(*at, out);
	}
	if (!strstr(pattern, "%p") && with_pid && strcmp(with_pid, "0") != 0)
		fprintf(out, ".%" PRIu32, facts.process->namespace_pid);
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
	       assemble_same_death(core, signal);
}

struct core *core_place_open(const struct signal_event *signal, const struct process *process,
			     const struct space *space, int64_t real_ns)
{
	cleanup_free char *path = core_place(signal, process, real_ns);
	struct core *core;
	struct error *err;

	if (!path)
		return NULL;
	err = core_open(path, &core);
	if (err) {
		/* Whatever is there is not this crash's core: the record alone has to do. */
		error_destroy(err);
		return NULL;
	}
	if (is_core_of(core, space, signal))
		return core;
	core_destroy(core);
	return NULL;
}
