/*
 * Every HAL_* symbol of the Linux port, each weak: a program that defines one
 * of them itself gets its own and keeps the rest. The iotx_linux_* functions in
 * Rust do the work; here are only the symbols, the variadic functions, and the
 * allocator, which must use libc directly because a `bare` build has Rust's
 * allocator on top of HAL_Malloc.
 *
 * If another function has to know whether a symbol in force is ours, the symbol
 * is a weak alias of a static function and the two addresses are compared. A
 * wrong "not ours" (a non-PIC program that takes the address of a function in
 * the shared library) only costs a shortcut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define HAL_WEAK __attribute__((weak, visibility("default")))
#define HAL_ALIAS(of) __attribute__((weak, visibility("default"), alias(#of)))

/* Fields of the identity; the same numbers in src/identity.rs. */
enum { PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET, PRODUCT_SECRET };

/* Lengths of the interface, without the NUL. */
enum { PRODUCT_KEY_LEN = 20, DEVICE_NAME_LEN = 32, DEVICE_ID_LEN = 64, MAX_FIELD_LEN = 64 };

/* src/clock.rs, src/random.rs, src/mutex.rs */
uint64_t iotx_linux_uptime_ms(void);
void iotx_linux_sleep_ms(uint32_t ms);
uint32_t iotx_linux_random(uint32_t region);
void *iotx_linux_mutex_create(void);
void iotx_linux_mutex_destroy(void *mutex);
void iotx_linux_mutex_lock(void *mutex);
void iotx_linux_mutex_unlock(void *mutex);
/* src/udp/mod.rs */
void *iotx_linux_udp_create(const char *host, unsigned short port);
void iotx_linux_udp_close(void *handle);
int iotx_linux_udp_write(void *handle, const unsigned char *data, unsigned int len);
int iotx_linux_udp_read_timeout(void *handle, unsigned char *data, unsigned int len,
                                unsigned int ms, int has_receive_timeout);
/* src/kv/mod.rs */
int iotx_linux_kv_set(const char *key, const void *value, int len, int sync);
int iotx_linux_kv_get(const char *key, void *value, int *len);
int iotx_linux_kv_del(const char *key);
int iotx_linux_kv_erase_all(void);
/* src/identity.rs */
int iotx_linux_identity_set(int field, const char *value);
int iotx_linux_identity_get(int field, char *out);

/* Declared first, as the headers that programs include declare them. */
void *HAL_Malloc(uint32_t size);
void HAL_Free(void *memory);
uint64_t HAL_UptimeMs(void);
void HAL_SleepMs(uint32_t ms);
uint32_t HAL_Random(uint32_t region);
void HAL_Srandom(uint32_t seed);
void HAL_Printf(const char *format, ...);
int HAL_Snprintf(char *out, int len, const char *format, ...);
void *HAL_MutexCreate(void);
void HAL_MutexDestroy(void *mutex);
void HAL_MutexLock(void *mutex);
void HAL_MutexUnlock(void *mutex);
void *HAL_UDP_create(char *host, unsigned short port);
void HAL_UDP_close(void *handle);
int HAL_UDP_write(void *handle, const unsigned char *data, unsigned int len);
int HAL_UDP_readTimeout(void *handle, unsigned char *data, unsigned int len, unsigned int ms);
int HAL_Kv_Set(const char *key, const void *value, int len, int sync);
int HAL_Kv_Get(const char *key, void *value, int *len);
int HAL_Kv_Del(const char *key);
int HAL_Kv_Erase_All(void);
int HAL_SetProductKey(char *value);
int HAL_SetDeviceName(char *value);
int HAL_SetDeviceSecret(char *value);
int HAL_SetProductSecret(char *value);
int HAL_GetProductKey(char *out);
int HAL_GetDeviceName(char *out);
int HAL_GetDeviceSecret(char *out);
int HAL_GetProductSecret(char *out);
int HAL_GetDeviceID(char *out);
int HAL_GetPartnerID(char *out);
int HAL_GetModuleID(char *out);

/* --- memory, time, randomness, text ------------------------------------ */

HAL_WEAK void *HAL_Malloc(uint32_t size)
{
    return malloc(size);
}

HAL_WEAK void HAL_Free(void *memory)
{
    free(memory);
}

HAL_WEAK uint64_t HAL_UptimeMs(void)
{
    return iotx_linux_uptime_ms();
}

HAL_WEAK void HAL_SleepMs(uint32_t ms)
{
    iotx_linux_sleep_ms(ms);
}

HAL_WEAK uint32_t HAL_Random(uint32_t region)
{
    return iotx_linux_random(region);
}

HAL_WEAK void HAL_Srandom(uint32_t seed)
{
    (void)seed; /* the kernel's generator needs none */
}

HAL_WEAK void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    if (format == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)fflush(stdout);
}

HAL_WEAK int HAL_Snprintf(char *out, int len, const char *format, ...)
{
    va_list arguments;
    int written;

    if (format == NULL || len < 0 || (out == NULL && len > 0)) {
        return -1;
    }
    va_start(arguments, format);
    written = vsnprintf(out, (size_t)len, format, arguments);
    va_end(arguments);
    return written;
}

/* --- locks --------------------------------------------------------------- */

HAL_WEAK void *HAL_MutexCreate(void)
{
    return iotx_linux_mutex_create();
}

HAL_WEAK void HAL_MutexDestroy(void *mutex)
{
    iotx_linux_mutex_destroy(mutex);
}

HAL_WEAK void HAL_MutexLock(void *mutex)
{
    iotx_linux_mutex_lock(mutex);
}

