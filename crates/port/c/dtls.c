/*
 * HAL_DTLSSession_*, each weak: a program or firmware that defines one of them
 * itself gets its own. The work is done in Rust, by the functions that a port
 * exports with export_dtls_sessions! of src/dtls/export.rs.
 *
 * Another function has to know whether the symbols in force are ours, so the
 * first four are weak aliases of static functions whose addresses are compared. A
 * wrong "not ours" (a non-PIC program that takes the address of a function in the
 * shared library) only costs a shortcut.
 */
#include <stddef.h>

#define HAL_WEAK __attribute__((weak, visibility("default")))
#define HAL_ALIAS(of) __attribute__((weak, visibility("default"), alias(#of)))

void *iotx_dtls_create(const void *options);
unsigned int iotx_dtls_write(void *session, const unsigned char *data, unsigned int *len);
unsigned int iotx_dtls_read(void *session, unsigned char *data, unsigned int *len,
                            unsigned int ms);
unsigned int iotx_dtls_free(void *session);
unsigned int iotx_dtls_save(void *session, const void *keep, unsigned char *blob,
                            unsigned int *len);
unsigned int iotx_dtls_saved(void *session);
void *iotx_dtls_restore(const void *options, const void *keep, const unsigned char *blob,
                        unsigned int len);

/* Declared first, as the headers that programs include declare them. */
void *HAL_DTLSSession_create(void *options);
unsigned int HAL_DTLSSession_write(void *session, const unsigned char *data, unsigned int *len);
unsigned int HAL_DTLSSession_read(void *session, unsigned char *data, unsigned int *len,
                                  unsigned int ms);
unsigned int HAL_DTLSSession_free(void *session);
unsigned int HAL_DTLSSession_save(void *session, const void *keep, unsigned char *blob,
                                  unsigned int *len);
unsigned int HAL_DTLSSession_saved(void *session);
void *HAL_DTLSSession_restore(void *options, const void *keep, const unsigned char *blob,
                              unsigned int len);

/* As in include/iot_coap_hal.h. */
#define DTLS_NOT_KEPT ((1u << 24) | 10u)

static void *own_dtls_create(void *options)
{
    return iotx_dtls_create(options);
}

static unsigned int own_dtls_write(void *session, const unsigned char *data, unsigned int *len)
{
    return iotx_dtls_write(session, data, len);
}

static unsigned int own_dtls_read(void *session, unsigned char *data, unsigned int *len,
                                  unsigned int ms)
{
    return iotx_dtls_read(session, data, len, ms);
}

static unsigned int own_dtls_free(void *session)
{
    return iotx_dtls_free(session);
}

HAL_ALIAS(own_dtls_create) void *HAL_DTLSSession_create(void *options);
HAL_ALIAS(own_dtls_write) unsigned int HAL_DTLSSession_write(void *session,
                                                             const unsigned char *data,
                                                             unsigned int *len);
HAL_ALIAS(own_dtls_read) unsigned int HAL_DTLSSession_read(void *session, unsigned char *data,
                                                           unsigned int *len, unsigned int ms);
HAL_ALIAS(own_dtls_free) unsigned int HAL_DTLSSession_free(void *session);

static void *(*const volatile dtls_create_in_force)(void *) = HAL_DTLSSession_create;
static unsigned int (*const volatile dtls_write_in_force)(void *, const unsigned char *,
                                                          unsigned int *) = HAL_DTLSSession_write;
static unsigned int (*const volatile dtls_read_in_force)(void *, unsigned char *, unsigned int *,
                                                         unsigned int) = HAL_DTLSSession_read;
static unsigned int (*const volatile dtls_free_in_force)(void *) = HAL_DTLSSession_free;

/* Whether all four HAL_DTLSSession_* in force are those of this file. */
int iotx_dtls_is_builtin(void);

int iotx_dtls_is_builtin(void)
{
    return dtls_create_in_force == own_dtls_create && dtls_write_in_force == own_dtls_write &&
           dtls_read_in_force == own_dtls_read && dtls_free_in_force == own_dtls_free;
}

HAL_WEAK unsigned int HAL_DTLSSession_save(void *session, const void *keep, unsigned char *blob,
                                           unsigned int *len)
{
    if (!iotx_dtls_is_builtin()) {
        /* The session is the program's own. */
        return DTLS_NOT_KEPT;
    }
    return iotx_dtls_save(session, keep, blob, len);
}

HAL_WEAK unsigned int HAL_DTLSSession_saved(void *session)
{
    return iotx_dtls_is_builtin() ? iotx_dtls_saved(session) : DTLS_NOT_KEPT;
}

HAL_WEAK void *HAL_DTLSSession_restore(void *options, const void *keep, const unsigned char *blob,
                                       unsigned int len)
{
    return iotx_dtls_is_builtin() ? iotx_dtls_restore(options, keep, blob, len) : NULL;
}

/* --- pre-shared keys: unresolved where the program or firmware has none ------ */

__attribute__((weak)) int HAL_DTLSSession_psk(const char *host, unsigned char *identity,
                                              unsigned int *identity_len, unsigned char *key,
                                              unsigned int *key_len);

int iotx_dtls_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                  unsigned char *key, unsigned int *key_len);

/* Not 0 where there is none. */
int iotx_dtls_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                  unsigned char *key, unsigned int *key_len)
{
    int (*const psk)(const char *, unsigned char *, unsigned int *, unsigned char *,
                     unsigned int *) = HAL_DTLSSession_psk;

    return psk != NULL ? psk(host, identity, identity_len, key, key_len) : -1;
}
