/* How many milliseconds the port sleeps for 49 days, if each call is cut short once; and whether
 * the ticks of a call fit in 31 bits at 100 kHz. */
#include <stdio.h>

#include <zephyr/kernel.h>

static int64_t slept, longest;

static int32_t count(k_timeout_t timeout)
{
    int64_t part = timeout.ms > 1000 ? timeout.ms - 1000 : timeout.ms;

    slept += part;
    longest = timeout.ms > longest ? timeout.ms : longest;
    return (int32_t)(timeout.ms - part);
}

#define k_sleep count
#include "../../../ports/zephyr/system.c"

int main(void)
{
    HAL_SleepMs(UINT32_MAX);
    printf("%lld %d\n", (long long)slept, longest * 100 <= INT32_MAX);
    return 0;
}
