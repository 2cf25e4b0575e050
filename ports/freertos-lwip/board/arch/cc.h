/*
 * What lwIP asks of the compiler and the board. Its port for FreeRTOS has none of it.
 */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>
/* struct timeval, which lwIP then takes from newlib (LWIP_TIMEVAL_PRIVATE). */
#include <sys/time.h>

/* For local ports, which would be the same at each start, and for the name server. */
uint32_t network_random(void);
#define LWIP_RAND() network_random()

void board_stop(const char *why, const char *file, int line);
#define LWIP_PLATFORM_ASSERT(why) board_stop(why, __FILE__, __LINE__)
/* Prints are for debugging lwIP. */
#define LWIP_PLATFORM_DIAG(what)

#endif
