/*
 * What this port needs of the board besides RT-Thread: one function that the product defines,
 * unless RT-Thread has the board's generator (RT_HWCRYPTO_USING_RNG).
 */
#ifndef IOT_COAP_BOARD_H
#define IOT_COAP_BOARD_H

#include <stddef.h>

/* Fills `bytes` from the board's source of randomness; 0, or another number on failure.
 * With the library's own DTLS engine this is the source of every key: HAL_Random in
 * iot_coap_hal.h says what is good enough. Called by any thread. */
int iot_coap_board_random(unsigned char *bytes, size_t len);

#endif
