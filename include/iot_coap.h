/*
 * The CoAP client for Alibaba Cloud IoT: types and functions of the CoAP client
 * of Alibaba Cloud's IoT C SDK ("the original", releases V2.00 to v3.2.0). A
 * whole program, which sends one message and prints the code of its answer:
 *
 *     #include <stdio.h>
 *     #include "iot_coap.h"
 *
 *     static void answered(void *arg, void *response)
 *     {
 *         iotx_coap_resp_code_t code;
 *         (void)arg;
 *         IOT_CoAP_GetMessageCode(response, &code);
 *         printf("answered with %d.%02d\n", (int)code >> 5, (int)code & 31);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "", "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
 *         iotx_coap_config_t config = {.p_url = argc > 1 ? argv[1] : NULL, .p_devinfo = &device};
 *         iotx_message_t message = {(unsigned char *)"{}", 2, .resp_callback = answered};
 *         iotx_coap_context_t *client;
 *
 *         IOT_SetLogLevel(IOT_LOG_ERROR); // each call that fails says why
 *         client = IOT_CoAP_Init(&config);
 *         if (IOT_CoAP_DeviceNameAuth(client) == IOTX_SUCCESS &&
 *             IOT_CoAP_SendMessage(client, "/topic/a1RP1qZfrEi/example1/update", &message) == IOTX_SUCCESS)
 *             IOT_CoAP_Yield(client); // waits for the answer, 2 s at most
 *         IOT_CoAP_Deinit(&client);
 *         return 0;
 *     }
 *
 * Run it with the URL of an endpoint, such as coap://127.0.0.1:5683 for the
 * local cloud (iot-coap-cloud). IOT_LOG_DEBUG shows all that it does.
 *
 * For a library that was built with the layout of V2.00 or of v3.0.1, define
 * IOT_COAP_LAYOUT_V2_00 or IOT_COAP_LAYOUT_V3_0_1.
 *
 * Made by cbindgen from the Rust sources; edit those. Sources written for the
 * original include "iot_export.h" (V2.x) or "coap_api.h" (v3.x) as before.
 */

#ifndef IOT_COAP_H
#define IOT_COAP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The trust roots of coaps://: PEM text that ends with NUL, of one certificate
 * or several; read by IOT_CoAP_Init and when a session is opened anew. The
 * library's own definition returns GlobalSign's roots. A program that defines
 * this function itself replaces them; where it returns NULL, they stand. In an object
 * file it is always found; in a shared library, if that is linked before this one and
 * after -Wl,--no-as-needed; in an archive, if that is linked before this one, with
 * -Wl,-u,iotx_coap_get_ca.
 */
const char *iotx_coap_get_ca(void);

#ifdef __cplusplus
}
#endif


#if !defined(IOT_COAP_LAYOUT_V2_00)
/**
 * Longest product key, without its NUL.
 */
#define IOTX_PRODUCT_KEY_LEN 20
#endif

#if defined(IOT_COAP_LAYOUT_V2_00)
/**
 * Longest product key, without its NUL.
 */
#define IOTX_PRODUCT_KEY_LEN 11
#endif

#if !defined(IOT_COAP_LAYOUT_V2_00)
/**
 * Longest device name, without its NUL.
 */
#define IOTX_DEVICE_NAME_LEN 32
#endif

#if defined(IOT_COAP_LAYOUT_V2_00)
/**
 * Longest device name, without its NUL.
 */
#define IOTX_DEVICE_NAME_LEN 20
#endif

#if !defined(IOT_COAP_LAYOUT_V3_0_1)
/**
 * Longest device id (the sign-in's client id), without its NUL.
 */
#define IOTX_DEVICE_ID_LEN 64
#endif

#if defined(IOT_COAP_LAYOUT_V3_0_1)
/**
 * Longest device id (the sign-in's client id), without its NUL.
 */
#define IOTX_DEVICE_ID_LEN 53
#endif

#if !defined(IOT_COAP_LAYOUT_V2_00)
/**
 * Longest device secret, without its NUL.
 */
