/* SPDX-License-Identifier: MIT */
/* The library between: see plt-main.c. */
int back_work(int number);

int front_enter(int number)
{
	return back_work(number + 1) * 2;
}
