/*
 * Definitions that sources of every release of the original take for granted,
 * outside its CoAP client. (v3.x keeps them in a header of this name; the
 * headers of V2.x names here include it.)
 */
#ifndef INFRA_DEFS_H
#define INFRA_DEFS_H

#include "infra_types.h"
#include "iot_coap.h"

/* What IOT_SetupConnInfo, IOT_Ioctl and others return. */
#define SUCCESS_RETURN 0
#define FAIL_RETURN (-1)

/* Longest texts of the identity, without their NUL; those that the sign-in
 * needs are in iot_coap.h. */
#define IOTX_PRODUCT_SECRET_LEN 64
#define IOTX_PARTNER_ID_LEN 64
#define IOTX_MODULE_ID_LEN 64

/* Marks of parameters (in, out, optional) and of functions (exported); all of
 * them empty. */
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

/* What IOTX_IOCTL_SET_REGION and IOTX_IOCTL_GET_REGION set and get (an int). */
#define IOTX_CLOUD_REGION_SHANGHAI 0
#define IOTX_CLOUD_REGION_SINGAPORE 1
#define IOTX_CLOUD_REGION_JAPAN 2
#define IOTX_CLOUD_REGION_USA_WEST 3
#define IOTX_CLOUD_REGION_GERMANY 4
#define IOTX_CLOUD_REGION_CUSTOM 5

/* The names of these before v2.3.0. */
#define IOTX_IOCTL_SET_DOMAIN IOTX_IOCTL_SET_REGION
#define IOTX_IOCTL_GET_DOMAIN IOTX_IOCTL_GET_REGION
#define IOTX_CLOUD_DOMAIN_SH IOTX_CLOUD_REGION_SHANGHAI
#define IOTX_CLOUD_DOMAIN_SG IOTX_CLOUD_REGION_SINGAPORE
#define IOTX_CLOUD_DOMAIN_JP IOTX_CLOUD_REGION_JAPAN
#define IOTX_CLOUD_DOMAIN_US IOTX_CLOUD_REGION_USA_WEST
#define IOTX_CLOUD_DOMAIN_GER IOTX_CLOUD_REGION_GERMANY

#endif /* INFRA_DEFS_H */
