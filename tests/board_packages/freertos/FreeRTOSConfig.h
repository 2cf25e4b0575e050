/* The emulated board's, but for what a test says. */
#include "../../../ports/freertos-lwip/board/FreeRTOSConfig.h"

#ifdef TICKS_IN_A_SECOND
#undef configTICK_RATE_HZ
#define configTICK_RATE_HZ TICKS_IN_A_SECOND
#endif
#ifdef WIDTH_OF_TICKS
#undef configTICK_TYPE_WIDTH_IN_BITS
#define configTICK_TYPE_WIDTH_IN_BITS WIDTH_OF_TICKS
#endif
/* Compiled for this machine, there is no newlib. */
#ifdef __unix__
#undef configUSE_NEWLIB_REENTRANT
#endif
