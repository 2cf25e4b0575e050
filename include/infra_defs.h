/*
 * Definitions outside the CoAP client that sources of every release of the original
 * rely on. (v3.x has them in a header of this name; the headers with names of V2.x include
 * it here.)
 */
#ifndef INFRA_DEFS_H
#define INFRA_DEFS_H

#include "infra_types.h"
#include "iot_coap.h"

/* Results of IOT_SetupConnInfo, IOT_Ioctl and others. */
#define SUCCESS_RETURN 0
#define FAIL_RETURN (-1)

/* The longest texts of the identity, in bytes without their NUL. iot_coap.h has the limits
 * of the texts that the sign-in needs. */
#define IOTX_PRODUCT_SECRET_LEN 64
#define IOTX_PARTNER_ID_LEN 64
#define IOTX_MODULE_ID_LEN 64

/* Marks for parameters (in, out, optional) and functions (exported). All are empty. */
#ifndef _IN_
#define _IN_
#endif
#ifndef _OU_
#define _OU_
#endif
#ifndef _IN_OPT_
#define _IN_OPT_
#endif
#ifndef DLL_IOT_API
#define DLL_IOT_API
#endif
#ifndef DLL_HAL_API
#define DLL_HAL_API
#endif

/* The regions for IOTX_IOCTL_SET_REGION and IOTX_IOCTL_GET_REGION (an int). */
#define IOTX_CLOUD_REGION_SHANGHAI 0
#define IOTX_CLOUD_REGION_SINGAPORE 1
#define IOTX_CLOUD_REGION_JAPAN 2
#define IOTX_CLOUD_REGION_USA_WEST 3
#define IOTX_CLOUD_REGION_GERMANY 4
#define IOTX_CLOUD_REGION_CUSTOM 5

/* The names before v2.3.0. */
#define IOTX_IOCTL_SET_DOMAIN IOTX_IOCTL_SET_REGION
#define IOTX_IOCTL_GET_DOMAIN IOTX_IOCTL_GET_REGION
#define IOTX_CLOUD_DOMAIN_SH IOTX_CLOUD_REGION_SHANGHAI
#define IOTX_CLOUD_DOMAIN_SG IOTX_CLOUD_REGION_SINGAPORE
#define IOTX_CLOUD_DOMAIN_JP IOTX_CLOUD_REGION_JAPAN
#define IOTX_CLOUD_DOMAIN_US IOTX_CLOUD_REGION_USA_WEST
#define IOTX_CLOUD_DOMAIN_GER IOTX_CLOUD_REGION_GERMANY

#endif /* INFRA_DEFS_H */
