/*
 * v3.x's header of the integer types: uint8_t to uint64_t, intptr_t, size_t and NULL.
 * These are the compiler's own.
 */
#ifndef INFRA_TYPES_H
#define INFRA_TYPES_H

#include <stddef.h>
#include <stdint.h>

#endif /* INFRA_TYPES_H */
