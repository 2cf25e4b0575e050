/*
 * HAL_* over Zephyr's kernel: memory, time, mutexes, the thread's name, random numbers and
 * output.
 */
#include <stdarg.h>
#include <stdint.h>

#include <zephyr/kernel.h>
#include <zephyr/random/random.h>
#include <zephyr/sys/printk.h>

#include "iot_coap_hal.h"

/* --- memory ------------------------------------------------------------------- */

/* From the kernel's heap. k_malloc aligns to a pointer's size, and the library needs 8. */
enum { ALIGNMENT = 8 };

void *HAL_Malloc(uint32_t size)
{
    return k_aligned_alloc(ALIGNMENT, size);
}

void HAL_Free(void *memory)
{
    k_free(memory);
}

/* --- time ---------------------------------------------------------------------- */

uint64_t HAL_UptimeMs(void)
{
    return (uint64_t)k_uptime_get();
}

/* At once: without CONFIG_TIMEOUT_64BIT a timeout has 32 bits of ticks, of which there may be
 * many to a millisecond. */
enum { SLEEP_MAX_MS = 60 * 60 * 1000 };

/* k_sleep returns what is left where somebody woke the thread. */
void HAL_SleepMs(uint32_t ms)
{
    while (ms > 0) {
        int32_t left = (int32_t)MIN(ms, (uint32_t)SLEEP_MAX_MS);

        ms -= (uint32_t)left;
        while (left > 0) {
            left = k_sleep(K_MSEC(left));
        }
    }
}

/* --- mutexes -------------------------------------------------------------------- */

/* With priority inheritance. The library locks no NULL, but sources written for the original
 * may. */
void *HAL_MutexCreate(void)
{
    struct k_mutex *mutex = k_malloc(sizeof(*mutex));

    if (mutex != NULL) {
        (void)k_mutex_init(mutex);
    }
    return mutex;
}

/* With CONFIG_OBJ_CORE_MUTEX the kernel has a list of all mutexes. */
void HAL_MutexDestroy(void *mutex)
{
#ifdef CONFIG_OBJ_CORE_MUTEX
    if (mutex != NULL) {
        k_obj_core_unlink(K_OBJ_CORE((struct k_mutex *)mutex));
    }
#endif
    k_free(mutex);
}

void HAL_MutexLock(void *mutex)
{
    if (mutex != NULL) {
        (void)k_mutex_lock(mutex, K_FOREVER);
    }
}

void HAL_MutexUnlock(void *mutex)
{
    if (mutex != NULL) {
        (void)k_mutex_unlock(mutex);
    }
}

void *HAL_ThreadSelf(void)
{
    return k_current_get();
}

/* --- random numbers --------------------------------------------------------------- */

void HAL_Srandom(uint32_t seed)
{
    ARG_UNUSED(seed);
}

#if !defined(CONFIG_CSPRNG_ENABLED) && !defined(CONFIG_TEST_RANDOM_GENERATOR)
#error "HAL_Random needs random numbers: give the board an entropy driver (CONFIG_ENTROPY_GENERATOR)"
#endif

/* 0 again and again where the generator fails, with which the library refuses to make keys. */
uint32_t HAL_Random(uint32_t region)
{
    uint32_t number = 0;

    if (sys_csrand_get(&number, sizeof(number)) != 0) {
        number = 0;
    }
    return region == 0 ? 0 : number % region;
}

/* --- text ---------------------------------------------------------------------------- */

/* To the console, or with CONFIG_LOG_PRINTK to the log's backends. */
void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintk(format, arguments);
    va_end(arguments);
}

int HAL_Snprintf(char *out, const int len, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintk(out, (size_t)len, format, arguments);
    va_end(arguments);
    return written;
}
