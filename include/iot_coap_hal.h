/*
 * The board port: the functions that the library calls on the machine it runs on.
 *
 * A firmware with a board port of its own defines these functions, and links a
 * library built without the Linux port. A Linux program gets all but
 * HAL_DTLSSession_* from the library. They are weak symbols: the program may define
 * any of them itself and keep the others.
 *
 * Sources written for the original SDK include "iot_import.h" (V2.x), "wrappers.h"
 * or "coap_wrapper.h" (v3.x), which include this header.
 *
 * Unless a function says otherwise, several threads may call it at once, times are
 * in milliseconds and lengths in bytes. A function must not keep a pointer that it
 * was passed after it has returned.
 */
#ifndef IOT_COAP_HAL_H
#define IOT_COAP_HAL_H

#include "infra_defs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- memory, time, random numbers, text ------------------------------------- */

/**
 * Allocates memory.
 *
 * @param size the number of bytes
 * @return memory aligned for any type, or NULL if there is not enough
 */
void *HAL_Malloc(uint32_t size);

/**
 * Frees memory.
 *
 * @param ptr what HAL_Malloc returned, or NULL, for which nothing is done
 */
void HAL_Free(void *ptr);

/**
 * Reads the monotonic clock.
 *
 * @return milliseconds since a fixed moment, such as the start; never less than before
 */
uint64_t HAL_UptimeMs(void);

/**
 * Sleeps.
 *
 * @param ms how long, at least
 * @note Blocks the calling thread only.
 */
void HAL_SleepMs(uint32_t ms);

/**
 * Seeds HAL_Random. A port with a true source of randomness may ignore it.
 *
 * @param seed the seed
 */
void HAL_Srandom(uint32_t seed);

/**
 * Draws a random number. The first message id and the first token are drawn here, so
 * it should be hard to guess.
 *
 * @param region the number of possible values, at least 1
 * @return a number from 0 to `region` - 1
 * @warning If the library was built with its own DTLS engine (feature `dtls` or one of
 *     its parts) and without the Linux port, this function is the source of every
 *     key: one byte is drawn at a time, with a `region` of 256. It must then be
 *     cryptographically secure: every value equally likely, and unpredictable from
 *     earlier values, from the time, and from other starts of this or any other
 *     device. A hardware generator that has passed its own tests is suitable; so is a
 *     cryptographic generator seeded by one, or by a secret that changes at each
 *     start. C's rand() is not, whatever its seed: the library hedges what it gets with the
 *     device's secret, the time and a number in the store, but whoever learns the secret
 *     could decrypt all earlier traffic.
 *     The library refuses to connect if the same byte is returned again and again. It
 *     cannot detect any other weakness. With the Linux port, keys always come from
 *     the kernel, also in a program that defines this function itself.
 */
uint32_t HAL_Random(uint32_t region);

/**
 * Prints text. The library's log goes through this function, or through printf in a port
 * that lacks it, as those of v3.1.0 and v3.2.0, where it is a macro.
 *
 * @param fmt a format string as for printf, followed by its arguments
 */
void HAL_Printf(const char *fmt, ...);

/**
 * Formats text into a buffer, as snprintf does.
 *
 * @param str the buffer
 * @param len the size of the buffer; the text is cut to fit, and a NUL is always written
 * @param fmt a format string as for printf, followed by its arguments
 * @return the length of the complete text without its NUL, also if it was cut; a
 *     negative number on failure
 */
int HAL_Snprintf(char *str, const int len, const char *fmt, ...);

/* --- mutexes ---------------------------------------------------------------- */

/*
 * A port for a single thread may leave out these functions, if the library was built
 * without std; HAL_MutexCreate may also return NULL there. For an RTOS build the library
 * with the feature `threads`: otherwise the linker does not say that they are missing, and
 * no function says that there was no memory for a mutex.
 */

/**
 * Creates a mutex, which need not be recursive.
 *
 * @return an unlocked mutex, or NULL if there is not enough memory
 */
void *HAL_MutexCreate(void);

/**
 * Destroys a mutex.
 *
 * @param mutex a mutex that is not locked
 */
void HAL_MutexDestroy(void *mutex);

