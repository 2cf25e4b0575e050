/*
 * HAL_UDP_* over the sockets of lwIP.
 *
 * One task may read a socket while another writes to it: with LWIP_TCPIP_CORE_LOCKING
 * lwIP allows that, also without LWIP_NETCONN_FULLDUPLEX; and with that one, as ESP-IDF has
 * it, by a semaphore for each task. The library never has two tasks read one socket, and
 * closes none that is in use.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lwip/netdb.h"
#include "lwip/sockets.h"

#include "iot_coap_hal.h"
#include "kernel.h"

#if !LWIP_TCPIP_CORE_LOCKING && !LWIP_NETCONN_FULLDUPLEX
#error "one task sends while another reads: set LWIP_TCPIP_CORE_LOCKING to 1"
#endif
#if !LWIP_SO_RCVTIMEO
#error "reads must end: set LWIP_SO_RCVTIMEO to 1"
#endif
/* What there is no room for is lost, each time that it is sent. */
#ifndef IOT_COAP_WITHOUT_DTLS
_Static_assert(DEFAULT_UDP_RECVMBOX_SIZE >= 6, "a flight of DTLS is several datagrams at once: "
               "set DEFAULT_UDP_RECVMBOX_SIZE to 6, or define IOT_COAP_WITHOUT_DTLS if the library "
               "has no DTLS");
#endif
/* Not by #if: most projects write it with a cast. */
_Static_assert(configTICK_RATE_HZ <= 1000, "lwIP counts in ticks of a millisecond or more: "
               "set configTICK_RATE_HZ to 1000 or less");

/* What HAL_UDP_readTimeout returns besides a length. */
enum { INVALID = -1, TIMED_OUT = -2, FAILED = -4 };

enum { PORT_TEXT_LEN = 6 };

static int connect_to(const struct addrinfo *address)
{
    int udp = lwip_socket(address->ai_family, SOCK_DGRAM, 0);

    if (udp >= 0 && lwip_connect(udp, address->ai_addr, address->ai_addrlen) != 0) {
        lwip_close(udp);
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
    if (lwip_getaddrinfo(host, service, &hints, &address) != 0) {
        return -1;
    }
    udp = connect_to(address);
    lwip_freeaddrinfo(address);
    return udp;
}

void HAL_UDP_close(iotx_hal_udp_t p_socket)
{
    (void)lwip_close((int)p_socket);
}

/* What there is no room for is lost, as it might be on the way: it is sent again. */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen)
{
    if (lwip_send((int)p_socket, p_data, datalen, MSG_DONTWAIT) >= 0 || errno == ENOMEM ||
        errno == ENOBUFS || errno == EWOULDBLOCK) {
        return (int)datalen;
    }
    return -1;
}

/* Has reads end after so long: never less than a tick, since 0 is for ever. */
static int limit_reads(int udp, unsigned int ms)
{
    unsigned int most = INT32_MAX, least = portTICK_PERIOD_MS;
#if LWIP_SO_SNDRCVTIMEO_NONSTANDARD
    int timeout = (int)(ms > most ? most : ms < least ? least : ms);
#else
    struct timeval timeout;

    ms = ms > most ? most : ms < least ? least : ms;
    timeout.tv_sec = ms / 1000;
    timeout.tv_usec = (long)(ms % 1000) * 1000;
#endif
    return lwip_setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms)
{
    int udp = (int)p_socket;
    int flags = timeout_ms == 0 ? MSG_DONTWAIT : 0;
    int received;

    if (p_data == NULL) {
        return INVALID;
    }
    if (timeout_ms != 0 && limit_reads(udp, timeout_ms) != 0) {
        return FAILED;
    }
    received = (int)lwip_recv(udp, p_data, datalen, flags);
    if (received >= 0) {
        return received;
    }
    return errno == EWOULDBLOCK ? TIMED_OUT : FAILED;
}
