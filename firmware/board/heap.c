/*
 * The heap: newlib's, with an account of it, and refusing a request where a
 * test asks for that.
 */
#include <stdlib.h>

#include "board.h"
#include "iot_import.h"

/* Before each block: its size, in as much room as alignment asks for. */
typedef union {
    size_t size;
    max_align_t alignment;
} header_t;

static size_t live, peak;
static unsigned int requests;
static unsigned int left;
static enum { OFF, ARMED, REFUSED } refusing;
static size_t limit = SIZE_MAX;

void *HAL_Malloc(uint32_t size)
{
    header_t *header;

    requests++;
    if (refusing == ARMED && left-- == 0) {
        refusing = REFUSED;
        return NULL;
    }
    /* Where there is no limit, the header must not wrap the size around. */
    if (size > limit || live > limit - size || size > SIZE_MAX - sizeof(*header)) {
        refusing = REFUSED;
        return NULL;
    }
    header = malloc(sizeof(*header) + size);
    if (header == NULL) {
        return NULL;
    }
    header->size = size;
    live += size;
    peak = live > peak ? live : peak;
    return header + 1;
}

void HAL_Free(void *memory)
{
    if (memory != NULL) {
        header_t *header = (header_t *)memory - 1;

        live -= header->size;
        free(header);
    }
}

size_t board_heap_live(void)
{
    return live;
}

size_t board_heap_peak(void)
{
    return peak;
}

void board_heap_forget_peak(void)
{
    peak = live;
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
