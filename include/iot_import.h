/*
 * The board port for sources of V2.x: the functions are in iot_coap_hal.h. As
 * in the original, this header includes iot_export.h and the C library's headers.
 */
#ifndef IOT_IMPORT_H
#define IOT_IMPORT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "iot_coap_hal.h"
#include "iot_export.h"

/* Buffer sizes for the texts of the identity, with their NUL. */
#define PRODUCT_KEY_MAXLEN (IOTX_PRODUCT_KEY_LEN + 1)
#define DEVICE_NAME_MAXLEN (IOTX_DEVICE_NAME_LEN + 1)
#define DEVICE_ID_MAXLEN (IOTX_DEVICE_ID_LEN + 1)
#define DEVICE_SECRET_MAXLEN (IOTX_DEVICE_SECRET_LEN + 1)
#define PRODUCT_SECRET_MAXLEN (IOTX_PRODUCT_SECRET_LEN + 1)

/* The longest partner and module id, in bytes without their NUL. The releases have two names
 * for each. */
#define PID_STRLEN_MAX IOTX_PARTNER_ID_LEN
#define MID_STRLEN_MAX IOTX_MODULE_ID_LEN
#define PID_STR_MAXLEN IOTX_PARTNER_ID_LEN
#define MID_STR_MAXLEN IOTX_MODULE_ID_LEN

#endif /* IOT_IMPORT_H */
