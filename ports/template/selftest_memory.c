/*
 * Part of the test of a board port: memory, and mutexes.
 */
#include <stddef.h>
#include <string.h>

#include "selftest_parts.h"

/* --- memory ---------------------------------------------------------------------------- */

enum { BLOCK = 256 };

/* How many blocks there are, at most `most`; all are given back. */
static uint32_t blocks_until_null(uint32_t most)
{
    void *last = NULL, **block;
    uint32_t count = 0;

    while (count < most && (block = HAL_Malloc(BLOCK)) != NULL) {
        memset(block, 0xA5, BLOCK);
        *block = last;
        last = block;
        count++;
    }
    while (last != NULL) {
        block = last;
        last = *block;
        HAL_Free(block);
    }
    return count;
}

/* Blocks of several sizes at once: where they lie, and that none is in another. */
static int test_blocks(void)
{
    static const uint32_t sizes[] = {1, 2, 3, 7, 8, 13, 24, 61, 200};
    enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
    unsigned char *blocks[COUNT];
    unsigned int at, byte, fine = 1;

    for (at = 0; at < COUNT; at++) {
        blocks[at] = HAL_Malloc(sizes[at]);
        if (blocks[at] == NULL) {
            selftest_fault("HAL_Malloc(#) returned NULL at the start: give it a heap (the "
                           "library needs 2 to 8 KB)",
                           sizes[at], 0);
            return -1;
        }
        memset(blocks[at], (int)at + 1, sizes[at]);
    }
    for (at = 0; at < COUNT; at++) {
        if ((uintptr_t)blocks[at] % 8 != 0) {
            selftest_fault("HAL_Malloc(#) returned memory # bytes beyond a multiple of 8: align "
                           "the heap, and "
                           "make each block's header a multiple of 8",
                           sizes[at], (long long)((uintptr_t)blocks[at] % 8));
            fine = 0;
            break;
        }
        for (byte = 0; byte < sizes[at]; byte++) {
            if (blocks[at][byte] != at + 1) {
                selftest_fault("HAL_Malloc: a block of # bytes lies in that of another: round "
                               "sizes up, not "
                               "down, and take them from a heap that nothing else uses",
                               sizes[at], 0);
                return -1;
            }
        }
    }
    for (at = 0; at < COUNT; at++) {
        HAL_Free(blocks[at]);
    }
    return fine ? 0 : -1;
}

void selftest_memory(const iot_coap_selftest_t *test)
{
    uint32_t most = test->heap_most / BLOCK, first, second;

    if (test_blocks() != 0) {
        return;
    }
    selftest_try("HAL_Free(NULL), which does nothing");
    HAL_Free(NULL);
    if (sizeof(void *) <= 4) {
        selftest_try("HAL_Malloc(0xFFFFFFF8), which returns NULL");
        if (HAL_Malloc(0xFFFFFFF8u) != NULL) {
            selftest_fault("HAL_Malloc(0xFFFFFFF8) returned memory: the size and the header "
                           "wrap; compare "
                           "before you add",
                           0, 0);
        }
    }
    if (most == 0) {
        selftest_note("memory until HAL_Malloc returns NULL is not tested: heap_most is less "
                      "than #", BLOCK, 0);
        return;
    }
    selftest_try("HAL_Malloc(256) until it returns NULL, which must not stop or reset the board");
    first = blocks_until_null(most);
    second = blocks_until_null(most);
    if (second < first) {
        selftest_fault("HAL_Free gives nothing back: of # blocks only # could be had again; "
                       "join what is free, "
                       "and see that Free gets the pointer that Malloc gave",
                       first, second);
    } else {
        selftest_note(first < most
                          ? "memory: # blocks of # bytes, and then NULL, and the same again"
                          : "memory: all # blocks of # bytes that heap_most allows were given, so "
                            "NULL is not tested",
                      first, BLOCK);
        selftest_fine("HAL_Malloc, HAL_Free");
    }
}

/* --- mutexes --------------------------------------------------------------------------- */

