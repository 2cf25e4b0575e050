/*
 * What crates/dtls/benches/session.rs does, by OpenSSL, and by the same arguments:
 *
 *     openssl_session ADDRESS SESSIONS MESSAGES (--psk IDENTITY KEY | --root FILE --host NAME)
 *                     [--old-servers] [--resume] [--keep]
 *
 * Each session has a context of its own, as a device has. Prints nothing.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *identity, *key, *root, *host;
static int old_servers, resume, keep;

static unsigned int psk(SSL *session, const char *hint, char *name, unsigned int name_len,
                        unsigned char *secret, unsigned int secret_len)
{
    (void)session;
    (void)hint;
    if (strlen(identity) >= name_len || strlen(key) > secret_len) {
        return 0;
    }
    strcpy(name, identity);
    memcpy(secret, key, strlen(key));
    return (unsigned int)strlen(key);
}

static SSL_CTX *new_context(void)
{
    SSL_CTX *context = SSL_CTX_new(DTLS_client_method());

    if (context == NULL) {
        return NULL;
    }
    if (identity != NULL) {
        SSL_CTX_set_cipher_list(context, "PSK-AES128-GCM-SHA256");
        SSL_CTX_set_psk_client_callback(context, psk);
    } else {
        SSL_CTX_set_cipher_list(context, old_servers ? "AES128-SHA256"
                                                     : "ECDHE-RSA-AES128-GCM-SHA256");
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        if (SSL_CTX_load_verify_locations(context, root, NULL) != 1) {
            SSL_CTX_free(context);
            return NULL;
        }
    }
    return context;
}

static SSL *open_session(SSL_CTX *context, const struct sockaddr_in *server, SSL_SESSION *saved)
{
    SSL *session = SSL_new(context);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    BIO *bio;

    if (session == NULL || fd < 0
        || connect(fd, (const struct sockaddr *)server, sizeof(*server)) != 0) {
        return NULL;
    }
    bio = BIO_new_dgram(fd, BIO_CLOSE);
    BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, (void *)server);
    SSL_set_bio(session, bio, bio);
    if (host != NULL) {
        SSL_set_tlsext_host_name(session, host);
        SSL_set1_host(session, host);
    }
    if (saved != NULL) {
        SSL_set_session(session, saved);
    }
    return SSL_connect(session) == 1 ? session : NULL;
}

static int exchange(SSL *session)
{
    char message[300], echo[2048];

    memset(message, 'x', sizeof(message));
    message[sizeof(message) - 1] = '\n';
    return SSL_write(session, message, sizeof(message)) == sizeof(message)
               && SSL_read(session, echo, sizeof(echo)) == sizeof(message)
               ? 0
               : -1;
}

int main(int argc, char **argv)
{
    struct sockaddr_in server;
    SSL_SESSION *saved = NULL;
    long sessions, messages, number, message;
    char *colon;
    int at;

    if (argc < 5 || (colon = strchr(argv[1], ':')) == NULL) {
        return 2;
    }
    *colon = '\0';
    memset(&server, 0, sizeof(server));
    server.sin_family = AF_INET;
    server.sin_port = htons((unsigned short)atoi(colon + 1));
    inet_pton(AF_INET, argv[1], &server.sin_addr);
    sessions = atol(argv[2]);
    messages = atol(argv[3]);
    for (at = 4; at < argc; at++) {
        if (strcmp(argv[at], "--psk") == 0 && at + 2 < argc) {
            identity = argv[++at];
            key = argv[++at];
        } else if (strcmp(argv[at], "--root") == 0 && at + 1 < argc) {
            root = argv[++at];
        } else if (strcmp(argv[at], "--host") == 0 && at + 1 < argc) {
            host = argv[++at];
        } else if (strcmp(argv[at], "--old-servers") == 0) {
            old_servers = 1;
        } else if (strcmp(argv[at], "--resume") == 0) {
            resume = 1;
        } else if (strcmp(argv[at], "--keep") == 0) {
            keep = 1;
        } else {
            return 2;
        }
    }
    for (number = 0; number < sessions + resume; number++) {
        SSL_CTX *context = new_context();
        SSL *session = context == NULL ? NULL : open_session(context, &server, saved);

        if (session == NULL || SSL_session_reused(session) != (resume && number > 0)) {
            return 1;
        }
        for (message = 0; message < messages; message++) {
            if (exchange(session) != 0) {
                return 1;
            }
        }
        if (keep) {
            continue;
        }
        if (resume) {
            SSL_SESSION_free(saved);
            saved = SSL_get1_session(session);
        }
        SSL_shutdown(session);
        SSL_free(session);
        SSL_CTX_free(context);
    }
    if (keep) {
        _exit(0);
    }
    SSL_SESSION_free(saved);
    return 0;
}
