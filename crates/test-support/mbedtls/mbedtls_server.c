/*
 * A DTLS 1.2 server by Mbed TLS (2.28 or 3.6) for the tests: one session at a
 * time, which sends every plaintext back and obeys two words. It is told what
 * to be by arguments of the form name=value:
 *
 *   cert=FILE key=FILE     a chain in PEM and the key of its first certificate
 *   psk=HEX identity=TEXT  a pre-shared key
 *   suites=0xC02F,...      cipher suites in the order of preference
 *   group=x25519|p256      the only group
 *   cookies=1 tickets=1 cache=1 request_certificate=1
 *   ems=0 etm=0            without that extension
 *   mtu=BYTES              of datagrams of the handshake
 *   timeout=MS             before a flight is sent again, at first
 *   cid=HEX                the connection id that clients are to use (RFC 9146)
 *   forward=PORT           plaintext goes to this UDP port of 127.0.0.1 instead, and
 *                          what comes from there goes to the client
 *
 * It prints "ready PORT", then one line for each thing that happens:
 * "connected SUITE" (and " cid" if both sides use connection ids), "moved" when
 * a session's address has changed, "alert N" and "closed" for what the client
 * said, "failed N" for any other end.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Which alert came stands in a private field of Mbed TLS 3. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/timing.h>
#include <mbedtls/version.h>

#define RECORD_HANDSHAKE 22
#define RECORD_CONNECTION_ID 25
#define MOST_SUITES 16
#define FORWARD_POLL_MS 10

/* The network, as one session sees it. */
struct network {
    int socket;
    struct sockaddr_in peer;
    /* From where the last datagram came, if not from the peer. */
    struct sockaddr_in other;
    int from_other;
    /* The first datagram of the next session. */
    unsigned char next[2048];
    size_t next_len;
};

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

static long number(const char *name, long without)
{
    const char *value = option(name);
    return value ? strtol(value, NULL, 0) : without;
}

