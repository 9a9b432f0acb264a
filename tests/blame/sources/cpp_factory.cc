/* SPDX-License-Identifier: MIT */
/* A factory returns null, a virtual method is called. */
#include "common.h"
struct shape { virtual int area() const = 0; virtual ~shape() {} };
struct square : shape { int side; square(int n) : side(n) {} int area() const override { return side * side; } };
separate shape *make_shape(int kind, int size) { if (kind == 7) return new square(size); return nullptr; }
separate int area_of(int kind) { shape *made = make_shape(kind, 3); return made->area(); }
int main(int argc, char **) { printf("%d\n", area_of(7)); return area_of(argc); }
