/* SPDX-License-Identifier: MIT */
/* A method of nothing. */
#include "common.h"
class engine { int speed = 3, gear = 2; public: separate int turn(int by) { return speed * by + gear; } };
separate int drive(engine *what, int by) { return what->turn(by) + 1; }
int main(int argc, char **) { engine good; printf("%d\n", drive(&good, argc)); return drive(nullptr, argc); }
