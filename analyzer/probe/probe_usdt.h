/* SPDX-License-Identifier: MIT */
/* The arguments of a static probe: as the assembler wrote them in its note, into the plan's words. */
#ifndef ANALYZER_PROBE_USDT_H
#define ANALYZER_PROBE_USDT_H

#include "analyzer/elf/elf_usdt.h"
#include "analyzer/probe/probe_plan.h"

/* Fills the function's arguments from `usdt`, of the file `elf`: words such as 8@%rdi, -4@-20(%rbp), 4@$5,
 * 8@8(%rax,%rbx,8), 4@counter(%rip). One that cannot be recorded (a float, the second byte of a register) leaves its
 * position empty, and the hole says so; so does a seventh. */
struct error *probe_usdt_assign(struct probe_function *function, const struct elf_file *elf,
				const struct elf_usdt *usdt) must_check;

#endif
