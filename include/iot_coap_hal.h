/*
 * The board port: what the library takes from the machine it runs on.
 *
 * A firmware that has its own port defines these functions and links a library
 * built without the Linux port. A Linux program gets them all from the library,
 * each a weak symbol: it may define any one of them itself and keep the rest.
 *
 * Sources written for the original include "iot_import.h" (V2.x), "wrappers.h"
 * or "coap_wrapper.h" (v3.x), which include this.
 *
 * Unless said otherwise a function may be called by several threads at once,
 * times are in milliseconds, lengths in bytes, and nothing is kept of what a
 * pointer points to once the call has returned.
 */
#ifndef IOT_COAP_HAL_H
#define IOT_COAP_HAL_H

#include "infra_defs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- memory, time, randomness, text ---------------------------------------- */

/* `size` bytes, aligned for any type, or NULL if there are none left. */
void *HAL_Malloc(uint32_t size);

/* Gives back what HAL_Malloc gave; NULL is no error. */
void HAL_Free(void *ptr);

/* The time since some fixed moment. It never runs backwards. */
uint64_t HAL_UptimeMs(void);

/* Waits, at least that long. */
void HAL_SleepMs(uint32_t ms);

/* Sets where HAL_Random starts; a port with a true source may ignore it. */
void HAL_Srandom(uint32_t seed);

/* A random number from 0 to `region` - 1 (`region` is never 0). Message ids and
 * tokens start with it: it should not be guessable.
 *
 * Where the library provides HAL_DTLSSession_* over a port of the firmware's own,
 * every key comes from it too, a byte at a time (region 256). Then it MUST be a
 * source for cryptography: each number as likely as any other, and not to be
 * foretold from all that came before, nor from the time, nor from another start of
 * this or another device. What a hardware generator gives is such, once its own
 * tests have passed, and so is a generator for cryptography that was seeded by one
 * or by a secret that changes at each start. C's rand() is NOT, whatever seeds it:
 * then anybody may read along. A port whose numbers are all alike is found out, and
 * no session is made; nothing else can be found out from here. */
uint32_t HAL_Random(uint32_t region);

/* Prints text; the log comes here. The format is printf's. */
void HAL_Printf(const char *fmt, ...);

/* Writes text of at most `len` bytes, with its NUL, to `str`. Returns the
 * length that the whole text has, without its NUL, or a negative number. */
int HAL_Snprintf(char *str, const int len, const char *fmt, ...);

/* --- locks ------------------------------------------------------------------ */

/* A lock that is free, or NULL if there is no memory for it. A port for one
 * thread may return anything but NULL and leave the others empty. */
void *HAL_MutexCreate(void);

/* Frees a lock that no thread holds. */
void HAL_MutexDestroy(void *mutex);

/* Waits until the lock is free, and takes it. A thread that holds it already
 * must not call. */
void HAL_MutexLock(void *mutex);

/* Frees the lock; called by the thread that took it. */
void HAL_MutexUnlock(void *mutex);

/* --- UDP -------------------------------------------------------------------- */

/* A socket. Releases of the original declare it an integer or, the first ones
 * of V2.x, a pointer, which is passed alike: a port written for those is
 * compiled with IOTX_HAL_UDP_POINTER defined. */
#ifdef IOTX_HAL_UDP_POINTER
typedef void *iotx_hal_udp_t;
#else
typedef intptr_t iotx_hal_udp_t;
#endif

/* A socket that is connected to a host (its name, or its address as text) and
 * port, or -1. */
iotx_hal_udp_t HAL_UDP_create(char *host, unsigned short port);

/* Closes a socket that no thread uses. */
void HAL_UDP_close(iotx_hal_udp_t p_socket);

/* Sends one datagram. Returns `datalen`, or a negative number. One thread may
 * send while another receives. */
int HAL_UDP_write(iotx_hal_udp_t p_socket, const unsigned char *p_data, unsigned int datalen);

