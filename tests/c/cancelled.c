/*
 * Threads that are cancelled, or leave by pthread_exit, inside the library:
 *
 *     cancelled URL ROOT.pem        each place once, and the context used afterwards
 *     cancelled URL ROOT.pem ROUNDS cancelled at random moments, beside others
 *
 * The server is reached through a relay, which can fall silent.
 */
#include "check.h"
#include "iot_coap_ext.h"
#include "relay.h"

#include <sys/syscall.h>
#include <time.h>

/* How many bytes of the heap are in use; a C library other than GNU's does not tell. */
#ifdef __GLIBC__
#include <malloc.h>
#define IN_USE() (mallinfo2().uordblks)
#else
#define IN_USE() ((size_t)0)
#endif

/* AddressSanitizer takes what lay in a frame that was unwound for what still lies
 * there: frames that a thread is ended in are left to themselves. */
#define UNWOUND __attribute__((no_sanitize_address))

/* In milliseconds: far longer than anything here takes. */
#define LONG 20000
/* Ending a thread takes no longer; on a busy machine the best of three counts. */
#define AT_ONCE 100

static iotx_coap_config_t config;
static iotx_deviceinfo_t info;
static iotx_coap_context_t *context;
static char *url;
static int is_coaps;
static int is_symmetric;

/* What the thread that is to be ended is doing. */
static int thread_id;
static int cleanups;
static int is_in_callback;
static int has_returned;
static int answered;

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_SEQ_CST)
#define STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_SEQ_CST)
#define ADD(place) (void)__atomic_add_fetch(&(place), 1, __ATOMIC_SEQ_CST)

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static UNWOUND void nap(long ms)
{
    struct timespec time;

    time.tv_sec = ms / 1000;
    time.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&time, NULL);
}

static void await_flag(const int *flag)
{
    long start = now_ms();

    while (__atomic_load_n(flag, __ATOMIC_SEQ_CST) == 0) {
        if (now_ms() - start > LONG) {
            fprintf(stderr, "it never comes\n");
            exit(3);
        }
        nap(1);
    }
}

/* Waits until the thread waits in the kernel. */
static void await_sleep(void)
{
    char name[64], stat[512], *state;
    int looks, asleep = 0;

    await_flag(&thread_id);
    sprintf(name, "/proc/self/task/%d/stat", LOAD(thread_id));
    /* Twice in a row: a lock is waited for too, but not for long. */
    for (looks = 0; asleep < 2 && looks < LONG; looks++) {
        FILE *file = fopen(name, "r");
        size_t len = file != NULL ? fread(stat, 1, sizeof(stat) - 1, file) : 0;

        if (file != NULL) {
            fclose(file);
        }
        stat[len] = '\0';
        state = strrchr(stat, ')');
        asleep = state != NULL && state[1] == ' ' && state[2] == 'S' ? asleep + 1 : 0;
        nap(10);
    }
    CHECK(asleep == 2);
}

static void init(int wait_ms)
{
    config.wait_time_ms = wait_ms;
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        fprintf(stderr, "no context\n");
        exit(3);
    }
    IOT_CoAP_GetTimeoutMs(context); /* a Yield returns with each answer from now on */
}

static void deinit_at_once(void)
{
    long start = now_ms(), took;

    IOT_CoAP_Deinit(&context);
    took = now_ms() - start;
    CHECK(context == NULL);
    /* Nobody is in it any more, or a read that is woken. */
    if (took >= 1000) {
        fprintf(stderr, "IOT_CoAP_Deinit took %ld ms\n", took);
        failures++;
    }
}

static void count_answer(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, code);
    ADD(answered);
}

static int post(iotx_response_callback_t callback)
{
    char path[] = TOPIC "cancelled";
    iotx_message_t message = message_of("{}", callback, NULL);

    return IOT_CoAP_SendMessage(context, path, &message);
}

static void await_answers(int count)
{
    long start = now_ms();

    while (LOAD(answered) < count && now_ms() - start < LONG) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    CHECK_INT(count, LOAD(answered));
}

static void *use(void *unused)
{
    int before = LOAD(answered);

    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, post(count_answer));
    await_answers(before + 1);
    CHECK_INT(0, IOT_CoAP_Flush(context, LONG));
    return unused;
}

/* Another thread can do everything with the context. */
static void check_usable(void)
{
    pthread_t thread;

    CHECK_INT(0, pthread_create(&thread, NULL, use, NULL));
    CHECK_INT(0, pthread_join(thread, NULL));
}

/* --- what a thread is ended in ---------------------------------------------------- */

static void note_cleanup(void *unused)
{
    (void)unused;
    ADD(cleanups);
}

typedef void (*place_fn)(void);

