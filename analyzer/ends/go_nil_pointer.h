/* SPDX-License-Identifier: MIT */
/* A nil pointer of Go's, which its runtime made a panic of. Pure. */
#ifndef ANALYZER_GO_NIL_POINTER_H
#define ANALYZER_GO_NIL_POINTER_H

#include <stdbool.h>

#include "analyzer/crash.h"
#include "analyzer/facts/ending.h"

/* The panic that ended the process is the runtime's report of such a fault: then the fault is the end, not the panic.
 */
bool go_nil_pointer(const struct crash *crash, const struct ending *ending);

#endif