#define IOTX_DEVICE_SECRET_LEN 64
#endif

#if defined(IOT_COAP_LAYOUT_V2_00)
/**
 * Longest device secret, without its NUL.
 */
#define IOTX_DEVICE_SECRET_LEN 32
#endif

/**
 * Longest path that `IOT_CoAP_SendMessage` takes, without its NUL.
 */
#define IOTX_URI_MAX_LEN 135

/**
 * Nothing is logged; v3.x's name for `IOT_LOG_EMERG`.
 */
#define IOT_LOG_NONE 0

/**
 * Sets the region; `data` points to an int. Kept, and without effect: the
 * endpoint is the configuration's `p_url`.
 */
#define IOTX_IOCTL_SET_REGION 0

/**
 * Gets the region; `data` points to an int.
 */
#define IOTX_IOCTL_GET_REGION 1

/**
 * Sets the product key; `data` is the string. (v3.x)
 */
#define IOTX_IOCTL_SET_PRODUCT_KEY 20

/**
 * Gets the product key; `data` is room for 21 bytes. (v3.x)
 */
#define IOTX_IOCTL_GET_PRODUCT_KEY 21

/**
 * Sets the product secret; `data` is the string. (v3.x)
 */
#define IOTX_IOCTL_SET_PRODUCT_SECRET 22

/**
 * Gets the product secret; `data` is room for 65 bytes. (v3.x)
 */
#define IOTX_IOCTL_GET_PRODUCT_SECRET 23

/**
 * Sets the device name; `data` is the string. (v3.x)
 */
#define IOTX_IOCTL_SET_DEVICE_NAME 24

/**
 * Gets the device name; `data` is room for 33 bytes. (v3.x)
 */
#define IOTX_IOCTL_GET_DEVICE_NAME 25

/**
 * Sets the device secret; `data` is the string. (v3.x)
 */
#define IOTX_IOCTL_SET_DEVICE_SECRET 26

/**
 * Gets the device secret; `data` is room for 65 bytes. (v3.x)
 */
#define IOTX_IOCTL_GET_DEVICE_SECRET 27

/**
 * The events that the original names. The handler is never called.
 */
typedef enum {
  /**
   * Sending failed.
   */
  IOTX_COAP_EVENT_SEND_FAILED = 0,
  /**
   * Receiving failed.
   */
  IOTX_COAP_EVENT_RECV_FAILED = 1,
  /**
   * Signing in failed.
   */
  IOTX_COAP_EVENT_AUTH_FAILED = 2
} iotx_coap_event_t;

/**
 * How a message's payload is encoded.
 */
typedef enum {
  /**
   * application/json.
   */
  IOTX_CONTENT_TYPE_JSON = 0,
  /**
   * application/cbor.
   */
  IOTX_CONTENT_TYPE_CBOR = 1
} iotx_content_type_t;

/**
 * How a message is sent.
 */
typedef enum {
  /**
   * Confirmable: sent again until it is answered or given up.
   */
  IOTX_MESSAGE_CON = 0,
  /**
   * Non-confirmable: sent once.
   */
  IOTX_MESSAGE_NON = 1,
  /**
   * Acknowledgement; not for applications to send.
   */
  IOTX_MESSAGE_ACK = 2,
  /**
   * Reset; not for applications to send.
   */
  IOTX_MESSAGE_RST = 3
} iotx_msg_type_t;

/**
 * The response codes that the original names; any other arrives as its byte.
 */
typedef enum {
  /**
   * 2.05: accepted.
   */
  IOTX_COAP_RESP_CODE_CONTENT = 69,
  /**
   * 4.00: bad request.
   */
  IOTX_COAP_RESP_CODE_BAD_REQUEST = 128,
  /**
   * 4.01: refused, also after signing in again.
   */
  IOTX_COAP_RESP_CODE_UNAUTHORIZED = 129,
  /**
   * 4.04: no such topic, or no permission to publish there.
   */
  IOTX_COAP_RESP_CODE_NOT_FOUND = 132,
  /**
   * 4.14: topic longer than 128 characters.
   */
  IOTX_COAP_RESP_CODE_URL_TOO_LONG = 142,
  /**
   * 5.00: the server failed.
   */
  IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR = 160
} iotx_coap_resp_code_t;

