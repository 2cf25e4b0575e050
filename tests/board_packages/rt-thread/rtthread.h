/*
 * Not RT-Thread's header: what ports/rt-thread uses of it, over POSIX, with the signatures of
 * RT-Thread 5. The tick counter wraps two seconds after the start, and rt_malloc aligns to
 * RT_ALIGN_SIZE and no better.
 */
#ifndef RT_THREAD_H
#define RT_THREAD_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rtconfig.h"

#define RT_NULL NULL
#define RT_EOK 0
#define RT_IPC_FLAG_PRIO 1
#define RT_WAITING_FOREVER (-1)
#define RT_TICK_MAX UINT32_MAX

typedef long rt_base_t;
typedef long rt_err_t;
typedef int32_t rt_int32_t;
typedef size_t rt_size_t;
typedef uint32_t rt_tick_t;
typedef uint32_t rt_uint32_t;

struct rt_mutex {
    pthread_mutex_t lock;
};
typedef struct rt_mutex *rt_mutex_t;
struct rt_thread;
typedef struct rt_thread *rt_thread_t;

/* In front of each block stands where malloc's begins. */
static inline void *rt_malloc_align(rt_size_t size, rt_size_t align)
{
    char *block = malloc(size + 2 * align + sizeof(void *)), *memory;

    if (block == NULL) {
        return NULL;
    }
    memory = block + sizeof(void *);
    memory += (align - (uintptr_t)memory % align) % align;
    /* No better than asked for. */
    memory += (uintptr_t)memory % (2 * align) == 0 ? align : 0;
    memcpy(memory - sizeof(void *), &block, sizeof(void *));
    return memory;
}

static inline void rt_free_align(void *memory)
{
    void *block;

    memcpy(&block, (char *)memory - sizeof(void *), sizeof(void *));
    free(block);
}

static inline void *rt_malloc(rt_size_t size)
{
    return rt_malloc_align(size, RT_ALIGN_SIZE);
}

static inline void rt_free(void *memory)
{
    if (memory != NULL) {
        rt_free_align(memory);
    }
}

static inline rt_tick_t rt_tick_get(void)
{
    static time_t started;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    started = started == 0 ? now.tv_sec : started;
    return (rt_tick_t)(UINT32_MAX - 2 * RT_TICK_PER_SECOND +
                       (now.tv_sec - started) * RT_TICK_PER_SECOND +
                       now.tv_nsec / (1000000000 / RT_TICK_PER_SECOND));
}

/* Ends with the n-th tick, of which the first has begun. */
static inline rt_err_t rt_thread_delay(rt_tick_t ticks)
{
    rt_tick_t start = rt_tick_get();

    while (rt_tick_get() - start < ticks) {
        usleep(500);
    }
    return RT_EOK;
}

static inline rt_mutex_t rt_mutex_create(const char *name, unsigned char flag)
{
    rt_mutex_t mutex = malloc(sizeof(*mutex));

    (void)name;
    (void)flag;
    if (mutex != NULL) {
        pthread_mutex_init(&mutex->lock, NULL);
    }
    return mutex;
}

static inline rt_err_t rt_mutex_delete(rt_mutex_t mutex)
{
    pthread_mutex_destroy(&mutex->lock);
    free(mutex);
    return RT_EOK;
}

static inline rt_err_t rt_mutex_take(rt_mutex_t mutex, rt_int32_t ticks)
{
    (void)ticks;
    return -pthread_mutex_lock(&mutex->lock);
}

static inline rt_err_t rt_mutex_release(rt_mutex_t mutex)
{
    return -pthread_mutex_unlock(&mutex->lock);
}

static inline rt_thread_t rt_thread_self(void)
{
    return (rt_thread_t)pthread_self();
}

static inline void rt_kputs(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

#endif
