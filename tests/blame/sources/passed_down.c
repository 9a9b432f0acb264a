/* SPDX-License-Identifier: MIT */
/* main passes a null pointer, three functions pass it on. */
#include "common.h"
struct request { int id, length; };
separate int measure(const struct request *request) { return request->length * 2; }
separate int handle(int worker, const struct request *request) { printf("worker %d\n", worker); return measure(request) + worker; }
separate int serve(const struct request *request, int worker) { return handle(worker, request) + 1; }
int main(int argc, char **argv) { (void)argv; return serve(NULL, argc); }