/**
 * What the functions return. (The two LOOGs are spelled so in the original.)
 */
typedef enum {
  /**
   * Receiving timed out; kept for sources that name it, never returned.
   */
  IOTX_ERR_RECV_MSG_TIMEOUT = -9,
  /**
   * The message was not sent: the network refused it, or too many messages
   * wait for their answers.
   */
  IOTX_ERR_SEND_MSG_FAILED = -8,
  /**
   * The whole message would be longer than 1280 bytes, or over DTLS than was agreed by
   * `max_fragment`.
   */
  IOTX_ERR_MSG_TOO_LOOG = -7,
  /**
   * The path is longer than `IOTX_URI_MAX_LEN` bytes.
   */
  IOTX_ERR_URI_TOO_LOOG = -6,
  /**
   * `IOT_CoAP_DeviceNameAuth` has not succeeded yet.
   */
  IOTX_ERR_NOT_AUTHED = -5,
  /**
   * The cloud refused the device, or did not answer in time.
   */
  IOTX_ERR_AUTH_FAILED = -4,
  /**
   * A buffer is too short; kept for sources that name it, never returned.
   */
  IOTX_ERR_BUFF_TOO_SHORT = -3,
  /**
   * The heap is exhausted.
   */
  IOTX_ERR_NO_MEM = -2,
  /**
   * A parameter is NULL or out of its range.
   */
  IOTX_ERR_INVALID_PARAM = -1,
  /**
   * Done.
   */
  IOTX_SUCCESS = 0
} iotx_ret_code_t;

/**
 * How much is logged: lines of a level and of more severe ones.
 */
typedef enum {
  /**
   * Nothing. (V2.x called it so.)
   */
  IOT_LOG_EMERG = 0,
  /**
   * What ends the program's work.
   */
  IOT_LOG_CRIT = 1,
  /**
   * What a caller must know: each refused call says why.
   */
  IOT_LOG_ERROR = 2,
  /**
   * What the library can cope with.
   */
  IOT_LOG_WARNING = 3,
  /**
   * Sessions and sign-ins.
   */
  IOT_LOG_INFO = 4,
  /**
   * Each message.
   */
  IOT_LOG_DEBUG = 5
} IOT_LogLevel;

/**
 * A client; made by `IOT_CoAP_Init`, known by its address alone.
 */
typedef void iotx_coap_context_t;

/**
 * The original's event handler, which neither it nor this library ever calls.
 */
typedef void (*iotx_event_handle_t)(void *context, iotx_coap_event_t event, void *data);

/**
 * What `IOT_CoAP_Init` is given. It and all it points to are copied.
 */
typedef struct {
  /**
   * `coap://`, `coaps://` or `coap-psk://host[:port]`. NULL stands for
   * `coaps://<product_key>.iot-as-coap.cn-shanghai.aliyuncs.com:5684`.
   */
  char *p_url;
#if !defined(IOT_COAP_LAYOUT_V2_00)
  /**
   * How long `IOT_CoAP_Yield` waits for something to arrive, in
   * milliseconds: 1 to 600,000; anything else stands for 2000.
   */
  int wait_time_ms;
#endif
  /**
   * An `iotx_deviceinfo_t`; `void` since its name differs from release to
   * release of the original. Nothing behind its `device_secret` is read.
   */
  void *p_devinfo;
  /**
   * Never called, as in the original.
   */
  iotx_event_handle_t event_handle;
} iotx_coap_config_t;

/**
 * Called with a message's `user_data` and the response to it. The response
 * and its payload live until the callback returns.
 */
typedef void (*iotx_response_callback_t)(void *arg, void *message);

/**
 * A message to send. It and all it points to are copied.
 */
