/* In the place of ali-iotkit's board port: this package's, but for what that one lacks. */
#define HAL_ThreadSelf no_thread_self
#define HAL_UTC_Get no_utc_get

#include "../../../ports/rt-thread/port/system.c"
