/* How many ticks the port sleeps in all for 49 days and 2 s, and at most in one call. */
#include <stdio.h>

#include <rtthread.h>

static uint64_t slept, longest;

static rt_err_t count(rt_tick_t ticks)
{
    slept += ticks;
    longest = ticks > longest ? ticks : longest;
    return RT_EOK;
}

#define rt_thread_delay count
#include "../../../ports/rt-thread/port/system.c"

int main(void)
{
    HAL_SleepMs(UINT32_MAX);
    printf("%llu %d\n", (unsigned long long)slept, longest < RT_TICK_MAX / 2);
    return 0;
}
