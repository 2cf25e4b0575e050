/*
 * The commands of one family of modules. For another family write another bc95.c: nothing else of
 * this port knows a command.
 */
#ifndef MODULE_H
#define MODULE_H

#include <stddef.h>

/* The longest datagram that the module sends and receives. (The first BC95 take 512 bytes: set
 * the option `mtu` of IOT_CoAP_InitWithOptions to less then, too.) */
#ifndef MODULE_DATAGRAM_MAX
#define MODULE_DATAGRAM_MAX 1358
#endif

enum { MODULE_FAILED = -1, MODULE_SILENT = -2 };

/* An IPv4 address and a port. */
typedef struct {
    unsigned char address[4];
    unsigned short port;
} module_peer_t;

/* What comes unasked. */
typedef struct {
    void (*arrived)(int number); /* a datagram, at the socket of this number */
    void (*looked_up)(const unsigned char *address); /* 4 bytes, or NULL: there is no such name */
} module_events_t;

/* All return MODULE_FAILED if the module refuses, and MODULE_SILENT if it does not answer. */

/* Sees that the module answers, and closes what sockets are open; 0. */
int module_start(const module_events_t *events);

/* Opens a socket at a port of the module's; its number. */
int module_open(unsigned short local_port);

int module_close(int number);

/* Sends a datagram; 0. `expected` is what HAL_UDP_expect was told, or 2. */
int module_send(int number, const module_peer_t *to, const unsigned char *data, size_t len,
                int expected);

/* Takes the next datagram: its length, which may be more than `room`; 0 if there is none. */
int module_receive(int number, module_peer_t *from, unsigned char *data, size_t room);

/* Asks for the address of a name: 0, and then the event comes. */
int module_look_up(const char *name);

/* Reads an address from text; returns what stands behind it, or NULL. */
const char *module_parse_address(const char *text, unsigned char *address);

#endif
