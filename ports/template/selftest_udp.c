/*
 * Part of the test of a board port: UDP, against a host that sends everything back.
 */
#include <stddef.h>
#include <string.h>

#include "selftest_parts.h"

enum {
    /* The longest datagram of the library without DTLS is of 1280 bytes. */
    DATAGRAM_MAX = 1280,
    SHORT = 100,
    LONG = 300,
    GUARD = 0xEE,
    /* How often a datagram is sent that may get lost, and how long its echo is waited for. */
    TRIES = 4,
    ECHO_MS = 3000,
    SILENCE_MS = 400,
    REOPENED = 40,
    TIMED_OUT = -2,
    INTERRUPTED = -3,
    /* What was returned is told already. */
    TOLD = -1000,
};

/* What is sent, and then what is read. */
static unsigned char *const datagram = selftest_scratch;

static unsigned char content(unsigned int at, unsigned int kind)
{
    return (unsigned char)(at * 7 + kind);
}

static int is_content(unsigned int len, unsigned int kind)
{
    unsigned int at;

    for (at = 0; at < len && datagram[at] == content(at, kind); at++) {
    }
    return at == len;
}

static iotx_hal_udp_t open_socket(const iot_coap_selftest_t *test)
{
    char host[64];
    size_t len = strlen(test->echo_host);

    if (len >= sizeof(host)) {
        return (iotx_hal_udp_t)-1;
    }
    memcpy(host, test->echo_host, len + 1);
    return HAL_UDP_create(host, test->echo_port);
}

static int is_open(iotx_hal_udp_t udp)
{
    return udp != (iotx_hal_udp_t)-1;
}

/* Sends `len` bytes; 0, or -1 after a fault. */
static int write_some(iotx_hal_udp_t udp, unsigned int len, unsigned int kind)
{
    unsigned int at;
    int written;

    for (at = 0; at < len; at++) {
        datagram[at] = content(at, kind);
    }
    written = HAL_UDP_write(udp, datagram, len);
    if (written != (int)len) {
        selftest_fault("HAL_UDP_write of # bytes returned #: return how many were sent; a "
                       "negative number "
                       "is for a socket that is of no more use",
                       len, written);
        return -1;
    }
    return 0;
}

/* Reads until nothing comes any more, so that late echoes are of no harm. */
static void drain(iotx_hal_udp_t udp)
{
    int count = 0;

    while (count < 50 && HAL_UDP_readTimeout(udp, datagram, DATAGRAM_MAX, SILENCE_MS) > 0) {
        count++;
    }
}

/* Sends `len` bytes and reads with `room` until the echo is there: what was returned, 0 if none
 * came, TOLD after a fault. */
static int echo(iotx_hal_udp_t udp, unsigned int len, unsigned int room, unsigned int kind)
{
    int tries, read = 0;

    for (tries = 0; tries < TRIES && read == 0; tries++) {
        if (write_some(udp, len, kind) != 0) {
            return TOLD;
        }
        memset(datagram, GUARD, SELFTEST_SCRATCH);
        read = HAL_UDP_readTimeout(udp, datagram, room, ECHO_MS);
        read = read == TIMED_OUT || read == INTERRUPTED ? 0 : read;
    }
    return read;
}

/* --- waiting for nothing ------------------------------------------------------------------ */

