/*
 * HAL_UDP_* over Zephyr's sockets, which several threads may use at once.
 *
 * Behind them may be a modem's driver that says no reason for a failure: errno is 0 before each
 * call that it is asked for after, or that of an earlier call would be taken for it.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <zephyr/net/socket.h>
/* Zephyr 3.6 has it there. */
#if __has_include(<zephyr/version.h>)
#include <zephyr/version.h>
#else
#include <version.h>
#endif

#include "iot_coap_hal.h"

/* Since Zephyr 4.4 the names of POSIX are there on demand only. */
#if ZEPHYR_VERSION_CODE >= ZEPHYR_VERSION(4, 4, 0)
#define DATAGRAMS NET_SOCK_DGRAM
#else
#define DATAGRAMS SOCK_DGRAM
#endif

/* What HAL_UDP_readTimeout returns besides a length. */
enum { INVALID = -1, TIMED_OUT = -2, INTERRUPTED = -3, FAILED = -4 };

enum { PORT_TEXT_LEN = 6 };

static int connect_to(const struct zsock_addrinfo *address)
{
    int udp = zsock_socket(address->ai_family, address->ai_socktype, address->ai_protocol);

    if (udp < 0) {
        return -1;
    }
    if (zsock_connect(udp, address->ai_addr, address->ai_addrlen) != 0) {
        (void)zsock_close(udp);
        return -1;
    }
    return udp;
}

iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port)
{
    struct zsock_addrinfo hints;
    struct zsock_addrinfo *addresses = NULL;
    const struct zsock_addrinfo *each;
    char service[PORT_TEXT_LEN];
    int udp = -1;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = DATAGRAMS;
    (void)snprintf(service, sizeof(service), "%u", (unsigned int)port);
    if (zsock_getaddrinfo(host, service, &hints, &addresses) != 0) {
        return -1;
    }
    for (each = addresses; each != NULL && udp < 0; each = each->ai_next) {
        udp = connect_to(each);
    }
    zsock_freeaddrinfo(addresses);
    return udp;
}

void HAL_UDP_close(iotx_hal_udp_t p_socket)
{
    (void)zsock_close((int)p_socket);
}

/* What there is no room for is lost, as it might be on the way: it is sent again. */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen)
{
    errno = 0;
    if (zsock_send((int)p_socket, p_data, datalen, ZSOCK_MSG_DONTWAIT) >= 0 ||
        errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM) {
        return (int)datalen;
    }
    return -1;
}

static int failure(void)
{
    switch (errno) {
    case EAGAIN:
        return TIMED_OUT;
    case EINTR:
        return INTERRUPTED;
    default:
        return FAILED;
    }
}

int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms)
{
    struct zsock_pollfd wanted = {.fd = (int)p_socket, .events = ZSOCK_POLLIN};
    int ready, received;

    if (p_data == NULL) {
        return INVALID;
    }
    errno = 0;
    ready = zsock_poll(&wanted, 1, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    if (ready == 0) {
        return TIMED_OUT;
    }
    /* What else poll may report, recv says by errno. */
    received = ready < 0 ? -1
                         : (int)zsock_recv((int)p_socket, p_data, datalen, ZSOCK_MSG_DONTWAIT);
    return received >= 0 ? received : failure();
}
