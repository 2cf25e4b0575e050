/*
 * What an application of V2.x calls: the CoAP client and the SDK's helpers.
 */
#ifndef IOT_EXPORT_H
#define IOT_EXPORT_H

#include "exports/iot_export_coap.h"
#include "infra_defs.h"

/* V2.x's names of the identity's longest texts, without their NUL. */
#define PRODUCT_KEY_LEN IOTX_PRODUCT_KEY_LEN
#define DEVICE_NAME_LEN IOTX_DEVICE_NAME_LEN
#define DEVICE_ID_LEN IOTX_DEVICE_ID_LEN
#define DEVICE_SECRET_LEN IOTX_DEVICE_SECRET_LEN
#define PRODUCT_SECRET_LEN IOTX_PRODUCT_SECRET_LEN

/* Whether the device registers itself (an int): kept, without effect over CoAP.
 * v3.x numbers the two otherwise (infra_compat.h); IOT_Ioctl takes both, so in
 * a source that includes both headers the first one decides. */
#ifndef IOTX_IOCTL_SET_DYNAMIC_REGISTER
#define IOTX_IOCTL_SET_DYNAMIC_REGISTER 6
#define IOTX_IOCTL_GET_DYNAMIC_REGISTER 7
#endif

#endif /* IOT_EXPORT_H */
