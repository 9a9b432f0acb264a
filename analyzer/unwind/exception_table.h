/* SPDX-License-Identifier: MIT */
/*
 * Would this frame have caught an exception? Read from the dead process's memory: .eh_frame_hdr, the frame description
 * of the function, and its language-specific data area, as the C++ runtime reads them.
 *
 * Sources: Linux Standard Base, "Exception Frames" (.eh_frame, .eh_frame_hdr); Itanium C++ ABI, "Exception Handling
 * Tables".
 */
#ifndef ANALYZER_EXCEPTION_TABLE_H
#define ANALYZER_EXCEPTION_TABLE_H

#include <stdint.h>

#include "analyzer/core/core.h"

enum exception_handler {
	HANDLER_UNKNOWN,   /* the tables cannot be read */
	HANDLER_NONE,	   /* no handler around this call */
	HANDLER_CLEANUP,   /* code that runs on the way (destructors); Crystal has its handlers here too */
	HANDLER_TERMINATE, /* no exception may pass here: noexcept; the runtime calls terminate */
	HANDLER_TYPED,	   /* catches exceptions of some types */
	HANDLER_ALL,	   /* catch (...) */
};

/* The handler around the call that returns to `return_address`. */
enum exception_handler exception_handler_at(const struct core *core, uint64_t return_address);

#endif
