/*
 * The board port: the functions through which the library uses the machine.
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
 * @param ptr memory of HAL_Malloc; for NULL nothing is done
 */
void HAL_Free(void *ptr);

/**
 * Reads the monotonic clock.
 *
 * @return milliseconds since a fixed moment, such as the start; never decreases
 */
uint64_t HAL_UptimeMs(void);

/**
 * Sleeps.
 *
 * @param ms the shortest time to sleep
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
 * Draws a random number. The first message id and the first token come from this function,
 * so its numbers should be hard to guess.
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
 *     start. C's rand() is not, whatever its seed. The library hedges the random numbers with
 *     the device's secret, the time and a number in the store, but an attacker who learns
 *     the secret could then decrypt all earlier traffic.
 *     The library refuses to connect if the same byte is returned again and again. It
 *     cannot detect any other weakness. With the Linux port, keys always come from
 *     the kernel, also in a program that defines this function itself.
 */
uint32_t HAL_Random(uint32_t region);

/**
 * Prints text. The library's log goes through this function. If the port lacks it, as the
 * ports of v3.1.0 and v3.2.0, where it is a macro, the log goes through printf.
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
 * If the library was built without std, a port for a single thread may leave out these
 * functions, or its HAL_MutexCreate may return NULL. For an RTOS, build the library with the
 * feature `threads`: otherwise the linker does not report missing functions, and no function
 * reports a lack of memory for a mutex.
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
 * Identifies the calling thread. IOT_CoAP_Deinit is refused in a callback of its own thread,
 * but waits for a callback of another thread. This function is optional: without it,
 * IOT_CoAP_Deinit is refused while any callback of the client runs. Define it in the object
 * file of HAL_Malloc, since a linker takes no object from an archive for it alone. It is
 * called only if the library was built without std, which identifies threads itself.
 *
 * @return a value that differs between threads that exist at the same time, such as an
 *     RTOS's handle of the current task; NULL if the thread is not known
 */
void *HAL_ThreadSelf(void);

/* --- UDP -------------------------------------------------------------------- */

/**
 * A socket. Most releases of the original declare it as an integer, the first
 * releases of V2.x as a pointer; both are passed in the same way. To compile a port that was
 * written for the first releases, define IOTX_HAL_UDP_POINTER.
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
 * @note May block while the name is looked up. If nothing comes from the host, the
 *     library opens a second socket to it and reads both in turn. A port with only one
 *     socket must then return -1. The library then closes the first socket and calls this
 *     function again: for a silent session after 24 times ACK_TIMEOUT, otherwise sooner. A
 *     socket that can no longer send or read is closed before another one is opened.
 */
iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port);

/**
 * Closes a socket.
 *
 * @param p_socket a socket that no other thread is using
 */
void HAL_UDP_close(iotx_hal_udp_t p_socket);

/**
 * Closes a socket. Called if the port has no HAL_UDP_close, as the ports of v3.1.0 and
 * v3.2.0.
 *
 * @param p_socket a socket that no other thread is using
 * @return ignored
 */
int HAL_UDP_close_without_connect(iotx_hal_udp_t p_socket);

/**
 * Sends one datagram.
 *
 * @param p_socket the socket
 * @param p_data the datagram
 * @param datalen its length
 * @return `datalen`, or a negative number on failure
 * @note Must not block: if the socket or the uplink is full, the datagram is lost, as it
 *     might be on the way. May be called while another thread is in HAL_UDP_readTimeout of
 *     the same socket.
 */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen);

/**
 * Tells how many datagrams are expected in reply to the datagram that HAL_UDP_write sends
 * next, so that a modem may release its radio connection early (Release Assistance
 * Indication of NB-IoT and LTE-M). This function is optional. Define it in the object file
 * of HAL_UDP_create, since a linker takes no object from an archive for it alone. It is not
 * called with a port's own HAL_DTLSSession_*.
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
 *     failure; with this library's port, -5 if an ICMP message reports that a datagram did
 *     not reach the peer. After any failure except -2 and -3, the library opens another
 *     connection, at once or after a pause
 */
int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms);

/* --- the date: optional, in ports for v2.3.0 and later ----------------------- */

#if (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L) || \
    (defined(__cplusplus) && __cplusplus >= 201103L)
/**
 * Reads the calendar clock. The library's own DTLS engine needs the date to check the
 * validity of certificates. Without a date it skips that check and logs a warning. This
 * function is not called with this library's port for Linux, which reads the system's clock.
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
 *                              On bare metal (feature bare) they are never called, with a
 *                              warning in the log: build with port-dtls to use them.
 *   port (feature port-dtls)   required, in an object file or in an archive behind the
 *                              library.
 *   none (neither)             never called; coaps:// is refused.
 *
 * IOT_CoAP_Init logs, at information level, whose DTLS is used. No two of these
 * functions are called at the same time for one session.
 */

