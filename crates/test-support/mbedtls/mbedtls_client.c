/*
 * A DTLS 1.2 client by Mbed TLS (2.28 or 3.6) for the tests. It is told what to be by
 * arguments of the form name=value:
 *
 *   port=PORT              of a server on 127.0.0.1
 *   root=FILE              a root in PEM, of which a certificate must come for localhost
 *   psk=HEX identity=TEXT  a pre-shared key
 *   suites=0xC02F,...      cipher suites
 *   cid=HEX                the connection id that the server is to use (RFC 9146); may be
 *                          empty
 *   again=1                connect twice, the second time with the session of the first
 *
 * It prints "connected SUITE" (and " cid" if both sides use connection ids), then sends each
 * line of its input and prints what comes, or "failed N". The line "rebind" makes it go on
 * from another port.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/timing.h>
#include <mbedtls/version.h>

#define MOST_SUITES 16

static char **arguments;

static const char *option(const char *name)
{
    size_t len = strlen(name);
    for (char **argument = arguments; *argument; argument++) {
        if (!strncmp(*argument, name, len) && (*argument)[len] == '=') {
            return *argument + len + 1;
        }
    }
    return NULL;
}

static void check(const char *what, int result)
{
    if (result != 0) {
        printf("failed: %s: -0x%04x\n", what, (unsigned) -result);
        exit(1);
    }
}

static size_t bytes(const char *hex, unsigned char *out, size_t room)
{
    size_t len = 0;
    unsigned byte;
    while (len < room && sscanf(hex + 2 * len, "%2x", &byte) == 1) {
        out[len++] = (unsigned char) byte;
    }
    return len;
}

static int new_socket(void)
{
    struct sockaddr_in server = { .sin_family = AF_INET };
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    server.sin_port = htons((uint16_t) atoi(option("port")));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check("connect", connect(descriptor, (struct sockaddr *) &server, sizeof server));
    return descriptor;
}

static int send_datagram(void *context, const unsigned char *datagram, size_t len)
{
    return (int) send(*(int *) context, datagram, len, 0);
}

static int receive_datagram(void *context, unsigned char *out, size_t room, uint32_t timeout)
{
    struct pollfd ready = { *(int *) context, POLLIN, 0 };
    if (poll(&ready, 1, timeout == 0 ? -1 : (int) timeout) <= 0) {
        return MBEDTLS_ERR_SSL_TIMEOUT;
    }
    ssize_t len = recv(ready.fd, out, room, 0);
    return len < 0 ? MBEDTLS_ERR_NET_RECV_FAILED : (int) len;
}

static void configure(mbedtls_ssl_config *config)
{
    static int suites[MOST_SUITES + 1];
    static mbedtls_x509_crt root;
    unsigned char psk[128];
    const char *list = option("suites");
    for (int count = 0; list && count < MOST_SUITES; count++) {
        char *end;
        suites[count] = (int) strtol(list, &end, 0);
        list = *end == ',' ? end + 1 : NULL;
    }
    if (suites[0]) {
        mbedtls_ssl_conf_ciphersuites(config, suites);
    }
    if (option("root")) {
        mbedtls_x509_crt_init(&root);
        check("root", mbedtls_x509_crt_parse_file(&root, option("root")));
        mbedtls_ssl_conf_ca_chain(config, &root, NULL);
    }
    if (option("psk")) {
        size_t len = bytes(option("psk"), psk, sizeof psk);
        const char *identity = option("identity");
        check("psk", mbedtls_ssl_conf_psk(config, psk, len, (const unsigned char *) identity,
                                          strlen(identity)));
    }
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_read_timeout(config, 100);
}

static void shake_hands(mbedtls_ssl_context *ssl)
{
    int result;
    int both = 0;
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
    unsigned char id[MBEDTLS_SSL_CID_OUT_LEN_MAX];
    size_t len = 0;
    int enabled = 0;
    if (option("cid")) {
        len = bytes(option("cid"), id, sizeof id);
        check("cid", mbedtls_ssl_set_cid(ssl, MBEDTLS_SSL_CID_ENABLED, id, len));
    }
#endif
    do {
        result = mbedtls_ssl_handshake(ssl);
    } while (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE);
    check("handshake", result);
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
    both = mbedtls_ssl_get_peer_cid(ssl, &enabled, id, &len) == 0
        && enabled == MBEDTLS_SSL_CID_ENABLED;
#endif
    printf("connected %s%s\n", mbedtls_ssl_get_ciphersuite(ssl), both ? " cid" : "");
}

static void converse(mbedtls_ssl_context *ssl, int *descriptor)
{
    unsigned char buffer[4096];
    for (;;) {
        struct pollfd ready[] = { { *descriptor, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
        poll(ready, 2, -1);
        if (ready[1].revents) {
            ssize_t len = read(STDIN_FILENO, buffer, sizeof buffer);
            if (len <= 0) {
                mbedtls_ssl_close_notify(ssl);
                return;
            }
            if (!strncmp((char *) buffer, "rebind\n", 7)) {
                /* In this order: otherwise the port may be the same. */
                int before = *descriptor;
                *descriptor = new_socket();
                close(before);
                printf("rebound\n");
                continue;
            }
            if (mbedtls_ssl_write(ssl, buffer, (size_t) len) < 0) {
                printf("failed: write\n");
                return;
            }
        }
        if (ready[0].revents) {
            int len = mbedtls_ssl_read(ssl, buffer, sizeof buffer);
            if (len > 0) {
                printf("%.*s", len, buffer);
            } else if (len != MBEDTLS_ERR_SSL_WANT_READ && len != MBEDTLS_ERR_SSL_TIMEOUT) {
                printf("failed: read: -0x%04x\n", (unsigned) -len);
                return;
            }
        }
    }
}

int main(int count, char **argv)
{
    static mbedtls_entropy_context entropy;
    static mbedtls_ctr_drbg_context random;
    static mbedtls_ssl_config config;
    static mbedtls_ssl_context ssl;
    static mbedtls_ssl_session session;
    static mbedtls_timing_delay_context timer;
    (void) count;
    arguments = argv + 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_session_init(&session);
    check("seed", mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0));
    check("defaults", mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
                                                  MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                                  MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    configure(&config);
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
    if (option("cid")) {
        check("cid", mbedtls_ssl_conf_cid(&config, strlen(option("cid")) / 2,
                                          MBEDTLS_SSL_UNEXPECTED_CID_IGNORE));
    }
#endif
    check("setup", mbedtls_ssl_setup(&ssl, &config));
    check("name", mbedtls_ssl_set_hostname(&ssl, "localhost"));
    int descriptor = new_socket();
    mbedtls_ssl_set_bio(&ssl, &descriptor, send_datagram, NULL, receive_datagram);
    mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
    shake_hands(&ssl);
    if (option("again")) {
        check("session", mbedtls_ssl_get_session(&ssl, &session));
        mbedtls_ssl_close_notify(&ssl);
        close(descriptor);
        descriptor = new_socket();
        check("reset", mbedtls_ssl_session_reset(&ssl));
        check("session", mbedtls_ssl_set_session(&ssl, &session));
        shake_hands(&ssl);
    }
    converse(&ssl, &descriptor);
    return 0;
}
