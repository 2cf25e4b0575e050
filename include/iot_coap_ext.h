/*
 * What this library has beyond the original SDK's interface. Firmware written for the
 * original needs none of it.
 *
 * Made by cbindgen from the Rust sources; edit those.
 */

#ifndef IOT_COAP_EXT_H
#define IOT_COAP_EXT_H

#include <stdint.h>
#include "iot_coap.h"

/**
 * Sign with HMAC-MD5, which the cloud takes where no method is named.
 */
#define IOTX_COAP_SIGN_HMACMD5 0

/**
 * Sign with HMAC-SHA1.
 */
#define IOTX_COAP_SIGN_HMACSHA1 1

/**
 * Sign in by JSON.
 */
#define IOTX_COAP_SIGN_IN_JSON 0

/**
 * Sign in by CBOR, about a fifth shorter.
 */
#define IOTX_COAP_SIGN_IN_CBOR 1

/**
 * `IOT_CoAP_Yield` has the pace of the original.
 */
#define IOTX_COAP_PACE_ORIGINAL 0

/**
 * `IOT_CoAP_Yield` returns with each answer.
 */
#define IOTX_COAP_PACE_NONE 1

/**
 * What `IOT_CoAP_StartSignIn` returns if there is nothing to wait for.
 */
#define IOTX_COAP_SIGNED_IN_ALREADY 1

/**
 * What happened.
 */
typedef enum {
  /**
   * There is a new access token.
   */
  IOTX_COAP_NOTICE_SIGNED_IN = 0,
  /**
   * Signing in failed; `code` is the cloud's, or 0 if it did not answer.
   */
  IOTX_COAP_NOTICE_SIGN_IN_FAILED = 1,
  /**
   * A message is not waited for any longer, and its callback will not be
   * called: `user_data`, `token` and `reason` are set.
   */
  IOTX_COAP_NOTICE_GAVE_UP = 2,
  /**
   * A new DTLS session replaced the previous one.
   */
  IOTX_COAP_NOTICE_SESSION_RENEWED = 3
} iotx_coap_notice_kind_t;

/**
 * Why a message is not waited for any longer.
 */
typedef enum {
  /**
   * Neither acknowledged nor answered after the last retransmission.
   */
  IOTX_COAP_GIVE_UP_NOT_ACKNOWLEDGED = 0,
  /**
   * Acknowledged, or Non-confirmable, and not answered within its lifetime.
   */
  IOTX_COAP_GIVE_UP_NOT_ANSWERED = 1,
  /**
   * Rejected by the peer with a Reset.
   */
  IOTX_COAP_GIVE_UP_RESET = 2,
  /**
   * Non-confirmable, and given up for a newer message, since `max_outstanding` wait
   * for their answers. Told a tenth of a second later. If as many wait to be told,
   * since the program sends faster than its other thread looks, or no call waits, the
   * oldest of them is forgotten: it counts as given up, and the log has how many.
   */
  IOTX_COAP_GIVE_UP_DISPLACED = 3,
  /**
   * Never sent, since signing in failed.
   */
  IOTX_COAP_GIVE_UP_NOT_SIGNED_IN = 4,
  /**
   * Answered, but the answer does not decrypt (`coap-psk://`).
   */
  IOTX_COAP_GIVE_UP_UNDECRYPTABLE = 5,
  /**
   * It could not be sent again with a new access token.
   */
  IOTX_COAP_GIVE_UP_UNSENDABLE = 6,
  /**
   * Not sent: within 247 s there was no connection, or it was not its turn
   * (`max_in_flight`).
   */
  IOTX_COAP_GIVE_UP_NOT_SENT = 7
} iotx_coap_give_up_t;

/**
 * What happened, and to what; lives until the handler returns.
 */
typedef struct {
  /**
   * What happened; says which of the others are set.
   */
  iotx_coap_notice_kind_t kind;
  /**
   * A response code as its byte, e.g. 0x81 for 4.01.
   */
  int code;
  /**
   * Why a message is not waited for any longer.
   */
  iotx_coap_give_up_t reason;
  /**
   * The message's token, as `IOT_CoAP_GetCurToken` told it.
   */
  uint32_t token;
  /**
   * The message's `user_data`.
   */
  void *user_data;
} iotx_coap_notice_t;

