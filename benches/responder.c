/*
 * The least that answers the programs of this folder, so that a measured rate is
 * that of the client and not of a server:
 *
 *     responder [CERTIFICATE_PEM KEY_PEM]
 *
 * Prints its port on 127.0.0.1 and answers every confirmable request there with a
 * piggybacked 2.05, with an access token where the path is /auth, and anything else
 * by itself; with a certificate, over DTLS by OpenSSL. It checks nothing and never
 * sends again.
 * Runs until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char SIGNED_IN[] =
    "\xff{\"token\":\""
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz012"
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz012\"}";

/* What the cloud says: a content format and JSON. */
static const char TAKEN[] = "\xc1\x32\xff{\"code\":200,\"message\":\"success\"}";

/* Makes the answer to a request; what is none goes back as it came. */
static size_t answer(const unsigned char *request, size_t len, unsigned char *out)
{
    size_t token = len >= 4 ? request[0] & 15 : 0;

    if (len < 4 + token || token > 8 || (request[0] & 0xf0) != 0x40 || request[1] == 0) {
        memcpy(out, request, len);
        return len;
    }
    memcpy(out, request, 4 + token);
    out[0] = (unsigned char)(0x60 | token);
    out[1] = 0x45;
    if (memmem(request, len, "auth", 4) == NULL) {
        memcpy(out + 4 + token, TAKEN, sizeof(TAKEN) - 1);
        return 4 + token + sizeof(TAKEN) - 1;
    }
    memcpy(out + 4 + token, SIGNED_IN, sizeof(SIGNED_IN) - 1);
    return 4 + token + sizeof(SIGNED_IN) - 1;
}

/* Takes what arrived for a session, and sends what it has to say. */
static void serve_dtls(SSL *session, int fd, const struct sockaddr_in *peer,
                       const unsigned char *datagram, size_t len)
{
    unsigned char request[1500], reply[1500];
    int got;

    BIO_write(SSL_get_rbio(session), datagram, (int)len);
    while ((got = SSL_read(session, request, sizeof(request))) > 0) {
        SSL_write(session, reply, (int)answer(request, (size_t)got, reply));
    }
    /* A flight of the handshake leaves as one datagram. */
    while ((got = BIO_read(SSL_get_wbio(session), reply, sizeof(reply))) > 0) {
        sendto(fd, reply, (size_t)got, 0, (const struct sockaddr *)peer, sizeof(*peer));
    }
}

static SSL *new_session(SSL_CTX *context)
{
    SSL *session = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    if (session == NULL || in == NULL || out == NULL) {
        exit(1);
    }
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(session, in, out);
    SSL_set_mtu(session, 1400);
    SSL_set_accept_state(session);
    return session;
}

static SSL_CTX *new_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(DTLS_server_method());

    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_set_cipher_list(context, "ECDHE-RSA-AES128-GCM-SHA256") != 1) {
        exit(1);
    }
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU);
    return context;
}

int main(int argc, char **argv)
{
    static SSL *sessions[65536];
    SSL_CTX *context = argc > 2 ? new_context(argv[1], argv[2]) : NULL;
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0
        || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return 1;
    }
    /* A thousand clients may post at once; only root gets past the system's limit. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        unsigned char datagram[1500], reply[1500];
        ssize_t len;

        size = sizeof(address);
        len = recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&address, &size);
        if (len < 0) {
            continue;
        }
        if (context != NULL) {
            SSL **session = &sessions[ntohs(address.sin_port)];
            /* A port that another client has now: a ClientHello in epoch 0. */
            int hello = len > 13 && datagram[0] == 22 && datagram[3] == 0 && datagram[4] == 0
                        && datagram[13] == 1;

            if (hello && *session != NULL && SSL_is_init_finished(*session)) {
                SSL_free(*session);
                *session = NULL;
            }
            if (*session == NULL) {
                *session = new_session(context);
            }
            serve_dtls(*session, fd, &address, datagram, (size_t)len);
        } else {
            sendto(fd, reply, answer(datagram, (size_t)len, reply), 0,
                   (struct sockaddr *)&address, size);
        }
    }
}
