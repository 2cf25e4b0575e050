/* Times of round trips, for the programs of this folder; included by one file each. */
#ifndef TIMES_H
#define TIMES_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static float *times;
static unsigned long times_taken, times_room;

static int times_init(unsigned long most)
{
    times_room = most;
    times = calloc(most + 1, sizeof(*times));
    return times == NULL ? -1 : 0;
}

/* In seconds, of a clock that never goes back. */
static double times_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void times_add(double seconds)
{
    if (times_taken < times_room) {
        times[times_taken++] = (float)(seconds * 1e6);
    }
}

static int times_compare(const void *one, const void *other)
{
    float difference = *(const float *)one - *(const float *)other;

    return difference > 0 ? 1 : difference < 0 ? -1 : 0;
}

/* Round trips per second; their median and 99th percentile in microseconds. */
static void times_print(double all_seconds)
{
    qsort(times, times_taken, sizeof(*times), times_compare);
    printf("%.0f %.1f %.1f\n", (double)times_taken / all_seconds, times[times_taken / 2],
           times[times_taken * 99 / 100]);
}

#endif
