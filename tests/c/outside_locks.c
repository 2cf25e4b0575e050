/*
 * What the library calls of the program's, its log handler, its store and its notice
 * handler, it calls with no lock held:
 *
 *     outside_locks URL ROOT.pem reenter handler|printf
 *         every line of the log calls the library, which refuses
 *     outside_locks URL ROOT.pem block log|store|notice SECONDS
 *         each call takes a second, and another thread's messages do not wait
 *
 * It ends with 1 if that is not so; a deadlock ends it with 4.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

/* What blocks takes so long, and what does not block no longer; in milliseconds. */
#define BLOCKED 1000
#define AT_ONCE 500
/* Longer than anything here takes, in seconds. */
#define DEADLOCK 60

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_SEQ_CST)
#define STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_SEQ_CST)
#define ADD(place) (void)__atomic_add_fetch(&(place), 1, __ATOMIC_SEQ_CST)

static iotx_coap_config_t config;
static iotx_deviceinfo_t info;
static iotx_coap_context_t *context;
static int over;
static int answered;
static int lines;
static int blocked;

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void ended(int signal)
{
    static const char text[] = "a deadlock\n";

    (void)signal;
    (void)!write(2, text, sizeof(text) - 1);
    _exit(4);
}

/* Threads other than the first, which sends, are the ones that block. */
static __thread int is_blocking;

static void block(void)
{
    if (is_blocking) {
        ADD(blocked);
        usleep(BLOCKED * 1000);
    }
}

/* --- calls from the log ------------------------------------------------------------ */

static void count_answer(void *arg, void *response)
{
    (void)arg;
    (void)response;
    ADD(answered);
}

static void reenter(void)
{
    char path[] = TOPIC "log";
    iotx_message_t message = message_of("{}", count_answer, NULL);
    iotx_coap_statistics_t statistics;
    iotx_coap_context_t *mine = LOAD(context);
    iotx_coap_context_t *same = mine;
    iotx_coap_resp_code_t code;
    unsigned char *payload;
    int number = 0;

    ADD(lines);
    CHECK(IOT_CoAP_Init(&config) == NULL);
    CHECK(IOT_CoAP_InitWithOptions(&config, NULL) == NULL);
    CHECK(IOT_CoAP_Resume(&config, NULL) == NULL);
    if (mine == NULL) {
        return;
    }
    CHECK(IOT_CoAP_DeviceNameAuth(mine) < 0);
    CHECK(IOT_CoAP_StartSignIn(mine, 1000) < 0);
    CHECK(IOT_CoAP_SendMessage(mine, path, &message) < 0);
    CHECK(IOT_CoAP_Yield(mine) < 0);
    CHECK(IOT_CoAP_Process(mine) < 0);
    CHECK(IOT_CoAP_Flush(mine, 1000) < 0);
    CHECK(IOT_CoAP_Cancel(mine, 1) < 0);
    CHECK(IOT_CoAP_GetFd(mine) < 0);
    CHECK(IOT_CoAP_GetTimeoutMs(mine) < 0);
    CHECK(IOT_CoAP_GetStatistics(mine, &statistics, sizeof(statistics)) < 0);
    CHECK_INT(0, IOT_CoAP_GetCurToken(mine));
    CHECK(IOT_CoAP_GetMessageCode(&number, &code) < 0);
    CHECK(IOT_CoAP_GetMessagePayload(&number, &payload, &number) < 0);
    CHECK(IOT_Ioctl(IOTX_IOCTL_SET_REGION, &number) < 0);
    IOT_CoAP_Deinit(&same);
    CHECK(same == mine);
    CHECK(IOT_CoAP_Pause(&same) < 0);
    CHECK(same == mine);
    /* These have nothing to do with a context. */
    CHECK(strlen(IOT_CoAP_Version()) > 0);
    CHECK(strlen(IOT_CoAP_ErrorString(-1)) > 0);
    IOT_SetLogLevel(IOT_LOG_DEBUG);
}

static void handle_line(void *data, int level, const char *line)
{
    (void)level;
    (void)line;
    if (data != NULL) {
        reenter();
    } else {
        block();
    }
}

/* Instead of the port's own. */
void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    va_end(arguments);
    reenter();
}

/* --- the store ----------------------------------------------------------------------- */

static struct {
    char key[64];
    char value[8192];
    int len;
} entries[4];
static pthread_mutex_t entries_lock = PTHREAD_MUTEX_INITIALIZER;
static int is_store_slow;

int HAL_Kv_Set(const char *key, const void *value, int len, int sync)
{
    int at;

    (void)sync;
    if (LOAD(is_store_slow)) {
        block();
    }
    pthread_mutex_lock(&entries_lock);
    for (at = 0; at < 4 && entries[at].len != 0 && strcmp(entries[at].key, key) != 0; at++) {
    }
    if (at < 4 && len <= (int)sizeof(entries[at].value)) {
        strncpy(entries[at].key, key, sizeof(entries[at].key) - 1);
        memcpy(entries[at].value, value, (size_t)len);
        entries[at].len = len;
    } else {
        at = 4;
    }
    pthread_mutex_unlock(&entries_lock);
    return at < 4 ? 0 : -1;
}

