/* lwIP with the sockets of ESP-IDF: no lock on the core, but a semaphore for each task. */
#include "../../../ports/freertos-lwip/board/lwipopts.h"

#undef LWIP_TCPIP_CORE_LOCKING
#define LWIP_TCPIP_CORE_LOCKING 0
#define LWIP_NETCONN_FULLDUPLEX 1
#define LWIP_NETCONN_SEM_PER_THREAD 1
