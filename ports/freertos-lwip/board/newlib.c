/*
 * newlib's own heap, which the programs' files and output use, not the library. newlib's
 * _sbrk takes the stack pointer for the heap's end, and refuses in every task, whose stack
 * lies elsewhere.
 */
#include <errno.h>
#include <stddef.h>

#include "FreeRTOS.h"
#include "task.h"

#include <reent.h>

enum { HEAP_BYTES = 8 * 1024 };

void *_sbrk(ptrdiff_t more);
void __malloc_lock(struct _reent *reent);
void __malloc_unlock(struct _reent *reent);

void *_sbrk(ptrdiff_t more)
{
    static _Alignas(8) char heap[HEAP_BYTES];
    static size_t used;
    char *before = heap + used;

    if (more > (ptrdiff_t)(HEAP_BYTES - used) || more < -(ptrdiff_t)used) {
        errno = ENOMEM;
        return (void *)-1;
    }
    used += (size_t)more;
    return before;
}

void __malloc_lock(struct _reent *reent)
{
    (void)reent;
    if (xTaskGetSchedulerState() != taskSCHEDULER_NOT_STARTED) {
        vTaskSuspendAll();
    }
}

void __malloc_unlock(struct _reent *reent)
{
    (void)reent;
    if (xTaskGetSchedulerState() != taskSCHEDULER_NOT_STARTED) {
        (void)xTaskResumeAll();
    }
}
