/*
 * A board port that is right, or wrong in the one way that `fault` names, for the self-test of
 * ports/template.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iot_coap_hal.h"
#include "udp_socket.h"

extern const char *fault;

static int is(const char *name)
{
    return strcmp(fault, name) == 0;
}

/* --- memory: an arena, so that it can be exhausted ----------------------------- */

enum { ROOM = 16 * 1024, UNIT = 256, UNITS = ROOM / UNIT };

static union {
    long long alignment;
    unsigned char bytes[ROOM + 16];
} arena;
static unsigned char used[UNITS];

/* Blocks of one unit, each in the middle of its unit. */
void *HAL_Malloc(uint32_t size)
{
    static uint32_t packed;
    int unit;

    if (is("blocks overlap") && size < UNIT) {
        packed = (packed + 8) % (ROOM - UNIT);
        return arena.bytes + packed;
    }
    if (size > UNIT || is("no heap")) {
        return NULL;
    }
    for (unit = 0; unit < UNITS; unit++) {
        if (!used[unit]) {
            used[unit] = 1;
            return arena.bytes + unit * UNIT + (is("aligned to 4") ? 4 : 0);
        }
    }
    return NULL;
}

void HAL_Free(void *ptr)
{
    if (ptr != NULL && !is("free does nothing") && !is("blocks overlap")) {
        used[((unsigned char *)ptr - arena.bytes) / UNIT] = 0;
    }
}

/* --- time ---------------------------------------------------------------------- */

static uint64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t HAL_UptimeMs(void)
{
    static uint64_t start;
    static unsigned long calls;
    uint64_t us = monotonic_us();

    start = start == 0 ? us - 5000000 : start;
    us -= start;
    calls++;
    if (is("a tick that wraps")) { /* in the second after the start: that is no fault */
        return (uint32_t)(us / 1000 + 0xFFFFFFFFu - 5500);
    }
    if (is("clock stands still")) {
        return 5000;
    }
    if (is("clock counts microseconds")) {
        return us;
    }
    if (is("clock counts ticks")) {
        return us / 10000;
    }
    if (is("clock has seconds only")) {
        return us / 1000000 * 1000;
    }
    if (is("sign extended")) {
        return (uint64_t)(int32_t)(0x80000000u + (uint32_t)(us / 1000));
    }
    if (is("clock goes back") && calls % 1000 == 0) {
        return us / 1000 - 50;
    }
    if (is("halves do not fit") && calls == 150000) {
        return us / 1000 + 0x100000000ull;
    }
    return us / 1000;
}

void HAL_SleepMs(uint32_t ms)
{
    if (is("sleeps in ticks")) {
        ms *= 10;
    }
    if (!is("sleep returns at once")) {
        usleep(ms * 1000);
    }
}

/* --- random numbers ------------------------------------------------------------ */

uint32_t HAL_Random(uint32_t region)
{
    static uint32_t count;
    static uint64_t state = 0x9E3779B97F4A7C15ull;
    uint32_t number;

    count++;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    number = (uint32_t)(state >> 32);
    if (is("random is constant")) {
        return region > 4 ? 4 : 0;
    }
    if (is("random counts")) {
        number = 3 * count;
    }
    if (is("random begins anew")) {
        number = (count % 500) * (count % 500) * 2654435761u >> 7;
    }
    if (is("random lacks a bit")) {
        number &= ~0x10u;
    }
    if (is("random is uneven")) {
        number |= number >> 8 & 0x41u;
    }
    if (is("random has 15 bits")) {
        number &= 0x7FFFu;
    }
    return is("region is a mask") ? number & region : number % region;
}

/* --- mutexes ------------------------------------------------------------------- */

enum { MOST_MUTEXES = 16 };

static struct {
    pthread_mutex_t mutex;
    int used;
} mutexes[MOST_MUTEXES];

void *HAL_MutexCreate(void)
{
    int at;

    if (is("no mutexes")) {
        return NULL;
    }
    for (at = 0; at < MOST_MUTEXES; at++) {
        if (!mutexes[at].used || is("one mutex for all")) {
            mutexes[at].used = 1;
            pthread_mutex_init(&mutexes[at].mutex, NULL);
            return &mutexes[at];
        }
    }
    return NULL;
}

void HAL_MutexDestroy(void *mutex)
{
    if (mutex != NULL && !is("mutexes leak")) {
        memset(mutex, 0, sizeof(mutexes[0]));
    }
}

void HAL_MutexLock(void *mutex)
{
    if (mutex != NULL && !is("mutex lets all in")) {
        pthread_mutex_lock(mutex);
    }
}

void HAL_MutexUnlock(void *mutex)
{
    if (mutex != NULL && !is("mutex lets all in")) {
        pthread_mutex_unlock(mutex);
    }
}

/* --- UDP ----------------------------------------------------------------------- */

/* Of a stream in the place of datagrams. */
static unsigned char stream[4096];
static size_t waiting;
static int open_sockets, only_socket;

iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port)
{
    if (is("create fails") || (is("close leaks") && open_sockets == 8)) {
        return -1;
    }
    waiting = 0;
    if (is("sockets share a port") && open_sockets > 0) {
        open_sockets++;
        return only_socket;
    }
    open_sockets++;
    only_socket = udp_socket(host, port);
    return only_socket;
}

void HAL_UDP_close(iotx_hal_udp_t socket)
{
    if (is("close leaks") || (is("sockets share a port") && --open_sockets > 0)) {
        return;
    }
    open_sockets -= !is("sockets share a port");
    close((int)socket);
}

int HAL_UDP_write(iotx_hal_udp_t socket, const unsigned char *data, unsigned int len)
{
    if (is("long datagrams vanish") && len > 1000) {
        return (int)len;
    }
    if (send((int)socket, data, len, 0) < 0) {
        return -1;
    }
    return is("write returns 0") ? 0 : (int)len;
}

static int read_stream(iotx_hal_udp_t socket, unsigned char *data, size_t len, int ms)
{
    int read;

    do {
        read = udp_read((int)socket, stream + waiting, (unsigned int)(sizeof(stream) - waiting),
                        waiting > 0 ? 0 : ms);
        waiting += read > 0 ? (size_t)read : 0;
    } while (is("datagrams join") && read > 0);
    if (waiting == 0) {
        return -2;
    }
    len = len < waiting ? len : waiting;
    memcpy(data, stream, len);
    waiting -= len;
    memmove(stream, stream + len, waiting);
    return (int)len;
}

int HAL_UDP_readTimeout(iotx_hal_udp_t socket, unsigned char *data, unsigned int len,
                        unsigned int ms)
{
    static unsigned char whole[4096];
    int read;

    if (data == NULL) {
        return -1;
    }
    if (is("read does not wait")) {
        read = udp_read((int)socket, data, len, 0);
        return read == -2 ? 0 : read;
    }
    if (is("read waits too long")) {
        ms *= 4;
    }
    if (is("datagrams join") || is("the rest comes next")) {
        return read_stream(socket, data, len, (int)ms);
    }
    read = udp_read((int)socket, whole, sizeof(whole), (int)ms);
    if (read < 0) {
        return is("time-out is a failure") ? -4 : read;
    }
    if (is("first byte is lost")) {
        memmove(whole, whole + 1, (size_t)read);
    }
    if ((unsigned)read < len) {
        len = (unsigned)read;
    }
    memcpy(data, whole, len + is("room is ignored"));
    return is("length is not cut") ? read : (int)len;
}
