/*
 * The board port for sources of v3.x that include only what the CoAP client
 * needs of it: the functions are in iot_coap_hal.h.
 */
#ifndef COAP_WRAPPER_H
#define COAP_WRAPPER_H

#include "wrappers_defs.h"

#endif /* COAP_WRAPPER_H */
