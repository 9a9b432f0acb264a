/* SPDX-License-Identifier: MIT */
/* A function that has returned stored null through a pointer. */
#include "common.h"
struct record { int id; };
static struct record records[2] = {{4}, {5}};
separate int find_record(int id, struct record **ret) { for (int i = 0; i < 2; i++) if (records[i].id == id) { *ret = &records[i]; return 0; } *ret = NULL; return -1; }
separate int show(int id) { struct record *record; find_record(id, &record); return record->id; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", show(4)); return show(argc); }
