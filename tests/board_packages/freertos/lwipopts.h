/* The emulated board's, but for what a test says. */
#include "../../../ports/freertos-lwip/board/lwipopts.h"

#ifdef DATAGRAMS
#undef DEFAULT_UDP_RECVMBOX_SIZE
#define DEFAULT_UDP_RECVMBOX_SIZE DATAGRAMS
#endif
/* lwIP has its own value then, which is 0. */
#ifdef WITHOUT_TIMEOUTS
#undef LWIP_SO_RCVTIMEO
#endif
#ifdef WITHOUT_CORE_LOCKING
#undef LWIP_TCPIP_CORE_LOCKING
#define LWIP_TCPIP_CORE_LOCKING 0
#endif
