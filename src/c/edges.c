/*
 * What stable Rust cannot say: a weak definition, and references that may stay
 * unresolved.
 *
 * Weak: iotx_coap_get_ca, which a program replaces by defining its own.
 *
 * Unresolved where the firmware's board port lacks them (compiled without
 * IOTX_PORT_LINUX, whose port has them all): HAL_Kv_*, absent before v2.3.0;
 * HAL_Set* and HAL_Get*, of which releases have more or fewer; HAL_Mutex*, which a
 * port for one thread may do without; HAL_UTC_Get, the wall clock of v2.3.0 and
 * later. And without IOTX_BUILTIN_DTLS, whose library has them: HAL_DTLSSession_*,
 * absent in plain-only ports, and those that keep sessions in all but ours.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef IOTX_PORT_LINUX
#define OPTIONAL
#else
#define OPTIONAL __attribute__((weak))
#endif

/* No weak references to weak definitions: the linker looks for those only in the
 * objects that it has, not in an archive. */
#ifdef IOTX_BUILTIN_DTLS
#define OPTIONAL_DTLS
#else
#define OPTIONAL_DTLS __attribute__((weak))
#endif

extern const char iotx_default_ca[];
const char *iotx_coap_get_ca(void);

__attribute__((weak, visibility("default"))) const char *iotx_coap_get_ca(void)
{
    return iotx_default_ca;
}

OPTIONAL_DTLS void *HAL_DTLSSession_create(void *options);
OPTIONAL_DTLS unsigned int HAL_DTLSSession_write(void *session, const unsigned char *data,
                                            unsigned int *len);
OPTIONAL_DTLS unsigned int HAL_DTLSSession_read(void *session, unsigned char *data, unsigned int *len,
                                           unsigned int ms);
OPTIONAL_DTLS unsigned int HAL_DTLSSession_free(void *session);

/* A reference from Rust would not be weak: these stand between. */
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

OPTIONAL_DTLS unsigned int HAL_DTLSSession_save(void *session, const void *keep, unsigned char *blob,
                                           unsigned int *len);
OPTIONAL_DTLS unsigned int HAL_DTLSSession_saved(void *session);
OPTIONAL_DTLS void *HAL_DTLSSession_restore(void *options, const void *keep, const unsigned char *blob,
                                       unsigned int len);

unsigned int iotx_port_dtls_save(void *session, const void *keep, unsigned char *blob,
                                 unsigned int *len);
unsigned int iotx_port_dtls_saved(void *session);
void *iotx_port_dtls_restore(void *options, const void *keep, const unsigned char *blob,
                             unsigned int len);

/* Each is an error, any of them, where the port lacks it. */
unsigned int iotx_port_dtls_save(void *session, const void *keep, unsigned char *blob,
                                 unsigned int *len)
{
    unsigned int (*const save)(void *, const void *, unsigned char *, unsigned int *) =
        HAL_DTLSSession_save;

    return save != NULL ? save(session, keep, blob, len) : 1;
}

unsigned int iotx_port_dtls_saved(void *session)
{
    unsigned int (*const saved)(void *) = HAL_DTLSSession_saved;

    return saved != NULL ? saved(session) : 1;
}

void *iotx_port_dtls_restore(void *options, const void *keep, const unsigned char *blob,
                             unsigned int len)
{
    void *(*const restore)(void *, const void *, const unsigned char *, unsigned int) =
        HAL_DTLSSession_restore;

    return restore != NULL ? restore(options, keep, blob, len) : NULL;
}

int iotx_port_has_dtls(void);
int iotx_port_has_dtls(void)
{
#ifdef IOTX_BUILTIN_DTLS
    return 1;
#else
    return HAL_DTLSSession_create != NULL && HAL_DTLSSession_write != NULL &&
           HAL_DTLSSession_read != NULL && HAL_DTLSSession_free != NULL;
#endif
}

OPTIONAL int HAL_SetProductKey(char *value);
OPTIONAL int HAL_SetProductSecret(char *value);
OPTIONAL int HAL_SetDeviceName(char *value);
OPTIONAL int HAL_SetDeviceSecret(char *value);
OPTIONAL int HAL_GetProductKey(char *out);
OPTIONAL int HAL_GetProductSecret(char *out);
OPTIONAL int HAL_GetDeviceName(char *out);
OPTIONAL int HAL_GetDeviceSecret(char *out);

typedef int (*identity_fn)(char *);

/* Calls one of the above, numbered in their order; -1 where the port lacks it. */
int iotx_port_identity(int which, char *text);
int iotx_port_identity(int which, char *text)
{
    static const identity_fn functions[] = {
        HAL_SetProductKey, HAL_SetProductSecret, HAL_SetDeviceName, HAL_SetDeviceSecret,
        HAL_GetProductKey, HAL_GetProductSecret, HAL_GetDeviceName, HAL_GetDeviceSecret,
    };
    identity_fn function = functions[which];

    return function != NULL ? function(text) : -1;
}

#if defined(IOTX_BUILTIN_DTLS) && !defined(IOTX_PORT_LINUX)
OPTIONAL long long HAL_UTC_Get(void);

/* Milliseconds since 1970, or 0 where the port does not know. */
long long iotx_port_calendar_ms(void);
long long iotx_port_calendar_ms(void)
{
    long long (*const get)(void) = HAL_UTC_Get;

    return get != NULL ? get() : 0;
}
#endif

#ifndef IOTX_PORT_LINUX
OPTIONAL void *HAL_MutexCreate(void);
OPTIONAL void HAL_MutexDestroy(void *mutex);
OPTIONAL void HAL_MutexLock(void *mutex);
OPTIONAL void HAL_MutexUnlock(void *mutex);

void *iotx_port_mutex_create(void);
void iotx_port_mutex_destroy(void *mutex);
void iotx_port_mutex_lock(void *mutex);
void iotx_port_mutex_unlock(void *mutex);

/* NULL where the port lacks any of them; the others are then not called. */
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

OPTIONAL int HAL_Kv_Set(const char *key, const void *value, int len, int sync);
OPTIONAL int HAL_Kv_Get(const char *key, void *value, int *len);
OPTIONAL int HAL_Kv_Del(const char *key);

int iotx_port_kv_set(const char *key, const void *value, int len);
int iotx_port_kv_get(const char *key, void *value, int *len);
int iotx_port_kv_del(const char *key);

/* Each is -1 where the port lacks it. */
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
