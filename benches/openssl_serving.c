/*
 * What crates/dtls/benches/serving.rs does, by OpenSSL, and by the same arguments:
 *
 *     openssl_serving SESSIONS (--psk IDENTITY KEY | --certificate FILE KEY_FILE)
 *                     -- CLIENT ARGUMENTS...
 *
 * All sessions have one context, as those of a server do.
 */
#include <arpa/inet.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *identity, *key;
static unsigned char cookie_secret[32];

static unsigned int psk(SSL *session, const char *name, unsigned char *secret,
                        unsigned int secret_len)
{
    (void)session;
    if (strcmp(name, identity) != 0 || strlen(key) > secret_len) {
        return 0;
    }
    memcpy(secret, key, strlen(key));
    return (unsigned int)strlen(key);
}

/* Of the client's address. */
static int make_cookie(SSL *session, unsigned char *cookie, unsigned int *cookie_len)
{
    struct sockaddr_in peer;

    memset(&peer, 0, sizeof(peer));
    BIO_dgram_get_peer(SSL_get_rbio(session), &peer);
    return HMAC(EVP_sha256(), cookie_secret, sizeof(cookie_secret), (unsigned char *)&peer,
                sizeof(peer), cookie, cookie_len)
           != NULL;
}

static int verify_cookie(SSL *session, const unsigned char *cookie, unsigned int cookie_len)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned int expected_len;

    return make_cookie(session, expected, &expected_len) && cookie_len == expected_len
           && CRYPTO_memcmp(cookie, expected, cookie_len) == 0;
}

static SSL_CTX *new_context(char **proof)
{
    SSL_CTX *context = SSL_CTX_new(DTLS_server_method());

    if (context == NULL) {
        return NULL;
    }
    RAND_bytes(cookie_secret, sizeof(cookie_secret));
    SSL_CTX_set_cookie_generate_cb(context, make_cookie);
    SSL_CTX_set_cookie_verify_cb(context, verify_cookie);
    /* By tickets alone, as the engine. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU);
    if (strcmp(proof[0], "--psk") == 0) {
        identity = proof[1];
        key = proof[2];
        SSL_CTX_set_cipher_list(context, "PSK-AES128-GCM-SHA256");
        SSL_CTX_set_psk_server_callback(context, psk);
    } else {
        SSL_CTX_set_cipher_list(context,
                                "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256");
        if (SSL_CTX_use_certificate_chain_file(context, proof[1]) != 1
            || SSL_CTX_use_PrivateKey_file(context, proof[2], SSL_FILETYPE_PEM) != 1) {
            return NULL;
        }
    }
    return context;
}

/* One session, to its end. */
static int serve(SSL_CTX *context, int fd)
{
    SSL *session = SSL_new(context);
    BIO *bio = BIO_new_dgram(fd, BIO_NOCLOSE);
    BIO_ADDR *peer = BIO_ADDR_new();
    char byte;
    int listened, served;

    if (session == NULL || bio == NULL || peer == NULL) {
        return -1;
    }
    SSL_set_bio(session, bio, bio);
    SSL_set_mtu(session, 1200);
    SSL_set_options(session, SSL_OP_COOKIE_EXCHANGE);
    do {
        listened = DTLSv1_listen(session, peer);
    } while (listened == 0);
    served = listened == 1 && SSL_accept(session) == 1 && SSL_read(session, &byte, 1) == 0
             && SSL_get_error(session, 0) == SSL_ERROR_ZERO_RETURN;
    SSL_shutdown(session);
    SSL_free(session);
    BIO_ADDR_free(peer);
    return served ? 0 : -1;
}

static int print_time(void)
{
    unsigned long long nanoseconds;
    FILE *file = fopen("/proc/self/schedstat", "r");

    if (file == NULL || fscanf(file, "%llu", &nanoseconds) != 1) {
        return 1;
    }
    fclose(file);
    printf("%llu us of CPU\n", nanoseconds / 1000);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in own;
    socklen_t own_len = sizeof(own);
    struct timeval patience = {30, 0};
    SSL_CTX *context;
    long sessions;
    char address[32];
    int fd = socket(AF_INET, SOCK_DGRAM, 0), at, status;
    pid_t client;

    if (argc < 7 || strcmp(argv[5], "--") != 0 || (context = new_context(argv + 2)) == NULL) {
        return 2;
    }
    sessions = atol(argv[1]);
    for (at = 7; at < argc; at++) {
        sessions += strcmp(argv[at], "--resume") == 0;
    }
    memset(&own, 0, sizeof(own));
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0
        || getsockname(fd, (struct sockaddr *)&own, &own_len) != 0
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
        return 2;
    }
    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(own.sin_port));
    client = fork();
    if (client == 0) {
        char **arguments = calloc((size_t)argc, sizeof(char *));

        arguments[0] = argv[6];
        arguments[1] = address;
        arguments[2] = argv[1];
        arguments[3] = "0";
        for (at = 7; at < argc; at++) {
            arguments[at - 3] = argv[at];
        }
        execv(argv[6], arguments);
        _exit(127);
    }
    for (; sessions > 0; sessions--) {
        if (serve(context, fd) != 0) {
            return 1;
        }
    }
    if (waitpid(client, &status, 0) != client || status != 0) {
        return 1;
    }
    SSL_CTX_free(context);
    return print_time();
}