static int test_silence(iotx_hal_udp_t udp, uint64_t step_ms)
{
    uint64_t least = UINT64_MAX, start, took;
    int turn, read = 0;

    selftest_try("HAL_UDP_readTimeout with 400 ms and nothing to read. If it does not return, it "
                 "takes milliseconds for seconds or ticks, or waits for ever");
    for (turn = 0; turn < 3; turn++) {
        start = HAL_UptimeMs();
        read = HAL_UDP_readTimeout(udp, datagram, DATAGRAM_MAX, SILENCE_MS);
        took = selftest_since(start, HAL_UptimeMs());
        if (read > 0) {
            selftest_fault("HAL_UDP_readTimeout returned # though nothing was sent: connect the "
                           "socket to its "
                           "host, and return -2 when the time is up",
                           read, 0);
            return -1;
        }
        if (read != TIMED_OUT && read != 0 && read != INTERRUPTED) {
            selftest_fault("HAL_UDP_readTimeout returned # when the time was up: return -2, or "
                           "the library "
                           "takes the connection for broken and opens it anew",
                           read, 0);
            return -1;
        }
        least = took < least ? took : least;
    }
    if (least + step_ms + 10 < SILENCE_MS) {
        selftest_fault("HAL_UDP_readTimeout with # ms and nothing to read returned after # ms: "
                       "it must wait, or "
                       "the library turns in circles",
                       SILENCE_MS, (long long)least);
        return -1;
    }
    if (least > 2 * SILENCE_MS + 200) {
        selftest_fault("HAL_UDP_readTimeout with # ms and nothing to read returned after # ms: "
                       "its argument is "
                       "milliseconds; convert them to ticks",
                       SILENCE_MS, (long long)least);
        return -1;
    }
    if (read == 0) {
        selftest_note("HAL_UDP_readTimeout returned 0 when the time was up: the library takes "
                      "that, but -2 is "
                      "what says so",
                      0, 0);
    }
    return 0;
}

/* --- datagrams ------------------------------------------------------------------------------ */

static int test_echoes(iotx_hal_udp_t udp)
{
    static const unsigned int lengths[] = {1, 37, 600, DATAGRAM_MAX};
    unsigned int at, len;
    int read;

    for (at = 0; at < sizeof(lengths) / sizeof(lengths[0]); at++) {
        len = lengths[at];
        read = echo(udp, len, DATAGRAM_MAX, at);
        if (read == TOLD) {
            return -1;
        }
        if (read < 0) {
            selftest_fault("HAL_UDP_readTimeout returned # for an echo of # bytes: return the "
                           "datagram's length",
                           read, len);
            return -1;
        }
        if (read == 0) {
            selftest_fault(at == 0 ? "no echo of # byte came, # times: does the echoing host "
                                     "run, does its "
                                     "firewall let UDP in, is the network up before "
                                     "HAL_UDP_create?"
                                   : "no echo of # bytes came, # times, but shorter ones did: "
                                     "make the driver's "
                                     "buffers and the stack's packets longer, or let it cut "
                                     "them into fragments",
                           len, TRIES);
            return -1;
        }
        if (read != (int)len) {
            selftest_fault("an echo of # bytes was read as #: return one whole datagram, not "
                           "what has come so far",
                           len, read);
            return -1;
        }
        if (!is_content(len, at)) {
            selftest_fault("an echo of # bytes is not what was sent: copy p_data before "
                           "HAL_UDP_write returns, "
                           "and read from the right place",
                           len, 0);
            return -1;
        }
        drain(udp);
    }
    return 0;
}

/* Two datagrams that wait are two. */
static int test_boundaries(iotx_hal_udp_t udp)
{
    int first;

    if (write_some(udp, 40, 1) != 0 || write_some(udp, 40, 1) != 0) {
        return -1;
    }
    HAL_SleepMs(SILENCE_MS);
    first = HAL_UDP_readTimeout(udp, datagram, DATAGRAM_MAX, ECHO_MS);
    if (first > 40) {
        selftest_fault("two datagrams of # bytes were read as one of #: return one datagram at "
                       "a time", 40, first);
        return -1;
    }
    drain(udp);
    return 0;
}

/* One that is longer than the room: cut, and forgotten. */
static int test_too_long(iotx_hal_udp_t udp)
{
    int read = echo(udp, LONG, SHORT, 3);

    if (read == TOLD) {
        return -1;
    }
    if (read < 0 || read > SHORT) {
        selftest_fault("HAL_UDP_readTimeout with room for # bytes returned # for a longer "
                       "datagram: return how "
                       "many were written to p_data, and drop the rest",
                       SHORT, read);
        return -1;
    }
    if (datagram[SHORT] != GUARD) {
        selftest_fault("HAL_UDP_readTimeout wrote more than the # bytes that there was room "
                       "for: copy at most "
                       "datalen bytes",
                       SHORT, 0);
        return -1;
    }
    if (read == SHORT) {
        read = HAL_UDP_readTimeout(udp, datagram, DATAGRAM_MAX, SILENCE_MS);
        if (read == LONG - SHORT || (read > 0 && datagram[0] == content(SHORT, 3))) {
            selftest_fault("the rest of a datagram that was cut came as another one, of # "
                           "bytes: drop what "
                           "there is no room for",
                           read, 0);
            return -1;
        }
    }
    drain(udp);
    return 0;
}

