/*
 * Lines and replies of a modem with AT commands.
 *
 * Nothing that a modem or a noisy line sends gets past a buffer's end, and every wait ends: by
 * the clock, and where that stands still, by the number of bytes and of reads.
 */
#include <string.h>

#include "at.h"
#include "iot_coap_hal.h"
#include "iot_coap_uart.h"

enum {
    /* How long the line must be quiet before a modem that was silent is asked for a sign, how long
     * that is waited for, and how long the sign. */
    QUIET_MS = 50,
    CALM_MS = 500,
    SIGN_MS = 500,
    /* How long a reply may take that goes on coming: the longest one at 9600 baud. */
    REPLY_MS = 4000,
    /* The most bytes that are read for one reply: the longest is twice the longest datagram. */
    REPLY_BYTES = 8192,
    /* Bytes of a command that are handed to the UART at once. */
    CHUNK = 64,
};

static void (*on_unsolicited)(const char *line);

/* --- waiting --------------------------------------------------------------------------- */

at_wait_t at_wait_for(uint32_t ms)
{
    at_wait_t wait;

    wait.start = (uint32_t)HAL_UptimeMs();
    wait.limit = ms;
    wait.quiet = ms;
    wait.waited = 0;
    wait.bytes_left = REPLY_BYTES;
    return wait;
}

uint32_t at_left(const at_wait_t *wait)
{
    uint32_t passed = (uint32_t)HAL_UptimeMs() - wait->start;

    passed = passed > wait->waited ? passed : wait->waited;
    return passed < wait->limit && wait->bytes_left > 0 ? wait->limit - passed : 0;
}

/* --- bytes and lines --------------------------------------------------------------------- */

/* What was read and not looked at. */
static unsigned char ahead[CHUNK];
static size_t ahead_len, ahead_at;
static int uart_failed;

/* The line that is coming. */
static char line[AT_LINE_MAX];
static size_t line_len;
static int commas_seen;
/* A line has no reply's form if a byte of it was no text. */
static int line_is_text = 1;

/* The field of the reply that goes past the line, and what is known of it. */
static at_field_t *wanted;
static int wanted_commas;
static size_t digits;

/* The next byte, or -1 when the time is up or the UART failed. */
static int next_byte(at_wait_t *wait)
{
    uint32_t ms = at_left(wait);
    int read;

    if (ahead_at == ahead_len) {
        if (ms == 0) {
            return -1;
        }
        read = iot_coap_uart_read(ahead, sizeof(ahead), ms < wait->quiet ? ms : wait->quiet);
        uart_failed = read < 0 || (size_t)read > sizeof(ahead);
        if (read <= 0 || uart_failed) {
            wait->waited = wait->limit;
            return -1;
        }
        ahead_len = (size_t)read;
        ahead_at = 0;
    }
    if (wait->bytes_left == 0) {
        return -1;
    }
    wait->bytes_left--;
    return ahead[ahead_at++];
}

