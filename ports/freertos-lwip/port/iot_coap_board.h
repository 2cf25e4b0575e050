/*
 * What this port needs of the board besides FreeRTOS and lwIP: two functions that the
 * product defines.
 */
#ifndef IOT_COAP_BOARD_H
#define IOT_COAP_BOARD_H

#include <stddef.h>

/* Fills `bytes` from the board's source of randomness; 0, or another number on failure.
 * With the library's own DTLS engine this is the source of every key: HAL_Random in
 * iot_coap_hal.h says what is good enough. Called by any task. */
int iot_coap_board_random(unsigned char *bytes, size_t len);

/* Prints text that ends with NUL; a whole line in most cases. Called by any task. */
void iot_coap_board_print(const char *text);

#endif
