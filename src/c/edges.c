/*
 * What stable Rust cannot express: references that may stay unresolved.
 *
 * Without IOTX_PORT_LINUX, whose port has all functions, a firmware's board port may lack
 * these, and the references to them then stay unresolved:
 *
 *   HAL_Kv_*                      absent before v2.3.0
 *   HAL_Set*, HAL_Get*            some releases have more of them than others
 *   HAL_Mutex*                    without std and the feature threads; a port for one
 *                                 thread needs no mutexes
 *   HAL_UTC_Get                   the wall clock of v2.3.0 and later
 *   HAL_UDP_close, HAL_Printf     absent in v3.1.0 and v3.2.0
 *
 * This library's own additions are optional, too: HAL_UDP_expect with any port, and,
 * without std, HAL_ThreadSelf and iotx_coap_get_ca, a program's own roots.
 *
 * A linker takes no member of an archive for an optional function alone. In the ports of
 * all releases, each shares its member with a function that is needed; elsewhere -u helps.
 *
 * HAL_DTLSSession_* belong to the firmware or the program. With IOTX_DTLS_BUILTIN they are
 * optional, since the library has sessions of its own. With IOTX_DTLS_PORT they are
 * required: a linker searches archives for strong references only. They are called if
 * IOTX_DTLS_OWN is defined.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef IOTX_PORT_LINUX
#define OPTIONAL
#else
#define OPTIONAL __attribute__((weak))
#endif

#ifdef IOTX_DTLS_BUILTIN
#define OPTIONAL_DTLS __attribute__((weak))
#else
#define OPTIONAL_DTLS
#endif

#ifndef IOTX_STD
/* Defined by std in other builds. A function that calls another one that may unwind refers
 * to it, even in a build that aborts instead of unwinding; such a build has no std. */
int rust_eh_personality(void);

__attribute__((weak)) int rust_eh_personality(void)
{
    return 8; /* _URC_CONTINUE_UNWIND: this frame has nothing to do */
}
#endif

/* --- DTLS sessions of the firmware or program ---------------------------------- */

#if defined(IOTX_DTLS_BUILTIN) || defined(IOTX_DTLS_PORT)
OPTIONAL_DTLS void *HAL_DTLSSession_create(void *options);
OPTIONAL_DTLS unsigned int HAL_DTLSSession_write(void *session, const unsigned char *data,
                                                 unsigned int *len);
OPTIONAL_DTLS unsigned int HAL_DTLSSession_read(void *session, unsigned char *data,
                                                unsigned int *len, unsigned int ms);
OPTIONAL_DTLS unsigned int HAL_DTLSSession_free(void *session);
#endif

#ifdef IOTX_DTLS_OWN
/* A reference from Rust would not be weak, so Rust calls these functions. */
void *iotx_port_dtls_create(void *options);
unsigned int iotx_port_dtls_write(void *session, const unsigned char *data, unsigned int *len);
unsigned int iotx_port_dtls_read(void *session, unsigned char *data, unsigned int *len,
                                 unsigned int ms);
unsigned int iotx_port_dtls_free(void *session);

void *iotx_port_dtls_create(void *options)
{
    return HAL_DTLSSession_create(options);
}

unsigned int iotx_port_dtls_write(void *session, const unsigned char *data, unsigned int *len)
{
    return HAL_DTLSSession_write(session, data, len);
}

unsigned int iotx_port_dtls_read(void *session, unsigned char *data, unsigned int *len,
                                 unsigned int ms)
{
    return HAL_DTLSSession_read(session, data, len, ms);
}

unsigned int iotx_port_dtls_free(void *session)
{
    return HAL_DTLSSession_free(session);
}
#endif

#if defined(IOTX_DTLS_BUILTIN) || defined(IOTX_DTLS_PORT)
/* The program's DTLS gets the built-in roots as text; the library's DTLS has their keys in
 * another form. If only the latter is in use, a linker takes the roots' function and its
 * 8 KB of text only if the program refers to it. */
#ifdef IOTX_DTLS_OWN
const char *iotx_coap_get_ca(void);
extern const char iotx_default_ca[];
#else
__attribute__((weak)) const char *iotx_coap_get_ca(void);
#endif

const char *iotx_port_roots(void);

