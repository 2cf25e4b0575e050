/*
 * Posts from many contexts at once, in one thread:
 *
 *     contexts URL CONTEXTS MESSAGES WINDOW [ROOT_PEM_FILE]
 *
 * Each context posts MESSAGES messages of 64 bytes, WINDOW of them outstanding at
 * any time; one context waits in IOT_CoAP_Yield, several are driven by one poll loop.
 * Prints messages per second, and the median and the 99th percentile of the time
 * from the call to the callback, in microseconds. With MESSAGES 0 it ends while the
 * contexts are signed in: what is then on the heap is theirs.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iot_coap.h"
#include "iot_coap_ext.h"
#include "times.h"

typedef struct {
    iotx_coap_context_t *coap;
    unsigned long sent, answered;
    int failed;
} subject_t;

/* One for each message that may be outstanding. */
typedef struct {
    subject_t *subject;
    double sent_at;
    int busy;
} slot_t;

static const char PAYLOAD[] = "{\"id\":\"1\",\"params\":{\"temperature\":21.5,\"humidity\":48,\"n\":100}}";

static void take(void *user_data, void *response)
{
    slot_t *slot = user_data;
    iotx_coap_resp_code_t code;

    slot->busy = 0;
    slot->subject->answered++;
    times_add(times_now() - slot->sent_at);
    if (IOT_CoAP_GetMessageCode(response, &code) != 0 || code != IOTX_COAP_RESP_CODE_CONTENT) {
        slot->subject->failed = 1;
    }
}

static int post(subject_t *subject, slot_t *slots, unsigned long window, unsigned long messages)
{
    char path[] = "/topic/a1RP1qZfrEi/example1/update";
    iotx_message_t message;
    unsigned long at;

    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)PAYLOAD;
    message.payload_len = sizeof(PAYLOAD) - 1;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.resp_callback = take;
    for (at = 0; at < window && subject->sent < messages; at++) {
        if (slots[at].busy) {
            continue;
        }
        slots[at].busy = 1;
        slots[at].subject = subject;
        slots[at].sent_at = times_now();
        message.user_data = &slots[at];
        if (IOT_CoAP_SendMessage(subject->coap, path, &message) != 0) {
            return -1;
        }
        subject->sent++;
    }
    return 0;
}

/* By hand: stdio's buffers would be on the heap. */
static char *read_file(const char *path)
{
    static char text[65536];
    int file = open(path, O_RDONLY);
    ssize_t len = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

    if (file >= 0) {
        close(file);
    }
    return len < 0 ? NULL : text;
}

static int sign_in(subject_t *subject, char *url, const char *root, unsigned int window)
{
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;

    memset(&info, 0, sizeof(info));
    strcpy(info.product_key, "a1RP1qZfrEi");
    strcpy(info.device_name, "example1");
    strcpy(info.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = url;
    config.p_devinfo = &info;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.trust_root_pem = root;
    options.max_outstanding = window;
    options.yield_pace = IOTX_COAP_PACE_NONE;
    subject->coap = IOT_CoAP_InitWithOptions(&config, &options);
    return subject->coap == NULL || IOT_CoAP_DeviceNameAuth(subject->coap) != 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    unsigned long contexts, messages, window, each, busy;
    struct pollfd *polled;
    subject_t *subjects;
    slot_t *slots;
    const char *root;
    void *ballast;
    double started;

    if (argc < 5) {
        return 2;
    }
    contexts = strtoul(argv[2], NULL, 10);
    messages = strtoul(argv[3], NULL, 10);
    window = strtoul(argv[4], NULL, 10);
    root = argc > 5 ? read_file(argv[5]) : NULL;
    /* All before the contexts: the heap's difference is what contexts hold. */
    polled = calloc(contexts + 1, sizeof(*polled));
    subjects = calloc(contexts + 1, sizeof(*subjects));
    slots = calloc(contexts * window + 1, sizeof(*slots));
    /* So that the heap's peak is that of the contexts, not of the start. */
    ballast = malloc(65536);
    IOT_SetLogLevel(IOT_LOG_ERROR);
    if (ballast == NULL || polled == NULL || subjects == NULL || slots == NULL
        || times_init(contexts * messages) != 0) {
        return 1;
    }
    for (each = 0; each < contexts; each++) {
        if (sign_in(&subjects[each], argv[1], root, window) != 0) {
            fprintf(stderr, "context %lu did not sign in\n", each);
            return 1;
        }
        polled[each].fd = IOT_CoAP_GetFd(subjects[each].coap);
        polled[each].events = POLLIN;
    }
    if (messages == 0) {
        return 0;
    }
    started = times_now();
    for (busy = contexts; busy > 0;) {
        int timeout = -1;

        for (each = 0; each < contexts; each++) {
            int due;

            if (subjects[each].failed
                || post(&subjects[each], &slots[each * window], window, messages) != 0) {
                return 1;
            }
            due = contexts > 1 ? IOT_CoAP_GetTimeoutMs(subjects[each].coap) : -1;
            if (due >= 0 && (timeout < 0 || due < timeout)) {
                timeout = due;
            }
        }
        if (contexts > 1) {
            if (poll(polled, contexts, timeout) < 0) {
                return 1;
            }
        } else {
            polled[0].revents = POLLIN;
        }
        for (busy = 0, each = 0; each < contexts; each++) {
            int due = polled[each].revents != 0;

            if (!due && contexts > 1) {
                due = IOT_CoAP_GetTimeoutMs(subjects[each].coap) == 0;
            }
            if (due && (contexts > 1 ? IOT_CoAP_Process(subjects[each].coap)
                                     : IOT_CoAP_Yield(subjects[each].coap)) != 0) {
                return 1;
            }
            busy += subjects[each].answered < messages;
        }
    }
    times_print(times_now() - started);
    for (each = 0; each < contexts; each++) {
        IOT_CoAP_Deinit(&subjects[each].coap);
    }
    free(ballast);
    return 0;
}
