/*
 * HAL_UDP_* over the sockets of RT-Thread (SAL), behind which lwIP is.
 *
 * One thread may read a socket while another writes to it. The library never has two threads
 * read one socket, and closes none that is in use.
 *
 * While the network is down SAL itself refuses, without an errno: that of an earlier call would
 * be taken for its reason. So errno is 0 before each call that it is asked for after.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <netdb.h>
#include <sys/socket.h>

#include <rtthread.h>

#include "iot_coap_hal.h"
#include "iot_coap_stack.h"

/* What HAL_UDP_readTimeout returns besides a length. */
enum { INVALID = -1, TIMED_OUT = -2, INTERRUPTED = -3, FAILED = -4 };

enum { PORT_TEXT_LEN = 6 };

/* Where local ports are drawn from, and how often one may be in use. */
enum { FIRST_PORT = 49152, PORTS = 16384, TRIES = 3 };

/* RT-Thread's lwIP draws its first port by rand() before any program can seed that: each start
 * would have the same, and a server may take it for the one before. Where no try succeeds, the
 * port is lwIP's. */
static void choose_port(int udp)
{
    struct sockaddr_in local;
    int tries;

    memset(&local, 0, sizeof(local));
    local.sin_family = AF_INET;
    for (tries = 0; tries < TRIES; tries++) {
        local.sin_port = htons((uint16_t)(FIRST_PORT + HAL_Random(PORTS)));
        if (bind(udp, (struct sockaddr *)&local, sizeof(local)) == 0) {
            return;
        }
    }
}

/* SAL has several negative numbers for failures, the library -1 alone. */
static int connect_to(const struct addrinfo *address)
{
    int udp = socket(address->ai_family, SOCK_DGRAM, 0);

    if (udp < 0) {
        return -1;
    }
    if (address->ai_family == AF_INET) {
        choose_port(udp);
    }
    if (connect(udp, address->ai_addr, address->ai_addrlen) != 0) {
        (void)closesocket(udp);
        return -1;
    }
    return udp;
}

iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port)
{
    struct addrinfo hints;
    struct addrinfo *address = NULL;
    char service[PORT_TEXT_LEN];
    int udp;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_DGRAM;
    (void)snprintf(service, sizeof(service), "%u", (unsigned int)port);
    if (getaddrinfo(host, service, &hints, &address) != 0) {
        return -1;
    }
    udp = connect_to(address);
    freeaddrinfo(address);
    return udp;
}

void HAL_UDP_close(iotx_hal_udp_t p_socket)
{
    (void)closesocket((int)p_socket);
}

static int is_full(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOMEM || errno == ENOBUFS;
}

/* What there is no room for is lost, as it might be on the way: it is sent again. */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen)
{
    errno = 0;
    if (send((int)p_socket, p_data, datalen, MSG_DONTWAIT) >= 0 || is_full()) {
        return (int)datalen;
    }
    return -1;
}

static int failure(void)
{
    if (errno == EINTR) {
        return INTERRUPTED;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? TIMED_OUT : FAILED;
}

/* By the socket's own limit, which it also has where there is no select; 0 would be for ever. */
int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms)
{
    unsigned int least = (1000 + RT_TICK_PER_SECOND - 1) / RT_TICK_PER_SECOND;
    unsigned int ms = timeout_ms > INT32_MAX ? INT32_MAX : timeout_ms < least ? least : timeout_ms;
    struct timeval limit;
    int received;

    if (p_data == NULL) {
        return INVALID;
    }
    limit.tv_sec = ms / 1000;
    limit.tv_usec = (long)(ms % 1000) * 1000;
    if (setsockopt((int)p_socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0) {
        return FAILED;
    }
    errno = 0;
    received = (int)recv((int)p_socket, p_data, datalen, 0);
    return received >= 0 ? received : failure();
}
