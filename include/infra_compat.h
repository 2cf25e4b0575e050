/*
 * v3.x's home of IOT_Ioctl, IOT_SetupConnInfo, IOT_DumpMemoryStats and the
 * IOTX_IOCTL_* numbers. Those that no release numbers differently are in
 * iot_coap.h.
 */
#ifndef INFRA_COMPAT_H
#define INFRA_COMPAT_H

#include "infra_defs.h"

/* Whether the device registers itself (an int): kept, without effect over CoAP.
 * v2.3.0 numbers the two otherwise (iot_export.h); IOT_Ioctl takes both, so in
 * a source that includes both headers the first one decides. */
#ifndef IOTX_IOCTL_SET_DYNAMIC_REGISTER
#define IOTX_IOCTL_SET_DYNAMIC_REGISTER 4
#define IOTX_IOCTL_GET_DYNAMIC_REGISTER 5
#endif

#endif /* INFRA_COMPAT_H */
