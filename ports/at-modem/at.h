/*
 * Lines and replies of a modem with AT commands, whatever the commands are: all that is read
 * from the UART goes through here.
 */
#ifndef AT_H
#define AT_H

#include <stddef.h>
#include <stdint.h>

/* The longest line that is looked at, with its NUL. Of a longer one the rest is dropped. */
enum { AT_LINE_MAX = 96 };

/* How a command ended. */
enum { AT_OK = 0, AT_ERROR = -1, AT_SILENT = -2 };

/* Where a long hexadecimal field of a reply goes, past the line. */
typedef struct {
    unsigned char *to;
    size_t room;  /* what is longer is counted, and dropped */
    size_t len;   /* in bytes, of what was there */
    int is_wrong; /* it was no hexadecimal number of whole bytes */
} at_field_t;

/* Is handed each line of a command's reply that is not its end, and whatever else comes between
 * (an unsolicited line, an echo of the command); `context` is the caller's. */
typedef void (*at_line_t)(void *context, const char *line);

/* What is left of a wait. Time counts by the clock or by the reads that waited in vain,
 * whichever is more, so that a clock that stands still keeps nobody for ever. */
typedef struct {
    uint32_t start;
    uint32_t limit;
    /* It is over earlier, if so long nothing comes. */
    uint32_t quiet;
    uint32_t waited;
    uint32_t bytes_left;
} at_wait_t;

at_wait_t at_wait_for(uint32_t ms);

/* How many milliseconds; 0 if it is over. */
uint32_t at_left(const at_wait_t *wait);

/* What is done with lines that come unasked. */
void at_on_unsolicited(void (*handle)(const char *line));

/* Begins a command. After at_text, at_number and at_hex comes at_end. */
void at_begin(const char *command);
void at_text(const char *text);
void at_number(unsigned long number);
void at_hex(const unsigned char *bytes, size_t len);

/* Ends it, and reads its reply: AT_OK, AT_ERROR, or AT_SILENT if for `quiet` milliseconds
 * nothing comes, or for too long no end. Of a line of the reply that is no unsolicited one, the
 * field after `commas` commas goes to `field`, if that is not NULL. */
int at_end(unsigned int quiet, at_line_t line, void *context, at_field_t *field, int commas);

/* The reply was not that of the command: before the next one the modem is asked for a sign, and
 * what comes late is dropped. */
void at_lose_step(void);

/* Waits for an unsolicited line, for a part of `wait` of `ms` at most; 0, or -1 if the UART
 * failed. */
int at_listen(at_wait_t *wait, unsigned int ms);

/* A number at `*text`, at most `most`, after which `*text` stands; -1 for none. */
long at_parse_number(const char **text, long most);

#endif