/**
 * Locks a mutex.
 *
 * @param mutex a mutex that the calling thread has not locked
 * @note Blocks until the mutex is free.
 */
void HAL_MutexLock(void *mutex);

/**
 * Unlocks a mutex.
 *
 * @param mutex a mutex that the calling thread has locked
 */
void HAL_MutexUnlock(void *mutex);

/**
 * Names the calling thread, so that IOT_CoAP_Deinit can tell its caller's callback, in which
 * it is refused, from that of another thread, which it waits for. Optional; without it
 * IOT_CoAP_Deinit is refused while any callback of the client runs. Define it in the object
 * of HAL_Malloc, since a linker takes none out of an archive for it alone. Called only if
 * the library was built without std, which tells threads apart by itself.
 *
 * @return whatever differs between threads that exist at the same time, such as an RTOS's
 *     handle of the current task; NULL if that cannot be told
 */
void *HAL_ThreadSelf(void);

/* --- UDP -------------------------------------------------------------------- */

/**
 * A socket. Most releases of the original declare it as an integer, the first
 * releases of V2.x as a pointer. Both are passed alike. To compile a port written for
 * those first releases, define IOTX_HAL_UDP_POINTER.
 */
#ifdef IOTX_HAL_UDP_POINTER
typedef void *iotx_hal_udp_t;
#else
typedef intptr_t iotx_hal_udp_t;
#endif

/**
 * Opens a UDP socket that is connected to a host.
 *
 * @param host the host's name, or its address as text
 * @param port the host's port
 * @return the socket, or -1 on failure
 * @note May block while the name is looked up. When nothing comes from the host, the
 *     library opens a second socket to it and reads both in turn. A port that has only one
 *     returns -1 then: a session that stays silent is closed after 24 times ACK_TIMEOUT,
 *     and anything else sooner, and then asked for again. One that cannot send or read any
 *     more is closed before another is opened.
 */
iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port);

/**
 * Closes a socket.
 *
 * @param p_socket a socket that no other thread is using
 */
void HAL_UDP_close(iotx_hal_udp_t p_socket);

/**
 * Closes a socket. Called in a port that has no HAL_UDP_close, as those of v3.1.0 and
 * v3.2.0.
 *
 * @param p_socket a socket that no other thread is using
 * @return not looked at
 */
int HAL_UDP_close_without_connect(iotx_hal_udp_t p_socket);

/**
 * Sends one datagram.
 *
 * @param p_socket the socket
 * @param p_data the datagram
 * @param datalen its length
 * @return `datalen`, or a negative number on failure
 * @note Must not block: what a full socket or uplink has no room for is lost, as it might
 *     be on the way. May be called while another thread is in HAL_UDP_readTimeout of the
 *     same socket.
 */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen);

/**
 * Says what is expected back for the datagram that HAL_UDP_write sends next, so that a
 * modem may release its radio connection early (Release Assistance Indication of NB-IoT
 * and LTE-M). Optional, and called where it is defined; define it in the object of
 * HAL_UDP_create, since a linker takes none out of an archive for it alone. Not called
 * with a port's own HAL_DTLSSession_*.
 *
 * @param p_socket the socket
 * @param how_many 0 if nothing is expected, 1 for one datagram, 2 for two or more
 * @note Must not block.
 */
void HAL_UDP_expect(iotx_hal_udp_t p_socket, int how_many);

/**
 * Waits for one datagram.
 *
 * @param p_socket the socket
 * @param p_data where to write the datagram
 * @param datalen the most bytes to write
 * @param timeout_ms how long to wait at most. The library never passes 0, because
 *     many existing ports take it to mean for ever.
 * @return the datagram's length; 0 if nothing came; -1 for an invalid
 *     parameter, -2 if the time is up, -3 if a signal interrupted the wait, -4 on
 *     failure; with this library's port -5 if an ICMP message says that a datagram did
 *     not reach the peer. After any other failure than -2 and -3 the library opens the
 *     connection anew, at once or after a pause
 */
int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms);

/* --- the date: optional, in ports for v2.3.0 and later ----------------------- */

#if (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L) || \
    (defined(__cplusplus) && __cplusplus >= 201103L)
