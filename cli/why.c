/* SPDX-License-Identifier: MIT */
/* corelate why ADDRESS: the recorded life of an address: mappings, heap blocks, calls that saw it, markers. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "analyzer/words.h"
#include "cli/cli.h"
#include "common/inert.h"

static struct error *parse_address(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno || *end || !isdigit((unsigned char)text[0]))
		return error_format(ERROR_INVALID, "'%s' is not an address (0x7f...)", text);
	return NULL;
}

/* Where the address lies in the dead process. */
static void write_place(const struct crash *crash, uint64_t address)
{
	const struct core_segment *segment;
	const struct core_file_mapping *file;
	struct words words;

	printf("0x%" PRIx64, address);
	if (!crash->core.image) {
		puts(": no core shows whether it was mapped at the end");
		return;
	}
	segment = core_find_segment(crash->core.image, address);
	if (!segment) {
		puts(" was not mapped when the process died");
		return;
	}
	/* PF_X, PF_W, PF_R are 1, 2, 4 (elf.h). */
	printf(" lies in the mapping 0x%" PRIx64 "-0x%" PRIx64 " (%s)", segment->start, segment->end,
	       words_protection(&words, (segment->flags & 4 ? PROT_READ : 0) | (segment->flags & 2 ? PROT_WRITE : 0) |
						(segment->flags & 1 ? PROT_EXEC : 0)));
	file = core_find_file(crash->core.image, address);
	if (file) {
		fputs(" of ", stdout);
		inert_write(file->path, stdout);
		printf(", offset 0x%" PRIx64, file->offset + (address - file->start));
	}
	putchar('\n');
}

static struct error *run_why(const struct cli_options *options, int *ret_status)
{
	struct report_style style = cli_style(options);
	struct cli_explained explained;
	uint64_t address;
	struct error *err = parse_address(options->arguments[0], &address);

	if (err) {
		*ret_status = CLI_USAGE;
		return err;
	}
	err = cli_explain_crash(options, options->arguments + 1, (size_t)options->argument_count - 1, &address,
				&explained);
	if (err)
		return err;
	if (options->json) {
		err = report_write_biography_json(&explained.report, stdout);
	} else {
		write_place(&explained.crash, address);
		report_write_biography(&explained.report, &style, stdout);
		if (!explained.crash.record.known)
			fputs("  (the process was not recorded)\n", stdout);
	}
	cli_explained_deinit(&explained);
	return err;
}

const struct cli_command cli_why = {
	.name = "why",
	.arguments = "ADDRESS [CRASH]",
	.summary = "tell the life of an address: who mapped, allocated, freed and used it, when",
	.flags = CLI_DB | CLI_JSON | CLI_ALL | CLI_PAGER | CLI_LIMITS,
	.least = 1,
	.most = 2,
	.run = run_why,
};