typedef struct {
  /**
   * The payload; may be NULL where `payload_len` is 0.
   */
  unsigned char *p_payload;
  /**
   * The payload's length in bytes; about 1 KB at most.
   */
  unsigned short payload_len;
  /**
   * How the payload is encoded: `IOTX_CONTENT_TYPE_CBOR`; anything else is taken for
   * `IOTX_CONTENT_TYPE_JSON`.
   */
  iotx_content_type_t content_type;
  /**
   * `IOTX_MESSAGE_NON`; anything else is taken for `IOTX_MESSAGE_CON`.
   */
  iotx_msg_type_t msg_type;
  /**
   * Passed to the callback as `arg`, never read.
   */
  void *user_data;
  /**
   * Called with the response; may be NULL.
   */
  iotx_response_callback_t resp_callback;
} iotx_message_t;

/**
 * Who the device is. Each field is a string that ends with NUL, so one byte
 * longer than the `IOTX_*_LEN` of its name.
 */
typedef struct {
#if !defined(IOT_COAP_LAYOUT_V2_00)
  /**
   * The product's key: 1 to 20 bytes.
   */
  char product_key[21];
#endif
#if defined(IOT_COAP_LAYOUT_V2_00)
  /**
   * The product's key: 1 to 11 bytes.
   */
  char product_key[12];
#endif
#if !defined(IOT_COAP_LAYOUT_V2_00)
  /**
   * The device's name: 1 to 32 bytes.
   */
  char device_name[33];
#endif
#if defined(IOT_COAP_LAYOUT_V2_00)
  /**
   * The device's name: 1 to 20 bytes.
   */
  char device_name[21];
#endif
#if !defined(IOT_COAP_LAYOUT_V3_0_1)
  /**
   * The client id of the sign-in: 0 to 64 bytes; where it is empty,
   * `product_key.device_name` is sent.
   */
  char device_id[65];
#endif
#if defined(IOT_COAP_LAYOUT_V3_0_1)
  /**
   * The client id of the sign-in: 0 to 53 bytes; where it is empty,
   * `product_key.device_name` is sent.
   */
  char device_id[54];
#endif
#if !defined(IOT_COAP_LAYOUT_V2_00)
  /**
   * The secret that the sign-in is signed with: 1 to 64 bytes.
   */
  char device_secret[65];
#endif
#if defined(IOT_COAP_LAYOUT_V2_00)
  /**
   * The secret that the sign-in is signed with: 1 to 32 bytes.
   */
  char device_secret[33];
#endif
} iotx_deviceinfo_t;

/**
 * V2.x's other name for `iotx_deviceinfo_t`.
 */
typedef iotx_deviceinfo_t iotx_device_info_t;

/**
 * v3.x's name for `iotx_deviceinfo_t`.
 */
typedef iotx_deviceinfo_t iotx_coap_device_info_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes a client and connects it to the cloud.
 *
 * Over `coaps://` the cloud's certificate is verified against `iotx_coap_get_ca()`.
 *
 * @param p_config the configuration; it and all it points to are copied
 * @return the client, or NULL with the reason logged: the configuration is wrong, the
 *     host cannot be reached, or its certificate does not hold
 * @note Blocks while the host's name is looked up and, over `coaps://`, for the DTLS
 *     handshake: at most 60 s after the look-up, or what `connect_limit_ms` of
 *     `iotx_coap_options_t` says. Meanwhile each address of the host is tried. Any thread
 *     may call; clients are independent of each other.
 */
iotx_coap_context_t *IOT_CoAP_Init(iotx_coap_config_t *p_config);

/**
 * Disconnects a client, frees it and sets `*p_context` to NULL.
 *
 * Messages that wait for an answer are forgotten.
 *
 * @param p_context where the client is; NULL, or a pointer to NULL, is no error
 * @note Blocks until other threads have left their calls of this client; no other call
 *     may start. With this library's port a thread that waits leaves at once, or within
 *     250 ms while there is no connection; with a program's own `HAL_UDP_*` or
 *     `HAL_DTLSSession_*`, whose reads cannot be ended, within 2 s. What may take longer
 *     are a callback that is running, and functions of the program's own port. From a
 *     callback of the same client it is refused, with a line in the log; on a board whose
 *     port has no `HAL_ThreadSelf`, also while another thread's callback runs.
 */
