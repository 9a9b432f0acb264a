/* SPDX-License-Identifier: MIT */
/* A pointer that was moved away is used. */
#include <memory>
#include "common.h"
struct worker { int jobs = 2; separate int run(int n) { return jobs += n; } };
separate int hand_over(std::unique_ptr<worker> to) { return to->jobs; }
separate int plan(int n) { auto one = std::make_unique<worker>(); int r = hand_over(std::move(one)); return one->run(n) + r; }
int main(int argc, char **) { return plan(argc); }
