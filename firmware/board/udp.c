/*
 * HAL_UDP_*: as much of ARP, IPv4 and UDP as one device behind one gateway
 * needs, over the board's Ethernet. No fragments, no names: hosts are addresses.
 */
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "iot_import.h"

/* As the emulator's network has it: the gateway is the host. */
static const uint8_t own_ip[4] = {10, 0, 2, 15};
static const uint8_t gateway_ip[4] = {10, 0, 2, 2};
static const uint8_t own_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

enum {
    ETHERNET_LEN = 14,
    ARP_LEN = 28,
    IP_LEN = 20,
    UDP_LEN = 8,
    PAYLOAD_AT = ETHERNET_LEN + IP_LEN + UDP_LEN,
    TYPE_IP = 0x0800,
    TYPE_ARP = 0x0806,
    PROTOCOL_UDP = 17,
    SOCKETS = 4,
    FIRST_PORT = 49152,
    ARP_TRIES = 5,
    ARP_WAIT_MS = 200,
};

/* What HAL_UDP_readTimeout returns when the time is up. */
enum { TIMED_OUT = -2, FAILED = -4 };

typedef struct {
    int open;
    uint16_t local_port;
    uint16_t port;
    uint8_t ip[4];
} socket_t;

static socket_t sockets[SOCKETS];
static uint8_t gateway_mac[6];
static int gateway_known;
static uint8_t frame[ETHERNET_FRAME_MAX + 2];

static void put16(uint8_t *at, unsigned int value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned int get16(const uint8_t *at)
{
    return (unsigned int)at[0] << 8 | at[1];
}

/* The sum of 16-bit words that checksums are made of (RFC 1071). */
static uint32_t sum(uint32_t start, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at + 1 < len; at += 2) {
        start += get16(bytes + at);
    }
    if (len % 2 == 1) {
        start += (uint32_t)bytes[len - 1] << 8;
    }
    return start;
}

static unsigned int checksum(uint32_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return ~sum & 0xFFFF;
}

/* --- ARP ---------------------------------------------------------------------- */

static void send_arp(unsigned int operation, const uint8_t *mac, const uint8_t *ip)
{
    uint8_t out[ETHERNET_LEN + ARP_LEN];

    memset(out, 0xFF, 6);
    memcpy(out + 6, own_mac, 6);
    put16(out + 12, TYPE_ARP);
    put16(out + 14, 1); /* Ethernet */
    put16(out + 16, TYPE_IP);
    out[18] = 6;
    out[19] = 4;
    put16(out + 20, operation);
    memcpy(out + 22, own_mac, 6);
    memcpy(out + 28, own_ip, 4);
    memcpy(out + 32, mac, 6);
    memcpy(out + 38, ip, 4);
    ethernet_send(out, sizeof(out));
}

static void receive_arp(size_t len)
{
    if (len < ETHERNET_LEN + ARP_LEN || memcmp(frame + 38, own_ip, 4) != 0) {
        return;
    }
    if (memcmp(frame + 28, gateway_ip, 4) == 0) {
        memcpy(gateway_mac, frame + 22, 6);
        gateway_known = 1;
    }
    if (get16(frame + 20) == 1) {
        uint8_t mac[6], ip[4];

        memcpy(mac, frame + 22, 6);
        memcpy(ip, frame + 28, 4);
        send_arp(2, mac, ip);
    }
}

/* --- frames -------------------------------------------------------------------- */

/* Takes one frame that has arrived. Returns the length of the datagram in it
 * that is for `socket`, from PAYLOAD_AT on, or -1. */
static int poll_frame(const socket_t *socket)
{
    const uint8_t *ip = frame + ETHERNET_LEN;
    const uint8_t *udp = ip + IP_LEN;
    size_t len = ethernet_receive(frame, sizeof(frame));
    unsigned int total, datagram;

    if (len < ETHERNET_LEN) {
        return -1;
    }
    if (get16(frame + 12) == TYPE_ARP) {
        receive_arp(len);
        return -1;
    }
    if (get16(frame + 12) != TYPE_IP || len < PAYLOAD_AT || socket == NULL) {
        return -1;
    }
    total = get16(ip + 2);
    datagram = get16(udp + 4);
    if (ip[0] != 0x45 || ip[9] != PROTOCOL_UDP || checksum(sum(0, ip, IP_LEN)) != 0 ||
        (get16(ip + 6) & 0x3FFF) != 0 || total > len - ETHERNET_LEN ||
        datagram < UDP_LEN || datagram + IP_LEN > total) {
        return -1;
    }
    if (memcmp(ip + 12, socket->ip, 4) != 0 || memcmp(ip + 16, own_ip, 4) != 0 ||
        get16(udp) != socket->port || get16(udp + 2) != socket->local_port) {
        return -1;
    }
    if (get16(udp + 6) != 0 &&
        checksum(sum(PROTOCOL_UDP + datagram + sum(0, ip + 12, 8), udp, datagram)) != 0) {
        return -1;
    }
    return (int)(datagram - UDP_LEN);
}

