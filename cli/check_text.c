/* SPDX-License-Identifier: MIT */
/* `corelate check` for a person: the verdict, the reasons, and what to run instead. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/inert.h"

#define TEXT_WIDTH 96

/* Wraps at spaces. */
static void write_wrapped(const char *text, const char *indent, FILE *out)
{
	while (*text) {
		size_t length = strlen(text);

		if (length > TEXT_WIDTH) {
			length = TEXT_WIDTH;
			while (length > 0 && text[length] != ' ')
				length--;
			length = length ? length : TEXT_WIDTH;
		}
		fprintf(out, "%s%.*s\n", indent, (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
}

/* For all functions that are meant: the gravest. */
static enum probe_hazard_severity severity_here(const struct check *check, const struct probe_hazard *hazard)
{
	enum probe_hazard_severity most = PROBE_HAZARD_NOTE;

	if (check->function_count == 0)
		return hazard->severity;
	for (size_t i = 0; i < check->function_count; i++) {
		enum probe_hazard_severity one = probe_hazard_severity_for(hazard, &check->sites[i]);

		most = one > most ? one : most;
	}
	return most;
}

static void write_reason(const struct check *check, const struct probe_hazard *hazard, FILE *out)
{
	enum probe_hazard_severity severity = severity_here(check, hazard);

	fprintf(out, "\n  %s: %s\n", probe_hazard_severity_name(severity), hazard->claim);
	write_wrapped(hazard->text, "    ", out);
	if (severity < hazard->severity)
		write_wrapped("This function calls nothing, so it cannot happen while it runs.", "    ", out);
	fputs("    seen: ", out);
	inert_write(hazard->evidence, out);
	if (hazard->file) {
		fputs(" in ", out);
		inert_write(hazard->file, out);
	}
	if (hazard->pid)
		fprintf(out, " (process %" PRIu32 ")", hazard->pid);
	fputc('\n', out);
	if (severity > PROBE_HAZARD_NOTE)
		fprintf(out, "    instead: %s\n", hazard->advice);
}

static void write_place(const struct code_return_site *site, FILE *out)
{
	inert_write(site->symbol ? site->symbol : "entry", out);
	fprintf(out, "+%" PRIu64 " (0x%" PRIx64 ")", site->offset, site->address);
}

static void write_tail_calls(const struct code_return_sites *sites, FILE *out)
{
	size_t count = sites->count - sites->return_count, written = 0;

	if (count == 0)
		return;
	fprintf(out, "  %zu tail call%s: there it returns through the function that it jumps to.\n", count,
		count > 1 ? "s" : "");
	for (size_t i = 0; i < sites->count && written < CHECK_LISTED; i++) {
		const struct code_return_site *site = &sites->sites[i];

		if (site->kind != CODE_SITE_TAIL_CALL)
			continue;
		written++;
		fputs("    ", out);
		write_place(site, out);
		fputs(" -> ", out);
		if (site->target_name)
			inert_write(site->target_name, out);
		else if (site->target)
			fprintf(out, "0x%" PRIx64, site->target);
		else
			fputs("through a pointer", out);
		fprintf(out, "%s%s\n", site->through_plt ? " (by way of the dynamic linker)" : "",
			site->is_conditional ? " (conditional)" : "");
	}
	if (count > written)
		fprintf(out, "    and %zu more\n", count - written);
}

static void write_warnings(const struct code_return_sites *sites, FILE *out)
{
	size_t shared = 0;

	for (size_t i = 0; i < sites->count; i++)
		shared += sites->sites[i].kind == CODE_SITE_RETURN && sites->sites[i].is_shared;
	if (sites->function.is_ifunc)
		fputs("  warning: this symbol is an IFUNC: the code here only chooses, once, which implementation "
		      "callers "
		      "reach; probe that one\n",
		      out);
	if (!sites->complete)
		fprintf(out, "  warning: the list may lack returns: %s\n", sites->incomplete_reason);
	if (sites->function.extent == CODE_EXTENT_GUESS)
		fputs("  warning: nothing tells where the function ends; its control flow was followed\n", out);
	if (shared > 0)
		fprintf(out, "  note: %zu of these returns also end%s other functions\n", shared,
			shared == 1 ? "s" : "");
	if (sites->calls_itself)
		fputs("  note: it calls itself; the kernel hijacks at most 64 returns a thread and loses deeper ones\n",
		      out);
}

static void write_function(const struct check *check, const struct code_return_sites *sites, FILE *out)
{
	cleanup_free char *line = check_bpftrace_line(check, sites);
	cleanup_free char *lines = check_tracefs_lines(check, sites, "    ");

	fputc('\n', out);
	inert_write(sites->function.name ? sites->function.name : check->function, out);
	fprintf(out, " at 0x%" PRIx64 ", file offset 0x%" PRIx64 ", %" PRIu64 " bytes: ", sites->function.address,
		sites->function.file_offset, sites->function.size);
	if (sites->count == 0 && sites->complete)
		fputs("it never returns; a probe at its return would never fire\n", out);
	else if (sites->return_count == 0)
		fputs("no RET of its own\n", out);
	else
		fprintf(out, "%zu RET%s\n", sites->return_count, sites->return_count > 1 ? "s" : "");
	if (line)
		fprintf(out, "  %s\n", line);
	if (lines)
		fprintf(out,
			"  A bpftrace built without libbfd (Debian's; bpftrace --info says \"bfd: no\") refuses "
			"offsets. Then, as root:\n%s",
			lines);
	write_tail_calls(sites, out);
	write_warnings(sites, out);
}

void check_write_text(const struct check *check, FILE *out)
{
	cleanup_free char *verdict = check_verdict(check);
	size_t notes = 0;

	inert_write(verdict ? verdict : "out of memory", out);
	fputc('\n', out);
	for (size_t i = 0; i < check->safety.count; i++) {
		const struct probe_hazard *hazard = &check->safety.hazards[i];

		/* Of notes on other files of a process the first few are enough. */
		if (hazard->severity > PROBE_HAZARD_NOTE || notes++ < CHECK_LISTED)
			write_reason(check, hazard, out);
	}
	if (notes > CHECK_LISTED)
		fprintf(out, "\n  and %zu more notes, in --json\n", notes - CHECK_LISTED);
	for (size_t i = 0; i < check->function_count; i++)
		write_function(check, &check->sites[i], out);
	if (check->function_count == 0 && check->unsafe)
		fputs("\nName a function to be told the offsets of its returns.\n", out);
}
