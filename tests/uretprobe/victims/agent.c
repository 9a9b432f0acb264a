/* SPDX-License-Identifier: MIT */
/*
 * A tracer that does nothing but hold probes: agent FILE KIND:OFFSET…, where KIND is plain or return and OFFSET is the
 * place in FILE. Through perf events of the uprobe PMU, as perf and most agents do it. It says "attached" and holds
 * them until it is ended. Its name in the recorder's ledger is that of its file.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned type_of_uprobes(void)
{
	FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	unsigned type = 0;

	if (!file || fscanf(file, "%u", &type) != 1)
		exit(77);
	fclose(file);
	return type;
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const char *offset = strchr(argv[i], ':');
		struct perf_event_attr attr = {
			.type = type_of_uprobes(),
			.size = sizeof(attr),
			.config = strncmp(argv[i], "return:", 7) == 0, /* bit 0: at the return */
			.config1 = (unsigned long)argv[1],
		};

		if (!offset)
			return 2;
		attr.config2 = strtoull(offset + 1, NULL, 0);
		if (syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC) < 0) {
			perror(argv[i]);
			return 1;
		}
	}
	puts("attached");
	fflush(stdout);
	for (;;)
		pause();
}
