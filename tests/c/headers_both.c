/*
 * The headers of V2.x and of v3.x stand each other; where the two disagree the
 * first one decides. Compiling this is the test, as C89 and as C++98.
 */
#include "iot_import.h"
#include "iot_export.h"
#include "coap_api.h"
#include "infra_compat.h"
#include "infra_log.h"
#include "wrappers.h"

typedef char the_first_decides[IOTX_IOCTL_SET_DYNAMIC_REGISTER == 6 ? 1 : -1];

extern int headers_both;
