/*
 * The CoAP client for sources of v3.x: types and functions are in iot_coap.h.
 */
#ifndef COAP_API_H
#define COAP_API_H

#include "infra_defs.h"

#endif /* COAP_API_H */
