/*
 * The commands of Quectel's BC95, BC95-G, BC68, BC28 and BC35-G, which other modules on the same
 * chips share (those with AT+NSOCR).
 *
 * | command | reply |
 * | --- | --- |
 * | AT+NSOCR=DGRAM,17,<local port>,1 | <socket>, OK |
 * | AT+NSOST=<socket>,<address>,<port>,<length>,<hex> | <socket>,<length>, OK |
 * | AT+NSOSTF=<socket>,<address>,<port>,<flag>,<length>,<hex> | the same |
 * | AT+NSORF=<socket>,<most> | <socket>,<address>,<port>,<length>,<hex>,<left>, OK; or only OK |
 * | AT+NSOCL=<socket> | OK |
 * | AT+QDNS=0,<name> | OK, and later +QDNS:<address>, or +QDNS: and words |
 *
 * Unasked comes +NSONMI:<socket>,<length>. Its form in which the datagram itself is in that
 * line (AT+NSONMI=2 and 3 of some versions) must be off.
 */
#include <string.h>

#include "at.h"
#include "module.h"

enum {
    /* How long a reply may be away; the manuals say 300 ms. */
    REPLY_MS = 1500,
    /* The most numbers of sockets, and when the module is started, how often it is asked. */
    SOCKETS = 7,
    ASKED = 5,
    MOST_SOCKET = 255,
    MOST_PORT = 65535,
};

static module_events_t on;

const char *module_parse_address(const char *text, unsigned char *address)
{
    int part;
    long value;

    for (part = 0; part < 4; part++) {
        if (part > 0 && *text++ != '.') {
            return NULL;
        }
        value = at_parse_number(&text, 255);
        if (value < 0) {
            return NULL;
        }
        address[part] = (unsigned char)value;
    }
    return text;
}

/* --- what comes unasked ---------------------------------------------------------------- */

static void unsolicited(const char *line)
{
    unsigned char address[4];
    long number;

    if (strncmp(line, "+NSONMI:", 8) == 0) {
        line += 8;
        number = at_parse_number(&line, MOST_SOCKET);
        if (number >= 0) {
            on.arrived((int)number);
        }
    } else if (strncmp(line, "+QDNS:", 6) == 0) {
        for (line += 6; *line == ' ' || *line == '"'; line++) {
        }
        on.looked_up(module_parse_address(line, address) != NULL ? address : NULL);
    }
}

/* --- replies --------------------------------------------------------------------------- */

/* A line of up to two numbers and no more; -1 for what is not there. */
typedef struct {
    long one;
    long two;
} numbers_t;

static void read_numbers(void *context, const char *line)
{
    numbers_t *numbers = context;
    long one = at_parse_number(&line, MOST_PORT), two = -1;

    if (one >= 0 && *line == ',') {
        line++;
        two = at_parse_number(&line, MOST_PORT);
    }
    if (one >= 0 && *line == '\0') {
        numbers->one = one;
        numbers->two = two;
    }
}

static int failure(int result)
{
    return result == AT_ERROR ? MODULE_FAILED : MODULE_SILENT;
}

/* OK, but to something else: a late reply. */
static int out_of_step(void)
{
    at_lose_step();
    return MODULE_SILENT;
}

int module_start(const module_events_t *events)
{
    int at, result = AT_SILENT;

    on = *events;
    at_on_unsolicited(unsolicited);
    at_lose_step();
    for (at = 0; at < ASKED && result != AT_OK; at++) {
        at_begin("ATE0");
        result = at_end(REPLY_MS, NULL, NULL, NULL, 0);
    }
    for (at = 0; at < SOCKETS && result != AT_SILENT; at++) {
        result = module_close(at) == MODULE_SILENT ? AT_SILENT : AT_OK;
    }
    return result == AT_SILENT ? MODULE_SILENT : 0;
}

