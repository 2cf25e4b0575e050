/* Not ESP-IDF's header: what the port uses of it. */
#include <stddef.h>

void esp_fill_random(void *bytes, size_t len);
