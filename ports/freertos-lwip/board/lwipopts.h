/*
 * lwIP, for one device with UDP over IPv4 and a name server. What matters to the library is
 * in ../README.md.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include "FreeRTOSConfig.h"

#define NO_SYS 0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_TCPIP_CORE_LOCKING 1
#define LWIP_NETCONN 1
#define LWIP_SOCKET 1
#define LWIP_COMPAT_SOCKETS 0
#define LWIP_SOCKET_SELECT 0
#define LWIP_SOCKET_POLL 0
#define LWIP_SO_RCVTIMEO 1
/* newlib has them. */
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERRNO_STDINCLUDE 1

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_UDP 1
#define LWIP_TCP 0
#define LWIP_DNS 1
#define LWIP_ICMP 1
#define LWIP_ARP 1
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_STATS 0

#define MEM_ALIGNMENT 8
#define MEM_SIZE 4096
#define MEMP_NUM_NETCONN 4
#define MEMP_NUM_UDP_PCB 5 /* the name server's too */
#define PBUF_POOL_SIZE 6
#define PBUF_POOL_BUFSIZE 1536

/* lwIP's own values for these are 0, which it refuses as it runs. */
#define TCPIP_THREAD_STACKSIZE 1536
#define TCPIP_THREAD_PRIO (configMAX_PRIORITIES - 2)
#define TCPIP_MBOX_SIZE 8
#define DEFAULT_UDP_RECVMBOX_SIZE 6
#define DEFAULT_RAW_RECVMBOX_SIZE 6

/* Whoever calls into the stack has its lock: checked, as the kernel's own conditions. */
#define LWIP_FREERTOS_CHECK_CORE_LOCKING 1
void sys_lock_tcpip_core(void);
void sys_unlock_tcpip_core(void);
void sys_mark_tcpip_thread(void);
void sys_check_core_locking(void);
#define LOCK_TCPIP_CORE() sys_lock_tcpip_core()
#define UNLOCK_TCPIP_CORE() sys_unlock_tcpip_core()
#define LWIP_MARK_TCPIP_THREAD() sys_mark_tcpip_thread()
#define LWIP_ASSERT_CORE_LOCKED() sys_check_core_locking()

#endif
