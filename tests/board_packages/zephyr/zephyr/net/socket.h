/*
 * Not Zephyr's header: what ports/zephyr uses of it, over POSIX. As in Zephyr the kind of a
 * socket is an enumeration, which has other names since 4.4.
 */
#ifndef ZEPHYR_NET_SOCKET_H
#define ZEPHYR_NET_SOCKET_H

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* As the compiler is told; see version.h. */
#if defined(ZEPHYR_VERSION_CODE) && ZEPHYR_VERSION_CODE >= 0x40400
enum net_sock_type { NET_SOCK_STREAM = SOCK_STREAM, NET_SOCK_DGRAM = SOCK_DGRAM };
#undef SOCK_DGRAM
#endif

#define ZSOCK_MSG_DONTWAIT MSG_DONTWAIT
#define ZSOCK_POLLIN POLLIN
#define zsock_addrinfo addrinfo
#define zsock_pollfd pollfd
#define zsock_getaddrinfo getaddrinfo
#define zsock_freeaddrinfo freeaddrinfo
#define zsock_socket socket
#define zsock_connect connect
#define zsock_close close
#define zsock_send send
#define zsock_recv recv
#define zsock_poll poll

#endif
