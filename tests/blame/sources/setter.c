/* SPDX-License-Identifier: MIT */
/* A setter that has returned stored the null that main gave it. */
#include "common.h"
struct panel { int id; const int *colors; };
separate void set_colors(struct panel *panel, const int *colors) { panel->colors = colors; }
separate int draw(const struct panel *panel) { return panel->colors[panel->id]; }
int main(int argc, char **argv) { struct panel panel; (void)argv; panel.id = argc; set_colors(&panel, NULL); return draw(&panel); }
