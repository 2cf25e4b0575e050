/*
 * The layouts and values that existing object files rely on, as a C compiler
 * sees them. Compiling this is the test. ENUM_SIZE says how wide enumerations
 * have to come out: 4, or 1 with -fshort-enums (the rule on bare-metal Arm);
 * IOT_COAP_LAYOUT_* says whose layout.
 */
#include <stddef.h>

#include "iot_coap.h"

#define IS(what, number) _Static_assert((what) == (number), #what " is not " #number)
#define AT(type, member, offset) IS(offsetof(type, member), offset)

/* A pointer's width, and an offset moved up to where a type may start. */
#define P sizeof(void *)
#define UP(offset, to) (((offset) + (to) - 1) / (to) * (to))

/* --- enumerations ------------------------------------------------------------- */

IS(sizeof(iotx_ret_code_t), ENUM_SIZE);
IS(sizeof(iotx_content_type_t), ENUM_SIZE);
IS(sizeof(iotx_msg_type_t), ENUM_SIZE);
IS(sizeof(iotx_coap_event_t), ENUM_SIZE);
IS(sizeof(iotx_coap_resp_code_t), ENUM_SIZE);
IS(sizeof(IOT_LogLevel), ENUM_SIZE);

IS(IOTX_SUCCESS, 0);
IS(IOTX_ERR_INVALID_PARAM, -1);
IS(IOTX_ERR_NO_MEM, -2);
IS(IOTX_ERR_BUFF_TOO_SHORT, -3);
IS(IOTX_ERR_AUTH_FAILED, -4);
IS(IOTX_ERR_NOT_AUTHED, -5);
IS(IOTX_ERR_URI_TOO_LOOG, -6);
IS(IOTX_ERR_MSG_TOO_LOOG, -7);
IS(IOTX_ERR_SEND_MSG_FAILED, -8);
IS(IOTX_ERR_RECV_MSG_TIMEOUT, -9);

IS(IOTX_CONTENT_TYPE_JSON, 0);
IS(IOTX_CONTENT_TYPE_CBOR, 1);

IS(IOTX_MESSAGE_CON, 0);
IS(IOTX_MESSAGE_NON, 1);
IS(IOTX_MESSAGE_ACK, 2);
IS(IOTX_MESSAGE_RST, 3);

IS(IOTX_COAP_EVENT_SEND_FAILED, 0);
IS(IOTX_COAP_EVENT_RECV_FAILED, 1);
IS(IOTX_COAP_EVENT_AUTH_FAILED, 2);

IS(IOTX_COAP_RESP_CODE_CONTENT, 0x45);
IS(IOTX_COAP_RESP_CODE_BAD_REQUEST, 0x80);
IS(IOTX_COAP_RESP_CODE_UNAUTHORIZED, 0x81);
IS(IOTX_COAP_RESP_CODE_NOT_FOUND, 0x84);
IS(IOTX_COAP_RESP_CODE_URL_TOO_LONG, 0x8E);
IS(IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR, 0xA0);

IS(IOT_LOG_EMERG, 0);
IS(IOT_LOG_NONE, 0);
IS(IOT_LOG_CRIT, 1);
IS(IOT_LOG_ERROR, 2);
IS(IOT_LOG_WARNING, 3);
IS(IOT_LOG_INFO, 4);
IS(IOT_LOG_DEBUG, 5);

/* --- lengths and options -------------------------------------------------------- */

IS(IOTX_URI_MAX_LEN, 135);

IS(IOTX_IOCTL_SET_REGION, 0);
IS(IOTX_IOCTL_GET_REGION, 1);
IS(IOTX_IOCTL_SET_PRODUCT_KEY, 20);
IS(IOTX_IOCTL_GET_PRODUCT_KEY, 21);
IS(IOTX_IOCTL_SET_PRODUCT_SECRET, 22);
IS(IOTX_IOCTL_GET_PRODUCT_SECRET, 23);
IS(IOTX_IOCTL_SET_DEVICE_NAME, 24);
IS(IOTX_IOCTL_GET_DEVICE_NAME, 25);
IS(IOTX_IOCTL_SET_DEVICE_SECRET, 26);
IS(IOTX_IOCTL_GET_DEVICE_SECRET, 27);

