/*
 * What the board ports of the C test programs are made of: a connected UDP
 * socket without time-outs, and a read that waits as the program says.
 * Compiles as C89 and as C++.
 */
#ifndef UDP_SOCKET_H
#define UDP_SOCKET_H

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* The descriptor of a socket connected to a host's port, or -1. */
static int udp_socket(const char *host, unsigned short port)
{
    struct addrinfo hints, *found;
    char service[6];
    int fd;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_DGRAM;
    sprintf(service, "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        return -1;
    }
    fd = socket(found->ai_family, found->ai_socktype, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* Waits up to `ms`, or for ever where that is below 0, for a datagram: its
 * length, or -2 where none came, as HAL_UDP_readTimeout says it. */
static int udp_read(int fd, unsigned char *data, unsigned int len, int ms)
{
    struct pollfd waiting;

    waiting.fd = fd;
    waiting.events = POLLIN;
    return poll(&waiting, 1, ms) <= 0 ? -2 : (int)recv(fd, data, len, 0);
}

#endif
