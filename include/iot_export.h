/*
 * The functions for a program of V2.x: the CoAP client and the SDK's helpers.
 */
#ifndef IOT_EXPORT_H
#define IOT_EXPORT_H

#include "exports/iot_export_coap.h"
#include "infra_defs.h"

/* V2.x's names for the longest texts of the identity, in bytes without their NUL. */
#define PRODUCT_KEY_LEN IOTX_PRODUCT_KEY_LEN
#define DEVICE_NAME_LEN IOTX_DEVICE_NAME_LEN
#define DEVICE_ID_LEN IOTX_DEVICE_ID_LEN
#define DEVICE_SECRET_LEN IOTX_DEVICE_SECRET_LEN
#define PRODUCT_SECRET_LEN IOTX_PRODUCT_SECRET_LEN

/* Whether the device registers itself (an int); has no effect over CoAP. v3.x has other
 * numbers for the two (infra_compat.h). IOT_Ioctl accepts both pairs, so if a source includes
 * both headers, it may use the numbers of the first one. */
#ifndef IOTX_IOCTL_SET_DYNAMIC_REGISTER
#define IOTX_IOCTL_SET_DYNAMIC_REGISTER 6
#define IOTX_IOCTL_GET_DYNAMIC_REGISTER 7
#endif

#endif /* IOT_EXPORT_H */
