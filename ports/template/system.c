/*
 * A board port to fill in, first part: memory, time, random numbers, output, mutexes, and
 * what is optional. The second part is udp.c.
 *
 * It compiles as it is, and does nothing: a function that is not written yet returns what it
 * is to return when it fails, so that selftest.c names it. Fill in one after the other, from
 * the top, and run selftest.c after each. What each function promises is in
 * include/iot_coap_hal.h; here is what goes wrong.
 *
 * Keep all of it in one file, the optional functions too: a linker takes no file out of an
 * archive for a function that the library can do without.
 */
#include <stdarg.h>
#include <stdio.h>

#include "iot_coap_hal.h"

/* --- memory: needed without std ----------------------------------------------------- */

/*
 * Returns `size` bytes, aligned to 8, or NULL if there are not so many. Must not wait.
 *
 * Pitfalls: a pool whose blocks are aligned to 4 is not enough for uint64_t. A header before
 * each block must be of 8 bytes too, and `size` plus that header must not wrap. NULL is an
 * answer that the library expects: do not stop there, or reset. Several tasks call it, but no
 * interrupt does.
 */
void *HAL_Malloc(uint32_t size)
{
    (void)size;
    return NULL;
}

/* Gives the memory back; does nothing for NULL. */
void HAL_Free(void *ptr)
{
    (void)ptr;
}

/* --- time: needed --------------------------------------------------------------------- */

/*
 * Returns milliseconds since the start.
 *
 * Pitfalls: ticks are no milliseconds where the tick is not 1 kHz: multiply, in 64 bits. A
 * 32-bit tick may wrap, as it does after 49.7 days: the library expects that. It must not be
 * an int on the way: from day 24.9 on its sign would be extended; convert it to uint32_t
 * first. A 64-bit counter that an interrupt counts on must be read with that interrupt masked,
 * or the two halves may be of different times, 49.7 days apart. It must go on in sleep modes,
 * and while interrupts are masked for long: where it stands still nothing is sent again.
 */
uint64_t HAL_UptimeMs(void)
{
    return 0;
}

/*
 * Blocks the calling task for at least `ms` milliseconds, and lets others run.
 *
 * Pitfalls: an RTOS's delay takes ticks: round up, and add one, since the first tick may be
 * about to end. 10 ms must not become 0 ticks, or the library turns in circles.
 */
void HAL_SleepMs(uint32_t ms)
{
    (void)ms;
}

/* --- random numbers: needed -------------------------------------------------------------- */

/*
 * Returns a number from 0 to `region` - 1; `region` is at least 1.
 *
 * Pitfalls: with a DTLS engine in the library (features dtls and dtls-*) THIS IS THE SOURCE OF
 * EVERY KEY, a byte at a time with a `region` of 256. rand() and what is seeded with the time
 * are not good enough: somebody who knows when the device started knows its keys. Take the
 * hardware's generator, wait until it says that a number is ready (many return 0, or the last
 * one, before), and look at its error flags. Where it fails, return 0 again and again: with
 * that the library refuses to make keys. The low bits of a simple generator repeat soon.
 */
uint32_t HAL_Random(uint32_t region)
{
    (void)region;
    return 0;
}

/* --- output: for the log ------------------------------------------------------------------- */

/*
 * Prints, as printf does: strings and integers. Without it the library calls printf, and without
 * that prints nothing, not even why it refuses something. Lines have up to 256 bytes, and end with
 * "\n" alone. With several tasks, put the text together first and hand it over whole.
 */
void HAL_Printf(const char *fmt, ...)
{
    (void)fmt;
}

/* The library does not call it; sources written for the original do. */
int HAL_Snprintf(char *str, const int len, const char *fmt, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, fmt);
    written = vsnprintf(str, (size_t)len, fmt, arguments);
    va_end(arguments);
    return written;
}

/* --- mutexes: needed with std and with the feature threads ------------------------------ */

/*
 * Without an operating system leave these four out, or let HAL_MutexCreate return NULL: then
 * only one thread may call the library. With an RTOS build the library with the feature
 * threads, and write them.
 */

