/* SPDX-License-Identifier: MIT */
/* A child frees a block that its parent had freed before the fork. */
#include <sys/wait.h>
#include <unistd.h>

#include "parts.h"

int main(void)
{
	void *block = maker_make(100), *other = maker_make(100);
	pid_t child;

	maker_drop(block);
	maker_drop(other);
	child = fork();
	if (child == 0) {
		user_drop(block);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return 0;
}
