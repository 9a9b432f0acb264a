/* SPDX-License-Identifier: MIT */
/*
 * What `capture` and the hooks have to say while nobody looks: to the journal, else (started by the kernel, no journal)
 * to the kernel's log, and to standard error where there is one. Text from elsewhere comes out inert.
 */
#ifndef CLI_LOG_H
#define CLI_LOG_H

#include <stdbool.h>

/*
 * Each crash that was kept sends one journal entry with this MESSAGE_ID; it stays the same in all versions. Its fields,
 * beside journald's own, as far as they are known:
 *
 *   CORELATE_ENTRY       the directory's name in the vault
 *   CORELATE_REPORT      path of report.json
 *   CORELATE_CRASH_ID    16 hexadecimal digits, as `corelate list` shows it
 *   CORELATE_CLASS, CORELATE_CONFIDENCE, CORELATE_SIGNATURE, CORELATE_SUMMARY   the verdict
 *   CORELATE_PID, CORELATE_TID, CORELATE_UID, CORELATE_SIGNAL, CORELATE_COMM, CORELATE_EXE
 */
#define LOG_MESSAGE_CRASH "d66ff74a8a69474e9c92a62d7c362e7b"

/* syslog(3) priorities. */
enum log_level { LOG_LEVEL_CRITICAL = 2, LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6 };

/* Fills descriptors 0, 1 and 2 that are closed (the kernel opens only 0 for its helpers), so that no file ever becomes
 * standard error. Call it first. `by_kernel`: standard error was closed. */
void log_begin(bool *ret_by_kernel);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Nothing more to standard error: to callers that print themselves. */
void log_quiet(void);

/* One journal entry; `fields` are "NAME=value" and count at most 30, NULL ones are left out. */
void log_fields(enum log_level level, const char *message, char *const *fields, int count);

#endif