/* Receives one datagram of at most `datalen` bytes, waiting at most
 * `timeout_ms`. Returns its length; 0 at the end; -1 for a bad parameter, -2
 * if the time is up, -3 if a signal interrupted, -4 if it failed.
 *
 * 0 waits for ever in many ports in the field: the library never passes it. */
int HAL_UDP_readTimeout(iotx_hal_udp_t p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms);

/* The wall clock, in ports for v2.3.0 and later: milliseconds since 1970; anything
 * before 2026 says that it was never set. Optional: where the library provides
 * HAL_DTLSSession_*, it checks the dates of certificates by it, and without it says
 * in the log that it did not. */
#if (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L) || \
    (defined(__cplusplus) && __cplusplus >= 201103L)
long long HAL_UTC_Get(void); /* a type that C89 and C++98 lack */
#endif

/* --- DTLS: needed for coaps:// ----------------------------------------------
 *
 * By the firmware or program, or by the library, if it was built with the feature
 * dtls: over HAL_UDP_*, HAL_UptimeMs and HAL_Random. Each of the library's is a weak
 * symbol, which an object file's own replaces. */

/* What HAL_DTLSSession_* return. */
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
/* Ours: every record that HAL_DTLSSession_save has reserved is written; save
 * again. */
#define DTLS_RESERVATION_SPENT (DTLS_ERROR_BASE | 9)
/* Ours: the session cannot be kept. */
#define DTLS_NOT_KEPT (DTLS_ERROR_BASE | 10)
/* Ours: there is no memory for it; a session that stood still stands. */
#define DTLS_OUT_OF_MEMORY (DTLS_ERROR_BASE | 11)

/* A session, known by its address alone. */
typedef void DTLSContext;

/* Whom to connect to, and whom to trust. */
typedef struct {
    /* Certificates of the roots to trust: PEM text that ends with NUL. */
    unsigned char *p_ca_cert_pem;
    /* The host's name, which its certificate must be made out to. */
    char *p_host;
    /* Its port. */
    unsigned short port;
} coap_dtls_options_t;

/* The allocator of a port's TLS library. */
typedef struct {
    void *(*malloc)(uint32_t size);
    void (*free)(void *ptr);
} dtls_hooks_t;

/* Ports for v2.3.0 and later define this; the library never calls it. */
int HAL_DTLSHooks_set(dtls_hooks_t *hooks);

/* Connects and shakes hands, which takes seconds on a bad network. Returns NULL
 * if that failed or the host's certificate does not hold. */
DTLSContext *HAL_DTLSSession_create(coap_dtls_options_t *p_options);

/* Sends `*p_datalen` bytes as one datagram. Returns DTLS_SUCCESS or an error. */
unsigned int HAL_DTLSSession_write(DTLSContext *context, const unsigned char *p_data,
                                   unsigned int *p_datalen);

/* Receives one datagram of at most `*p_datalen` bytes, waiting at most
 * `timeout_ms` (never 0), and sets `*p_datalen` to its length. Returns
 * DTLS_SUCCESS, with the length 0 if the time is up; or an error. */
unsigned int HAL_DTLSSession_read(DTLSContext *context, unsigned char *p_data,
                                  unsigned int *p_datalen, unsigned int timeout_ms);

/* Tells the peer, closes and frees a session that no thread uses. Returns
 * DTLS_SUCCESS or an error, after either of which the session is gone. */
unsigned int HAL_DTLSSession_free(DTLSContext *context);

/* Ours, and optional, for the HAL_DTLSSession_* that the library provides: the key
 * that the host and the device both know, to be used in the place of certificates.
 * Writes an identity and its key into their buffers, whose lengths the two numbers
 * are at first (128 and 64), and sets these to what was written. Returns 0; another
 * number if there is no key for this host. */
int HAL_DTLSSession_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                        unsigned char *key, unsigned int *key_len);

/* --- keeping DTLS sessions: ours, and optional --------------------------------
 *
 * For devices that go without power between messages; see IOT_CoAP_Pause. A port
 * without these three functions is one that keeps no session. */

