/*
 * A relay between a program and the server of its URL, which can fall silent: what
 * arrives then, from either side, is dropped. Compiles as C89.
 */
#ifndef RELAY_H
#define RELAY_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RELAY_CLIENTS 1000

static struct {
    int front;
    int is_silent;
    int clients;
    struct sockaddr_in server;
    struct sockaddr_in client[RELAY_CLIENTS];
    /* The front, then a socket for each client. */
    struct pollfd polled[1 + RELAY_CLIENTS];
    char url[128];
} relay;

static int relay_socket(void)
{
    struct sockaddr_in any;
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);

    memset(&any, 0, sizeof(any));
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&any, sizeof(any)) != 0) {
        perror("relay");
        exit(2);
    }
    return descriptor;
}

static int relay_client(const struct sockaddr_in *address)
{
    int at;

    for (at = 0; at < relay.clients; at++) {
        if (relay.client[at].sin_port == address->sin_port) {
            return at;
        }
    }
    if (at == RELAY_CLIENTS) {
        fprintf(stderr, "too many clients for the relay\n");
        exit(2);
    }
    relay.client[at] = *address;
    relay.polled[1 + at].fd = relay_socket();
    relay.polled[1 + at].events = POLLIN;
    relay.clients++;
    return at;
}

static void *relay_run(void *unused)
{
    char datagram[2048];
    int at;

    while (poll(relay.polled, (nfds_t)(1 + relay.clients), -1) >= 0) {
        int clients = relay.clients;

        for (at = 0; at <= clients; at++) {
            struct sockaddr_in from;
            socklen_t from_len = sizeof(from);
            ssize_t len;

            if ((relay.polled[at].revents & POLLIN) == 0) {
                continue;
            }
            len = recvfrom(relay.polled[at].fd, datagram, sizeof(datagram), MSG_DONTWAIT,
                           (struct sockaddr *)&from, &from_len);
            if (len < 0 || __atomic_load_n(&relay.is_silent, __ATOMIC_SEQ_CST)) {
                continue;
            }
            if (at == 0) {
                (void)sendto(relay.polled[1 + relay_client(&from)].fd, datagram, (size_t)len, 0,
                             (struct sockaddr *)&relay.server, sizeof(relay.server));
            } else {
                (void)sendto(relay.front, datagram, (size_t)len, 0,
                             (struct sockaddr *)&relay.client[at - 1], sizeof(from));
            }
        }
    }
    return unused;
}

/* Starts it; returns the URL at which the server of `url` is then reached. */
static char *relay_start(const char *url)
{
    struct sockaddr_in front;
    socklen_t len = sizeof(front);
    pthread_t thread;
    char scheme[16];
    int port;

    if (sscanf(url, "%15[^:]://127.0.0.1:%d", scheme, &port) != 2) {
        fprintf(stderr, "no URL for the relay: %s\n", url);
        exit(2);
    }
    relay.server.sin_family = AF_INET;
    relay.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    relay.server.sin_port = htons((unsigned short)port);
    relay.front = relay_socket();
    relay.polled[0].fd = relay.front;
    relay.polled[0].events = POLLIN;
    (void)getsockname(relay.front, (struct sockaddr *)&front, &len);
    sprintf(relay.url, "%s://127.0.0.1:%d", scheme, ntohs(front.sin_port));
    if (pthread_create(&thread, NULL, relay_run, NULL) != 0) {
        exit(2);
    }
    return relay.url;
}

static void relay_silence(int is_silent)
{
    __atomic_store_n(&relay.is_silent, is_silent, __ATOMIC_SEQ_CST);
}

#endif