int module_open(unsigned short local_port)
{
    numbers_t reply = {-1, -1};
    int result;

    at_begin("AT+NSOCR=DGRAM,17,");
    at_number(local_port);
    at_text(",1");
    result = at_end(REPLY_MS, read_numbers, &reply, NULL, 0);
    if (result != AT_OK) {
        return failure(result);
    }
    return reply.one >= 0 && reply.one <= MOST_SOCKET && reply.two < 0 ? (int)reply.one
                                                                       : out_of_step();
}

int module_close(int number)
{
    int result;

    at_begin("AT+NSOCL=");
    at_number((unsigned long)number);
    result = at_end(REPLY_MS, NULL, NULL, NULL, 0);
    return result == AT_OK ? 0 : failure(result);
}

static void put_address(const unsigned char *address)
{
    int part;

    for (part = 0; part < 4; part++) {
        at_text(part > 0 ? "." : "");
        at_number(address[part]);
    }
}

int module_send(int number, const module_peer_t *to, const unsigned char *data, size_t len,
                int expected)
{
    /* The radio connection may be released after this datagram, or after the next one received. */
    static const char *const flags[] = {"0x200,", "0x400,", ""};
    numbers_t reply = {-1, -1};
    int result;

    at_begin(expected < 2 ? "AT+NSOSTF=" : "AT+NSOST=");
    at_number((unsigned long)number);
    at_text(",");
    put_address(to->address);
    at_text(",");
    at_number(to->port);
    at_text(",");
    at_text(flags[expected < 0 || expected > 2 ? 2 : expected]);
    at_number(len);
    at_text(",");
    at_hex(data, len);
    /* And the time that all of it takes at 9600 baud, where the UART's driver has a queue. */
    result = at_end(REPLY_MS + 2 * (unsigned int)len, read_numbers, &reply, NULL, 0);
    if (result != AT_OK) {
        return failure(result);
    }
    return reply.one == number && reply.two == (long)len ? 0 : out_of_step();
}

/* --- receiving ------------------------------------------------------------------------- */

typedef struct {
    module_peer_t *from;
    const at_field_t *data;
    int number;
    int len; /* -1 until it is known */
    int was_garbled;
} received_t;

/* <socket>,<address>,<port>,<length>,,<left>: the data is in the field. */
static void read_datagram(void *context, const char *line)
{
    received_t *received = context;
    long number = at_parse_number(&line, MOST_SOCKET), port, len;

    if (number < 0) {
        return; /* an echo */
    }
    received->was_garbled = 1;
    if (number != received->number || *line++ != ',') {
        return;
    }
    line = module_parse_address(line, received->from->address);
    if (line == NULL || *line++ != ',') {
        return;
    }
    port = at_parse_number(&line, MOST_PORT);
    if (port < 0 || *line++ != ',') {
        return;
    }
    len = at_parse_number(&line, MODULE_DATAGRAM_MAX);
    if (len < 0 || *line != ',' || received->data->is_wrong ||
        received->data->len != (size_t)len) {
        return;
    }
    received->was_garbled = 0;
    received->from->port = (unsigned short)port;
    received->len = (int)len;
}

int module_receive(int number, module_peer_t *from, unsigned char *data, size_t room)
{
    at_field_t field = {data, room, 0, 0};
    received_t received;
    int result;

    received.from = from;
    received.data = &field;
    received.number = number;
    received.len = -1;
    received.was_garbled = 0;
    at_begin("AT+NSORF=");
    at_number((unsigned long)number);
    at_text(",");
    /* Always the most: of one that is read in part the rest would come as another one. */
    at_number(MODULE_DATAGRAM_MAX);
    result = at_end(REPLY_MS, read_datagram, &received, &field, 4);
    if (result != AT_OK) {
        return failure(result);
    }
    if (received.len > 0) {
        return received.len;
    }
    return received.was_garbled ? out_of_step() : 0;
}

int module_look_up(const char *name)
{
    int result;

    at_begin("AT+QDNS=0,");
    at_text(name);
    result = at_end(REPLY_MS, NULL, NULL, NULL, 0);
    return result == AT_OK ? 0 : failure(result);
}
