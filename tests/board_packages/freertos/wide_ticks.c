/*
 * The port over a kernel whose ticks have 64 bits, as that for POSIX has them, without the kernel:
 * the clock where 32 bits of ticks end, and mutexes that are none.
 */
#include <stdio.h>
#include <stdlib.h>

#include "FreeRTOS.h"
#include "semphr.h"
#include "task.h"

#include "iot_coap_board.h"
#include "iot_coap_hal.h"

_Static_assert(sizeof(TickType_t) == 8, "another kernel is wanted");

static TickType_t ticks;

void vTaskSetTimeOutState(TimeOut_t *const state)
{
    state->xOverflowCount = 0;
    state->xTimeOnEntering = ticks;
}

/* What the port also calls, none of it here. */

static void *not_here(const char *function)
{
    fprintf(stderr, "%s is called\n", function);
    abort();
}

#define NOT_HERE not_here(__func__)

void vTaskDelay(const TickType_t how_long)
{
    (void)how_long;
    NOT_HERE;
}

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    return NOT_HERE;
}

void *pvPortMalloc(size_t size)
{
    (void)size;
    return NOT_HERE;
}

void vPortFree(void *memory)
{
    (void)memory;
    NOT_HERE;
}

QueueHandle_t xQueueCreateMutex(const uint8_t kind)
{
    (void)kind;
    return NOT_HERE;
}

void vQueueDelete(QueueHandle_t queue)
{
    (void)queue;
    NOT_HERE;
}

BaseType_t xQueueSemaphoreTake(QueueHandle_t queue, TickType_t wait)
{
    (void)queue;
    (void)wait;
    NOT_HERE;
    return pdFALSE;
}

BaseType_t xQueueGenericSend(QueueHandle_t queue, const void *const item, TickType_t wait,
                             const BaseType_t where)
{
    (void)queue;
    (void)item;
    (void)wait;
    (void)where;
    NOT_HERE;
    return pdFALSE;
}

int iot_coap_board_random(unsigned char *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    NOT_HERE;
    return -1;
}

void iot_coap_board_print(const char *text)
{
    (void)text;
    NOT_HERE;
}

int main(void)
{
    ticks = 0xffffffff;
    printf("%llu\n", (unsigned long long)HAL_UptimeMs());
    ticks += 1;
    printf("%llu\n", (unsigned long long)HAL_UptimeMs());
    HAL_MutexLock(NULL);
    HAL_MutexUnlock(NULL);
    HAL_MutexDestroy(NULL);
    return 0;
}
