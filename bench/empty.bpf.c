/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Programs that do nothing: what is left of the recorder's cost when the kernel alone is to blame for it. */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>

SEC("tracepoint")
int empty_enter(void *ctx)
{
	return 0;
}

SEC("tracepoint")
int empty_exit(void *ctx)
{
	return 0;
}

SEC("uprobe")
int empty_probe(void *ctx)
{
	return 0;
}

char program_license[] SEC("license") = "Dual MIT/GPL";
