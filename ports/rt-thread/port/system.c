/*
 * HAL_* over RT-Thread's kernel: memory, time, mutexes, the thread's name, output, and the date
 * where there is a calendar clock. Random numbers are those of its hardware crypto framework,
 * or the board's (iot_coap_board.h).
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <rthw.h>
#include <rtthread.h>

#ifdef RT_HWCRYPTO_USING_RNG
#include <hw_rng.h>
#endif

#include "iot_coap_board.h"
#include "iot_coap_hal.h"

/* The longest text of HAL_Printf; the library's lines have 256 bytes at most, and the buffer of
 * rt_kprintf 128. */
enum { PRINT_MAX = 256 };

/* --- memory ------------------------------------------------------------------- */

/* The library needs memory that is aligned to 8 bytes, and rt_malloc aligns to RT_ALIGN_SIZE,
 * which is 4 on many boards. */
void *HAL_Malloc(uint32_t size)
{
#if RT_ALIGN_SIZE >= 8
    return rt_malloc(size);
#else
    return rt_malloc_align(size, 8);
#endif
}

void HAL_Free(void *memory)
{
#if RT_ALIGN_SIZE >= 8
    rt_free(memory);
#else
    if (memory != RT_NULL) {
        rt_free_align(memory);
    }
#endif
}

/* --- time ---------------------------------------------------------------------- */

/* The tick counter has 32 bits, and wraps after 49 days at 1000 Hz. How often it has is
 * counted here: the library asks far more often than that. */
uint64_t HAL_UptimeMs(void)
{
    static uint32_t last, wraps;
    rt_base_t level = rt_hw_interrupt_disable();
    uint32_t now = (uint32_t)rt_tick_get();
    uint64_t ticks;

    wraps += now < last;
    last = now;
    ticks = (uint64_t)wraps << 32 | now;
    rt_hw_interrupt_enable(level);
    return ticks * 1000 / RT_TICK_PER_SECOND;
}

/* At least so long: a delay of n ticks ends with the n-th, and the first of them has begun
 * already. RT-Thread's timers take less than half of the counter at once. */
void HAL_SleepMs(uint32_t ms)
{
    uint64_t ticks = ((uint64_t)ms * RT_TICK_PER_SECOND + 999) / 1000 + 1;

    while (ticks > 0) {
        rt_tick_t part = ticks < RT_TICK_MAX / 2 ? (rt_tick_t)ticks : RT_TICK_MAX / 2 - 1;

        (void)rt_thread_delay(part);
        ticks -= part;
    }
}

/* The calendar clock counts seconds. */
#ifdef RT_USING_RTC
long long HAL_UTC_Get(void)
{
    return (long long)time(RT_NULL) * 1000;
}
#endif

/* --- mutexes -------------------------------------------------------------------- */

/* With priority inheritance. The library locks no NULL, but sources written for the original
 * may. */
void *HAL_MutexCreate(void)
{
    return rt_mutex_create("iotcoap", RT_IPC_FLAG_PRIO);
}

void HAL_MutexDestroy(void *mutex)
{
    if (mutex != RT_NULL) {
        (void)rt_mutex_delete((rt_mutex_t)mutex);
    }
}

void HAL_MutexLock(void *mutex)
{
    while (mutex != RT_NULL &&
           rt_mutex_take((rt_mutex_t)mutex, RT_WAITING_FOREVER) != RT_EOK) {
    }
}

void HAL_MutexUnlock(void *mutex)
{
    if (mutex != RT_NULL) {
        (void)rt_mutex_release((rt_mutex_t)mutex);
    }
}

void *HAL_ThreadSelf(void)
{
    return rt_thread_self();
}

/* --- random numbers --------------------------------------------------------------- */

void HAL_Srandom(uint32_t seed)
{
    (void)seed;
}

/* 0 again and again where the generator fails, with which the library refuses to make keys. */
uint32_t HAL_Random(uint32_t region)
{
    uint32_t number = 0;

#ifdef RT_HWCRYPTO_USING_RNG
    number = rt_hwcrypto_rng_update();
#else
    if (iot_coap_board_random((unsigned char *)&number, sizeof(number)) != 0) {
        number = 0;
    }
#endif
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
    rt_kputs(text);
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