/* --- device info: no padding, whatever the machine ------------------------------- */

#if defined(IOT_COAP_LAYOUT_V2_00)
#define NAME_AT 12
#define ID_AT 33
#define SECRET_AT 98
#define INFO_SIZE 131
#elif defined(IOT_COAP_LAYOUT_V3_0_1)
#define NAME_AT 21
#define ID_AT 54
#define SECRET_AT 108
#define INFO_SIZE 173
#else
#define NAME_AT 21
#define ID_AT 54
#define SECRET_AT 119
#define INFO_SIZE 184
#endif

AT(iotx_deviceinfo_t, product_key, 0);
AT(iotx_deviceinfo_t, device_name, NAME_AT);
AT(iotx_deviceinfo_t, device_id, ID_AT);
AT(iotx_deviceinfo_t, device_secret, SECRET_AT);
IS(sizeof(iotx_deviceinfo_t), INFO_SIZE);
IS(sizeof(iotx_device_info_t), INFO_SIZE);
IS(sizeof(iotx_coap_device_info_t), INFO_SIZE);
IS(IOTX_PRODUCT_KEY_LEN, NAME_AT - 1);
IS(IOTX_DEVICE_NAME_LEN, ID_AT - NAME_AT - 1);
IS(IOTX_DEVICE_ID_LEN, SECRET_AT - ID_AT - 1);
IS(IOTX_DEVICE_SECRET_LEN, INFO_SIZE - SECRET_AT - 1);

/* --- configuration: its fields, each in the room of a pointer ----------------------- */

AT(iotx_coap_config_t, p_url, 0);
#ifdef IOT_COAP_LAYOUT_V2_00
#define INFO_AT P
#else
#define INFO_AT (2 * P)
AT(iotx_coap_config_t, wait_time_ms, P);
#endif
AT(iotx_coap_config_t, p_devinfo, INFO_AT);
AT(iotx_coap_config_t, event_handle, INFO_AT + P);
IS(sizeof(iotx_coap_config_t), INFO_AT + 2 * P);

/* --- message ----------------------------------------------------------------------- */

#define CONTENT_TYPE_AT UP(P + 2, ENUM_SIZE)
#define MSG_TYPE_AT (CONTENT_TYPE_AT + ENUM_SIZE)
#define USER_DATA_AT UP(MSG_TYPE_AT + ENUM_SIZE, P)

AT(iotx_message_t, p_payload, 0);
AT(iotx_message_t, payload_len, P);
AT(iotx_message_t, content_type, CONTENT_TYPE_AT);
AT(iotx_message_t, msg_type, MSG_TYPE_AT);
AT(iotx_message_t, user_data, USER_DATA_AT);
AT(iotx_message_t, resp_callback, USER_DATA_AT + P);
IS(sizeof(iotx_message_t), USER_DATA_AT + 2 * P);

/* The same once more in plain numbers, for the machine that they were read on. */
#if defined(__LP64__) && ENUM_SIZE == 4
#ifndef IOT_COAP_LAYOUT_V2_00
IS(sizeof(iotx_coap_config_t), 32);
AT(iotx_coap_config_t, wait_time_ms, 8);
AT(iotx_coap_config_t, p_devinfo, 16);
AT(iotx_coap_config_t, event_handle, 24);
#endif
IS(sizeof(iotx_message_t), 40);
AT(iotx_message_t, payload_len, 8);
AT(iotx_message_t, content_type, 12);
AT(iotx_message_t, msg_type, 16);
AT(iotx_message_t, user_data, 24);
AT(iotx_message_t, resp_callback, 32);
#endif
