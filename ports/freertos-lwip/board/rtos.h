/*
 * What the programs use of the board under FreeRTOS, besides HAL_* and the heap and the
 * Ethernet controller of firmware/board/board.h.
 */
#ifndef RTOS_H
#define RTOS_H

#include <stddef.h>

/* A program's main, which is renamed, in a task of this many bytes of stack. */
int program(int argc, char **argv);

#ifndef PROGRAM_STACK
#define PROGRAM_STACK (12 * 1024)
#endif

/* --- main.c ---------------------------------------------------------------------- */

/* Says what is wrong, and ends the emulation. */
void board_stop(const char *why, const char *file, int line);

/* Prints how much of its stack, of `size` bytes, the calling task has ever used. */
void board_print_stack(const char *name, size_t size);

/* --- network.c -------------------------------------------------------------------- */

/* Brings the network up, in a task; 0, or -1 if there is none. */
int network_start(void);

#endif
