/*
 * What the port over FreeRTOS and lwIP asks of the board, and the date, by ESP-IDF.
 *
 * In the object that the port needs: a linker takes none from an archive for what is optional.
 */
#include <stdio.h>
#include <sys/time.h>

#include "esp_random.h"

#include "iot_coap_board.h"
#include "iot_coap_hal.h"

/* Truly random while Wi-Fi or Bluetooth is on, or after bootloader_random_enable. */
int iot_coap_board_random(unsigned char *bytes, size_t len)
{
    esp_fill_random(bytes, len);
    return 0;
}

void iot_coap_board_print(const char *text)
{
    (void)fputs(text, stdout);
}

/* 1970 until the program sets it, by SNTP for example; the library then does without a date. */
long long HAL_UTC_Get(void)
{
    struct timeval now;

    if (gettimeofday(&now, NULL) != 0) {
        return 0;
    }
    return (long long)now.tv_sec * 1000 + now.tv_usec / 1000;
}