/*
 * Returns a new mutex that nobody holds, or NULL if there is no memory: IOT_CoAP_Init fails
 * then. With priority inheritance, if the RTOS has that. A binary semaphore must be given once
 * before it can be taken.
 */
void *HAL_MutexCreate(void)
{
    return NULL;
}

/* Destroys a mutex that nobody holds, and gives its memory back. */
void HAL_MutexDestroy(void *mutex)
{
    (void)mutex;
}

/*
 * Waits for ever until the mutex is free. A wait that has an end (in FreeRTOS portMAX_DELAY is
 * one, without INCLUDE_vTaskSuspend) must be begun again. Each mutex is one of its own:
 * masking interrupts, or one lock for all, does not do, since the library sleeps and reads
 * elsewhere while a mutex is held.
 */
void HAL_MutexLock(void *mutex)
{
    (void)mutex;
}

/* Lets another thread in. Called by the thread that has locked it. */
void HAL_MutexUnlock(void *mutex)
{
    (void)mutex;
}

/* --- optional --------------------------------------------------------------------------------- */

/*
 * What is not written below may stay as it is: the library then does without, as if the function
 * were missing.
 */

/*
 * Returns something that differs between tasks, such as the handle of the current one; NULL
 * where that is not known. Without it IOT_CoAP_Deinit is refused while any callback runs.
 */
void *HAL_ThreadSelf(void)
{
    return NULL;
}

/* Nothing, if HAL_Random is a true source. The library does not call it. */
void HAL_Srandom(uint32_t seed)
{
    (void)seed;
}

/*
 * Returns milliseconds since 1970 in UTC, or 0 while the date is not known. Without it DTLS
 * does not check the dates of certificates. Seconds must be multiplied by 1000LL, in 64 bits.
 */
long long HAL_UTC_Get(void)
{
    return 0;
}

/*
 * A store that outlives power: for sessions and access tokens that are kept through sleep, and
 * for the number that tells one start from another where HAL_Random does not. 0 is success.
 * Values have at most 2 KB, most of them less than 100 bytes. One that was cut off, because power
 * failed while it was written, must not be returned: -1 is right. Flash wears: the library writes at each
 * start and at each pause, not at each message.
 */
int HAL_Kv_Set(const char *key, const void *val, int len, int sync)
{
    (void)key;
    (void)val;
    (void)len;
    (void)sync;
    return -1;
}

/* `*len` is the room in `val`, and becomes the length. A value that does not fit is a failure. */
int HAL_Kv_Get(const char *key, void *val, int *len)
{
    (void)key;
    (void)val;
    (void)len;
    return -1;
}

int HAL_Kv_Del(const char *key)
{
    (void)key;
    return -1;
}

#ifdef IOT_COAP_PORT_PSK
/*
 * A pre-shared key in the place of certificates: the least DTLS. Both lengths are the room, and
 * become what was written. 0 is success; with anything else certificates are used. Read the
 * key from where the product keeps it, and never print it.
 */
int HAL_DTLSSession_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                        unsigned char *key, unsigned int *key_len)
{
    (void)host;
    (void)identity;
    (void)identity_len;
    (void)key;
    (void)key_len;
    return -1;
}
#endif

#ifdef IOT_COAP_PORT_IDENTITY
/*
 * The device's identity, where the board keeps it: HAL_GetDeviceName(), HAL_GetDeviceSecret(),
 * HAL_SetProductKey() and so on in the same way. Leave them out altogether, and the library
 * keeps what it is told by HAL_Set*, IOT_Ioctl and IOT_SetupConnInfo. Most programs hand the
 * identity to IOT_CoAP_Init, and need neither.
 */

/* Writes at most IOTX_PRODUCT_KEY_LEN bytes and a NUL; returns the length, 0 for none. */
int HAL_GetProductKey(char *product_key)
{
    product_key[0] = '\0';
    return 0;
}

/* Returns the length, or -1 where it is NULL, too long, or cannot be kept. */
int HAL_SetProductKey(char *product_key)
{
    (void)product_key;
    return -1;
}
#endif
