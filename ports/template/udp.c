/*
 * A board port to fill in, second part: UDP. The first part, system.c, says how to go about it.
 *
 * For a modem with AT commands take ../at-modem, for lwIP's sockets ../freertos-lwip/port/udp.c.
 */
#include <stddef.h>

#include "iot_coap_hal.h"

/* What HAL_UDP_readTimeout returns besides a length. */
enum { INVALID = -1, TIMED_OUT = -2, INTERRUPTED = -3, FAILED = -4 };

/*
 * Opens a socket that sends to `port` of `host`, and receives from there alone. `host` is an
 * address or a name, as the URL has it. Returns any number but -1, or -1 on failure. May block
 * for as long as a look-up takes; so does IOT_CoAP_Yield then, when it connects anew.
 *
 * Pitfalls: let the stack choose the local port, and have it choose another one after each
 * start (lwIP: LWIP_RAND); a server may take the same one for the session before. The library
 * opens a second socket while it tries whether the first one still works: have room for two, or
 * return -1, and it makes do with one. Look the name up at each call, and do not keep the
 * address: servers move. While the network is not up, return -1: the library tries again. A stack
 * may have other negative numbers for failures (RT-Thread's SAL): make them -1.
 */
iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port)
{
    (void)host;
    (void)port;
    return (iotx_hal_udp_t)-1;
}

/*
 * Closes it, and gives back all that it took: the library opens one anew after each outage, for
 * years. Called also for a socket that has failed.
 */
void HAL_UDP_close(iotx_hal_udp_t p_socket)
{
    (void)p_socket;
}

/*
 * Sends one datagram, of up to 1,280 bytes, with DTLS about 50 more, and returns `datalen`.
 *
 * Must not wait for room: what does not fit is lost, as it might be on the way, and that is
 * success: return `datalen`. A negative number is for a socket that cannot send any more; the
 * library then opens another one. Where a stack may fail without an error number, set that to 0
 * before the call, or the one of an earlier call is taken for the reason. Another task may be
 * in HAL_UDP_readTimeout of the same socket.
 */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen)
{
    (void)p_socket;
    (void)p_data;
    (void)datalen;
    return FAILED;
}

/*
 * Waits up to `timeout_ms` milliseconds for one datagram, writes at most `datalen` bytes of it
 * to `p_data`, and returns how many. What is longer is cut, and its rest forgotten. Each call
 * is for one datagram, never for a part of one, or for two. The stack must keep at least six
 * until they are read: a flight of DTLS comes at once, and what is lost of it is lost again.
 *
 * Returns TIMED_OUT when the time is up, INTERRUPTED when something else ended the wait, INVALID
 * for a NULL, and FAILED only where the socket is of no more use: the library then opens
 * another one. 0 is for an empty datagram.
 *
 * Pitfalls: a stack says that the time is up by some error number (EWOULDBLOCK); taking that for a
 * failure has the library connect anew every few seconds. A read that returns at once though
 * nothing came keeps the processor busy: the library sleeps 10 ms then, and the battery is
 * empty soon. `timeout_ms` is never 0, which in many ports waits for ever. A time that is
 * shorter than a tick must not become 0 ticks. Take the time from the clock at each turn of a
 * loop, as a difference in uint32_t.
 */
int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms)
{
    (void)p_socket;
    (void)datalen;
    (void)timeout_ms;
    return p_data == NULL ? INVALID : FAILED;
}

#ifdef IOT_COAP_PORT_EXPECT
/*
 * Optional, for modems: how many datagrams are expected in answer to the one that is written
 * next, 0, 1, or 2 for two and more. The modem may release its radio connection early (Release
 * Assistance Indication): at once for 0, after the next datagram from the network for 1.
 * Telling too little loses answers; 2 is always right. Must not block: keep it for
 * HAL_UDP_write.
 */
void HAL_UDP_expect(iotx_hal_udp_t p_socket, int how_many)
{
    (void)p_socket;
    (void)how_many;
}
#endif
