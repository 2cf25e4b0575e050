/*
 * forked.c with DTLS functions of the program's own, each of whose sessions may be used
 * by the process alone that made it. They speak plain UDP, to a coaps:// URL with the
 * port of a coap:// one.
 */
#include "forked.c"
#include "udp_socket.h"

struct session {
    int fd;
    pid_t owner;
};

static struct session *own(DTLSContext *context)
{
    struct session *session = (struct session *)context;

    if (session->owner != getpid()) {
        fprintf(stderr, "a session of another process is used\n");
        _exit(4);
    }
    return session;
}

DTLSContext *HAL_DTLSSession_create(coap_dtls_options_t *options)
{
    struct session *session = (struct session *)calloc(1, sizeof(*session));

    session->fd = udp_socket(options->p_host, options->port);
    session->owner = getpid();
    return (DTLSContext *)session;
}

unsigned int HAL_DTLSSession_write(DTLSContext *context, const unsigned char *data,
                                   unsigned int *len)
{
    return send(own(context)->fd, data, *len, 0) < 0 ? DTLS_FATAL_ALERT_MESSAGE : DTLS_SUCCESS;
}

unsigned int HAL_DTLSSession_read(DTLSContext *context, unsigned char *data, unsigned int *len,
                                  unsigned int ms)
{
    int received = udp_read(own(context)->fd, data, *len, (int)ms);

    *len = received > 0 ? (unsigned int)received : 0;
    return received >= 0 || received == -2 ? DTLS_SUCCESS : DTLS_READ_DATA_FAILED;
}

unsigned int HAL_DTLSSession_free(DTLSContext *context)
{
    close(own(context)->fd);
    free(context);
    return DTLS_SUCCESS;
}
