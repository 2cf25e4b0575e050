/* The kernel's own, but for what a test says of the processor. */
#include_next <FreeRTOS.h>

#ifdef ALIGNMENT
#undef portBYTE_ALIGNMENT
#define portBYTE_ALIGNMENT ALIGNMENT
#endif
