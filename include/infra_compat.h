/*
 * v3.x's header of IOT_Ioctl, IOT_SetupConnInfo, IOT_DumpMemoryStats and the
 * IOTX_IOCTL_* numbers. Numbers that are the same in all releases are in iot_coap.h.
 */
#ifndef INFRA_COMPAT_H
#define INFRA_COMPAT_H

#include "infra_defs.h"

/* Whether the device registers itself (an int); has no effect over CoAP. v2.3.0 has other
 * numbers for the two (iot_export.h). IOT_Ioctl accepts both pairs, so if a source includes
 * both headers, it may use the numbers of the first one. */
#ifndef IOTX_IOCTL_SET_DYNAMIC_REGISTER
#define IOTX_IOCTL_SET_DYNAMIC_REGISTER 4
#define IOTX_IOCTL_GET_DYNAMIC_REGISTER 5
#endif

#endif /* INFRA_COMPAT_H */
