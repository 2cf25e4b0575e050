/*
 * The board port for sources of v3.x: the functions are in iot_coap_hal.h.
 */
#ifndef WRAPPERS_H
#define WRAPPERS_H

#include "wrappers_defs.h"

#endif /* WRAPPERS_H */