#ifndef IOT_COAP_SELFTEST_NO_MUTEX
enum { MUTEXES = 200, HELD_MS = 300, PATIENCE_MS = 2000 };

/* What the other thread is about. */
static void *contended;
static volatile int has_begun, is_inside;

static void enter(void *nothing)
{
    (void)nothing;
    has_begun = 1;
    HAL_MutexLock(contended);
    is_inside = 1;
    HAL_MutexUnlock(contended);
}

/* Waits, without looking at the clock, which may be wrong. */
static int becomes_true(const volatile int *flag)
{
    int turn;

    for (turn = 0; !*flag && turn < PATIENCE_MS / 10; turn++) {
        HAL_SleepMs(10);
    }
    return *flag;
}

/* 0, or -1 after a fault. */
static int test_exclusion(const iot_coap_selftest_t *test, void *mutex)
{
    int fine = 0;

    contended = mutex;
    has_begun = is_inside = 0;
    HAL_MutexLock(mutex);
    if (test->start_thread(enter, NULL) != 0 || !becomes_true(&has_begun)) {
        HAL_MutexUnlock(mutex);
        selftest_note("mutexes: the other thread did not start, so exclusion is not tested", 0, 0);
        return 0;
    }
    HAL_SleepMs(HELD_MS);
    if (is_inside) {
        fine = -1;
        selftest_fault("HAL_MutexLock let a second thread in: it must wait until the first one "
                       "unlocks, for "
                       "ever, and not only for some ticks",
                       0, 0);
    }
    HAL_MutexUnlock(mutex);
    if (!becomes_true(&is_inside)) {
        fine = -1;
        selftest_fault("HAL_MutexUnlock did not let the thread in that waits: it must give the "
                       "mutex back",
                       0, 0);
    }
    /* It may still be in HAL_MutexUnlock. */
    HAL_SleepMs(HELD_MS);
    return fine;
}

void selftest_mutexes(const iot_coap_selftest_t *test)
{
    void *one, *two;
    int count, fine = 0;

    one = HAL_MutexCreate();
    two = HAL_MutexCreate();
    if (one == NULL || two == NULL) {
        selftest_fault("HAL_MutexCreate returned NULL: give the RTOS memory for mutexes; for "
                       "one thread compile "
                       "this test with IOT_COAP_SELFTEST_NO_MUTEX",
                       0, 0);
        return;
    }
    if (one == two) {
        selftest_fault("HAL_MutexCreate returned the same mutex twice: each must be one of its "
                       "own, since "
                       "one is locked while another is held",
                       0, 0);
        return;
    }
    selftest_try("HAL_MutexLock of two mutexes, each of which is free");
    HAL_MutexLock(one);
    HAL_MutexLock(two);
    HAL_MutexUnlock(one);
    HAL_MutexUnlock(two);
    selftest_try("HAL_MutexLock again, after HAL_MutexUnlock");
    HAL_MutexLock(one);
    HAL_MutexUnlock(one);
    if (test->start_thread != NULL) {
        fine = test_exclusion(test, one);
    } else {
        selftest_note("mutexes: whether they exclude is not tested: name a start_thread", 0, 0);
    }
    HAL_MutexDestroy(one);
    HAL_MutexDestroy(two);
    for (count = 0; count < MUTEXES; count++) {
        one = HAL_MutexCreate();
        if (one == NULL) {
            selftest_fault("HAL_MutexDestroy gives nothing back: after # of # mutexes there was "
                           "no other one",
                           count, MUTEXES);
            return;
        }
        HAL_MutexDestroy(one);
    }
    if (test->null_mutexes) {
        selftest_try("HAL_MutexLock, Unlock and Destroy of NULL, which do nothing");
        HAL_MutexLock(NULL);
        HAL_MutexUnlock(NULL);
        HAL_MutexDestroy(NULL);
    }
    if (fine == 0) {
        selftest_fine("HAL_MutexCreate, Lock, Unlock, Destroy");
    }
}
#endif
