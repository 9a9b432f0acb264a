/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: files, and what made them shorter. Units and ownership: schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_FILE_H
#define SCHEMA_RECORD_FILE_H

#include <stdint.h>

/* A file that was mapped or executed, as the kernel saw it at that moment. */
struct file_identity {
	int64_t id;
	uint32_t device_major;
	uint32_t device_minor;
	uint64_t inode;
	char *path; /* as the recorded process's mount namespace names it; "" when it has none */
};
void file_identity_deinit(struct file_identity *file);

enum truncation_how {
	TRUNCATION_OPEN = 1,	 /* open with O_TRUNC, creat */
	TRUNCATION_FD = 2,	 /* ftruncate */
	TRUNCATION_PATH = 3,	 /* truncate */
	TRUNCATION_PUNCH = 4,	 /* fallocate that emptied [offset, offset + length); the size stays */
	TRUNCATION_COLLAPSE = 5, /* fallocate that took [offset, offset + length) out */
};

#define TRUNCATION_SIZE_UNKNOWN UINT64_MAX

/* A call that made a file shorter, or emptied a part of it: by any process, of a file that a recorded process mapped or
 * executed. */
struct truncation {
	int64_t id;
	int64_t recording_id;
	int64_t file_id; /* 0 when only the path is known */
	char *path; /* as truncate was given it: it may be relative, or lead through links; "" for the other calls */
	enum truncation_how how;
	uint32_t pid; /* who did it, recorded or not; in the initial pid namespace */
	uint32_t tid;
	uint32_t uid;
	char comm[16];
	uint64_t enter_ns; /* equal to exit_ns where only the return was seen */
	uint64_t exit_ns;
	uint64_t old_bytes; /* TRUNCATION_SIZE_UNKNOWN where only the return was seen */
	uint64_t new_bytes;
	uint64_t offset, length;   /* of fallocate */
	uint64_t ip, sp, top_word; /* in that process */
};
void truncation_deinit(struct truncation *truncation);

/* "ftruncate" and so on; "unknown" for others. */
const char *truncation_how_name(enum truncation_how how);

#endif
