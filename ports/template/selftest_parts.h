/*
 * The parts of the test of a board port, among themselves.
 */
#ifndef SELFTEST_PARTS_H
#define SELFTEST_PARTS_H

#include "iot_coap_hal.h"
#include "selftest.h"

/* A line of text, in which the first # is `one`, and the second `two`. */
void selftest_fault(const char *text, long long one, long long two);
void selftest_note(const char *text, long long one, long long two);
void selftest_fine(const char *text);
/* Said before what might never return. */
void selftest_try(const char *text);

/* The milliseconds from one reading of the clock to a later one; 32 bits of it may wrap, as the
 * library takes it. */
uint64_t selftest_since(uint64_t before, uint64_t now);

/* What the parts use in turn. */
enum { SELFTEST_SCRATCH = 2048 };
extern unsigned char selftest_scratch[SELFTEST_SCRATCH];

void selftest_random(void);
void selftest_memory(const iot_coap_selftest_t *test);
void selftest_mutexes(const iot_coap_selftest_t *test);
/* The clock is right, and moves in steps of so many ms. */
void selftest_udp(const iot_coap_selftest_t *test, uint64_t step_ms);

#endif
