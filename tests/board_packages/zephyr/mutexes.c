/* The port's mutexes in the kernel's list of them: ends with 1 where one stays in it. */
#include <stdio.h>

#include <zephyr/kernel.h>

#include "iot_coap_hal.h"

int main(void)
{
    void *mutexes[] = {HAL_MutexCreate(), HAL_MutexCreate()};
    int created = linked_objects;

    HAL_MutexDestroy(mutexes[0]);
    HAL_MutexDestroy(mutexes[1]);
    HAL_MutexDestroy(NULL);
    printf("%d created, %d in the list\n", created, linked_objects);
    return created != 2 || linked_objects != 0;
}