static void check(const char *what, int result)
{
    if (result != 0) {
        printf("cannot start: %s: -0x%04x\n", what, (unsigned) -result);
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

static int same(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

static int is_client_hello(const unsigned char *datagram, ssize_t len)
{
    return len > 13 && datagram[0] == RECORD_HANDSHAKE && !datagram[3] && !datagram[4]
        && datagram[13] == 1;
}

static int send_datagram(void *context, const unsigned char *datagram, size_t len)
{
    struct network *network = context;
    ssize_t sent = sendto(network->socket, datagram, len, 0,
                          (struct sockaddr *) &network->peer, sizeof network->peer);
    return sent < 0 ? MBEDTLS_ERR_NET_SEND_FAILED : (int) sent;
}

/* Whether a datagram has come within `timeout` milliseconds, if that is not 0.
 * Ends the program when the test that started it is gone, however it went. */
static int has_datagram(const struct network *network, uint32_t timeout)
{
    struct pollfd ready[] = { { network->socket, POLLIN, 0 }, { STDIN_FILENO, 0, 0 } };
    int count = poll(ready, 2, timeout == 0 ? -1 : (int) timeout);
    if (ready[1].revents & POLLHUP) {
        exit(0);
    }
    return count > 0;
}

/* The peer's datagrams; from elsewhere, those with a connection id. Another
 * client's ClientHello ends the session, and begins the next one. */
static int receive_datagram(void *context, unsigned char *out, size_t room, uint32_t timeout)
{
    struct network *network = context;
    if (network->next_len > 0) {
        size_t len = network->next_len;
        memcpy(out, network->next, len < room ? len : room);
        network->next_len = 0;
        return (int) len;
    }
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        if (!has_datagram(network, timeout)) {
            return MBEDTLS_ERR_SSL_TIMEOUT;
        }
        ssize_t len = recvfrom(network->socket, out, room, 0,
                               (struct sockaddr *) &from, &from_len);
        if (len <= 0) {
            continue;
        }
        network->from_other = !same(&from, &network->peer);
        network->other = from;
        if (!network->from_other || out[0] == RECORD_CONNECTION_ID) {
            return (int) len;
        }
        if (is_client_hello(out, len) && (size_t) len <= sizeof network->next) {
            memcpy(network->next, out, (size_t) len);
            network->next_len = (size_t) len;
            return MBEDTLS_ERR_NET_CONN_RESET;
        }
    }
}

static void wait_for_client(struct network *network)
{
    socklen_t from_len = sizeof network->peer;
    if (network->next_len > 0) {
        network->peer = network->other;
        return;
    }
    ssize_t len;
    do {
        has_datagram(network, 0);
        len = recvfrom(network->socket, network->next, sizeof network->next, 0,
                       (struct sockaddr *) &network->peer, &from_len);
    } while (!is_client_hello(network->next, len));
    network->next_len = (size_t) len;
}

static void configure_identity(mbedtls_ssl_config *config, mbedtls_ctr_drbg_context *random)
{
    static mbedtls_x509_crt chain;
    static mbedtls_pk_context key;
    static unsigned char psk[128];
    (void) random;
    if (option("cert")) {
        mbedtls_x509_crt_init(&chain);
        mbedtls_pk_init(&key);
        check("cert", mbedtls_x509_crt_parse_file(&chain, option("cert")));
#if MBEDTLS_VERSION_MAJOR >= 3
        check("key", mbedtls_pk_parse_keyfile(&key, option("key"), NULL,
                                              mbedtls_ctr_drbg_random, random));
#else
        check("key", mbedtls_pk_parse_keyfile(&key, option("key"), NULL));
#endif
        check("cert", mbedtls_ssl_conf_own_cert(config, &chain, &key));
    }
    if (option("psk")) {
        size_t len = bytes(option("psk"), psk, sizeof psk);
        const char *identity = option("identity");
        check("psk", mbedtls_ssl_conf_psk(config, psk, len, (const unsigned char *) identity,
                                          strlen(identity)));
    }
}

static void configure_choices(mbedtls_ssl_config *config)
{
    static int suites[MOST_SUITES + 1];
    static mbedtls_ecp_group_id groups[2];
    const char *list = option("suites");
    for (int count = 0; list && count < MOST_SUITES; count++) {
        char *end;
        suites[count] = (int) strtol(list, &end, 0);
        list = *end == ',' ? end + 1 : NULL;
    }
    if (suites[0]) {
        mbedtls_ssl_conf_ciphersuites(config, suites);
    }
    if (option("group")) {
        groups[0] = strcmp(option("group"), "x25519") ? MBEDTLS_ECP_DP_SECP256R1
                                                      : MBEDTLS_ECP_DP_CURVE25519;
        mbedtls_ssl_conf_curves(config, groups);
    }
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_authmode(config, number("request_certificate", 0)
                              ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_extended_master_secret(config, (char) number("ems", 1));
    mbedtls_ssl_conf_encrypt_then_mac(config, (char) number("etm", 1));
    mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
    mbedtls_ssl_conf_renegotiation_enforced(config, MBEDTLS_SSL_RENEGOTIATION_NOT_ENFORCED);
    uint32_t timeout = (uint32_t) number("timeout", 1000);
    mbedtls_ssl_conf_handshake_timeout(config, timeout, 60 * timeout);
}

static void configure_memory(mbedtls_ssl_config *config, mbedtls_ctr_drbg_context *random)
{
    static mbedtls_ssl_cookie_ctx cookies;
    static mbedtls_ssl_ticket_context tickets;
    static mbedtls_ssl_cache_context cache;
    if (number("cookies", 0)) {
        mbedtls_ssl_cookie_init(&cookies);
        check("cookies", mbedtls_ssl_cookie_setup(&cookies, mbedtls_ctr_drbg_random, random));
        mbedtls_ssl_conf_dtls_cookies(config, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check,
                                      &cookies);
    } else {
        mbedtls_ssl_conf_dtls_cookies(config, NULL, NULL, NULL);
    }
    if (number("tickets", 0)) {
        mbedtls_ssl_ticket_init(&tickets);
        check("tickets", mbedtls_ssl_ticket_setup(&tickets, mbedtls_ctr_drbg_random, random,
                                                  MBEDTLS_CIPHER_AES_256_GCM, 86400));
        mbedtls_ssl_conf_session_tickets_cb(config, mbedtls_ssl_ticket_write,
                                            mbedtls_ssl_ticket_parse, &tickets);
    }
    if (number("cache", 0)) {
        mbedtls_ssl_cache_init(&cache);
        mbedtls_ssl_conf_session_cache(config, &cache, mbedtls_ssl_cache_get,
                                       mbedtls_ssl_cache_set);
    }
}

/* Makes `ssl` ready for a client; `id` is the connection id that it is to use. */
static void begin(mbedtls_ssl_context *ssl, const struct network *network,
                  const unsigned char *id, size_t id_len)
{
    check("reset", mbedtls_ssl_session_reset(ssl));
    check("address", mbedtls_ssl_set_client_transport_id(
              ssl, (const unsigned char *) &network->peer, sizeof network->peer));
    if (option("mtu")) {
        mbedtls_ssl_set_mtu(ssl, (uint16_t) number("mtu", 0));
    }
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
    if (option("cid")) {
        check("cid", mbedtls_ssl_set_cid(ssl, MBEDTLS_SSL_CID_ENABLED, id, id_len));
    }
#else
    (void) id, (void) id_len;
#endif
}

/* How the session ended. */
static void tell_end(const mbedtls_ssl_context *ssl, int result)
{
    if (result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        printf("alert %d\n", ssl->in_msg[1]);
    } else if (result == 0 || result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        printf("closed\n");
    } else {
        printf("failed -0x%04x\n", (unsigned) -result);
    }
}

static void tell_connected(mbedtls_ssl_context *ssl)
{
    int both = 0;
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
    unsigned char id[MBEDTLS_SSL_CID_OUT_LEN_MAX];
    size_t len = 0;
    int enabled = 0;
    both = mbedtls_ssl_get_peer_cid(ssl, &enabled, id, &len) == 0
        && enabled == MBEDTLS_SSL_CID_ENABLED;
#endif
    printf("connected %s%s\n", mbedtls_ssl_get_ciphersuite(ssl), both ? " cid" : "");
}

/* Hands to the client what has come from the port behind. */
static int return_forwarded(mbedtls_ssl_context *ssl, int behind)
{
    unsigned char buffer[8192];
    ssize_t len;
    while ((len = recv(behind, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
        int result = mbedtls_ssl_write(ssl, buffer, (size_t) len);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static int converse(mbedtls_ssl_context *ssl, struct network *network, int behind)
{
    unsigned char buffer[8192];
    for (;;) {
        int len = mbedtls_ssl_read(ssl, buffer, sizeof buffer);
        if (len == MBEDTLS_ERR_SSL_WANT_READ || len == MBEDTLS_ERR_SSL_TIMEOUT) {
            int result = behind < 0 ? 0 : return_forwarded(ssl, behind);
            if (result < 0) {
                return result;
            }
            continue;
        }
        if (len <= 0) {
            return len;
        }
        if (network->from_other) {
            /* It is proved, so it is there now. */
            network->peer = network->other;
            network->from_other = 0;
            printf("moved\n");
        }
        if (behind >= 0) {
            send(behind, buffer, (size_t) len, 0);
            continue;
        }
        if (len == 3 && !memcmp(buffer, "bye", 3)) {
            mbedtls_ssl_close_notify(ssl);
            continue;
        }
        if (len == 11 && !memcmp(buffer, "renegotiate", 11)) {
            mbedtls_ssl_renegotiate(ssl);
        }
        int result = mbedtls_ssl_write(ssl, buffer, (size_t) len);
        if (result < 0) {
            return result;
        }
    }
}

static int open_socket(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof address;
    int opened = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check("bind", bind(opened, (struct sockaddr *) &address, sizeof address));
    check("getsockname", getsockname(opened, (struct sockaddr *) &address, &len));
    printf("ready %u\n", ntohs(address.sin_port));
    return opened;
}

/* A socket to the port that plaintext is forwarded to; -1 for none. */
static int open_behind(mbedtls_ssl_config *config)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    if (!option("forward")) {
        return -1;
    }
    int opened = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t) number("forward", 0));
    check("forward", connect(opened, (struct sockaddr *) &address, sizeof address));
    mbedtls_ssl_conf_read_timeout(config, FORWARD_POLL_MS);
    return opened;
}

int main(int count, char **argv)
{
    static struct network network;
    static mbedtls_entropy_context entropy;
    static mbedtls_ctr_drbg_context random;
    static mbedtls_ssl_config config;
    static mbedtls_ssl_context ssl;
    static mbedtls_timing_delay_context timer;
    static unsigned char id[32];
    size_t id_len = 0;
    (void) count;
    arguments = argv + 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    check("random", mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0));
    mbedtls_ssl_config_init(&config);
    check("config", mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER,
                                                MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                                MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    configure_identity(&config, &random);
    configure_choices(&config);
    configure_memory(&config, &random);
#if defined(MBEDTLS_SSL_DTLS_CONNECTION_ID)
    if (option("cid")) {
        id_len = bytes(option("cid"), id, sizeof id);
        check("cid", mbedtls_ssl_conf_cid(&config, id_len, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE));
    }
#else
    if (option("cid")) {
        check("this library has no connection ids", -1);
    }
#endif
    mbedtls_ssl_init(&ssl);
    check("setup", mbedtls_ssl_setup(&ssl, &config));
    mbedtls_ssl_set_bio(&ssl, &network, send_datagram, NULL, receive_datagram);
    mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
    int behind = open_behind(&config);
    network.socket = open_socket();
    for (;;) {
        wait_for_client(&network);
        begin(&ssl, &network, id, id_len);
        int result;
        do {
            result = mbedtls_ssl_handshake(&ssl);
        } while (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE);
        if (result == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) {
            continue;
        }
        if (result == 0) {
            tell_connected(&ssl);
            result = converse(&ssl, &network, behind);
        }
        if (result != MBEDTLS_ERR_NET_CONN_RESET) {
            tell_end(&ssl, result);
        }
    }
}