/* --- more than one socket -------------------------------------------------------------- */

/* Whether what is sent by one socket is not read by the other. */
static int keeps_apart(iotx_hal_udp_t one, iotx_hal_udp_t other)
{
    int read;

    if (write_some(one, 50, 8) != 0) {
        return 0;
    }
    read = HAL_UDP_readTimeout(other, datagram, DATAGRAM_MAX, 2 * SILENCE_MS);
    drain(one);
    if (read > 0) {
        selftest_fault("with two sockets open, one read # bytes that were for the other: tell them "
                       "apart by their local ports",
                       read, 0);
    }
    return read <= 0;
}

static int test_second(const iot_coap_selftest_t *test, iotx_hal_udp_t first)
{
    iotx_hal_udp_t second = open_socket(test);
    int read, fine;

    if (!is_open(second)) {
        selftest_note("HAL_UDP_create opens no second socket: the library takes that, but heals "
                      "later",
                      0, 0);
        return 0;
    }
    fine = keeps_apart(first, second) && keeps_apart(second, first);
    if (fine) {
        read = echo(second, 60, DATAGRAM_MAX, 9);
        fine = read == 60;
        if (!fine && read != TOLD) {
            selftest_fault("a second socket gets no echo (# was returned), but the first one did",
                           read, 0);
        }
    }
    HAL_UDP_close(second);
    return fine ? 0 : -1;
}

/* The first one is closed. */
static int test_reopening(const iot_coap_selftest_t *test)
{
    iotx_hal_udp_t udp = (iotx_hal_udp_t)-1;
    int count, read;

    for (count = 0; count < REOPENED; count++) {
        udp = open_socket(test);
        if (!is_open(udp)) {
            selftest_fault("HAL_UDP_close gives nothing back: after # of # sockets "
                           "HAL_UDP_create returned -1",
                           count, REOPENED);
            return -1;
        }
        if (count + 1 < REOPENED) {
            HAL_UDP_close(udp);
        }
    }
    read = echo(udp, 70, DATAGRAM_MAX, 5);
    HAL_UDP_close(udp);
    if (read != 70 && read != TOLD) {
        selftest_fault("a socket that was opened after # others gets no echo (# was returned): "
                       "see that "
                       "HAL_UDP_close ends the one before",
                       REOPENED - 1, read);
    }
    return read == 70 ? 0 : -1;
}

void selftest_udp(const iot_coap_selftest_t *test, uint64_t step_ms)
{
    iotx_hal_udp_t udp;
    int fine;

    selftest_try("HAL_UDP_create, which may look a name up, and so take seconds");
    udp = open_socket(test);
    if (!is_open(udp)) {
        selftest_fault("HAL_UDP_create returned -1 for the echoing host at port #: is the "
                       "network up, is the "
                       "address right, can names be looked up?",
                       test->echo_port, 0);
        return;
    }
    fine = test_silence(udp, step_ms) == 0 && test_echoes(udp) == 0 && test_boundaries(udp) == 0 &&
           test_too_long(udp) == 0 && test_second(test, udp) == 0;
    if (HAL_UDP_readTimeout(udp, NULL, 0, 1) > 0) {
        selftest_fault("HAL_UDP_readTimeout read to NULL: return -1", 0, 0);
        fine = 0;
    }
    HAL_UDP_close(udp);
    if (test_reopening(test) == 0 && fine) {
        selftest_fine("HAL_UDP_create, close, write, readTimeout");
    }
}
