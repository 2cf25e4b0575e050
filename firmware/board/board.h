/*
 * What the firmwares use of the board besides HAL_*.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* --- start.c ---------------------------------------------------------------- */

/* How many bytes of the stack were ever used since the last call of
 * board_paint_stack(). */
size_t board_stack_used(void);

/* Forgets what was used of the stack beyond the caller's frame. */
void board_paint_stack(void);

/* The emulator's semihosting: asks the host for `operation`. */
int board_semihosting(int operation, void *arguments);

/* --- clock.c ------------------------------------------------------------------ */

void board_clock_start(void);

/* Cycles of the core's clock since it was started, without those spent waiting
 * in HAL_UDP_readTimeout. */
uint64_t board_busy_cycles(void);

/* Says when such a wait begins and ends. */
void board_wait(int begins);

/* --- heap.c --------------------------------------------------------------------- */

/* What HAL_Malloc gave and HAL_Free did not get back. */
size_t board_heap_live(void);

/* The most that this was at once since the last call of board_heap_forget_peak. */
size_t board_heap_peak(void);
void board_heap_forget_peak(void);

/* How often HAL_Malloc was called. */
unsigned int board_heap_requests(void);

/* Has HAL_Malloc refuse one request, the one after the next `count`. */
void board_heap_refuse_after(unsigned int count);

/* Has HAL_Malloc refuse every request by which board_heap_live() would be more than
 * `limit`, until board_heap_grow(). */
void board_heap_shrink(size_t limit);
void board_heap_grow(void);

/* Whether it has since one of these was called. */
int board_heap_has_refused(void);

/* --- lan9118.c -------------------------------------------------------------------- */

enum { ETHERNET_FRAME_MAX = 1514 };

/* Starts the Ethernet controller with this address; 0, or -1 if there is none. */
int ethernet_start(const uint8_t address[6]);

/* Sends a frame; 0, or -1 if there is no room for it. */
int ethernet_send(const uint8_t *frame, size_t len);

/* Takes a frame that has arrived, of at most `room` bytes; returns its length,
 * or 0 if there is none. */
size_t ethernet_receive(uint8_t *frame, size_t room);

/* Has the controller interrupt the core when the next frame arrives. What has arrived
 * before does not interrupt: look for it afterwards. */
void ethernet_interrupt_unmask(void);
void ethernet_interrupt_mask(void);

#endif
