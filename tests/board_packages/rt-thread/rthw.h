/* Not RT-Thread's header: a lock in the place of the processor's interrupts. */
#ifndef RT_HW_H
#define RT_HW_H

#include "rtthread.h"

static pthread_mutex_t interrupts = PTHREAD_MUTEX_INITIALIZER;

static inline rt_base_t rt_hw_interrupt_disable(void)
{
    return pthread_mutex_lock(&interrupts);
}

static inline void rt_hw_interrupt_enable(rt_base_t level)
{
    (void)level;
    pthread_mutex_unlock(&interrupts);
}

#endif
