#pragma once
#include <stddef.h>
#ifdef SAME_FILE
#include "housekeeper.c"
#else
// A library of its own, beside the program.
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void housekeeper_do(const char *what, void *start, size_t size)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);
	void *library;

	path[length] = 0;
	strcpy(strrchr(path, '/') + 1, "libhousekeeper.so");
	library = dlopen(path, RTLD_NOW);
	if (!library)
		exit(1);
	((void (*)(void *, size_t))dlsym(library, what))(start, size);
}

#define housekeeper_tidy(start, size) housekeeper_do("housekeeper_tidy", start, size)
#define housekeeper_replace(start, size) housekeeper_do("housekeeper_replace", start, size)
#endif
