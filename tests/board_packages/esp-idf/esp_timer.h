/* Not ESP-IDF's header: what the port uses of it. */
#include <stdint.h>

int64_t esp_timer_get_time(void);
