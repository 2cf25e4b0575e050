/*
 * HAL_UDP_* over a modem with AT commands. Two sockets, since the library opens a second one
 * where the first is suspect; no memory but what stands here and in at.c.
 *
 * Several tasks may call: a lock is held for one command at a time, and a task that waits for a
 * datagram gives it back now and then. Without HAL_MutexCreate, or where that returns NULL, one
 * task may.
 */
#include <string.h>

#include "at.h"
#include "iot_coap_hal.h"
#include "iot_coap_uart.h"
#include "module.h"

/* What HAL_UDP_readTimeout returns besides a length. */
enum { INVALID = -1, TIMED_OUT = -2, FAILED = -4 };

enum {
    SOCKETS = 2,
    /* How long the lock is held while nothing comes. */
    SLICE_MS = 50,
    /* An indication may have been lost: the module is asked so often in any case. */
    ASK_MS = 2000,
    LOOK_UP_MS = 20000,
    /* So many failures in a row, and the socket is of no more use. One may be noise. */
    MOST_FAILURES = 3,
    /* So many of others' datagrams in a row, and a read ends. */
    MOST_TAKEN = 64,
    NAME_MAX = 128,
    /* Where local ports are drawn from. */
    FIRST_PORT = 49152,
    PORTS = 16384,
    TRIES = 3,
};

typedef struct {
    int is_open;
    int number; /* the module's, or -1 if that knows it no more */
    module_peer_t peer;
    int expected;
    int has_arrived;
    uint32_t asked_ms;
    int failures;
} socket_t;

static socket_t sockets[SOCKETS];

/* --- the lock -------------------------------------------------------------------------- */

static void *lock;
/* Somebody waits for it. */
static volatile int is_wanted;

static void enter(void)
{
    if (lock != NULL) {
        is_wanted = 1;
        HAL_MutexLock(lock);
        is_wanted = 0;
    }
}

static void leave(void)
{
    if (lock != NULL) {
        HAL_MutexUnlock(lock);
    }
}

/* The same in a loop, so that others get their turn also where whoever unlocks goes on. */
static void leave_and_let_others(void)
{
    leave();
    if (is_wanted) {
        HAL_SleepMs(1);
    }
}

/* --- what the module tells ------------------------------------------------------------- */

static enum { LOOKING, FOUND, NOT_FOUND } name_state;
static unsigned char name_address[4];

static void arrived(int number)
{
    int at;

    for (at = 0; at < SOCKETS; at++) {
        if (sockets[at].is_open && sockets[at].number == number) {
            sockets[at].has_arrived = 1;
        }
    }
}

static void looked_up(const unsigned char *address)
{
    name_state = address != NULL ? FOUND : NOT_FOUND;
    if (address != NULL) {
        memcpy(name_address, address, sizeof(name_address));
    }
}

int iot_coap_modem_start(void)
{
    static const module_events_t events = {arrived, looked_up};
    int result;

    if (lock == NULL) {
        lock = HAL_MutexCreate();
    }
    enter();
    memset(sockets, 0, sizeof(sockets));
    result = module_start(&events);
    leave();
    return result == 0 ? 0 : -1;
}

/* --- opening and closing --------------------------------------------------------------- */

/* Whether it can be part of a command. */
static int is_name(const char *host)
{
    size_t len;

    for (len = 0; host[len] != '\0'; len++) {
        char c = host[len];
        int is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_';

        if (!is_plain || len == NAME_MAX) {
            return 0;
        }
    }
    return len > 0;
}

/* Finds the address of a host; 0, or -1. */
static int find(const char *host, unsigned char *address)
{
    at_wait_t wait;
    const char *end = module_parse_address(host, address);
    int result;

    if (end != NULL && *end == '\0') {
        return 0;
    }
    if (!is_name(host)) {
        return -1;
    }
    enter();
    name_state = LOOKING;
    result = module_look_up(host);
    leave();
    wait = at_wait_for(LOOK_UP_MS);
    while (result == 0 && name_state == LOOKING && at_left(&wait) > 0) {
        enter();
        result = at_listen(&wait, SLICE_MS);
        leave_and_let_others();
    }
    memcpy(address, name_address, sizeof(name_address));
    return result == 0 && name_state == FOUND ? 0 : -1;
}

/* Opens one of the module's at a port that no start before had; its number. */
static int open_number(void)
{
    int tries, number = MODULE_FAILED;

    for (tries = 0; tries < TRIES && number == MODULE_FAILED; tries++) {
        number = module_open((unsigned short)(FIRST_PORT + HAL_Random(PORTS)));
    }
    return number;
}

iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port)
{
    module_peer_t peer;
    int at, other, number;

    if (host == NULL || find(host, peer.address) != 0) {
        return (iotx_hal_udp_t)-1;
    }
    peer.port = port;
    enter();
    for (at = 0; at < SOCKETS && sockets[at].is_open; at++) {
    }
    number = at < SOCKETS ? open_number() : -1;
    if (number >= 0) {
        /* One of the same number is from before the module was started anew. */
        for (other = 0; other < SOCKETS; other++) {
            if (sockets[other].number == number) {
                sockets[other].number = -1;
            }
        }
        memset(&sockets[at], 0, sizeof(sockets[at]));
        sockets[at].is_open = 1;
        sockets[at].number = number;
        sockets[at].peer = peer;
        sockets[at].expected = 2;
        sockets[at].asked_ms = (uint32_t)HAL_UptimeMs();
    }
    leave();
    return number >= 0 ? (iotx_hal_udp_t)(at + 1) : (iotx_hal_udp_t)-1;
}

static socket_t *socket_of(iotx_hal_udp_t handle)
{
    intptr_t at = (intptr_t)handle - 1;

    return at >= 0 && at < SOCKETS && sockets[at].is_open ? &sockets[at] : NULL;
}

void HAL_UDP_close(iotx_hal_udp_t p_socket)
{
    socket_t *socket = socket_of(p_socket);

    if (socket == NULL) {
        return;
    }
    enter();
    if (socket->number >= 0) {
        (void)module_close(socket->number);
    }
    socket->is_open = 0;
    leave();
}

/* --- sending --------------------------------------------------------------------------- */

/* Counts what became of a command; -1 once it failed too often. */
static int judge(socket_t *socket, int result)
{
    socket->failures = result >= 0 ? 0 : socket->failures + 1;
    return socket->failures < MOST_FAILURES ? 0 : -1;
}

void HAL_UDP_expect(iotx_hal_udp_t p_socket, int how_many)
{
    socket_t *socket = socket_of(p_socket);

    if (socket != NULL) {
        socket->expected = how_many;
    }
}

/* Waits for the module to take the datagram, which it does at once, not for the network. What it
 * refuses is lost, and so is the socket where it goes on refusing. */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen)
{
    socket_t *socket = socket_of(p_socket);
    int result = -1;

    if (socket == NULL || p_data == NULL || datalen == 0 || datalen > MODULE_DATAGRAM_MAX) {
        return INVALID;
    }
    enter();
    if (socket->number >= 0) {
        result = judge(socket, module_send(socket->number, &socket->peer, p_data, datalen,
                                           socket->expected));
    }
    socket->expected = 2;
    leave();
    return result == 0 ? (int)datalen : FAILED;
}

/* --- receiving ------------------------------------------------------------------------- */

/* Takes a datagram of the socket's peer that is there: its length, TIMED_OUT for none, or
 * FAILED. */
static int take(socket_t *socket, unsigned char *data, unsigned int room)
{
    module_peer_t from = {{0, 0, 0, 0}, 0};
    int len = module_receive(socket->number, &from, data, room);

    socket->asked_ms = (uint32_t)HAL_UptimeMs();
    /* Where there was one there may be another; after a failure it is there still. */
    if (len >= 0) {
        socket->has_arrived = len > 0;
    }
    if (judge(socket, len) != 0) {
        return FAILED;
    }
    if (len <= 0 || from.port != socket->peer.port ||
        memcmp(from.address, socket->peer.address, sizeof(from.address)) != 0) {
        return TIMED_OUT;
    }
    return (unsigned int)len < room ? len : (int)room;
}

int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms)
{
    socket_t *socket = socket_of(p_socket);
    at_wait_t wait = at_wait_for(timeout_ms);
    int result = TIMED_OUT, taken = 0;

    if (socket == NULL || p_data == NULL) {
        return INVALID;
    }
    do {
        enter();
        if (socket->number < 0) {
            result = FAILED;
        } else if (socket->has_arrived || (uint32_t)HAL_UptimeMs() - socket->asked_ms >= ASK_MS) {
            result = take(socket, p_data, datalen);
            taken++;
        } else if (at_listen(&wait, SLICE_MS) != 0) {
            result = FAILED;
        }
        leave_and_let_others();
    } while (result == TIMED_OUT && taken < MOST_TAKEN && at_left(&wait) > 0);
    return result;
}
