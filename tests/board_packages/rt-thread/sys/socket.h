/*
 * Not RT-Thread's header: what ports/rt-thread uses of it (SAL), over POSIX. While its network
 * device is down, SAL refuses as in RT-Thread: with several numbers, and without an errno.
 */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include_next <sys/socket.h>

#include <unistd.h>

/* One for the whole program, which a test may set. */
__attribute__((weak)) int netdev_is_down;

static inline int sal_socket(int domain, int type, int protocol)
{
    return netdev_is_down ? -3 : socket(domain, type, protocol);
}

static inline int sal_bind(int udp, const struct sockaddr *name, socklen_t len)
{
    return bind(udp, name, len);
}

static inline int sal_connect(int udp, const struct sockaddr *name, socklen_t len)
{
    return netdev_is_down ? -1 : connect(udp, name, len);
}

static inline int sal_recvfrom(int udp, void *data, size_t len, int flags, struct sockaddr *from,
                               socklen_t *from_len)
{
    return netdev_is_down ? -1 : (int)recvfrom(udp, data, len, flags, from, from_len);
}

static inline int sal_sendto(int udp, const void *data, size_t len, int flags,
                             const struct sockaddr *to, socklen_t to_len)
{
    return netdev_is_down ? -1 : (int)sendto(udp, data, len, flags, to, to_len);
}

static inline int sal_closesocket(int udp)
{
    return close(udp);
}

#define socket(domain, type, protocol) sal_socket(domain, type, protocol)
#define bind(udp, name, len) sal_bind(udp, name, len)
#define connect(udp, name, len) sal_connect(udp, name, len)
#define recv(udp, data, len, flags) sal_recvfrom(udp, data, len, flags, NULL, NULL)
#define send(udp, data, len, flags) sal_sendto(udp, data, len, flags, NULL, 0)
#define closesocket(udp) sal_closesocket(udp)

#endif