HAL_WEAK void HAL_MutexUnlock(void *mutex)
{
    iotx_linux_mutex_unlock(mutex);
}

/* --- UDP ----------------------------------------------------------------- */

static void *own_udp_create(char *host, unsigned short port)
{
    return iotx_linux_udp_create(host, port);
}

HAL_ALIAS(own_udp_create) void *HAL_UDP_create(char *host, unsigned short port);

/* Volatile, so that the compiler does not decide the comparison before the linker
 * has decided which definition is in force. */
static void *(*const volatile udp_create_in_force)(char *, unsigned short) = HAL_UDP_create;

/* Whether the HAL_UDP_create in force is the one in this file, so that a handle is
 * a descriptor. */
static inline int udp_is_builtin(void)
{
    return udp_create_in_force == own_udp_create;
}

int iotx_linux_udp_is_builtin(void);

int iotx_linux_udp_is_builtin(void)
{
    return udp_is_builtin();
}

/* What ports of v3.1.0 and v3.2.0 close by. Absent, unless a program has such a port. */
__attribute__((weak)) int HAL_UDP_close_without_connect(void *handle);

HAL_WEAK void HAL_UDP_close(void *handle)
{
    if (!udp_is_builtin() && HAL_UDP_close_without_connect != NULL) {
        (void)HAL_UDP_close_without_connect(handle);
    } else {
        iotx_linux_udp_close(handle);
    }
}

HAL_WEAK int HAL_UDP_write(void *handle, const unsigned char *data, unsigned int len)
{
    return iotx_linux_udp_write(handle, data, len);
}

HAL_WEAK int HAL_UDP_readTimeout(void *handle, unsigned char *data, unsigned int len,
                                 unsigned int ms)
{
    /* Only a socket of our own is known to carry the receive timeout that
     * saves the poll. */
    return iotx_linux_udp_read_timeout(handle, data, len, ms, udp_is_builtin());
}

/* --- key/value store ------------------------------------------------------ */

static int own_kv_set(const char *key, const void *value, int len, int sync)
{
    return iotx_linux_kv_set(key, value, len, sync);
}

static int own_kv_get(const char *key, void *value, int *len)
{
    return iotx_linux_kv_get(key, value, len);
}

HAL_ALIAS(own_kv_set) int HAL_Kv_Set(const char *key, const void *value, int len, int sync);
HAL_ALIAS(own_kv_get) int HAL_Kv_Get(const char *key, void *value, int *len);

/* Volatile, as above. */
static int (*const volatile kv_set_in_force)(const char *, const void *, int, int) = HAL_Kv_Set;
static int (*const volatile kv_get_in_force)(const char *, void *, int *) = HAL_Kv_Get;

int iotx_linux_kv_is_builtin(void);

/* Whether the store is the one of this library, whose keys it can lock. */
int iotx_linux_kv_is_builtin(void)
{
    return kv_set_in_force == own_kv_set && kv_get_in_force == own_kv_get;
}

HAL_WEAK int HAL_Kv_Del(const char *key)
{
    return iotx_linux_kv_del(key);
}

HAL_WEAK int HAL_Kv_Erase_All(void)
{
    return iotx_linux_kv_erase_all();
}

/* --- identity -------------------------------------------------------------- */

HAL_WEAK int HAL_SetProductKey(char *value)
{
    return iotx_linux_identity_set(PRODUCT_KEY, value);
}

HAL_WEAK int HAL_SetDeviceName(char *value)
{
    return iotx_linux_identity_set(DEVICE_NAME, value);
}

HAL_WEAK int HAL_SetDeviceSecret(char *value)
{
    return iotx_linux_identity_set(DEVICE_SECRET, value);
}

HAL_WEAK int HAL_SetProductSecret(char *value)
{
    return iotx_linux_identity_set(PRODUCT_SECRET, value);
}

HAL_WEAK int HAL_GetProductKey(char *out)
{
    return iotx_linux_identity_get(PRODUCT_KEY, out);
}

HAL_WEAK int HAL_GetDeviceName(char *out)
{
    return iotx_linux_identity_get(DEVICE_NAME, out);
}

HAL_WEAK int HAL_GetDeviceSecret(char *out)
{
    return iotx_linux_identity_get(DEVICE_SECRET, out);
}

HAL_WEAK int HAL_GetProductSecret(char *out)
{
    return iotx_linux_identity_get(PRODUCT_SECRET, out);
}

/* Built from the getters in force, so that a program that overrides one of
 * them gets a device id that agrees with it. */
HAL_WEAK int HAL_GetDeviceID(char *out)
{
    char product_key[MAX_FIELD_LEN + 1] = "";
    char device_name[MAX_FIELD_LEN + 1] = "";

    if (out == NULL) {
        return -1;
    }
    out[0] = '\0';
    if (HAL_GetProductKey(product_key) <= 0 || HAL_GetDeviceName(device_name) <= 0) {
        return 0;
    }
    product_key[PRODUCT_KEY_LEN] = '\0';
    device_name[DEVICE_NAME_LEN] = '\0';
    return snprintf(out, DEVICE_ID_LEN + 1, "%s.%s", product_key, device_name);
}

static int empty_text(char *out)
{
    if (out == NULL) {
        return -1;
    }
    out[0] = '\0';
    return 0;
}

HAL_WEAK int HAL_GetPartnerID(char *out)
{
    return empty_text(out);
}

HAL_WEAK int HAL_GetModuleID(char *out)
{
    return empty_text(out);
}
