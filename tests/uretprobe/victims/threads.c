/* SPDX-License-Identifier: MIT */
/* Two threads inside probed functions: one sleeps in parked, the other writes to address 0 in leaf. */
#include <pthread.h>
#include <semaphore.h>

#include "victim.h"

int *volatile nowhere;
static sem_t arrived, never;

KEPT int parked(int number)
{
	sem_post(&arrived);
	while (sem_wait(&never) != 0)
		continue;
	return number;
}

KEPT int sleeper_step(int number)
{
	return parked(number) + 1;
}

KEPT void *sleeper(void *argument)
{
	return (void *)(long)(sleeper_step(2) + (argument != NULL));
}

KEPT int leaf(int number)
{
	*nowhere = number;
	return number;
}

KEPT int inner(int number)
{
	return leaf(number) + 1;
}

KEPT int outer(int number)
{
	return inner(number) * 2;
}

KEPT void *worker(void *argument)
{
	sem_wait(&arrived);
	return (void *)(long)(outer(3) + (argument != NULL));
}

int main(void)
{
	pthread_t first, second;

	wait_for_line("ready");
	sem_init(&arrived, 0, 0);
	sem_init(&never, 0, 0);
	pthread_create(&first, NULL, sleeper, NULL);
	pthread_create(&second, NULL, worker, NULL);
	pthread_join(second, NULL);
	return 0;
}