/**
 * Reads the calendar clock. The library's own DTLS engine needs the date to check the
 * validity of certificates. Without one it skips that check and says so in the log. With this
 * library's port for Linux, which reads the system's clock, it is not called.
 *
 * @return milliseconds since 1970-01-01 00:00 UTC; a date before 2026 means that the
 *     clock was never set
 */
long long HAL_UTC_Get(void); /* C89 and C++98 have no type for it */
#endif

/* --- DTLS: for coaps:// ------------------------------------------------------ */

/*
 * The library calls the functions HAL_DTLSSession_create, _write, _read and _free, but
 * never defines them. How it was built decides whether they are needed (IOT_COAP_DTLS
 * in CMake, a feature in cargo):
 *
 *   builtin (feature dtls)     optional. coaps:// uses the library's own engine, over
 *                              HAL_UDP_*. If the program defines all four functions,
 *                              they are used instead. They must be in an object file
 *                              of the program, or in its executable if the library is
 *                              a shared one: a linker does not search archives for
 *                              them. If only some of the four are defined,
 *                              IOT_CoAP_Init fails and the log names the missing ones.
 *                              On bare metal (feature bare) they are never called, and
 *                              the log says so: build with port-dtls for them.
 *   port (feature port-dtls)   required, in an object file or in an archive behind the
 *                              library.
 *   none (neither)             never called; coaps:// is refused.
 *
 * IOT_CoAP_Init logs, at information level, whose DTLS is used. No two of these
 * functions are called at the same time for one session.
 */

/** Results of HAL_DTLSSession_*. The library treats all but DTLS_SUCCESS as failure. */
#define DTLS_ERROR_BASE (1 << 24)
#define DTLS_SUCCESS 0
#define DTLS_INVALID_PARAM (DTLS_ERROR_BASE | 1)
#define DTLS_INVALID_CA_CERTIFICATE (DTLS_ERROR_BASE | 2)
#define DTLS_HANDSHAKE_IN_PROGRESS (DTLS_ERROR_BASE | 3)
#define DTLS_HANDSHAKE_FAILED (DTLS_ERROR_BASE | 4)
#define DTLS_FATAL_ALERT_MESSAGE (DTLS_ERROR_BASE | 5)
#define DTLS_PEER_CLOSE_NOTIFY (DTLS_ERROR_BASE | 6)
#define DTLS_SESSION_CREATE_FAILED (DTLS_ERROR_BASE | 7)
#define DTLS_READ_DATA_FAILED (DTLS_ERROR_BASE | 8)

/** A DTLS session, whose layout only the port knows. */
typedef void DTLSContext;

/** What HAL_DTLSSession_create connects to. */
typedef struct {
    /** The trusted root certificates: PEM text that ends with NUL. */
    unsigned char *p_ca_cert_pem;
    /** The host's name, for which its certificate must have been issued. */
    char *p_host;
    /** The host's port. */
    unsigned short port;
} coap_dtls_options_t;

/** The allocator for a port's TLS library. */
typedef struct {
    void *(*malloc)(uint32_t size);
    void (*free)(void *ptr);
} dtls_hooks_t;

/**
 * Sets the allocator of the port's TLS library. Ports for v2.3.0 and later define this
 * function. The library never calls it.
 *
 * @param hooks the allocator
 * @return DTLS_SUCCESS or an error
 */
int HAL_DTLSHooks_set(dtls_hooks_t *hooks);

/**
 * Connects to a host and performs the handshake.
 *
 * @param p_options the host and the roots to trust
 * @return the session, or NULL on failure, also if the host's certificate is not valid
 * @note Blocks during the handshake, which takes seconds on a bad network. So does
 *     IOT_CoAP_Yield when it reconnects.
 */
DTLSContext *HAL_DTLSSession_create(coap_dtls_options_t *p_options);

/**
 * Sends one datagram.
 *
 * @param context the session
 * @param p_data the datagram
 * @param p_datalen its length
 * @return DTLS_SUCCESS or an error
 */
unsigned int HAL_DTLSSession_write(DTLSContext *context, const unsigned char *p_data,
                                   unsigned int *p_datalen);