/** Results of HAL_DTLSSession_*. The library treats all except DTLS_SUCCESS as failures. */
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

/** The peer that HAL_DTLSSession_create connects to. */
typedef struct {
    /** The trusted root certificates: PEM text that ends with NUL. */
    unsigned char *p_ca_cert_pem;
    /** The host's name, which its certificate must contain. */
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
 * @return the session, or NULL on failure, for example if the host's certificate is not valid
 * @note Blocks during the handshake, which takes seconds on a bad network. IOT_CoAP_Yield
 *     blocks as long when it reconnects.
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
 * @param p_datalen the most bytes to write; set it to the datagram's length, or to 0 if
 *     the time is up
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
 * Gives the library's own DTLS engine a pre-shared key. The function is optional, and not
 * part of the original's interface. If the program defines it and it returns a key, that
 * key is used instead of certificates.
 *
 * @param host the name of the host to connect to
 * @param identity where to write the PSK identity
 * @param identity_len the size of `identity`, which is 128; set it to the
 *     identity's length
 * @param key where to write the key
 * @param key_len the size of `key`, which is 64; set it to the key's length
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
 * @param len the size of `val`; set it to the value's length
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
 * If the port lacks one function of a pair, the library stores that text itself, for
 * IOT_Ioctl and IOT_SetupConnInfo: in memory, until the program ends.
 *
 * Each getter writes text that ends with NUL. If the text is not known, it writes an empty
 * one.
 */

/**
 * Gets the product key.
 *
 * @param product_key room for IOTX_PRODUCT_KEY_LEN bytes and a NUL
 * @return the length of the text; 0 if it is not known
 */
int HAL_GetProductKey(char *product_key);

/**
 * Gets the device name.
 *
 * @param device_name room for IOTX_DEVICE_NAME_LEN bytes and a NUL
 * @return the length of the text; 0 if it is not known
 */
int HAL_GetDeviceName(char *device_name);

/**
 * Gets the device secret.
 *
 * @param device_secret room for IOTX_DEVICE_SECRET_LEN bytes and a NUL; never print it
 * @return the length of the text; 0 if it is not known
 */
int HAL_GetDeviceSecret(char *device_secret);

/**
 * Gets the product secret.
 *
 * @param product_secret room for IOTX_PRODUCT_SECRET_LEN bytes and a NUL; never print it
 * @return the length of the text; 0 if it is not known
 */
int HAL_GetProductSecret(char *product_secret);

/**
 * Gets `<productKey>.<deviceName>`.
 *
 * @param device_id room for IOTX_DEVICE_ID_LEN bytes and a NUL
 * @return the length of the text; 0 if it is not known
 */
int HAL_GetDeviceID(char *device_id);

/**
 * Gets the partner id.
 *
 * @param pid_str room for IOTX_PARTNER_ID_LEN bytes and a NUL; usually set to ""
 * @return the length of the text; 0 if it is not known
 */
int HAL_GetPartnerID(char *pid_str);

/**
 * Gets the module id.
 *
 * @param mid_str room for IOTX_MODULE_ID_LEN bytes and a NUL; usually set to ""
 * @return the length of the text; 0 if it is not known
 */
int HAL_GetModuleID(char *mid_str);

/**
 * Stores the product key.
 *
 * @param product_key text of at most IOTX_PRODUCT_KEY_LEN bytes, which ends with NUL
 * @return the length of the text; -1 if it is NULL or too long
 */
int HAL_SetProductKey(char *product_key);

/**
 * Stores the device name.
 *
 * @param device_name text of at most IOTX_DEVICE_NAME_LEN bytes, which ends with NUL
 * @return the length of the text; -1 if it is NULL or too long
 */
int HAL_SetDeviceName(char *device_name);

/**
 * Stores the device secret.
 *
 * @param device_secret text of at most IOTX_DEVICE_SECRET_LEN bytes, which ends with NUL;
 *     never print it
 * @return the length of the text; -1 if it is NULL or too long
 */
int HAL_SetDeviceSecret(char *device_secret);

/**
 * Stores the product secret.
 *
 * @param product_secret text of at most IOTX_PRODUCT_SECRET_LEN bytes, which ends with NUL;
 *     never print it
 * @return the length of the text; -1 if it is NULL or too long
 */
int HAL_SetProductSecret(char *product_secret);

#ifdef __cplusplus
}
#endif

#endif /* IOT_COAP_HAL_H */
