/*
 * The kernel's heap as tests see it: an account of what is taken since the program began,
 * by the library, lwIP and the kernel alike; and requests that are refused. The linker
 * leads every call of pvPortMalloc here (--wrap).
 */
#include "FreeRTOS.h"
#include "task.h"

#include "board.h"

void *__real_pvPortMalloc(size_t size);
void *__wrap_pvPortMalloc(size_t size);

static size_t free_at_start, peak;
static unsigned int requests, left;
static enum { OFF, ARMED, REFUSED } refusing;
static size_t limit = SIZE_MAX;

static int is_refused(size_t size)
{
    if (refusing == ARMED && left-- == 0) {
        return 1;
    }
    return limit != SIZE_MAX && board_heap_live() + size > limit;
}

void *__wrap_pvPortMalloc(size_t size)
{
    void *memory;

    vTaskSuspendAll();
    requests++;
    if (is_refused(size)) {
        refusing = REFUSED;
        memory = NULL;
    } else {
        memory = __real_pvPortMalloc(size);
        if (board_heap_live() > peak) {
            peak = board_heap_live();
        }
    }
    (void)xTaskResumeAll();
    return memory;
}

size_t board_heap_live(void)
{
    size_t free_now = xPortGetFreeHeapSize();

    return free_now < free_at_start ? free_at_start - free_now : 0;
}

size_t board_heap_peak(void)
{
    return peak;
}

/* The first time, before the program begins, also what is taken. */
void board_heap_forget_peak(void)
{
    if (free_at_start == 0) {
        free_at_start = xPortGetFreeHeapSize();
    }
    peak = board_heap_live();
}

unsigned int board_heap_requests(void)
{
    return requests;
}

void board_heap_refuse_after(unsigned int count)
{
    left = count;
    refusing = ARMED;
}

void board_heap_shrink(size_t most)
{
    limit = most;
    refusing = OFF;
}

void board_heap_grow(void)
{
    limit = SIZE_MAX;
}

int board_heap_has_refused(void)
{
    return refusing == REFUSED;
}
