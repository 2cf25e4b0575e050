/*
 * What this port needs of the board besides a modem that is attached to its network: two
 * functions that the product defines, and one that it calls.
 */
#ifndef IOT_COAP_UART_H
#define IOT_COAP_UART_H

#include <stddef.h>

/* Writes to the modem's UART; 0 once all bytes are on their way, or another number on failure.
 * Called by one task at a time, and not from interrupts. */
int iot_coap_uart_write(const unsigned char *bytes, size_t len);

/* Waits up to `ms` milliseconds, never 0, for bytes from the UART, and reads up to `len` of those
 * that are there. Returns how many, 0 when the time is up, or a negative number on failure. What
 * comes between two calls must be kept, 256 bytes of it at least: let an interrupt or DMA put it
 * into a ring. */
int iot_coap_uart_read(unsigned char *bytes, size_t len, unsigned int ms);

/* Call it once, after the modem is attached to its network and before IOT_CoAP_Init: makes
 * the lock by HAL_MutexCreate, closes what sockets were left open, and sees that the modem
 * answers. Returns 0, or -1 if it does not. */
int iot_coap_modem_start(void);

#endif
