/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/system_call.h"

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"

const char *words_system_call(struct words *words, int number)
{
	cleanup_free char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);

	if (name)
		snprintf(words->text, sizeof(words->text), "%s", name);
	else
		snprintf(words->text, sizeof(words->text), "system call %d", number);
	return words->text;
}