static int find_gateway(void)
{
    static const uint8_t unknown[6];

    for (int tries = 0; !gateway_known && tries < ARP_TRIES; tries++) {
        uint32_t start = (uint32_t)HAL_UptimeMs();

        send_arp(1, unknown, gateway_ip);
        board_wait(1);
        while (!gateway_known && (uint32_t)HAL_UptimeMs() - start < ARP_WAIT_MS) {
            poll_frame(NULL);
        }
        board_wait(0);
    }
    return gateway_known ? 0 : -1;
}

/* --- the port's functions --------------------------------------------------------- */

iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port)
{
    static int started;
    static uint16_t next_port;
    unsigned int ip[4];
    char rest;

    if (sscanf(host, "%u.%u.%u.%u%c", &ip[0], &ip[1], &ip[2], &ip[3], &rest) != 4 ||
        ip[0] > 255 || ip[1] > 255 || ip[2] > 255 || ip[3] > 255) {
        HAL_Printf("[board] %s is no address, and there is no name service\n", host);
        return -1;
    }
    if (!started && ethernet_start(own_mac) != 0) {
        HAL_Printf("[board] no Ethernet controller\n");
        return -1;
    }
    started = 1;
    if (find_gateway() != 0) {
        HAL_Printf("[board] the gateway does not answer\n");
        return -1;
    }
    if (next_port == 0) {
        /* Another one from start to start: the host may remember the last. */
        next_port = (uint16_t)(FIRST_PORT + HAL_Random(8192));
    }
    for (int index = 0; index < SOCKETS; index++) {
        socket_t *socket = &sockets[index];

        if (!socket->open) {
            socket->open = 1;
            socket->local_port = next_port++;
            socket->port = port;
            for (int part = 0; part < 4; part++) {
                socket->ip[part] = (uint8_t)ip[part];
            }
            return index;
        }
    }
    return -1;
}

void HAL_UDP_close(iotx_hal_udp_t handle)
{
    sockets[handle].open = 0;
}

int HAL_UDP_write(iotx_hal_udp_t handle, const unsigned char *data, unsigned int len)
{
    static uint16_t identification;
    const socket_t *socket = &sockets[handle];
    uint8_t *ip = frame + ETHERNET_LEN;
    uint8_t *udp = ip + IP_LEN;
    unsigned int check;

    if (len > ETHERNET_FRAME_MAX - PAYLOAD_AT) {
        return FAILED;
    }
    memset(frame, 0, PAYLOAD_AT);
    memcpy(frame, gateway_mac, 6);
    memcpy(frame + 6, own_mac, 6);
    put16(frame + 12, TYPE_IP);
    ip[0] = 0x45;
    put16(ip + 2, IP_LEN + UDP_LEN + len);
    put16(ip + 4, identification++);
    ip[8] = 64;
    ip[9] = PROTOCOL_UDP;
    memcpy(ip + 12, own_ip, 4);
    memcpy(ip + 16, socket->ip, 4);
    put16(ip + 10, checksum(sum(0, ip, IP_LEN)));
    put16(udp, socket->local_port);
    put16(udp + 2, socket->port);
    put16(udp + 4, UDP_LEN + len);
    memcpy(udp + UDP_LEN, data, len);
    check = checksum(sum(PROTOCOL_UDP + UDP_LEN + len + sum(0, ip + 12, 8), udp, UDP_LEN + len));
    put16(udp + 6, check == 0 ? 0xFFFF : check);
    return ethernet_send(frame, PAYLOAD_AT + len) == 0 ? (int)len : FAILED;
}

int HAL_UDP_readTimeout(iotx_hal_udp_t handle, unsigned char *data, unsigned int room,
                        unsigned int ms)
{
    uint32_t start = (uint32_t)HAL_UptimeMs();
    int len;

    board_wait(1);
    do {
        len = poll_frame(&sockets[handle]);
    } while (len <= 0 && (uint32_t)HAL_UptimeMs() - start < ms);
    board_wait(0);
    if (len <= 0) {
        return TIMED_OUT;
    }
    len = (unsigned int)len < room ? len : (int)room;
    memcpy(data, frame + PAYLOAD_AT, (size_t)len);
    return len;
}
