/* SPDX-License-Identifier: MIT */
/* The verdict of `corelate check`, and the lines that an operator can run. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"

char *check_verdict(const struct check *check)
{
	const char *path = check->elf->path;
	char *text = NULL;
	int length;

	if (!check->unsafe) {
		length = asprintf(&text, "safe: nothing was found that a uretprobe on %s%s%s would break%s",
				  check->function ? check->function : "the functions", " of ", path,
				  check->elf->has_symbol_table ? "" : ", as far as a stripped file shows");
		return length < 0 ? NULL : text;
	}
	length = asprintf(&text, "unsafe: a uretprobe on %s%s%s %s: %s%s",
			  check->function ? check->function : "any function", " of ", path,
			  check->severity == PROBE_HAZARD_FORBIDDEN ? "ends in a crash" : "can end in a crash",
			  check->worst->claim, check->worst->pid ? " (in another program that loads it)" : "");
	return length < 0 ? NULL : text;
}

/* Inside single quotes of a shell. */
static void write_quoted(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	}
}

static bool is_plain_path(const char *path)
{
	for (; *path; path++) {
		if (!isalnum((unsigned char)*path) && !strchr("/._-+@~,=", *path))
			return false;
	}
	return true;
}

/* Only one symbol of that name, and none that bpftrace would take for a pattern or a string's end. */
static bool names_one(const struct elf_file *elf, const char *name)
{
	size_t count = 0;

	if (!name || strpbrk(name, "\"\\?[]{}\n"))
		return false;
	for (size_t i = 0; i < elf->symbol_count && count < 2; i++)
		count += !elf->symbols[i].is_import && strcmp(elf->symbols[i].name, name) == 0;
	return count == 1;
}

static void write_attach_point(const struct check *check, const struct code_return_site *site, FILE *out)
{
	const char *quote = is_plain_path(check->probe_path) ? "" : "\"";

	fprintf(out, "uprobe:%s", quote);
	write_quoted(check->probe_path, out);
	fprintf(out, "%s:", quote);
	if (names_one(check->elf, site->symbol)) {
		fputc('"', out);
		write_quoted(site->symbol, out);
		fprintf(out, "\"+%" PRIu64, site->offset);
		return;
	}
	/* bpftrace takes a number for an address where a symbol covers it, else for an offset in the file
	 * (resolve_offset_uprobe() in its attached_probe.cpp; tried with 0.17). */
	fprintf(out, "0x%" PRIx64, elf_symbol_around(check->elf, site->address) ? site->address : site->file_offset);
}

static bool needs_unsafe(const struct check *check, const struct code_return_sites *sites)
{
	for (size_t i = 0; i < sites->count; i++) {
		if (!elf_symbol_around(check->elf, sites->sites[i].address))
			return true;
	}
	return false;
}

char *check_bpftrace_line(const struct check *check, const struct code_return_sites *sites)
{
	const char *separator = "";
	char *text = NULL;
	size_t size;
	FILE *out;

	if (sites->return_count == 0 || !check->probe_path)
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	/* Without a symbol bpftrace cannot see where instructions begin; it asks to be told that we can. */
	fprintf(out, "bpftrace %s-e '", needs_unsafe(check, sites) ? "--unsafe " : "");
	for (size_t i = 0; i < sites->count; i++) {
		if (sites->sites[i].kind != CODE_SITE_RETURN)
			continue;
		fputs(separator, out);
		write_attach_point(check, &sites->sites[i], out);
		separator = ", ";
	}
	fputs(" { printf(\"returns %d\\n\", reg(\"ax\")); }'", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* A name for the event: letters, digits and underscores only. */
static void event_name(const struct code_return_sites *sites, char *name, size_t size)
{
	size_t length;

	snprintf(name, size, "ret_%s", sites->function.name ? sites->function.name : "");
	length = strlen(name);
	if (!sites->function.name)
		snprintf(name + length, size - length, "%" PRIx64, sites->function.address);
	for (char *at = name; *at; at++) {
		if (!isalnum((unsigned char)*at))
			*at = '_';
	}
}

char *check_tracefs_lines(const struct check *check, const struct code_return_sites *sites, const char *indent)
{
	char *text = NULL, name[48];
	size_t size;
	FILE *out;

	/* uprobe_events splits words at spaces; and printf's own characters would need another quoting. */
	if (sites->return_count == 0 || !check->probe_path || strpbrk(check->probe_path, " \t\n'%\\"))
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	event_name(sites, name, sizeof(name));
	fprintf(out, "%sprintf '", indent);
	for (size_t i = 0; i < sites->count; i++) {
		if (sites->sites[i].kind == CODE_SITE_RETURN)
			fprintf(out, "p:corelate/%s %s:0x%" PRIx64 " ax=%%%%ax\\n", name, check->probe_path,
				sites->sites[i].file_offset);
	}
	fprintf(out,
		"' >> /sys/kernel/tracing/uprobe_events\n"
		"%secho 1 > /sys/kernel/tracing/events/corelate/%s/enable; cat /sys/kernel/tracing/trace_pipe\n"
		"%secho 0 > /sys/kernel/tracing/events/corelate/%s/enable\n"
		"%secho '-:corelate/%s' >> /sys/kernel/tracing/uprobe_events\n",
		indent, name, indent, name, indent, name);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
