/*
 * v3.x's home of the integer types: uint8_t to uint64_t, intptr_t, size_t,
 * NULL. The compiler's own are taken.
 */
#ifndef INFRA_TYPES_H
#define INFRA_TYPES_H

#include <stddef.h>
#include <stdint.h>

#endif /* INFRA_TYPES_H */
