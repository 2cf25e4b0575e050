/*
 * The sockets of the port: sockets ECHO_PORT. While the network device is down each function must
 * fail, though a read has timed out before; and the local port is drawn from the board's random
 * numbers, unless it is in use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "iot_coap_board.h"
#include "iot_coap_hal.h"

enum { FIRST_PORT = 49152 };

static char host[] = "127.0.0.1";
static unsigned short echo;
static uint32_t numbers[3];
static unsigned int drawn;

int iot_coap_board_random(unsigned char *bytes, size_t len)
{
    memcpy(bytes, &numbers[drawn++ % 3], len);
    return 0;
}

static void expect(const char *what, long is, long should_be)
{
    if (is != should_be) {
        printf("%s: %ld, not %ld\n", what, is, should_be);
        exit(1);
    }
}

/* A socket with the next of these numbers that is free. */
static iotx_hal_udp_t create(uint32_t first, uint32_t second, uint32_t third)
{
    iotx_hal_udp_t udp;

    numbers[0] = first;
    numbers[1] = second;
    numbers[2] = third;
    drawn = 0;
    udp = HAL_UDP_create(host, echo);
    if (udp == -1) {
        printf("HAL_UDP_create failed\n");
        exit(1);
    }
    return udp;
}

static long local_port(iotx_hal_udp_t udp)
{
    struct sockaddr_in local;
    socklen_t len = sizeof(local);

    expect("getsockname", getsockname((int)udp, (struct sockaddr *)&local, &len), 0);
    return ntohs(local.sin_port);
}

/* The first number whose port nobody on this machine has; the socket stays open. */
static uint32_t take_port(uint32_t number, iotx_hal_udp_t *udp)
{
    uint32_t end = number + 1000;

    for (; number < end; number++) {
        *udp = create(number, number, number);
        if (local_port(*udp) == FIRST_PORT + (long)number) {
            return number;
        }
        HAL_UDP_close(*udp);
    }
    printf("no port is the one that was drawn\n");
    exit(1);
}

static void draw_ports(void)
{
    iotx_hal_udp_t first, second, third;
    uint32_t taken = take_port((uint32_t)getpid() % 12000, &first);
    uint32_t free_one = take_port(taken + 1, &second);

    HAL_UDP_close(second);
    second = create(taken, taken, free_one);
    expect("another port", local_port(second), FIRST_PORT + (long)free_one);
    /* No luck: the system's. */
    third = create(taken, free_one, taken);
    expect("draws", drawn, 3);
    HAL_UDP_close(third);
    HAL_UDP_close(second);
    HAL_UDP_close(first);
}

static void lose_the_network(void)
{
    unsigned char data[4] = "abc";
    iotx_hal_udp_t udp = create(1, 2, 3);

    expect("a read", HAL_UDP_readTimeout(udp, data, sizeof(data), 20), -2);
    netdev_is_down = 1;
    expect("another socket", (long)HAL_UDP_create(host, echo), -1);
    expect("a read, down", HAL_UDP_readTimeout(udp, data, sizeof(data), 2000), -4);
    errno = EAGAIN;
    expect("a write, down", HAL_UDP_write(udp, data, sizeof(data)), -1);
    netdev_is_down = 0;
    expect("a write, up", HAL_UDP_write(udp, data, sizeof(data)), sizeof(data));
    expect("a read, up", HAL_UDP_readTimeout(udp, data, sizeof(data), 5000), sizeof(data));
    HAL_UDP_close(udp);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return 2;
    }
    echo = (unsigned short)atoi(argv[1]);
    draw_ports();
    lose_the_network();
    return 0;
}
