/*
 * Tests a board port; selftest.h says how. Here is what is said, and the clock; the other parts
 * are in the files beside it.
 */
#include <stddef.h>

#include "selftest_parts.h"

/* --- what is said -------------------------------------------------------------------- */

enum { LINE_MAX_LEN = 256 };

unsigned char selftest_scratch[SELFTEST_SCRATCH];

static const iot_coap_selftest_t *given;
static int faults;
static char line[LINE_MAX_LEN];

static size_t put(size_t at, char character)
{
    if (at < sizeof(line) - 2) { /* room for the line's end */
        line[at++] = character;
    }
    return at;
}

static size_t put_number(size_t at, long long value)
{
    unsigned long long left = (unsigned long long)value, power = 1;

    if (value < 0) {
        at = put(at, '-');
        left = 0 - left;
    }
    while (left / power >= 10) {
        power *= 10;
    }
    for (; power > 0; power /= 10) {
        at = put(at, (char)('0' + left / power % 10));
    }
    return at;
}

/* Without the C library's printf, which a board may lack, or print by the port. */
static void say(const char *kind, const char *text, long long one, long long two)
{
    size_t at = 0;
    int numbers = 0;

    for (; *kind != '\0'; kind++) {
        at = put(at, *kind);
    }
    for (; *text != '\0'; text++) {
        if (*text == '#') {
            at = put_number(at, numbers++ == 0 ? one : two);
        } else {
            at = put(at, *text);
        }
    }
    line[at++] = '\n';
    line[at] = '\0';
    given->print(line);
}

void selftest_fault(const char *text, long long one, long long two)
{
    faults++;
    say("FAULT ", text, one, two);
}

void selftest_note(const char *text, long long one, long long two)
{
    say("note  ", text, one, two);
}

void selftest_try(const char *text)
{
    say("trying ", text, 0, 0);
}

void selftest_fine(const char *text)
{
    say("ok    ", text, 0, 0);
}

/* --- the clock, and sleeping ----------------------------------------------------------- */

enum { READINGS = 200000, ASLEEP_MS = 200, COARSE_MS = 20, LEAP_MS = 10000 };

/* The smallest step that the clock was seen to take. */
static uint64_t step_ms;

uint64_t selftest_since(uint64_t before, uint64_t now)
{
    return now < before && before <= UINT32_MAX ? (uint32_t)((uint32_t)now - (uint32_t)before)
                                                : now - before;
}

/* Compares a reading with the one before; 0 if it may follow it. */
static int follows(uint64_t before, uint64_t now)
{
    uint64_t passed = selftest_since(before, now);

    if (now < before && passed > LEAP_MS) {
        selftest_fault("HAL_UptimeMs goes back, from # to #: read both halves of a 64-bit "
                       "counter with "
                       "its interrupt masked, and compute in uint64_t, not float or int",
                       (long long)before, (long long)now);
        return -1;
    }
    if (passed > LEAP_MS) {
        selftest_fault("HAL_UptimeMs leaps, from # to # in an instant: read both halves of a "
                       "64-bit counter with its interrupt masked; or it counts microseconds",
                       (long long)before, (long long)now);
        return -1;
    }
    if (passed != 0 && (step_ms == 0 || passed < step_ms)) {
        step_ms = passed;
    }
    return 0;
}

/* Whether it moves, and only forward. */
static int clock_moves(void)
{
    uint64_t start = HAL_UptimeMs(), before = start, now = start;
    long count;

    if (start >> 32 == 0xFFFFFFFFu) {
        selftest_fault("HAL_UptimeMs returns #, since the sign of a 32-bit tick was extended; "
                       "convert it to "
                       "uint32_t before uint64_t",
                       (long long)start, 0);
        return -1;
    }
    for (count = 0; count < READINGS; count++) {
        now = HAL_UptimeMs();
        if (follows(before, now) != 0) {
            return -1;
        }
        before = now;
    }
    selftest_try("HAL_SleepMs(10), 300 times");
    for (count = 0; count < 300; count++) {
        HAL_SleepMs(10);
        now = HAL_UptimeMs();
        if (follows(before, now) != 0) {
            return -1;
        }
        before = now;
    }
    if (now == start) {
        selftest_fault("HAL_UptimeMs stands still at # through 300 sleeps of 10 ms: start the "
                       "timer, let "
                       "its interrupt through, and return milliseconds",
                       (long long)now, 0);
        return -1;
    }
    if (step_ms > COARSE_MS) {
        selftest_fault("HAL_UptimeMs moves in steps of # ms: take a timer that is finer than # "
                       "ms, or "
                       "messages are sent again too early and too late",
                       (long long)step_ms, COARSE_MS);
        return -1;
    }
    return 0;
}

/* How long a sleep takes by the clock; the least of three, since others may run. */
static uint64_t asleep(uint32_t ms)
{
    uint64_t least = UINT64_MAX, start, took;
    int turn;

    for (turn = 0; turn < 3; turn++) {
        start = HAL_UptimeMs();
        HAL_SleepMs(ms);
        took = selftest_since(start, HAL_UptimeMs());
        least = took < least ? took : least;
    }
    return least;
}

static int test_clock(void)
{
    uint64_t took;

    step_ms = 0;
    if (clock_moves() != 0) {
        return -1;
    }
    took = asleep(ASLEEP_MS);
    if (took + step_ms < ASLEEP_MS / 2) {
        selftest_fault("HAL_SleepMs(#) took # ms by HAL_UptimeMs: convert milliseconds to "
                       "ticks, rounded "
                       "up; or the clock counts ticks or seconds and not milliseconds",
                       ASLEEP_MS, (long long)took);
    } else if (took + step_ms < ASLEEP_MS) {
        selftest_fault("HAL_SleepMs(#) took # ms: it must not take less; add a tick", ASLEEP_MS,
                       (long long)took);
    } else if (took > 2 * ASLEEP_MS) {
        selftest_fault("HAL_SleepMs(#) took # ms by HAL_UptimeMs: it takes ticks for "
                       "milliseconds; or the "
                       "clock counts microseconds or ticks and not milliseconds",
                       ASLEEP_MS, (long long)took);
    } else {
        selftest_fine("HAL_UptimeMs, HAL_SleepMs: they agree, and go forward. If both are wrong "
                      "alike, only "
                      "your watch tells: the next line comes 5 seconds after this one");
        for (took = HAL_UptimeMs(); selftest_since(took, HAL_UptimeMs()) < 5000;) {
            HAL_SleepMs(50);
        }
        selftest_note("5 seconds are over", 0, 0);
        return 0;
    }
    return -1;
}

int iot_coap_selftest(const iot_coap_selftest_t *test)
{
    int clock_is_fine;

    given = test;
    faults = 0;
    clock_is_fine = test_clock() == 0;
    selftest_random();
    selftest_memory(test);
#ifndef IOT_COAP_SELFTEST_NO_MUTEX
    selftest_mutexes(test);
#endif
    if (!clock_is_fine) {
        selftest_note("HAL_UDP_* are not tested: that takes a clock and sleeps that are right",
                      0, 0);
    } else if (test->echo_host == NULL || test->echo_port == 0) {
        selftest_note("HAL_UDP_* are not tested: name a host that echoes in echo_host", 0, 0);
    } else {
        selftest_udp(test, step_ms);
    }
    if (faults == 0) {
        selftest_fine("no fault was found");
    } else {
        say("", "faults found: #; mend the first one first", faults, 0);
    }
    return faults;
}