/* How a session is kept, and for whom. */
typedef struct {
    /* A secret of the device that seals what is kept: at least 16 bytes. */
    const unsigned char *p_secret;
    unsigned int secret_len;
    /* How many records the session may go on to write before it is saved again;
     * what is restored goes on behind them, so that no record number comes
     * twice. 0 before a sleep. */
    unsigned int reserve;
    /* Numbers what is saved: greater each time. To restore: the smallest that
     * will do. */
    uint64_t generation;
    /* Whose session it is, and where: text that ends with NUL. What was saved
     * for one is not restored for another. */
    const char *p_context;
} coap_dtls_keep_t;

/* Writes what the session is restored from into `p_blob`, of `*p_len` bytes, 512
 * of which do unless the peer's tickets are long, and sets `*p_len` to its
 * length. Returns DTLS_SUCCESS or an error. */
unsigned int HAL_DTLSSession_save(DTLSContext *context, const coap_dtls_keep_t *p_keep,
                                  unsigned char *p_blob, unsigned int *p_len);

/* What was saved last is stored where a restart finds it: from now on its
 * reserve may be used. Returns DTLS_SUCCESS or an error. */
unsigned int HAL_DTLSSession_saved(DTLSContext *context);

/* As HAL_DTLSSession_create, but goes on with the session in the blob, without a
 * handshake where the peer knows it by a connection id (RFC 9146), with an
 * abbreviated one where it resumes sessions. It must be saved again, and that be
 * stored, before it is written to. */
DTLSContext *HAL_DTLSSession_restore(coap_dtls_options_t *p_options,
                                     const coap_dtls_keep_t *p_keep, const unsigned char *p_blob,
                                     unsigned int len);

/* --- key/value store: in ports for v2.3.0 and later -------------------------- */

/* Keeps `len` bytes under a name, on the medium itself before it returns if
 * `sync` is not 0. Returns 0, or another number if it failed. */
int HAL_Kv_Set(const char *key, const void *val, int len, int sync);

/* Reads what was kept: at most `*len` bytes, and sets `*len` to their number.
 * Returns 0, or another number if there is nothing, or no room for it. */
int HAL_Kv_Get(const char *key, void *val, int *len);

/* Forgets what was kept. Returns 0, or another number if it failed. */
int HAL_Kv_Del(const char *key);

/* Forgets everything. Returns 0, or another number if it failed. */
int HAL_Kv_Erase_All(void);

/* --- the device's identity ---------------------------------------------------- */

/* Each getter writes a text with its NUL to room for the longest one, and
 * returns its length; 0 and an empty text if it is not known. */

/* At most IOTX_PRODUCT_KEY_LEN bytes and NUL. */
int HAL_GetProductKey(char *product_key);

/* At most IOTX_DEVICE_NAME_LEN bytes and NUL. */
int HAL_GetDeviceName(char *device_name);

/* At most IOTX_DEVICE_SECRET_LEN bytes and NUL. Do not print it. */
int HAL_GetDeviceSecret(char *device_secret);

/* At most IOTX_PRODUCT_SECRET_LEN bytes and NUL. Do not print it. */
int HAL_GetProductSecret(char *product_secret);

/* `<productKey>.<deviceName>`: at most IOTX_DEVICE_ID_LEN bytes and NUL. */
int HAL_GetDeviceID(char *device_id);

/* At most IOTX_PARTNER_ID_LEN bytes and NUL; mostly empty. */
int HAL_GetPartnerID(char *pid_str);

/* At most IOTX_MODULE_ID_LEN bytes and NUL; mostly empty. */
int HAL_GetModuleID(char *mid_str);

/* Each setter takes a text that ends with NUL, and returns its length, or -1 if
 * it is NULL or longer than its getter could return. */
int HAL_SetProductKey(char *product_key);
int HAL_SetDeviceName(char *device_name);
int HAL_SetDeviceSecret(char *device_secret);
int HAL_SetProductSecret(char *product_secret);

#ifdef __cplusplus
}
#endif

#endif /* IOT_COAP_HAL_H */
