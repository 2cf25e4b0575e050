/*
 * The CoAP client for sources of V2.x: types and functions are in iot_coap.h.
 */
#ifndef IOT_EXPORT_COAP_H
#define IOT_EXPORT_COAP_H

#include "../iot_coap.h"

#endif /* IOT_EXPORT_COAP_H */