/* Runs a place, under a handler of its own, as programs have them. */
static void *in_place(void *place)
{
    STORE(thread_id, (int)syscall(SYS_gettid));
    pthread_cleanup_push(note_cleanup, NULL);
    (*(place_fn *)place)();
    pthread_cleanup_pop(0);
    STORE(has_returned, 1);
    return NULL;
}

static pthread_t start(place_fn place)
{
    static place_fn chosen;
    pthread_t thread;

    chosen = place;
    STORE(thread_id, 0);
    STORE(cleanups, 0);
    STORE(is_in_callback, 0);
    STORE(has_returned, 0);
    CHECK_INT(0, pthread_create(&thread, NULL, in_place, &chosen));
    return thread;
}

/* Joins a thread that was cancelled or exits; how long that took. */
static long check_ended(pthread_t thread, void *expected)
{
    long start = now_ms();
    void *result = NULL;

    CHECK_INT(0, pthread_join(thread, &result));
    CHECK(result == expected);
    CHECK_INT(1, LOAD(cleanups));
    CHECK_INT(0, LOAD(has_returned));
    return now_ms() - start;
}

static long cancel(pthread_t thread)
{
    CHECK_INT(0, pthread_cancel(thread));
    return check_ended(thread, PTHREAD_CANCELED);
}

static UNWOUND void in_yield(void)
{
    IOT_CoAP_Yield(context);
}

static UNWOUND void in_sign_in(void)
{
    IOT_CoAP_DeviceNameAuth(context);
}

static UNWOUND void in_flush(void)
{
    IOT_CoAP_Flush(context, LONG);
}

static UNWOUND void in_init(void)
{
    (void)IOT_CoAP_Init(&config);
}

static void check_cancelled_in(const char *name, place_fn place)
{
    long took, best = LONG;
    int attempts;

    for (attempts = 0; attempts < 3 && best >= AT_ONCE; attempts++) {
        pthread_t thread = start(place);

        await_sleep();
        took = cancel(thread);
        best = took < best ? took : best;
    }
    if (best >= AT_ONCE) {
        fprintf(stderr, "in %s a cancelled thread ends after %ld ms\n", name, best);
        failures++;
    }
}

static void waits_are_cancelled(void)
{
    init(LONG);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    check_cancelled_in("Yield", in_yield);
    check_usable();
    deinit_at_once();

    init(LONG);
    relay_silence(1);
    check_cancelled_in("DeviceNameAuth", in_sign_in);
    relay_silence(0);
    check_usable();
    deinit_at_once();

    init(LONG);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    relay_silence(1);
    STORE(answered, 0);
    CHECK_INT(0, post(count_answer));
    check_cancelled_in("Flush", in_flush);
    relay_silence(0);
    /* The message itself is not forgotten. */
    await_answers(1);
    check_usable();
    deinit_at_once();
}

static void init_is_cancelled(void)
{
    if (!is_coaps) {
        return;
    }
    relay_silence(1);
    check_cancelled_in("Init", in_init);
    relay_silence(0);
    init(LONG);
    check_usable();
    deinit_at_once();
}

/* Two threads wait; the one that reads is cancelled, and the other takes over. */
static void another_takes_over_reading(void)
{
    pthread_t reader, other;
    void *result;

    init(LONG);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    reader = start(in_yield);
    await_sleep();
    other = start(in_yield);
    await_sleep();
    CHECK_INT(0, pthread_cancel(reader));
    CHECK_INT(0, pthread_join(reader, &result));
    CHECK(result == PTHREAD_CANCELED);
    STORE(answered, 0);
    CHECK_INT(0, post(count_answer));
    CHECK_INT(0, pthread_join(other, &result));
    CHECK(result == NULL);
    CHECK_INT(1, LOAD(answered));
    check_usable();
    deinit_at_once();
}

/* --- callbacks --------------------------------------------------------------------- */

static int exit_mark;

static UNWOUND void leave(void *arg, void *response)
{
    (void)arg;
    (void)response;
    pthread_exit(&exit_mark);
}

static UNWOUND void sleep_long(void *arg, void *response)
{
    (void)arg;
    (void)response;
    STORE(is_in_callback, 1);
    nap(LONG);
}

static UNWOUND void sign_in_from_callback(void *arg, void *response)
{
    (void)arg;
    (void)response;
    relay_silence(1);
    STORE(is_in_callback, 1);
    IOT_CoAP_DeviceNameAuth(context);
}

static UNWOUND void yield_from_callback(void *arg, void *response)
{
    (void)arg;
    (void)response;
    CHECK_INT(0, post(leave));
    IOT_CoAP_Yield(context);
}

static int is_leaving;