/**
 * Called with the options' `notice_data`, the context and what happened to it, by a
 * thread that is in a call of that context that waits, with no lock held. May call
 * anything but `IOT_CoAP_Deinit` and `IOT_CoAP_Pause` of the same context.
 */
typedef void (*iotx_coap_notice_handler_t)(void *data,
                                           iotx_coap_context_t *context,
                                           const iotx_coap_notice_t *notice);

/**
 * How a client behaves. Set all of it to zero, then `size` to its size, then
 * what is to differ; it and all it points to are copied.
 */
typedef struct {
  /**
   * `sizeof(iotx_coap_options_t)`: says which fields the program knows.
   */
  unsigned int size;
  /**
   * `IOTX_COAP_SIGN_HMACMD5` or `IOTX_COAP_SIGN_HMACSHA1`.
   */
  unsigned int sign_method;
  /**
   * `IOTX_COAP_SIGN_IN_JSON` or `IOTX_COAP_SIGN_IN_CBOR`.
   */
  unsigned int sign_in_encoding;
  /**
   * The option that carries the access token: 61 or 2088; 0 for what the
   * host takes (2088 below `link.aliyuncs.com` and `iothub.aliyuncs.com`).
   */
  unsigned int access_token_option;
  /**
   * Sent with each sign-in, in milliseconds since 1970; 0 for none.
   */
  uint64_t timestamp_ms;
  /**
   * The trust roots of `coaps://`, as PEM text of at most 64 KiB; NULL for
   * what `iotx_coap_get_ca()` returns.
   */
  const char *trust_root_pem;
  /**
   * Called with what happens to the client; NULL for no calls.
   */
  iotx_coap_notice_handler_t on_notice;
  /**
   * Handed to `on_notice`.
   */
  void *notice_data;
  /**
   * Not 0: the access token is kept, through `HAL_Kv_*`, over restarts of
   * the program, so that `IOT_CoAP_DeviceNameAuth` need not ask the cloud;
   * it is deleted when the cloud refuses it. Without effect over
   * `coap-psk://`, and on a port without `HAL_Kv_*`.
   */
  unsigned int keep_access_token;
  /**
   * How many messages may wait for their answers, 4096 at most; 0 for 32.
   */
  unsigned int max_outstanding;
  /**
   * How long the first transmission waits for an acknowledgement, in
   * milliseconds (`ACK_TIMEOUT` of RFC 7252): 1000 to 60,000; 0 for 2000.
   */
  unsigned int ack_timeout_ms;
  /**
   * Not 0: the DTLS session is kept, sealed with the device's secret, through
   * `HAL_Kv_*`, so that it outlives a loss of power; see `IOT_CoAP_Resume`.
   * Without effect over `coap://`, on a port that lacks these functions, and
   * if the program has its own `HAL_DTLSSession_*`. A kept session has one client
   * at a time: another one, also of another program where `HAL_Kv_*` are this library's,
   * opens a session that is not kept, and a line in the log says so.
   */
  unsigned int keep_session;
  /**
   * Not 0: over `coaps://`, a server with a certificate is never offered key exchange by
   * static RSA, which has no forward secrecy, nor AES-CBC: there is no second offer. If
   * 0, a server that refuses better suites, or says nothing for half of
   * `connect_limit_ms`, is offered these too, which old servers need. Without effect
   * where `HAL_DTLSSession_psk` gives a key: then AES-CBC is in the second offer.
   */
  unsigned int refuse_static_rsa;
  /**
   * `IOTX_COAP_PACE_ORIGINAL` or `IOTX_COAP_PACE_NONE`: whether a loop of
   * `IOT_CoAP_SendMessage` and `IOT_CoAP_Yield` keeps the pace that the original gave
   * it; see `IOT_CoAP_Yield`.
   */
  unsigned int yield_pace;
  /**
   * How many Confirmable messages may be in flight at a time, transmitted and neither
   * acknowledged nor answered (`NSTART` of RFC 7252, section 4.7), 4096 at most; 0 for
   * no limit, as with the original. `IOT_CoAP_SendMessage` takes others nevertheless;
   * they wait for their turn, up to 247 s.
   */
  unsigned int max_in_flight;
  /**
   * How long `IOT_CoAP_Init` waits at most for a DTLS session, in milliseconds, and how
   * long each later handshake may take: 1000 to 600,000; 0 for 60,000, or eight times
   * `ack_timeout_ms`, whichever is more. A name server's time is not in it.
   */
  unsigned int connect_limit_ms;
  /**
   * How long `IOT_CoAP_DeviceNameAuth` waits at most, in milliseconds: 1000 to 600,000;
   * 0 for 10,000, `wait_time_ms` or four times `ack_timeout_ms`, whichever is most.
   */
  unsigned int sign_in_limit_ms;
  /**
   * The longest datagram of a handshake that the library sends over `coaps://`, in bytes
   * without the headers of IP and UDP: 256 to 16,384; 0 for 1232, which every path of
   * IPv6 takes. Each message is one datagram, whatever its length: what a network takes
   * bounds the payload as well. What the server sends is a setting of the server.
   */
  unsigned int mtu;
  /**
   * The most bytes in a DTLS record over `coaps://` (max_fragment_length of RFC 6066): 512,
   * 1024, 2048 or 4096; 0 asks the server for nothing. For a board that has no memory for
   * long datagrams, and a server that knows no MTU. A server that agrees sends no longer
   * messages either, and takes none: `IOT_CoAP_SendMessage` refuses them by -7. One that was
   * taken before there was a session is named in the log, and given up like one that gets
   * lost.
   */
  unsigned int max_fragment;
  /**
   * How old a session over `coaps://` may be to be resumed by a ticket or a session id,
   * which makes the handshake shorter, in seconds since the full handshake: 60 to 604,800;
   * 0 for 86,400, a day (RFC 5246, section F.1.4). What the server says of its ticket, and
   * the dates of its certificate, bound it as well. Over a restart without a calendar,
   * each waking counts as ten minutes.
   */
  unsigned int resume_limit_s;
  /**
   * How old a session may be to be kept on by `keep_session` without a handshake, counted in
   * the same way: 60 to 2,592,000; 0 for 604,800, a week. It does not end a session that
   * is in use.
   */
  unsigned int session_limit_s;
} iotx_coap_options_t;

