/*
 * The floor: the same datagrams as contexts.c sends, made once and sent over plain
 * sockets, without a client:
 *
 *     ping PORT SOCKETS MESSAGES WINDOW
 *
 * A request of 272 bytes to 127.0.0.1; the answer is whatever datagram comes back,
 * told apart by its message id only. One socket waits in recv, several in one poll
 * loop. Prints what contexts.c prints.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "times.h"

#define REQUEST_LEN 272
/* Message ids of a socket: the window's slots. */
#define SLOTS 64

typedef struct {
    int fd;
    unsigned long sent, answered;
    double sent_at[SLOTS];
} subject_t;

static unsigned char request[REQUEST_LEN];

static int ping(subject_t *subject, unsigned int slot)
{
    request[2] = 0;
    request[3] = (unsigned char)slot;
    subject->sent_at[slot] = times_now();
    subject->sent++;
    return send(subject->fd, request, sizeof(request), 0) == sizeof(request) ? 0 : -1;
}

static int open_socket(unsigned short port)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int main(int argc, char **argv)
{
    unsigned long sockets, messages, window, each, busy, slot;
    struct pollfd *polled;
    subject_t *subjects;
    double started;

    if (argc < 5) {
        return 2;
    }
    sockets = strtoul(argv[2], NULL, 10);
    messages = strtoul(argv[3], NULL, 10);
    window = strtoul(argv[4], NULL, 10);
    polled = calloc(sockets, sizeof(*polled));
    subjects = calloc(sockets, sizeof(*subjects));
    if (polled == NULL || subjects == NULL || window > SLOTS || times_init(sockets * messages) != 0) {
        return 1;
    }
    /* A confirmable POST with a token of 4 bytes, and a payload that is never read. */
    memset(request, 'x', sizeof(request));
    memcpy(request, "\x44\x02\0\0tokn\xff", 9);
    for (each = 0; each < sockets; each++) {
        polled[each].fd = subjects[each].fd = open_socket((unsigned short)atoi(argv[1]));
        polled[each].events = POLLIN;
        if (polled[each].fd < 0) {
            return 1;
        }
    }
    started = times_now();
    for (each = 0; each < sockets; each++) {
        for (slot = 0; slot < window && slot < messages; slot++) {
            if (ping(&subjects[each], (unsigned int)slot) != 0) {
                return 1;
            }
        }
    }
    for (busy = sockets; busy > 0;) {
        if (sockets > 1 && poll(polled, sockets, 5000) <= 0) {
            return 1;
        }
        for (busy = 0, each = 0; each < sockets; each++) {
            subject_t *subject = &subjects[each];
            unsigned char answer[1500];

            if (subject->answered < messages && (sockets == 1 || polled[each].revents != 0)) {
                if (recv(subject->fd, answer, sizeof(answer), 0) < 4) {
                    return 1;
                }
                slot = answer[3] % SLOTS;
                times_add(times_now() - subject->sent_at[slot]);
                subject->answered++;
                if (subject->sent < messages && ping(subject, (unsigned int)slot) != 0) {
                    return 1;
                }
            }
            busy += subject->answered < messages;
        }
    }
    times_print(times_now() - started);
    return 0;
}