static UNWOUND void leave_by_notice(void *data, iotx_coap_context_t *notified,
                                    const iotx_coap_notice_t *notice)
{
    (void)data;
    (void)notified;
    (void)notice;
    if (LOAD(is_leaving)) {
        STORE(is_leaving, 0);
        pthread_exit(&exit_mark);
    }
}

static void callbacks_end_their_thread(void)
{
    int rounds;

    init(LONG);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    /* More often than there are buffers, messages or counts to lose. */
    for (rounds = 0; rounds < 40; rounds++) {
        CHECK_INT(0, post(leave));
        (void)check_ended(start(in_yield), &exit_mark);
    }
    check_usable();
    /* As many nested calls are left at once. */
    CHECK_INT(0, post(yield_from_callback));
    (void)check_ended(start(in_yield), &exit_mark);
    check_usable();
    deinit_at_once();
}

static void callbacks_are_cancelled(void)
{
    pthread_t thread;

    init(LONG);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, post(sleep_long));
    thread = start(in_yield);
    await_flag(&is_in_callback);
    (void)cancel(thread);
    check_usable();

    CHECK_INT(0, post(sign_in_from_callback));
    thread = start(in_yield);
    await_flag(&is_in_callback);
    await_sleep();
    (void)cancel(thread);
    relay_silence(0);
    check_usable();
    deinit_at_once();
}

static void notice_handlers_end_their_thread(void)
{
    iotx_coap_options_t options;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.on_notice = leave_by_notice;
    config.wait_time_ms = LONG;
    context = IOT_CoAP_InitWithOptions(&config, &options);
    CHECK(context != NULL);
    STORE(is_leaving, 1);
    CHECK_INT(0, IOT_CoAP_StartSignIn(context, LONG));
    (void)check_ended(start(in_yield), &exit_mark);
    check_usable();
    deinit_at_once();
}

/* --- states of the program's own ---------------------------------------------------- */

static int state_in_callback;

static void note_state(void *arg, void *response)
{
    int state = -1;

    (void)arg;
    (void)response;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    pthread_setcancelstate(state, NULL);
    STORE(state_in_callback, state);
    ADD(answered);
}

static int is_disabled;

static UNWOUND void with_a_state(void)
{
    int state = -1, wanted = LOAD(is_disabled) ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
    int type = -1;

    pthread_setcancelstate(wanted, NULL);
    CHECK_INT(0, post(note_state));
    await_answers(1);
    CHECK_INT(wanted, LOAD(state_in_callback));
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, IOT_CoAP_Flush(context, 10));
    (void)IOT_CoAP_GetCurToken(context);
    CHECK(IOT_CoAP_DeviceNameAuth(NULL) != 0);
    CHECK(IOT_CoAP_Init(NULL) == NULL);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    CHECK_INT(wanted, state);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    CHECK_INT(PTHREAD_CANCEL_DEFERRED, type);
    STORE(is_in_callback, 1);
    /* Cancelled meanwhile, which is not to take effect. */
    CHECK_INT(0, IOT_CoAP_Yield(context));
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    STORE(has_returned, 2);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
}

static void a_state_of_the_programs_is_kept(void)
{
    int disabled;

    for (disabled = 0; disabled < 2; disabled++) {
        pthread_t thread;
        void *result = NULL;

        init(500);
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
        STORE(is_disabled, disabled);
        STORE(answered, 0);
        thread = start(with_a_state);
        await_flag(&is_in_callback);
        CHECK_INT(0, pthread_cancel(thread));
        CHECK_INT(0, pthread_join(thread, &result));
        CHECK(result == PTHREAD_CANCELED);
        CHECK_INT(2, LOAD(has_returned));
        deinit_at_once();
    }
}

static int sent_code;

/* A handler of the log is where a program can be inside IOT_CoAP_SendMessage. */
static void sleep_in_log(void *data, int level, const char *line)
{
    (void)data;
    (void)level;
    if (strstr(line, "IOT_CoAP_SendMessage") != NULL) {
        STORE(is_in_callback, 1);
        nap(200);
        STORE(is_in_callback, 2);
    }
}

static UNWOUND void in_send(void)
{
    char path[] = TOPIC "cancelled?logged";
    iotx_message_t message = message_of("{}", count_answer, NULL);

    STORE(sent_code, IOT_CoAP_SendMessage(context, path, &message));
    pthread_testcancel();
}

static void sending_is_not_cancelled(void)
{
    pthread_t thread;

    init(LONG);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    IOT_CoAP_SetLogHandler(sleep_in_log, NULL);
    IOT_SetLogLevel(IOT_LOG_WARNING);
    STORE(sent_code, 99);
    thread = start(in_send);
    await_flag(&is_in_callback);
    (void)cancel(thread);
    CHECK_INT(0, LOAD(sent_code));
    CHECK_INT(2, LOAD(is_in_callback));
    IOT_SetLogLevel(0);
    IOT_CoAP_SetLogHandler(NULL, NULL);
    CHECK(IOT_CoAP_Flush(context, 0) == 1);
    /* That path is answered with 4.04: not counted. */
    deinit_at_once();
}

