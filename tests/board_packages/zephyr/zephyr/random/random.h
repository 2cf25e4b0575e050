/* Not Zephyr's header: what ports/zephyr uses of it. */
#ifndef ZEPHYR_RANDOM_H
#define ZEPHYR_RANDOM_H

#include <stddef.h>
#include <sys/random.h>

static inline int sys_csrand_get(void *out, size_t len)
{
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : -5;
}

#endif
