/* Not Zephyr's header: what ports/zephyr uses of it. */
#ifndef ZEPHYR_PRINTK_H
#define ZEPHYR_PRINTK_H

#include <stdarg.h>
#include <stdio.h>

static inline void vprintk(const char *format, va_list arguments)
{
    vprintf(format, arguments);
    fflush(stdout);
}

static inline int vsnprintk(char *out, size_t len, const char *format, va_list arguments)
{
    return vsnprintf(out, len, format, arguments);
}

#endif