/**
 * What a context has done since it was made.
 */
typedef struct {
  /**
   * Messages transmitted for the first time.
   */
  uint64_t sent;
  /**
   * Transmissions of messages beyond the first of each.
   */
  uint64_t resent;
  /**
   * Messages whose answer was delivered.
   */
  uint64_t answered;
  /**
   * Messages that ended without an answer of their own.
   */
  uint64_t given_up;
  /**
   * Bytes of all CoAP messages sent, below UDP or DTLS not counted.
   */
  uint64_t bytes_sent;
  /**
   * Bytes of all CoAP messages received.
   */
  uint64_t bytes_received;
  /**
   * Round trips measured: those of messages that were transmitted once.
   */
  uint64_t round_trips;
  /**
   * The shortest of them, in milliseconds; 0 as long as there is none.
   */
  uint32_t round_trip_min_ms;
  /**
   * The mean of them.
   */
  uint32_t round_trip_avg_ms;
  /**
   * The longest of them.
   */
  uint32_t round_trip_max_ms;
  /**
   * Messages that wait for their answers now.
   */
  uint32_t outstanding;
} iotx_coap_statistics_t;

/**
 * Called with the `data` that it was set with, a level (2 error, 3 warning,
 * 4 information, 5 debug) and a line without its end, which lives until the
 * handler returns. Any thread may call it, several at once. It must return: no `longjmp`,
 * exception or `pthread_exit` may leave it, or the process is aborted.
 */
typedef void (*iotx_coap_log_handler_t)(void *data, int level, const char *line);

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes a client, as `IOT_CoAP_Init`, with options.
 *
 * @param config the configuration, as for `IOT_CoAP_Init`
 * @param options the options; NULL for the defaults
 * @return the client, or NULL with the reason logged: as `IOT_CoAP_Init`, or an option
 *     is out of its range
 * @note Blocks as `IOT_CoAP_Init`.
 */
iotx_coap_context_t *IOT_CoAP_InitWithOptions(iotx_coap_config_t *config,
                                              const iotx_coap_options_t *options);

