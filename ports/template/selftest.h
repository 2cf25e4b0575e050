/*
 * Tests a board port on the board, before anything else runs there: clock, random numbers,
 * memory, mutexes, UDP. It calls the port's HAL_* functions and what stands below, no library
 * and no C library but memset and the like. It takes 20 seconds, 10 KB of flash on a Cortex-M3
 * and 3 KB of static RAM.
 *
 *     static void print(const char *text) { uart_puts(text); }
 *
 *     iot_coap_selftest_t test = {0};
 *     test.print = print;
 *     test.echo_host = "192.168.1.10";
 *     test.echo_port = 7007;
 *     faults = iot_coap_selftest(&test);
 *
 * It says what is wrong and what to do, a line each. If it stops, the last line, which begins
 * with "trying", names the function that does not return.
 */
#ifndef IOT_COAP_SELFTEST_H
#define IOT_COAP_SELFTEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the test is given. Whatever is 0 is not tested, and it says so. */
typedef struct {
    /* Prints text. Not HAL_Printf, which might be what is wrong. Needed. */
    void (*print)(const char *text);
    /* A host that sends back each datagram that it gets, as one datagram: an address or a name.
     * ports/template/echo is one. */
    const char *echo_host;
    unsigned short echo_port;
    /* How many bytes of memory may be taken until HAL_Malloc returns NULL. */
    uint32_t heap_most;
    /* Runs a function in another thread; returns 0. */
    int (*start_thread)(void (*run)(void *argument), void *argument);
    /* 1: HAL_Mutex* of NULL are called too. The library never does that, but sources written for
     * the original may. */
    int null_mutexes;
} iot_coap_selftest_t;

/* Returns how many faults were found. To leave mutexes out of a port for one thread, compile
 * selftest.c with IOT_COAP_SELFTEST_NO_MUTEX. */
int iot_coap_selftest(const iot_coap_selftest_t *test);

#ifdef __cplusplus
}
#endif

#endif
