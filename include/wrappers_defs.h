/*
 * v3.x's header of the board port's types. coap_dtls_options_t, DTLSContext and the DTLS_*
 * codes are in iot_coap_hal.h.
 */
#ifndef WRAPPERS_DEFS_H
#define WRAPPERS_DEFS_H

#include "iot_coap_hal.h"

#endif /* WRAPPERS_DEFS_H */
