/*
 * A whole board port, as a firmware of the original has it: for one thread,
 * without DTLS, key/value store and identity, with a clock of 32 bits that is
 * about to wrap. What may be odd about a port is switched on while a program runs.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "iot_import.h"
#include "udp_socket.h"

static int locks = 0;

/* The clock stands still. */
static int clock_stands_still = 0;
/* A read that finds nothing returns at once. */
static int reads_do_not_wait = 0;
/* How often it was read. */
static unsigned long reads = 0;

void *HAL_Malloc(uint32_t size)
{
    return malloc(size);
}

void HAL_Free(void *memory)
{
    free(memory);
}

uint64_t HAL_UptimeMs(void)
{
    struct timespec now;
    static uint32_t start, ms;

    if (!clock_stands_still) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        ms = (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
    }
    if (start == 0) {
        start = ms;
    }
    /* Wraps a tenth of a second after the start. */
    return (uint32_t)(ms - start + 0xFFFFFFFFu - 100);
}

void HAL_SleepMs(uint32_t ms)
{
    usleep(ms * 1000);
}

void HAL_Srandom(uint32_t seed)
{
    srand(seed);
}

uint32_t HAL_Random(uint32_t region)
{
    return region > 0 ? (uint32_t)rand() % region : 0;
}

void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
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

void *HAL_MutexCreate(void)
{
    return &locks;
}

void HAL_MutexDestroy(void *mutex)
{
    (void)mutex;
}

void HAL_MutexLock(void *mutex)
{
    if (mutex != &locks || locks++ != 0) {
        fprintf(stderr, "a lock was taken twice\n");
        exit(4);
    }
}

void HAL_MutexUnlock(void *mutex)
{
    if (mutex != &locks || --locks != 0) {
        fprintf(stderr, "a lock was freed twice\n");
        exit(4);
    }
}

intptr_t HAL_UDP_create(char *host, unsigned short port)
{
    return udp_socket(host, port);
}

void HAL_UDP_close(intptr_t handle)
{
    close((int)handle);
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    return (int)send((int)handle, data, len, 0);
}

int HAL_UDP_readTimeout(intptr_t handle, unsigned char *data, unsigned int len, unsigned int ms)
{
    int read;

    reads++;
    if (ms == 0) {
        fprintf(stderr, "asked with 0 ms, which waits for ever with many ports\n");
        exit(4);
    }
    read = udp_read((int)handle, data, len, reads_do_not_wait ? 0 : (int)ms);
    return read == -2 && reads_do_not_wait ? 0 : read;
}
