/* SPDX-License-Identifier: MIT */
/* A reference made of a null pointer, kept in an object on the stack. */
#include "common.h"
struct settings { int width, height; };
class window { const settings &mine; int id; public: window(const settings &s, int n) : mine(s), id(n) {} separate int size() const { return mine.height * id; } };
separate int open_window(const settings *chosen, int n) { window it(*chosen, n); return it.size() + 1; }
int main(int argc, char **) { settings good{3, 4}; printf("%d\n", open_window(&good, argc)); return open_window(nullptr, argc); }