static void deinit_wakes_a_thread_that_reads(void)
{
    pthread_t yielding;

    init(LONG);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    yielding = start(in_yield);
    await_sleep();
    deinit_at_once();
    CHECK_INT(0, pthread_join(yielding, NULL));
    CHECK_INT(1, LOAD(has_returned));
}

/* --- at random moments --------------------------------------------------------------- */

static int over;
static int sent;
static int given_up;

/* A message has one end: its callback, or this. */
static void note_end(void *data, iotx_coap_context_t *notified, const iotx_coap_notice_t *notice)
{
    (void)data;
    (void)notified;
    if (notice->kind == IOTX_COAP_NOTICE_GAVE_UP) {
        ADD(given_up);
        /* Signing in again changes the key: an answer on its way is lost with it. */
        if (!is_symmetric || notice->reason != IOTX_COAP_GIVE_UP_UNDECRYPTABLE) {
            fprintf(stderr, "message %08x is given up: %d\n", (unsigned)notice->token,
                    (int)notice->reason);
            failures++;
        }
    }
}

static void *keep_sending(void *unused)
{
    while (!LOAD(over)) {
        if (post(count_answer) == 0) {
            ADD(sent);
        }
        nap(1);
    }
    return unused;
}

static void *keep_yielding(void *unused)
{
    while (!LOAD(over)) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    return unused;
}

/* One that is cancelled anywhere, and does everything. */
static UNWOUND void everywhere(void)
{
    for (;;) {
        IOT_CoAP_Yield(context);
        IOT_CoAP_Flush(context, 1);
        IOT_CoAP_DeviceNameAuth(context);
        (void)IOT_CoAP_GetFd(context);
        (void)IOT_CoAP_GetCurToken(context);
    }
}

static void cancel_at_random(int rounds)
{
    int round;

    for (round = 0; round < rounds; round++) {
        pthread_t thread = start(everywhere);

        usleep((useconds_t)(rand() % 3000));
        (void)pthread_cancel(thread);
        CHECK_INT(0, pthread_join(thread, NULL));
    }
}

static void random_rounds(int rounds)
{
    pthread_t sender, reader;
    size_t before, after;
    long started;
    iotx_coap_options_t options;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.on_notice = note_end;
    config.wait_time_ms = 20;
    context = IOT_CoAP_InitWithOptions(&config, &options);
    CHECK(context != NULL);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, pthread_create(&sender, NULL, keep_sending, NULL));
    CHECK_INT(0, pthread_create(&reader, NULL, keep_yielding, NULL));
    cancel_at_random(rounds / 10);
    before = IN_USE();
    cancel_at_random(rounds - rounds / 10);
    after = IN_USE();
    STORE(over, 1);
    CHECK_INT(0, pthread_join(sender, NULL));
    CHECK_INT(0, pthread_join(reader, NULL));
    /* A receive buffer alone has 2,048 bytes; messages in flight come and go. */
    if (after > before + 64 * 1024) {
        fprintf(stderr, "%lu bytes were in use, and then %lu\n", (unsigned long)before,
                (unsigned long)after);
        failures++;
    }
    config.wait_time_ms = 20;
    /* Each message has ended, once. */
    started = now_ms();
    while (LOAD(answered) + LOAD(given_up) < LOAD(sent) && now_ms() - started < LONG) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    CHECK_INT(LOAD(sent), LOAD(answered) + LOAD(given_up));
    CHECK_INT(0, IOT_CoAP_Flush(context, LONG));
    check_usable();
    deinit_at_once();
    printf("%d messages, %d given up\n", LOAD(sent), LOAD(given_up));
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    is_coaps = strncmp(argv[1], "coaps:", 6) == 0;
    is_symmetric = strncmp(argv[1], "coap-psk:", 9) == 0;
    url = relay_start(argv[1]);
    memset(&config, 0, sizeof(config));
    config.p_url = url;
    config.p_devinfo = &info;
    if (argc == 4) {
        random_rounds(atoi(argv[3]));
    } else {
        waits_are_cancelled();
        init_is_cancelled();
        another_takes_over_reading();
        callbacks_end_their_thread();
        callbacks_are_cancelled();
        notice_handlers_end_their_thread();
        a_state_of_the_programs_is_kept();
        sending_is_not_cancelled();
        deinit_wakes_a_thread_that_reads();
    }
    return failures != 0;
}
