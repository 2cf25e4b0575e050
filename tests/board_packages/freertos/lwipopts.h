/* The emulated board's, but for what a test says. */
#include "../../../ports/freertos-lwip/board/lwipopts.h"

#ifdef DATAGRAMS
#undef DEFAULT_UDP_RECVMBOX_SIZE
#define DEFAULT_UDP_RECVMBOX_SIZE DATAGRAMS
#endif
