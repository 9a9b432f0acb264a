/* SPDX-License-Identifier: MIT */
/* A structure of main's, whose field main sets to null right before the call. */
#include "common.h"
struct job { int id; const int *input; };
separate int work(const struct job *job) { return job->input[2] + job->id; }
separate int run(const struct job *job) { return work(job) + 1; }
int main(int argc, char **argv) { struct job job; (void)argv; job.id = argc; job.input = NULL; return run(&job); }
