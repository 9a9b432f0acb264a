/* SPDX-License-Identifier: MIT */
/* The function that set the field to null has returned. */
#include "common.h"
struct connection { int fd; char *out; };
separate void connection_reset(struct connection *connection) { free(connection->out); connection->out = NULL; }
separate void connection_open(struct connection *connection) { connection->fd = 3; connection->out = malloc(16); }
separate int put(struct connection *connection, char c) { connection->out[0] = c; return connection->fd; }
separate int serve(struct connection *connection) { put(connection, 'a'); connection_reset(connection); return put(connection, 'b'); }
int main(int argc, char **argv) { struct connection connection; (void)argv; (void)argc; connection_open(&connection); return serve(&connection); }