void IOT_CoAP_Deinit(iotx_coap_context_t **p_context);

/**
 * Signs the device in, and returns as soon as the cloud has answered.
 *
 * The access token is valid for 48 hours. It is renewed automatically while
 * `IOT_CoAP_Yield` is called. Responses that arrive meanwhile are delivered to their
 * callbacks.
 *
 * @param p_context a client of `IOT_CoAP_Init`
 * @return `IOTX_SUCCESS` with an access token in hand; `IOTX_ERR_AUTH_FAILED` if the
 *     cloud refused or did not answer; `IOTX_ERR_NO_MEM` if the heap is exhausted;
 *     `IOTX_ERR_SEND_MSG_FAILED` if the network refused to send;
 *     `IOTX_ERR_INVALID_PARAM` for an invalid client
 * @note Blocks for 10 s (or `wait_time_ms`, if that is more; `sign_in_limit_ms` of
 *     `iotx_coap_options_t` sets another limit) at most, also while another thread signs
 *     in; only a firmware's own `HAL_DTLSSession_create` and
 *     `HAL_UDP_create`, which open a connection anew, may take longer. An answer that
 *     comes later, within 247 s, signs in all the same: by the next call, or in
 *     `IOT_CoAP_Yield`. Any thread may call, also from a callback.
 */
int IOT_CoAP_DeviceNameAuth(iotx_coap_context_t *p_context);

/**
 * Sends a message to `/topic/<productKey>/<deviceName>/...`, and returns at once.
 *
 * Its callback is called with the response, by a thread that is then in a call that
 * waits. If the cloud refuses the access token, the device signs in again and the
 * message is sent once more.
 *
 * A content type other than CBOR is taken for JSON, and a message type other than NON for
 * CON, with a line in the log. If 32 messages wait for their answers, the oldest NON
 * message of them is given up for this one.
 *
 * @param p_context a client of `IOT_CoAP_Init`
 * @param p_path the topic's path, at most 135 bytes; it is copied
 * @param p_message the message; it and its payload are copied
 * @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an empty path;
 *     `IOTX_ERR_URI_TOO_LOOG` for a path of more than 135 bytes; `IOTX_ERR_MSG_TOO_LOOG` if the whole message
 *     would have more than 1280, or over DTLS more than `max_fragment`; `IOTX_ERR_NOT_AUTHED` before the first sign-in;
 *     `IOTX_ERR_NO_MEM`; `IOTX_ERR_SEND_MSG_FAILED` if 32 CON messages wait for their
 *     answers already, the network refused a NON message, or 61,440 messages were sent
 *     within 247 s
 * @note Does not wait for an answer: blocks only as long as functions of the port do.
 *     Any thread may call, also from a callback.
 */
int IOT_CoAP_SendMessage(iotx_coap_context_t *p_context,
                         char *p_path,
                         iotx_message_t *p_message);

/**
 * Tells the payload of the response that a callback was handed.
 *
 * @param p_message the callback's `message`
 * @param pp_payload set to the payload's first byte, or to NULL if it is empty; a NUL
 *     follows the last byte
 * @param p_len set to the payload's length in bytes
 * @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid message
 * @note Payload and message live until the callback returns. Does not block.
 */
int IOT_CoAP_GetMessagePayload(void *p_message, unsigned char **pp_payload, int *p_len);

/**
 * Tells the code of the response that a callback was handed.
 *
 * @param p_message the callback's `message`
 * @param p_resp_code set to one of `iotx_coap_resp_code_t`, or to any other code as
 *     its byte (`0x84` for 4.04)
 * @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid message
 * @note Does not block.
 */
int IOT_CoAP_GetMessageCode(void *p_message, iotx_coap_resp_code_t *p_resp_code);

/**
 * Tells the token of the response that a callback was handed.
 *
 * @param p_message the callback's `message`
 * @param token set to the token of the response's request, as `IOT_CoAP_GetCurToken`
 *     told it before that was sent
 * @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid message
 * @note Does not block.
 */