/**
 * Tells an option of the response that a callback was handed, such as Max-Age (14), ETag
 * (4), Block2 (23), or the message id that the cloud adds (2090).
 *
 * A message that was refused, and whose callback is called because signing in again did
 * not help, has no options.
 *
 * @param message the callback's `message`
 * @param number the option's number (RFC 7252, section 12.2)
 * @param index which of several options with this number, from 0
 * @param value set to the option's first byte; integers are in network byte order,
 *     without leading zeros
 * @param len set to its length in bytes, which may be 0
 * @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` if the response has no such option,
 *     or for a NULL or an invalid message
 * @note The value lives until the callback returns. Does not block.
 */
int IOT_CoAP_GetMessageOption(void *message,
                              unsigned int number,
                              unsigned int index,
                              const unsigned char **value,
                              unsigned int *len);

/**
 * Ends a message: nothing more is sent of it, and neither its callback nor a notice is
 * called for it.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @param token the message's token, as `IOT_CoAP_GetCurToken` told it before it was sent
 * @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` if no message with this token waits for
 *     its answer, or for an invalid client
 * @note Does not block. Any thread may call, also from a callback. If another thread
 *     calls, the message's callback may just be running.
 */
int IOT_CoAP_Cancel(iotx_coap_context_t *context, unsigned int token);

/**
 * Goes on where the last client of this device and endpoint was when the power was lost,
 * whether or not `IOT_CoAP_Pause` had been called.
 *
 * As `IOT_CoAP_InitWithOptions` with `keep_access_token` and `keep_session`. Call
 * `IOT_CoAP_DeviceNameAuth` as usual; with a kept token it returns at once.
 *
 * If the peer supports connection ids (RFC 9146), the next datagram is a message. If it
 * resumes sessions, an abbreviated handshake comes first. Otherwise everything is as
 * after `IOT_CoAP_Init`. A kept session is used only once: when the port's `HAL_Kv_Set`
 * returns, it must have stored the entry as a whole. It is called twice for each 256
 * records written. A session is used up by `IOT_CoAP_Deinit`, which says goodbye.
 *
 * @param config the configuration, as for `IOT_CoAP_Init`
 * @param options the options; NULL for the defaults
 * @return the client, or NULL with the reason logged, as `IOT_CoAP_InitWithOptions`
 * @note Blocks as `IOT_CoAP_Init`.
 */
iotx_coap_context_t *IOT_CoAP_Resume(iotx_coap_config_t *config,
                                     const iotx_coap_options_t *options);

/**
 * Keeps the DTLS session and the access token for `IOT_CoAP_Resume`, frees the client
 * and sets `*context` to NULL.
 *
 * Nothing is sent to the peer. Messages that wait for an answer are forgotten: call
 * `IOT_CoAP_Flush` first.
 *
 * @param context where the client is, which `IOT_CoAP_Resume` or
 *     `IOT_CoAP_InitWithOptions` made
 * @return `IOTX_SUCCESS`, also where the port keeps nothing; `IOTX_ERR_INVALID_PARAM`,
 *     with the reason logged and the client as it was, if it is invalid, was made
 *     without `keep_session`, or a callback of it runs on this thread
 * @note Waits until other threads have left their calls of this client, as
 *     `IOT_CoAP_Deinit`; no other call may start.
 */
int IOT_CoAP_Pause(iotx_coap_context_t **context);

/**
 * Tells what a client has done since it was made.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @param statistics where to write it
 * @param size `sizeof(*statistics)`: fields that a shorter structure lacks are left
 *     out, those that a longer one has besides are set to 0
 * @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid client
 * @note Does not block. Any thread may call.
 */
int IOT_CoAP_GetStatistics(iotx_coap_context_t *context,
                           iotx_coap_statistics_t *statistics,
                           unsigned int size);

/**
 * Tells the file descriptor that becomes readable when something arrives, for `poll`;
 * call `IOT_CoAP_Process` then.
 *
 * It is the same for the client's whole life, whatever connections come and go. From
 * now on `IOT_CoAP_Yield` returns with each answer: a `poll` loop has its own pace.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @return the descriptor; -1 for an invalid client, with a board port other than this
 *     library's, and with the program's own `HAL_DTLSSession_*`
 * @note Does not block. Any thread may call. The descriptor is the library's to
 *     close.
 */
int IOT_CoAP_GetFd(iotx_coap_context_t *context);

/**
 * Tells how long `poll` may wait before `IOT_CoAP_Process` must be called, even if
 * nothing arrives: for a timer, or to deliver a notice.
 *
 * From now on `IOT_CoAP_Yield` returns with each answer, as for `IOT_CoAP_GetFd`.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @return milliseconds; 0 if that is now; -1 if nothing is waited for, or for an
 *     invalid client
 * @note Does not block. Any thread may call.
 */
