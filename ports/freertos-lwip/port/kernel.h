/*
 * What differs between FreeRTOS as it comes and that of ESP-IDF: where its headers are, and
 * whose heap it is.
 */
#ifndef IOT_COAP_KERNEL_H
#define IOT_COAP_KERNEL_H

#ifdef ESP_PLATFORM
#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#else
#include "FreeRTOS.h"
#include "semphr.h"
#include "task.h"
#endif

/* The library needs memory that is aligned to 8 bytes. Of FreeRTOS that is portBYTE_ALIGNMENT;
 * ESP-IDF aligns to 4 unless it is told otherwise. There it is internal RAM, as it is from
 * pvPortMalloc: keys are in it, which anybody could read from the wires of external RAM. */
#ifdef ESP_PLATFORM
#define KERNEL_MALLOC(size) \
    heap_caps_aligned_alloc(8, (size), MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT)
#define KERNEL_FREE(memory) heap_caps_free(memory)
#else
#if portBYTE_ALIGNMENT < 8
#error "the library needs memory aligned to 8 bytes: FreeRTOS's port for this processor aligns to less (portBYTE_ALIGNMENT)"
#endif
#define KERNEL_MALLOC(size) pvPortMalloc(size)
#define KERNEL_FREE(memory) vPortFree(memory)
#endif

#endif