int HAL_Kv_Get(const char *key, void *value, int *len)
{
    int at, found = -1;

    pthread_mutex_lock(&entries_lock);
    for (at = 0; at < 4; at++) {
        if (entries[at].len != 0 && strcmp(entries[at].key, key) == 0 && entries[at].len <= *len) {
            memcpy(value, entries[at].value, (size_t)entries[at].len);
            *len = entries[at].len;
            found = 0;
        }
    }
    pthread_mutex_unlock(&entries_lock);
    return found;
}

int HAL_Kv_Del(const char *key)
{
    int at;

    pthread_mutex_lock(&entries_lock);
    for (at = 0; at < 4; at++) {
        if (strcmp(entries[at].key, key) == 0) {
            entries[at].len = 0;
        }
    }
    pthread_mutex_unlock(&entries_lock);
    return 0;
}

/* --- threads -------------------------------------------------------------------------- */

static int is_notice_slow;

static void handle_notice(void *data, iotx_coap_context_t *notified,
                          const iotx_coap_notice_t *notice)
{
    (void)data;
    (void)notified;
    (void)notice;
    if (LOAD(is_notice_slow)) {
        block();
    }
}

static void *keep_yielding(void *blocks)
{
    is_blocking = blocks != NULL;
    while (!LOAD(over)) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    return NULL;
}

static int post(void)
{
    char path[] = TOPIC "log";
    iotx_message_t message = message_of("{}", count_answer, NULL);

    return IOT_CoAP_SendMessage(context, path, &message);
}

static void init(void)
{
    iotx_coap_options_t options;
    iotx_coap_context_t *made;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.keep_access_token = 1;
    options.keep_session = 1;
    options.on_notice = handle_notice;
    options.max_outstanding = 1000;
    made = IOT_CoAP_InitWithOptions(&config, &options);
    if (made == NULL) {
        fprintf(stderr, "no context\n");
        exit(3);
    }
    STORE(context, made);
}

/* Lines of every thread call the library. */
static void lines_call_the_library(int by_handler)
{
    pthread_t thread;
    int sent;
    long start;

    if (by_handler) {
        IOT_CoAP_SetLogHandler(handle_line, &answered);
    }
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    init();
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, pthread_create(&thread, NULL, keep_yielding, NULL));
    for (sent = 0; sent < 20; sent++) {
        CHECK_INT(0, post());
        /* Is refused, and says why. */
        CHECK(IOT_CoAP_SendMessage(context, NULL, NULL) < 0);
        CHECK(IOT_CoAP_Yield(NULL) < 0);
    }
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    start = now_ms();
    while (LOAD(answered) < sent && now_ms() - start < 20000) {
        usleep(1000);
    }
    CHECK_INT(sent, LOAD(answered));
    CHECK(LOAD(lines) > sent);
    STORE(over, 1);
    CHECK_INT(0, pthread_join(thread, NULL));
    IOT_CoAP_Deinit(&context);
    CHECK(context == NULL);
}

/* Sends for a while, as the other thread blocks again and again. */
static void messages_do_not_wait(const char *what, int seconds)
{
    pthread_t thread;
    long start, sending, took, longest = 0;
    int sent = 0, refused = 0;

    if (strcmp(what, "log") == 0) {
        IOT_CoAP_SetLogHandler(handle_line, NULL);
        IOT_SetLogLevel(IOT_LOG_DEBUG);
    }
    init();
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    STORE(is_store_slow, strcmp(what, "store") == 0);
    STORE(is_notice_slow, strcmp(what, "notice") == 0);
    CHECK_INT(0, pthread_create(&thread, NULL, keep_yielding, &answered));
    for (start = now_ms(); now_ms() - start < seconds * 1000; usleep(20000)) {
        sending = now_ms();
        if (post() == 0) {
            sent++;
        } else {
            refused++;
        }
        took = now_ms() - sending;
        longest = took > longest ? took : longest;
        /* Makes tokens to write, and notices. */
        if ((sent + refused) % 50 == 0) {
            sending = now_ms();
            CHECK_INT(0, IOT_CoAP_StartSignIn(context, 10000));
            took = now_ms() - sending;
            longest = took > longest ? took : longest;
        }
    }
    STORE(over, 1);
    is_blocking = 0;
    STORE(is_store_slow, 0);
    STORE(is_notice_slow, 0);
    IOT_SetLogLevel(0);
    CHECK_INT(0, pthread_join(thread, NULL));
    config.wait_time_ms = 100;
    for (start = now_ms(); LOAD(answered) < sent && now_ms() - start < 20000;) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    CHECK_INT(sent, LOAD(answered));
    CHECK(LOAD(blocked) > 0);
    printf("%d sent, %d refused, %d times blocked, at most %ld ms\n", sent, refused, LOAD(blocked),
           longest);
    if (longest >= AT_ONCE) {
        fprintf(stderr, "a call that does not wait took %ld ms\n", longest);
        failures++;
    }
    IOT_CoAP_Deinit(&context);
}

int main(int argc, char **argv)
{
    struct sigaction action;

    if (argc < 5) {
        return 2;
    }
    memset(&action, 0, sizeof(action));
    action.sa_handler = ended;
    sigaction(SIGALRM, &action, NULL);
    alarm(DEADLOCK);
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 100;
    if (strcmp(argv[3], "reenter") == 0) {
        lines_call_the_library(strcmp(argv[4], "handler") == 0);
    } else if (argc == 6) {
        messages_do_not_wait(argv[4], atoi(argv[5]));
    } else {
        return 2;
    }
    return failures != 0;
}