int IOT_CoAP_GetTimeoutMs(iotx_coap_context_t *context);

/**
 * Tells whether a device may sleep: whether nothing is expected from the network, to be
 * sent, or to be told.
 *
 * What is planned for later, such as a renewal of the access token or another try to
 * connect, does not count: `IOT_CoAP_GetTimeoutMs` tells when it is.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @return 1 if the device may sleep; 0 if it may not yet; `IOTX_ERR_INVALID_PARAM` for an
 *     invalid client
 * @note Does not block. Any thread may call, also from a callback.
 */
int IOT_CoAP_Idle(iotx_coap_context_t *context);

/**
 * Handles everything that has arrived and does all that is due, as `IOT_CoAP_Yield`, but
 * does not wait.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @return `IOTX_SUCCESS`, also if there was nothing to do; `IOTX_ERR_INVALID_PARAM` for
 *     an invalid client
 * @note Does not block with this library's port, and for a millisecond with a firmware's
 *     own, which may take longer to open a connection anew. Runs callbacks, for 256
 *     datagrams at most: then the descriptor stays readable. Any thread may call, also
 *     from a callback; while another one waits, that one handles what arrives.
 */
int IOT_CoAP_Process(iotx_coap_context_t *context);

/**
 * Starts to sign the device in, and returns at once, where `IOT_CoAP_DeviceNameAuth`
 * would wait.
 *
 * `IOT_CoAP_Yield` or `IOT_CoAP_Process` goes on with it, and the notice
 * `IOTX_COAP_NOTICE_SIGNED_IN` or `IOTX_COAP_NOTICE_SIGN_IN_FAILED` tells how it ended. A sign-in that is in progress
 * is joined, and the cloud asked again unless it was asked only once yet; it ends with
 * the last of those who wait for it.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @param most_ms how long it may take, in milliseconds, at least 1
 * @return `IOTX_SUCCESS` if it is in progress; `IOTX_COAP_SIGNED_IN_ALREADY` (1) if an
 *     access token was kept over a restart: then there is no notice;
 *     `IOTX_ERR_NO_MEM` if the heap is exhausted; `IOTX_ERR_AUTH_FAILED` if the
 *     request could not be made; `IOTX_ERR_INVALID_PARAM` for an invalid client or a
 *     `most_ms` of 0
 * @note Does not block. Any thread may call, also from a callback.
 */
int IOT_CoAP_StartSignIn(iotx_coap_context_t *context,
                         unsigned int most_ms);

/**
 * Waits until every message has ended, in its callback or a notice.
 *
 * @param context a client of `IOT_CoAP_Init`
 * @param most_ms how long to wait at most, in milliseconds
 * @return how many messages still wait for their answers, 0 if none;
 *     `IOTX_ERR_INVALID_PARAM` for an invalid client
 * @note Blocks for `most_ms` at most. Any thread may call, also from a callback.
 */
int IOT_CoAP_Flush(iotx_coap_context_t *context, unsigned int most_ms);

/**
 * This library's version, e.g. "0.1.0"; the string is never freed.
 */
const char *IOT_CoAP_Version(void);

/**
 * What a return code of this interface means, in English; "unknown return code" for
 * any other number. The string is never freed.
 */
const char *IOT_CoAP_ErrorString(int code);

/**
 * Sends log lines to `handler` rather than to `HAL_Printf`; NULL sends them
 * there again. `IOT_SetLogLevel` decides, as before, which lines there are.
 * Call it before other threads use the library.
 */
void IOT_CoAP_SetLogHandler(iotx_coap_log_handler_t handler, void *data);

/**
 * Sets how much this library logs, as `IOT_SetLogLevel` does: 0 nothing, 2 errors,
 * 3 warnings, 4 information, 5 everything. For programs that link the rest of the SDK
 * too, where `IOT_SetLogLevel` may be the SDK's and sets the level of its other parts.
 *
 * @param level 0 to 5
 * @note Any thread may call. Secrets and access tokens are logged at no level.
 */
void IOT_CoAP_SetLogLevel(int level);

#ifdef __cplusplus
}
#endif 

#endif  /* IOT_COAP_EXT_H */
