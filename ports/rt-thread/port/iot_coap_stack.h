/*
 * What the library asks of the IP stack behind RT-Thread's sockets (SAL).
 */
#ifndef IOT_COAP_STACK_H
#define IOT_COAP_STACK_H

#include <rtconfig.h>

#if defined(SAL_USING_AT) && !defined(SAL_USING_LWIP)
#error "AT sockets join and split datagrams: take lwIP (SAL_USING_LWIP), or ports/at-modem without SAL"
#endif

#ifdef SAL_USING_LWIP
#include <lwip/opt.h>

#if !LWIP_TCPIP_CORE_LOCKING && !LWIP_NETCONN_FULLDUPLEX
#error "one thread sends while another reads: take lwIP 2, or set LWIP_TCPIP_CORE_LOCKING to 1 in lwipopts.h"
#endif
#if !LWIP_SO_RCVTIMEO
#error "reads must end: set LWIP_SO_RCVTIMEO to 1"
#endif
/* A flight of DTLS is several datagrams at once, and what lwIP has no room for is lost, each time
 * that it is sent. */
#if defined(PKG_IOT_COAP_DTLS_PSK) || defined(PKG_IOT_COAP_DTLS_RSA) || defined(PKG_IOT_COAP_FULL)
#if DEFAULT_UDP_RECVMBOX_SIZE < 6
#error "DTLS needs room for six datagrams: set DEFAULT_UDP_RECVMBOX_SIZE to 6 in RT-Thread's components/net/lwip/port/lwipopts.h"
#endif
#endif
#endif

#endif
