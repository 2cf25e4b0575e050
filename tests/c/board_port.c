/*
 * A whole board port, as a firmware of the original has it: for one thread,
 * without DTLS, key/value store and identity, with a clock of 32 bits that is
 * about to wrap. What may be odd about a port is switched on while a program runs.
 *
 * PORT_OF_V3 makes it one of v3.1.0 or v3.2.0, which has no HAL_UDP_close and no
 * HAL_Printf; PORT_OF_POINTERS one of the first releases of V2.x, whose sockets are
 * pointers; WITHOUT_UDP and UDP_ALONE make two files of it, as most ports have;
 * CLOSE_ALONE and WITHOUT_CLOSE one more, of the function that closes.
 * SIGNED_TICK in the environment is where the clock starts, which is then a signed
 * integer; COARSE_CLOCK where one starts that has seconds only.
 */
#ifdef PORT_OF_POINTERS
#define IOTX_HAL_UDP_POINTER
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "iot_import.h"

#if defined(CLOSE_ALONE)
#define WITHOUT_UDP
#elif !defined(UDP_ALONE)
static int locks = 0;

/* The clock stands still. */
static int clock_stands_still = 0;
/* How long sleeps have taken in all, in ms. Unlike what a clock says, it does not depend on
 * what else the machine does. */
static unsigned long slept_ms = 0;
#ifdef COUNT_TICKS
/* What the clock said at the end of the last sleep or read. */
static uint64_t last_ms = 0;
/* Before how many reads, or in them, the clock ticked though nothing waited: to the library
 * those have waited, and it reads again at once. */
static unsigned long ticked = 0;
#endif

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
    if (getenv("SIGNED_TICK") != NULL) {
        return (uint64_t)(int32_t)(ms - start + (uint32_t)strtoul(getenv("SIGNED_TICK"), NULL, 0));
    }
    if (getenv("COARSE_CLOCK") != NULL) {
        return strtoul(getenv("COARSE_CLOCK"), NULL, 0) + (ms - start) / 1000 * 1000;
    }
    /* Wraps a tenth of a second after the start. */
    return (uint32_t)(ms - start + 0xFFFFFFFFu - 100);
}

void HAL_SleepMs(uint32_t ms)
{
    slept_ms += ms;
    usleep(ms * 1000);
#ifdef COUNT_TICKS
    last_ms = HAL_UptimeMs();
#endif
}

void HAL_Srandom(uint32_t seed)
{
    srand(seed);
}

uint32_t HAL_Random(uint32_t region)
{
    return region > 0 ? (uint32_t)rand() % region : 0;
}

#ifndef PORT_OF_V3
void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}
#endif

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

#endif

#if !defined(WITHOUT_UDP) || defined(CLOSE_ALONE)
#ifdef PORT_OF_POINTERS
static int descriptor(iotx_hal_udp_t handle)
{
    return *(int *)handle;
}
#else
static int descriptor(iotx_hal_udp_t handle)
{
    return (int)handle;
}
#endif
#endif

#ifndef WITHOUT_UDP
#include "udp_socket.h"

/* A read that finds nothing returns at once. */
static int reads_do_not_wait = 0;
/* How often it was read. */
static unsigned long reads = 0;
/* How long those have waited that found nothing, in ms. */
static unsigned long read_ms = 0;
/* How many sockets are open. */
int board_sockets = 0;

iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port)
{
    int fd = udp_socket(host, port);
#ifdef PORT_OF_POINTERS
    int *handle = malloc(sizeof(*handle));

    if (fd < 0 || handle == NULL) {
        free(handle);
        return (iotx_hal_udp_t)-1;
    }
    *handle = fd;
#else
    iotx_hal_udp_t handle = fd;
#endif
    board_sockets += fd >= 0;
    return handle;
}

int HAL_UDP_write(iotx_hal_udp_t handle, const unsigned char *data, unsigned int len)
{
    return (int)send(descriptor(handle), data, len, 0);
}

int HAL_UDP_readTimeout(iotx_hal_udp_t handle, unsigned char *data, unsigned int len,
                        unsigned int ms)
{
    int read;

    reads++;
    if (ms == 0) {
        fprintf(stderr, "asked with 0 ms, which waits for ever with many ports\n");
        exit(4);
    }
    read = udp_read(descriptor(handle), data, len, reads_do_not_wait ? 0 : (int)ms);
    if (read == -2 && !reads_do_not_wait) {
        read_ms += ms;
    }
#ifdef COUNT_TICKS
    ticked += reads_do_not_wait && HAL_UptimeMs() != last_ms;
    last_ms = HAL_UptimeMs();
#endif
    return read == -2 && reads_do_not_wait ? 0 : read;
}
#endif

#ifdef CLOSE_ALONE
extern int board_sockets;
#endif

#if defined(CLOSE_ALONE) || !(defined(WITHOUT_UDP) || defined(WITHOUT_CLOSE))
static void close_socket(iotx_hal_udp_t handle)
{
    board_sockets--;
    close(descriptor(handle));
#ifdef PORT_OF_POINTERS
    free(handle);
#endif
}

#ifdef PORT_OF_V3
int HAL_UDP_close_without_connect(iotx_hal_udp_t handle);
int HAL_UDP_close_without_connect(iotx_hal_udp_t handle)
{
    close_socket(handle);
    return 0;
}
#else
void HAL_UDP_close(iotx_hal_udp_t handle)
{
    close_socket(handle);
}
#endif
#endif
