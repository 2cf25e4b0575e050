/*
 * The board port for sources of v3.x that include only the functions for the CoAP client.
 * The functions are in iot_coap_hal.h.
 */
#ifndef COAP_WRAPPER_H
#define COAP_WRAPPER_H

#include "wrappers_defs.h"

#endif /* COAP_WRAPPER_H */
