/* SPDX-License-Identifier: MIT */
/* An accessor returns the null that somebody else left in the field. */
#include "common.h"
struct session { int id; struct peer *peer; };
struct peer { int socket; };
static struct session sessions[3];
static struct peer peers[3];
separate void open_all(void) { for (int i = 0; i < 3; i++) sessions[i] = (struct session){i, &peers[i]}; }
separate void hang_up(int id) { sessions[id].peer = NULL; }
separate struct peer *peer_of(const struct session *session) { return session->peer; }
separate int write_to(int id) { return peer_of(&sessions[id])->socket; }
int main(int argc, char **argv) { (void)argv; open_all(); hang_up(argc); printf("%d\n", write_to(0)); return write_to(argc); }
