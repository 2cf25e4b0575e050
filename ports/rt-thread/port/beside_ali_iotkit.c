/*
 * What the board port of RT-Thread's package ali-iotkit (v3.0.1) lacks: the thread's name, so
 * that IOT_CoAP_Deinit may be called while another thread is in a callback, and the date.
 */
#include <time.h>

#include <rtthread.h>

#include "iot_coap_hal.h"
#include "iot_coap_stack.h"

#if RT_ALIGN_SIZE < 8
#error "the library needs memory aligned to 8 bytes, and ali-iotkit takes it from rt_malloc: set RT_ALIGN_SIZE to 8"
#endif

void *HAL_ThreadSelf(void)
{
    return rt_thread_self();
}

/* The calendar clock counts seconds. */
#ifdef RT_USING_RTC
long long HAL_UTC_Get(void)
{
    return (long long)time(RT_NULL) * 1000;
}
#endif
