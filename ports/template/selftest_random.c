/*
 * Part of the test of a board port: random numbers.
 */
#include <string.h>

#include "selftest_parts.h"

enum { DRAWN = SELFTEST_SCRATCH, EXPECTED = DRAWN / 256, LONGEST_PERIOD = DRAWN / 2 };

static unsigned char *const drawn = selftest_scratch;

/* After how many bytes they are the same again; 0 for not at all. */
static unsigned int period(void)
{
    unsigned int length, at;

    for (length = 1; length <= LONGEST_PERIOD; length++) {
        for (at = 0; at + length < DRAWN && drawn[at] == drawn[at + length]; at++) {
        }
        if (at + length == DRAWN) {
            return length;
        }
    }
    return 0;
}

/* The chi-squared statistic over the 256 values: 255 on average, and never far from it. */
static long unevenness(void)
{
    static uint16_t counts[256];
    long sum = 0, off;
    unsigned int at;

    memset(counts, 0, sizeof(counts));
    for (at = 0; at < DRAWN; at++) {
        counts[drawn[at]]++;
    }
    for (at = 0; at < 256; at++) {
        off = (long)counts[at] - EXPECTED;
        sum += off * off;
    }
    return sum / EXPECTED;
}

/* Bits below `region`, a power of two, that have one value only. */
static uint32_t stuck_bits(uint32_t region)
{
    uint32_t first = HAL_Random(region), moved = 0;
    int count;

    for (count = 0; count < 100; count++) {
        moved |= first ^ HAL_Random(region);
    }
    return (region - 1) & ~moved;
}

void selftest_random(void)
{
    static const uint32_t regions[] = {1, 2, 10, 256, 0xFFFF, 0x10000};
    uint32_t value;
    unsigned int at, count, counts = 1;

    for (at = 0; at < sizeof(regions) / sizeof(regions[0]); at++) {
        for (count = 0; count < 100; count++) {
            value = HAL_Random(regions[at]);
            if (value >= regions[at]) {
                selftest_fault("HAL_Random(#) returned #: return less than its argument, by "
                               "number % region",
                               regions[at], value);
                return;
            }
        }
    }
    for (at = 0; at < DRAWN; at++) {
        drawn[at] = (unsigned char)HAL_Random(256);
        counts = counts && (at < 2 || (unsigned char)(drawn[at] - drawn[at - 1]) ==
                                          (unsigned char)(drawn[1] - drawn[0]));
    }
    if (period() == 1) {
        selftest_fault("HAL_Random(256) returns # each time: switch the generator's clock on, "
                       "and wait until "
                       "it says that a number is ready",
                       drawn[0], 0);
    } else if (counts) {
        selftest_fault("HAL_Random(256) counts, in steps of #: that is no generator; take the "
                       "hardware's",
                       (unsigned char)(drawn[1] - drawn[0]), 0);
    } else if (period() != 0) {
        selftest_fault("HAL_Random(256) begins anew after # numbers: take a generator with a "
                       "longer state, or "
                       "its high bits, and do not seed it at each call",
                       period(), 0);
    } else if (stuck_bits(256) != 0) {
        selftest_fault("HAL_Random(256) never changes the bits of #: draw whole bytes",
                       stuck_bits(256), 0);
    } else if (unevenness() > 450 || unevenness() < 120) {
        selftest_fault("HAL_Random(256): some values come too often, or all too evenly "
                       "(chi-squared is #, "
                       "not about 255): take the generator's output as it is",
                       unevenness(), 0);
    } else if (stuck_bits(0x10000) != 0) {
        selftest_fault("HAL_Random(65536) never changes the bits of #: the generator gives "
                       "fewer than 16; put "
                       "two numbers together",
                       stuck_bits(0x10000), 0);
    } else {
        selftest_fine("HAL_Random: no fault is seen. Whether somebody could guess it, no test "
                      "sees: DTLS needs "
                      "a source that its maker calls fit for keys");
        selftest_note("HAL_Random gave # and # this time: after the next start these must be "
                      "others",
                      drawn[0] * 256 + drawn[1], drawn[2] * 256 + drawn[3]);
    }
}

