/*
 * Not Zephyr's header: what ports/zephyr uses of it, over POSIX, with the signatures of
 * Zephyr 4. A sleep may be cut short, as k_wakeup does it.
 */
#ifndef ZEPHYR_KERNEL_H
#define ZEPHYR_KERNEL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARG_UNUSED(argument) (void)(argument)
#define MIN(a, b) ((a) < (b) ? (a) : (b))

typedef struct {
    int64_t ms;
} k_timeout_t;

#define K_MSEC(milliseconds) ((k_timeout_t){milliseconds})
#define K_FOREVER ((k_timeout_t){-1})

struct k_obj_core {
    int is_linked;
};

struct k_mutex {
    pthread_mutex_t lock;
#ifdef CONFIG_OBJ_CORE_MUTEX
    struct k_obj_core obj_core;
#endif
};

#define K_OBJ_CORE(object) (&(object)->obj_core)

/* How many objects the kernel knows of, in the whole program. */
__attribute__((weak)) int linked_objects;

static inline void k_obj_core_link(struct k_obj_core *object)
{
    object->is_linked = 1;
    __atomic_add_fetch(&linked_objects, 1, __ATOMIC_SEQ_CST);
}

static inline void k_obj_core_unlink(struct k_obj_core *object)
{
    __atomic_sub_fetch(&linked_objects, object->is_linked, __ATOMIC_SEQ_CST);
    object->is_linked = 0;
}

struct k_thread;
typedef struct k_thread *k_tid_t;

/* In front of each block stands where malloc's begins, as Zephyr has its heap there. */
static inline void *k_aligned_alloc(size_t align, size_t size)
{
    char *block = malloc(size + align + sizeof(void *)), *memory;

    if (block == NULL) {
        return NULL;
    }
    memory = block + sizeof(void *);
    memory += (align - (uintptr_t)memory % align) % align;
    memcpy(memory - sizeof(void *), &block, sizeof(void *));
    return memory;
}

static inline void *k_malloc(size_t size)
{
    return k_aligned_alloc(sizeof(void *), size);
}

static inline void k_free(void *memory)
{
    void *block;

    if (memory != NULL) {
        memcpy(&block, (char *)memory - sizeof(void *), sizeof(void *));
        free(block);
    }
}

static inline int64_t k_uptime_get(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Woken once on the way, with what is left. */
static inline int32_t k_sleep(k_timeout_t timeout)
{
    int64_t slept = timeout.ms > 20 ? timeout.ms / 2 : timeout.ms;
    struct timespec span = {slept / 1000, slept % 1000 * 1000000};

    nanosleep(&span, NULL);
    return (int32_t)(timeout.ms - slept);
}

static inline int k_mutex_init(struct k_mutex *mutex)
{
#ifdef CONFIG_OBJ_CORE_MUTEX
    k_obj_core_link(K_OBJ_CORE(mutex));
#endif
    return -pthread_mutex_init(&mutex->lock, NULL);
}

static inline int k_mutex_lock(struct k_mutex *mutex, k_timeout_t timeout)
{
    ARG_UNUSED(timeout);
    return -pthread_mutex_lock(&mutex->lock);
}

static inline int k_mutex_unlock(struct k_mutex *mutex)
{
    return -pthread_mutex_unlock(&mutex->lock);
}

static inline k_tid_t k_current_get(void)
{
    return (k_tid_t)pthread_self();
}

#endif