/**
 * Waits for one datagram.
 *
 * @param context the session
 * @param p_data where to write the datagram
 * @param p_datalen the most bytes to write; set to the datagram's length, or to 0 if the
 *     time is up
 * @param timeout_ms how long to wait at most, never 0
 * @return DTLS_SUCCESS, also if the time is up; or an error
 */
unsigned int HAL_DTLSSession_read(DTLSContext *context, unsigned char *p_data,
                                  unsigned int *p_datalen, unsigned int timeout_ms);

/**
 * Sends the peer a close_notify alert, closes the session and frees it.
 *
 * @param context a session that no other thread is using; it must not be used
 *     afterwards, whatever is returned
 * @return DTLS_SUCCESS or an error
 */
unsigned int HAL_DTLSSession_free(DTLSContext *context);

/**
 * Tells a pre-shared key to the library's own DTLS engine. Not part of the original's
 * interface, and optional: if the program defines this function and it returns a key,
 * that key is used instead of certificates.
 *
 * @param host the name of the host to connect to
 * @param identity where to write the PSK identity
 * @param identity_len the size of `identity`, which is 128; to be set to the
 *     identity's length
 * @param key where to write the key
 * @param key_len the size of `key`, which is 64; to be set to the key's length
 * @return 0, or another number if there is no key for this host
 */
int HAL_DTLSSession_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                        unsigned char *key, unsigned int *key_len);

/* --- key-value store: optional, in ports for v2.3.0 and later ---------------- */

/**
 * Stores a value under a key.
 *
 * @param key the key
 * @param val the value
 * @param len the value's length
 * @param sync not 0 if the value must have reached the storage medium before this
 *     function returns
 * @return 0, or another number on failure
 */
int HAL_Kv_Set(const char *key, const void *val, int len, int sync);

/**
 * Reads the value of a key.
 *
 * @param key the key
 * @param val where to write the value
 * @param len the size of `val`; set to the value's length
 * @return 0; another number if there is no value, or if it does not fit
 */
int HAL_Kv_Get(const char *key, void *val, int *len);

/**
 * Deletes a key and its value.
 *
 * @param key the key
 * @return 0, or another number on failure
 */
int HAL_Kv_Del(const char *key);

/**
 * Deletes all keys and values. The library never calls this function.
 *
 * @return 0, or another number on failure
 */
int HAL_Kv_Erase_All(void);

/* --- the device's identity: optional ----------------------------------------- */

/*
 * Where one of a pair is missing, the library keeps that text itself, for IOT_Ioctl and
 * IOT_SetupConnInfo: in memory, until the program ends.
 *
 * Each getter writes text that ends with NUL to a buffer with room for the longest
 * value and its NUL, and returns the text's length. If the value is not known, it
 * writes an empty text and returns 0.
 */

/** @param product_key room for IOTX_PRODUCT_KEY_LEN bytes and a NUL */
int HAL_GetProductKey(char *product_key);

/** @param device_name room for IOTX_DEVICE_NAME_LEN bytes and a NUL */
int HAL_GetDeviceName(char *device_name);

/** @param device_secret room for IOTX_DEVICE_SECRET_LEN bytes and a NUL; never print it */
int HAL_GetDeviceSecret(char *device_secret);

/** @param product_secret room for IOTX_PRODUCT_SECRET_LEN bytes and a NUL; never print it */
int HAL_GetProductSecret(char *product_secret);

/**
 * Gets `<productKey>.<deviceName>`.
 *
 * @param device_id room for IOTX_DEVICE_ID_LEN bytes and a NUL
 */
int HAL_GetDeviceID(char *device_id);

/** @param pid_str room for IOTX_PARTNER_ID_LEN bytes and a NUL; usually set to "" */
int HAL_GetPartnerID(char *pid_str);

/** @param mid_str room for IOTX_MODULE_ID_LEN bytes and a NUL; usually set to "" */
int HAL_GetModuleID(char *mid_str);

/*
 * Each setter takes text that ends with NUL, and returns its length; -1 if it is NULL or
 * longer than its getter can return.
 */

int HAL_SetProductKey(char *product_key);
int HAL_SetDeviceName(char *device_name);
int HAL_SetDeviceSecret(char *device_secret);
int HAL_SetProductSecret(char *product_secret);

#ifdef __cplusplus
}
#endif

#endif /* IOT_COAP_HAL_H */
