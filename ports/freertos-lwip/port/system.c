/*
 * HAL_* over FreeRTOS: memory, time, mutexes, the task's name; random numbers and output
 * are the board's (iot_coap_board.h).
 *
 * All in one object: whoever links HAL_Malloc has the mutexes too, which a linker would
 * look for in no archive for the library alone.
 */
#include <stdarg.h>
#include <stdio.h>

#include "iot_coap_board.h"
#include "iot_coap_hal.h"
#include "kernel.h"

#if configUSE_MUTEXES != 1
#error "the library is called by several tasks: set configUSE_MUTEXES to 1"
#endif
#if INCLUDE_vTaskSuspend != 1
#error "a wait without an end needs INCLUDE_vTaskSuspend = 1"
#endif
#if INCLUDE_vTaskDelay != 1
#error "HAL_SleepMs needs INCLUDE_vTaskDelay = 1"
#endif
_Static_assert(sizeof(TickType_t) >= sizeof(uint32_t), "16 bits of ticks are too few for lwIP and "
               "for HAL_SleepMs: set configTICK_TYPE_WIDTH_IN_BITS to TICK_TYPE_WIDTH_32_BITS");

/* The longest text of HAL_Printf; the library's lines have 256 bytes at most. */
enum { PRINT_MAX = 256 };

/* --- memory ------------------------------------------------------------------- */

/* Where pvPortMalloc has nothing, it calls vApplicationMallocFailedHook, if that is
 * configured. The library goes on without the memory, so the hook must return. */
void *HAL_Malloc(uint32_t size)
{
    return KERNEL_MALLOC(size);
}

void HAL_Free(void *memory)
{
    KERNEL_FREE(memory);
}

/* --- time ---------------------------------------------------------------------- */

#ifdef ESP_PLATFORM
/* Microseconds, also of light sleep, in which FreeRTOS may count no ticks. */
uint64_t HAL_UptimeMs(void)
{
    return (uint64_t)esp_timer_get_time() / 1000;
}
#else
/* A tick counter of 32 bits wraps after 49 days at 1000 Hz. The kernel counts how often it
 * has, and tells both at one moment. One of 64 bits does not wrap. */
uint64_t HAL_UptimeMs(void)
{
    TimeOut_t now;
    uint64_t ticks;

    vTaskSetTimeOutState(&now);
    ticks = now.xTimeOnEntering;
    if (sizeof(TickType_t) == sizeof(uint32_t)) {
        ticks |= (uint64_t)(uint32_t)now.xOverflowCount << 32;
    }
    return ticks * 1000 / configTICK_RATE_HZ;
}
#endif

/* At least so long: a delay of n ticks ends with the n-th, and the first of them has begun
 * already. */
void HAL_SleepMs(uint32_t ms)
{
    uint64_t ticks = ((uint64_t)ms * configTICK_RATE_HZ + 999) / 1000 + 1;

    while (ticks > 0) {
        TickType_t part = ticks < portMAX_DELAY ? (TickType_t)ticks : portMAX_DELAY - 1;

        vTaskDelay(part);
        ticks -= part;
    }
}

/* --- mutexes -------------------------------------------------------------------- */

/* With priority inheritance, as the library's lock needs it: a task of low priority that
 * has it is not kept from giving it back. The library locks no NULL, but sources written for the
 * original may. */
void *HAL_MutexCreate(void)
{
    return xSemaphoreCreateMutex();
}

void HAL_MutexDestroy(void *mutex)
{
    if (mutex != NULL) {
        vSemaphoreDelete((SemaphoreHandle_t)mutex);
    }
}

void HAL_MutexLock(void *mutex)
{
    while (mutex != NULL &&
           xSemaphoreTake((SemaphoreHandle_t)mutex, portMAX_DELAY) != pdTRUE) {
    }
}

void HAL_MutexUnlock(void *mutex)
{
    if (mutex != NULL) {
        (void)xSemaphoreGive((SemaphoreHandle_t)mutex);
    }
}

void *HAL_ThreadSelf(void)
{
    return xTaskGetCurrentTaskHandle();
}

/* --- random numbers --------------------------------------------------------------- */

void HAL_Srandom(uint32_t seed)
{
    (void)seed;
}

/* 0 again and again where the board fails, with which the library refuses to make keys. */
uint32_t HAL_Random(uint32_t region)
{
    uint32_t number = 0;

    if (iot_coap_board_random((unsigned char *)&number, sizeof(number)) != 0) {
        number = 0;
    }
    return region == 0 ? 0 : number % region;
}

/* --- text ---------------------------------------------------------------------------- */

void HAL_Printf(const char *format, ...)
{
    char text[PRINT_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    iot_coap_board_print(text);
}

int HAL_Snprintf(char *out, const int len, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintf(out, (size_t)len, format, arguments);
    va_end(arguments);
    return written;
}
