/* SPDX-License-Identifier: MIT */
/*
 * Names of systemd-coredump's files: core.COMM.UID.BOOT-ID.PID.TIME, then .zst, .lz4, .xz or nothing (coredump.c,
 * make_filename). In COMM what is not a letter or so is \xNN, dots and slashes too; TIME is microseconds since the
 * epoch (seconds in old versions). Pure.
 */
#ifndef CLI_IMPORT_NAME_H
#define CLI_IMPORT_NAME_H

#include <stdbool.h>
#include <stdint.h>

struct import_name {
	char comm[17]; /* any bytes but NUL */
	uint32_t uid, pid;
	char boot_id[37]; /* with hyphens */
	int64_t time_ns;
};

/* `name` is without its directory. False when it is not of that form. */
bool import_name_parse(const char *name, struct import_name *ret);

/* 32 hexadecimal digits as the text with hyphens that the kernel writes; false for anything else. */
bool import_boot_id(const char *digits, char ret[37]);

#endif
