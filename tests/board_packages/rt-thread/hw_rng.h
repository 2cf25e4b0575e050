/* Not RT-Thread's header: what the port uses of it. */
#include <stdint.h>
#include <sys/random.h>

static inline uint32_t rt_hwcrypto_rng_update(void)
{
    uint32_t number = 0;

    return getrandom(&number, sizeof(number), 0) == (ssize_t)sizeof(number) ? number : 0;
}