/* The program's roots; NULL for the built-in ones. */
const char *iotx_port_roots(void)
{
#ifdef IOTX_DTLS_OWN
    const char *roots = iotx_coap_get_ca();

    return roots != iotx_default_ca ? roots : NULL;
#else
    const char *(*const get)(void) = iotx_coap_get_ca;

    return get != NULL ? get() : NULL;
#endif
}
#endif

#ifdef IOTX_DTLS_BUILTIN
unsigned int iotx_port_dtls_linked(void);

/* One bit for each of the four functions that is linked. */
unsigned int iotx_port_dtls_linked(void)
{
    return (HAL_DTLSSession_create != NULL ? 1u : 0u) | (HAL_DTLSSession_write != NULL ? 2u : 0u) |
           (HAL_DTLSSession_read != NULL ? 4u : 0u) | (HAL_DTLSSession_free != NULL ? 8u : 0u);
}

__attribute__((weak)) int HAL_DTLSSession_psk(const char *host, unsigned char *identity,
                                              unsigned int *identity_len, unsigned char *key,
                                              unsigned int *key_len);

int iotx_port_dtls_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                       unsigned char *key, unsigned int *key_len);

/* Returns 0, or another number if there is no key. */
int iotx_port_dtls_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                       unsigned char *key, unsigned int *key_len)
{
    int (*const psk)(const char *, unsigned char *, unsigned int *, unsigned char *,
                     unsigned int *) = HAL_DTLSSession_psk;

    return psk != NULL ? psk(host, identity, identity_len, key, key_len) : -1;
}
#endif

/* --- the rest of the port ------------------------------------------------------- */

OPTIONAL int HAL_SetProductKey(char *value);
OPTIONAL int HAL_SetProductSecret(char *value);
OPTIONAL int HAL_SetDeviceName(char *value);
OPTIONAL int HAL_SetDeviceSecret(char *value);
OPTIONAL int HAL_GetProductKey(char *out);
OPTIONAL int HAL_GetProductSecret(char *out);
OPTIONAL int HAL_GetDeviceName(char *out);
OPTIONAL int HAL_GetDeviceSecret(char *out);

typedef int (*identity_fn)(char *);

static const identity_fn identity_functions[] = {
    HAL_SetProductKey, HAL_SetProductSecret, HAL_SetDeviceName, HAL_SetDeviceSecret,
    HAL_GetProductKey, HAL_GetProductSecret, HAL_GetDeviceName, HAL_GetDeviceSecret,
};

/* Calls the function with this number, in the order above. It must be linked. */
int iotx_port_identity(int which, char *text);
int iotx_port_identity(int which, char *text)
{
    return identity_functions[which](text);
}

#ifndef IOTX_PORT_LINUX
unsigned int iotx_port_identity_linked(void);

/* One bit for each of these functions that is linked. */
unsigned int iotx_port_identity_linked(void)
{
    unsigned int linked = 0, which;

    for (which = 0; which < sizeof(identity_functions) / sizeof(identity_functions[0]); which++) {
        linked |= (identity_functions[which] != NULL ? 1u : 0u) << which;
    }
    return linked;
}
#endif

OPTIONAL void HAL_Printf(const char *format, ...);

#ifdef IOTX_PORT_LINUX
#define PRINT HAL_Printf
#else
/* HAL_Printf is a macro for printf in v3.1.0 and v3.2.0. */
#ifdef IOTX_STD
#include <stdio.h>
#define HAS_PRINTF 1
#else
/* Left out if nothing else prints, since it may be large. */
__attribute__((weak)) int printf(const char *format, ...);
#define HAS_PRINTF (printf != NULL)
#endif
#define PRINT(...)                                                                        \
    do {                                                                                  \
        if (HAL_Printf != NULL) {                                                         \
            HAL_Printf(__VA_ARGS__);                                                      \
        } else if (HAS_PRINTF) {                                                          \
            (void)printf(__VA_ARGS__);                                                    \
        }                                                                                 \
    } while (0)
#endif

void iotx_port_print(const char *line);
void iotx_port_print(const char *line)
{
    PRINT("%s", line);
}

#ifndef IOTX_STD
void iotx_port_print_internal_error(const char *file, int len, unsigned int line);
void iotx_port_print_internal_error(const char *file, int len, unsigned int line)
{
    PRINT("[iot-coap] error: internal error at %.*s:%u; stopped\n", len, file, line);
}
#endif

