/*
 * Start-up: vectors, memory, stack, the command line that the emulator was
 * given, main, and exit with what main returned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

extern uint32_t stack_top[], stack_limit[], data_load[], data_start[], data_end[], bss_start[],
    bss_end[];

/* newlib's, of rdimon: opens the console. */
void initialise_monitor_handles(void);
/* clock.c, or the kernel's of an RTOS */
void board_tick(void);
/* Those of an RTOS, and of its driver; a fault where there are none. */
void board_supervisor_call(void);
void board_pending_call(void);
void board_ethernet_interrupt(void);

int main(int argc, char **argv);
void reset(void);

enum { SYS_GET_CMDLINE = 0x15, ARGUMENTS_MAX = 16 };
#define PAINT 0xA5A5A5A5u

int board_semihosting(int operation, void *arguments)
{
    register int r0 __asm__("r0") = operation;
    register void *r1 __asm__("r1") = arguments;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void fault(void)
{
    puts("[board] fault");
    exit(70);
}

__attribute__((weak, alias("fault"))) void board_supervisor_call(void);
__attribute__((weak, alias("fault"))) void board_pending_call(void);
__attribute__((weak, alias("fault"))) void board_ethernet_interrupt(void);

/* What the core starts with and jumps to: reset, six kinds of fault, the calls of an RTOS,
 * the core's timer, and, of the board's interrupts, the Ethernet controller's. */
enum { OF_BOARD = 15, ETHERNET = 13 };
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[OF_BOARD + ETHERNET + 1])(void);
} vectors = {
    stack_top,
    {reset, fault, fault, fault, fault, fault, [10] = board_supervisor_call,
     [13] = board_pending_call, [14] = board_tick,
     [OF_BOARD + ETHERNET] = board_ethernet_interrupt},
};

__attribute__((noinline)) void board_paint_stack(void)
{
    uint32_t *here = __builtin_frame_address(0);

    /* Some words below are this function's own. */
    for (uint32_t *word = stack_limit; word < here - 16; word++) {
        *word = PAINT;
    }
}

size_t board_stack_used(void)
{
    const uint32_t *word = stack_limit;

    while (word < stack_top && *word == PAINT) {
        word++;
    }
    return (size_t)((const char *)stack_top - (const char *)word);
}

/* Splits the command line at its blanks. */
static int arguments(char **argv)
{
    static char line[512];
    struct {
        char *line;
        int room;
    } block = {line, sizeof(line)};
    int argc = 0;

    if (board_semihosting(SYS_GET_CMDLINE, &block) != 0) {
        line[0] = '\0';
    }
    for (char *word = strtok(line, " "); word != NULL && argc < ARGUMENTS_MAX;
         word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return argc;
}

void reset(void)
{
    static char *argv[ARGUMENTS_MAX + 1];

    memcpy(data_start, data_load, (size_t)((char *)data_end - (char *)data_start));
    memset(bss_start, 0, (size_t)((char *)bss_end - (char *)bss_start));
    board_paint_stack();
    initialise_monitor_handles();
    board_clock_start();
    exit(main(arguments(argv), argv));
}