int IOT_CoAP_GetMessageToken(void *p_message, unsigned int *token);

/**
 * Tells the token that the next message of this client will carry.
 *
 * @param p_context a client of `IOT_CoAP_Init`
 * @return the token; 0 for an invalid client
 * @note Does not block. Any thread may call, but another may send a message in
 *     between.
 */
uint32_t IOT_CoAP_GetCurToken(iotx_coap_context_t *p_context);

/**
 * Handles everything that has arrived, or waits for something to arrive, and does what is
 * due: retransmissions, giving up, signing in again, opening a connection anew.
 *
 * Call it in a loop, best in a thread of its own. It returns before `wait_time_ms` once
 * it has called a callback or told a notice and nothing else has arrived, but keeps the
 * pace that the original gave a loop of `IOT_CoAP_SendMessage` and `IOT_CoAP_Yield`: if
 * a message was sent since the last such return, while no thread waited, the next one
 * comes `wait_time_ms` after it. Callbacks are called at once all the same. The option
 * `yield_pace` of `IOT_CoAP_InitWithOptions` turns that off.
 *
 * @param p_context a client of `IOT_CoAP_Init`
 * @return `IOTX_SUCCESS`, also if nothing arrived; `IOTX_ERR_INVALID_PARAM` for an
 *     invalid client
 * @note Blocks for `wait_time_ms` at most; a
 *     firmware's own `HAL_DTLSSession_create` and `HAL_UDP_create`, which open a
 *     connection anew, may take longer. Any thread may call; while one waits here
 *     others may send. A thread that waits may be cancelled (deferred cancellation alone:
 *     no `PTHREAD_CANCEL_ASYNCHRONOUS`), and a callback may leave by `pthread_exit`.
 */
int IOT_CoAP_Yield(iotx_coap_context_t *p_context);

/**
 * Names the program in the log, in the original. Here it does nothing: the
 * level alone decides what is logged.
 */
void IOT_OpenLog(const char *ident);

/**
 * Ends logging, until a level is set again.
 */
void IOT_CloseLog(void);

/**
 * Sets how much is logged through `HAL_Printf`. Secrets and access tokens are logged at
 * no level.
 *
 * @param level 0 nothing (as long as this is not called), 2 errors, 3 warnings,
 *     4 information, 5 everything
 * @note Any thread may call. In a program that links the rest of the SDK too, this
 *     function may be the SDK's: then `IOT_CoAP_SetLogLevel` sets this library's level.
 */
void IOT_SetLogLevel(int level);

/**
 * Gets or sets an option.
 *
 * The identity is kept by the board port (`HAL_Set*` and `HAL_Get*`), or by this library
 * where the port has no such functions.
 *
 * @param option one of `IOTX_IOCTL_*`
 * @param data what the option takes
 * @return 0; or -1, with a line in the log, for an unknown option, NULL, or a string
 *     that is too long
 * @note Any thread may call.
 */
int IOT_Ioctl(int option, void *data);

/**
 * Stores the device's identity, where `IOT_Ioctl` finds it.
 *
 * @param product_key at most 20 bytes
 * @param device_name at most 32 bytes
 * @param device_secret at most 64 bytes
 * @param info NULL. A caller that gives another pointer wants the record that the SDK's
 *     MQTT client connects with, which this library cannot fill: `*info` is set to NULL.
 *     Link the SDK before this library, so that its own function is called
 * @return 0; or -1, with a line in the log, for NULL, a string that is too long, or an
 *     `info` other than NULL (with which the identity is stored all the same)
 * @note Any thread may call.
 */
int IOT_SetupConnInfo(const char *product_key,
                      const char *device_name,
                      const char *device_secret,
                      void **info);

/**
 * Logs, at debug level or, for a lower `level`, at information level, what
 * the library holds of the heap: how many contexts are open.
 */
void IOT_DumpMemoryStats(int level);

#ifdef __cplusplus
}
#endif 

#endif  /* IOT_COAP_H */