static int nibble(int character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    character |= 0x20;
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

static void begin_line(void)
{
    line_len = 0;
    commas_seen = 0;
    line_is_text = 1;
    digits = 0;
    if (wanted != NULL) {
        wanted->len = 0;
        wanted->is_wrong = 0;
    }
}

/* A character of the field. Quotes may stand around it. */
static void put_in_field(int character)
{
    int value = nibble(character);
    size_t at = digits / 2;

    if (character == '"') {
        return;
    }
    if (value < 0) {
        wanted->is_wrong = 1;
        return;
    }
    if (at < wanted->room) {
        wanted->to[at] = (unsigned char)(digits % 2 == 0 ? value << 4 : wanted->to[at] | value);
    }
    digits++;
    wanted->len = digits / 2;
}

static void put_in_line(int character)
{
    if (character < 0x20 || character > 0x7E) {
        line_is_text = 0;
    }
    commas_seen += character == ',';
    /* Replies with such a field begin with a number, what comes unasked with a plus. */
    if (wanted != NULL && commas_seen == wanted_commas && character != ',' && line[0] != '+' &&
        line_len > 0) {
        put_in_field(character);
    } else if (line_len < sizeof(line) - 1) {
        line[line_len++] = (char)character;
    }
}

/* Reads until a line has ended that is not empty; 0, or -1 when the time is up. What has come of a
 * line stays, for the next call. */
static int next_line(at_wait_t *wait)
{
    int byte;

    for (;;) {
        byte = next_byte(wait);
        if (byte < 0) {
            return -1;
        }
        if (byte != '\r' && byte != '\n') {
            put_in_line(byte);
        } else if (line_len > 0 && line_is_text) {
            line[line_len] = '\0';
            if (wanted != NULL && digits % 2 != 0) {
                wanted->is_wrong = 1;
            }
            return 0;
        } else {
            begin_line();
        }
    }
}

void at_on_unsolicited(void (*handle)(const char *line))
{
    on_unsolicited = handle;
}

/* --- commands ------------------------------------------------------------------------------ */

static unsigned char chunk[CHUNK];
static size_t chunk_len;
/* A reply did not come: it might be taken for that of the next command. */
static int is_out_of_step;
static int write_failed;

static void flush(void)
{
    if (chunk_len > 0 && !write_failed) {
        write_failed = iot_coap_uart_write(chunk, chunk_len) != 0;
    }
    chunk_len = 0;
}

static void put(char character)
{
    if (chunk_len == sizeof(chunk)) {
        flush();
    }
    chunk[chunk_len++] = (unsigned char)character;
}

void at_text(const char *text)
{
    for (; *text != '\0'; text++) {
        put(*text);
    }
}

void at_number(unsigned long number)
{
    char reversed[24];
    size_t len = 0;

    do {
        reversed[len++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (len > 0) {
        put(reversed[--len]);
    }
}

void at_hex(const unsigned char *bytes, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t at;

    for (at = 0; at < len; at++) {
        put(hex[bytes[at] >> 4]);
        put(hex[bytes[at] & 15]);
    }
}

/* Reads a reply to its end. */
static int read_reply(unsigned int quiet, at_line_t each, void *context)
{
    at_wait_t wait = at_wait_for(REPLY_MS + quiet);
    int result = AT_SILENT;

    wait.quiet = quiet;
    while (result == AT_SILENT && next_line(&wait) == 0) {
        if (strcmp(line, "OK") == 0) {
            result = AT_OK;
        } else if (strcmp(line, "ERROR") == 0 || strncmp(line, "+CME ERROR", 10) == 0) {
            result = AT_ERROR;
        } else if (line[0] == '+' && on_unsolicited != NULL) {
            on_unsolicited(line);
        } else if (each != NULL) {
            each(context, line);
        }
        begin_line();
    }
    return result;
}

/* Drops what comes, until it is quiet for a while. Unsolicited lines in it are lost. */
static void drain(void)
{
    at_wait_t calm = at_wait_for(CALM_MS);

    calm.quiet = QUIET_MS;
    while (next_byte(&calm) >= 0) {
    }
    begin_line();
}

/* Asks for a sign of the modem, where a reply did not come. */
static int get_in_step(void)
{
    int tries, result = AT_SILENT;

    drain();
    /* The first end of line is for what the modem may have of a command that was cut. */
    at_text("\rAT\r");
    flush();
    for (tries = 0; tries < 3 && result != AT_OK && !write_failed; tries++) {
        result = read_reply(SIGN_MS, NULL, NULL);
        if (result == AT_SILENT) {
            break;
        }
    }
    is_out_of_step = result != AT_OK;
    return is_out_of_step ? -1 : 0;
}

void at_lose_step(void)
{
    is_out_of_step = 1;
}

void at_begin(const char *command)
{
    chunk_len = 0;
    write_failed = 0;
    if (is_out_of_step && get_in_step() != 0) {
        write_failed = 1; /* so that the rest is not written; at_end says it */
    }
    at_text(command);
}

int at_end(unsigned int quiet, at_line_t each, void *context, at_field_t *field, int commas)
{
    int result;

    put('\r');
    flush();
    if (write_failed) {
        is_out_of_step = 1;
        return AT_SILENT;
    }
    if (field != NULL) {
        field->len = 0;
        field->is_wrong = 0;
    }
    wanted = field;
    wanted_commas = commas;
    result = read_reply(quiet, each, context);
    wanted = NULL;
    is_out_of_step = result == AT_SILENT;
    return result;
}

int at_listen(at_wait_t *wait, unsigned int ms)
{
    at_wait_t part = *wait;
    uint32_t room = at_left(wait);

    part.quiet = ms < room ? ms : room;
    if (next_line(&part) == 0) {
        if (line[0] == '+' && on_unsolicited != NULL) {
            on_unsolicited(line);
        }
        begin_line();
    } else {
        wait->waited += ms < room ? ms : room;
    }
    wait->bytes_left = part.bytes_left;
    return uart_failed ? -1 : 0;
}

long at_parse_number(const char **text, long most)
{
    long value = 0;
    const char *at = *text;

    if (*at < '0' || *at > '9') {
        return -1;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (*at - '0');
        if (value > most) {
            return -1;
        }
    }
    *text = at;
    return value;
}
