/*
 * A UART, as ports/at-modem asks for one: a socket, the file descriptor 0, behind which a test
 * plays the modem. The modem is started before main.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../ports/at-modem/iot_coap_uart.h"

int iot_coap_uart_write(const unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = send(0, bytes, len, MSG_NOSIGNAL);

        if (written <= 0) {
            return -1;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

int iot_coap_uart_read(unsigned char *bytes, size_t len, unsigned int ms)
{
    struct pollfd uart = {0, POLLIN, 0};
    ssize_t got;

    if (ms == 0) {
        fprintf(stderr, "asked with 0 ms, which may wait for ever\n");
        exit(4);
    }
    if (poll(&uart, 1, (int)ms) == 0) {
        return 0;
    }
    got = read(0, bytes, len);
    return got > 0 ? (int)got : -1;
}

static void __attribute__((constructor)) start(void)
{
    if (iot_coap_modem_start() != 0) {
        fprintf(stderr, "the modem does not answer\n");
        exit(5);
    }
}