/* For modems. Few ports have it. */
__attribute__((weak)) void HAL_UDP_expect(void *handle, int how_many);

extern void (*const iotx_port_udp_expect)(void *handle, int how_many);

/* NULL if there is none. It is data, so that checking it costs next to nothing. */
void (*const iotx_port_udp_expect)(void *handle, int how_many) = HAL_UDP_expect;

#ifndef IOTX_PORT_LINUX
OPTIONAL void HAL_UDP_close(void *handle);
OPTIONAL int HAL_UDP_close_without_connect(void *handle);

int iotx_port_udp_closes(void);
void iotx_port_udp_close(void *handle);

/* Whether the port has either function. v3.1.0 and v3.2.0 have only the second one,
 * releases before v2.3.0 only the first one. */
int iotx_port_udp_closes(void)
{
    return HAL_UDP_close != NULL || HAL_UDP_close_without_connect != NULL;
}

void iotx_port_udp_close(void *handle)
{
    if (HAL_UDP_close != NULL) {
        HAL_UDP_close(handle);
    } else {
        (void)HAL_UDP_close_without_connect(handle);
    }
}
#endif

#if defined(IOTX_DTLS_BUILTIN) && !defined(IOTX_PORT_LINUX)
OPTIONAL long long HAL_UTC_Get(void);

/* Milliseconds since 1970, or 0 if the port does not know the date. */
long long iotx_port_calendar_ms(void);
long long iotx_port_calendar_ms(void)
{
    long long (*const get)(void) = HAL_UTC_Get;

    return get != NULL ? get() : 0;
}
#endif

/* With std or the feature threads, these are required. */
#if !defined(IOTX_PORT_LINUX) && !defined(IOTX_STD) && !defined(IOTX_THREADS)
OPTIONAL void *HAL_MutexCreate(void);
OPTIONAL void HAL_MutexDestroy(void *mutex);
OPTIONAL void HAL_MutexLock(void *mutex);
OPTIONAL void HAL_MutexUnlock(void *mutex);

void *iotx_port_mutex_create(void);
void iotx_port_mutex_destroy(void *mutex);
void iotx_port_mutex_lock(void *mutex);
void iotx_port_mutex_unlock(void *mutex);

/* NULL if the port lacks any of these functions; the others are then not called. */
void *iotx_port_mutex_create(void)
{
    return HAL_MutexCreate != NULL && HAL_MutexDestroy != NULL && HAL_MutexLock != NULL &&
                   HAL_MutexUnlock != NULL
               ? HAL_MutexCreate()
               : NULL;
}

void iotx_port_mutex_destroy(void *mutex)
{
    HAL_MutexDestroy(mutex);
}

void iotx_port_mutex_lock(void *mutex)
{
    HAL_MutexLock(mutex);
}

void iotx_port_mutex_unlock(void *mutex)
{
    HAL_MutexUnlock(mutex);
}
#endif

#ifndef IOTX_STD
/* std tells threads apart by itself. */
__attribute__((weak)) void *HAL_ThreadSelf(void);

extern void *(*const iotx_port_thread_self)(void);

/* NULL if there is none. */
void *(*const iotx_port_thread_self)(void) = HAL_ThreadSelf;
#endif

OPTIONAL int HAL_Kv_Set(const char *key, const void *value, int len, int sync);
OPTIONAL int HAL_Kv_Get(const char *key, void *value, int *len);
OPTIONAL int HAL_Kv_Del(const char *key);

int iotx_port_kv_set(const char *key, const void *value, int len);
int iotx_port_kv_get(const char *key, void *value, int *len);
int iotx_port_kv_del(const char *key);

/* Each function returns -1 if the port lacks it. */
int iotx_port_kv_set(const char *key, const void *value, int len)
{
    int (*const set)(const char *, const void *, int, int) = HAL_Kv_Set;

    return set != NULL ? set(key, value, len, 1) : -1;
}

int iotx_port_kv_get(const char *key, void *value, int *len)
{
    int (*const get)(const char *, void *, int *) = HAL_Kv_Get;

    return get != NULL ? get(key, value, len) : -1;
}

int iotx_port_kv_del(const char *key)
{
    int (*const del)(const char *) = HAL_Kv_Del;

    return del != NULL ? del(key) : -1;
}
