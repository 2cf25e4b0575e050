/*
 * v3.x's header of IOT_LogLevel and IOT_SetLogLevel. Its log macros belong to the
 * SDK, not to the CoAP client, and are not here.
 */
#ifndef INFRA_LOG_H
#define INFRA_LOG_H

#include "infra_defs.h"

#endif /* INFRA_LOG_H */
