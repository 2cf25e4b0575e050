/*
 * The client for C++11, as a class of 80 lines: freed at the end of its scope, moved
 * but not copied, errors as exceptions, answers as futures.
 *
 *     ./raii [URL]
 *
 * What to take from it:
 *
 * - no exception may leave a callback, whose caller is C. Here it puts the answer, or
 *   the error, into a promise; the exception arises where the answer is waited for.
 * - a future never waits in vain: the message is answered, or given up (a notice), or
 *   the client ends before it, and its promises with it (std::future_error).
 * - what callbacks are handed has an address of its own, so that the client can move.
 * - a message's promise is there before the message: another thread may be in
 *   IOT_CoAP_Yield, and have the answer before IOT_CoAP_SendMessage returns. Any number
 *   of threads may post; where one only yields, the futures need no wait().
 */
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coap_api.h"
#include "iot_coap_ext.h"

namespace coap {

struct Error : std::runtime_error {
    explicit Error(int code) : std::runtime_error(IOT_CoAP_ErrorString(code)) {}
    explicit Error(const char *what) : std::runtime_error(what) {}
};

struct Answer {
    int code; /* 0x45 is 2.05 */
    std::string payload;
};

class Client {
public:
    Client(std::string url, iotx_deviceinfo_t device) : state(new State)
    {
        iotx_coap_config_t config = {&url[0], 1000, &device, nullptr};
        iotx_coap_options_t options = iotx_coap_options_t();
        options.size = sizeof(options);
        options.on_notice = on_notice;
        options.yield_pace = IOTX_COAP_PACE_NONE; /* back when the answer is there */
        state->context = IOT_CoAP_InitWithOptions(&config, &options);
        if (state->context == nullptr) throw Error("not connected; the log says why");
        check(IOT_CoAP_DeviceNameAuth(state->context));
    }
    std::future<Answer> post(std::string topic, std::string json)
    {
        Pending *pending = state->add();
        std::future<Answer> answer = pending->promise.get_future();
        iotx_message_t message = {reinterpret_cast<unsigned char *>(&json[0]),
                                  static_cast<unsigned short>(json.size()), IOTX_CONTENT_TYPE_JSON,
                                  IOTX_MESSAGE_CON, pending, on_answer};
        const int code = json.size() > UINT16_MAX
                             ? IOTX_ERR_MSG_TOO_LOOG
                             : IOT_CoAP_SendMessage(state->context, &topic[0], &message);
        if (code != IOTX_SUCCESS) State::take(pending);
        check(code);
        return answer;
    }
    Answer wait(std::future<Answer> answer)
    {
        while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
            check(IOT_CoAP_Yield(state->context));
        }
        return answer.get();
    }

private:
    struct State;
    struct Pending {
        State *state;
        std::promise<Answer> promise;
        std::list<Pending>::iterator place;
    };
    struct State {
        iotx_coap_context_t *context = nullptr;
        std::mutex mutex;
        std::list<Pending> pending;
        ~State() { IOT_CoAP_Deinit(&context); }
        Pending *add()
        {
            const std::lock_guard<std::mutex> lock(mutex);
            pending.push_back({this, {}, {}});
            pending.back().place = std::prev(pending.end());
            return &pending.back();
        }
        static std::promise<Answer> take(void *data)
        {
            auto *taken = static_cast<Pending *>(data);
            const std::lock_guard<std::mutex> lock(taken->state->mutex);
            std::promise<Answer> promise = std::move(taken->promise);
            taken->state->pending.erase(taken->place);
            return promise;
        }
    };
    std::unique_ptr<State> state;

    static void check(int code) { if (code != IOTX_SUCCESS) throw Error(code); }
    static void on_answer(void *data, void *message) noexcept
    {
        iotx_coap_resp_code_t code = iotx_coap_resp_code_t();
        unsigned char *payload = nullptr;
        int length = 0;
        IOT_CoAP_GetMessageCode(message, &code);
        IOT_CoAP_GetMessagePayload(message, &payload, &length);
        State::take(data).set_value({code, std::string(payload, payload + length)});
    }
    static void on_notice(void *, iotx_coap_context_t *, const iotx_coap_notice_t *notice) noexcept
    {
        if (notice->kind != IOTX_COAP_NOTICE_GAVE_UP) return;
        State::take(notice->user_data).set_exception(std::make_exception_ptr(Error("given up")));
    }
};

} // namespace coap

int main(int argc, char **argv)
{
    const iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "",
                                      "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
    const std::string topic = "/topic/a1RP1qZfrEi/example1/update";
    const std::string url = argc > 1 ? argv[1]
                                     : "coaps://a1RP1qZfrEi.iot-as-coap.cn-shanghai.aliyuncs.com";

    IOT_SetLogLevel(IOT_LOG_ERROR);
    try {
        coap::Client first(url, device);
        coap::Client client(std::move(first)); /* as out of a factory, or into a container */
        std::vector<std::future<coap::Answer>> answers;
        bool all_taken = true;

        for (int count = 1; count <= 3; count++) {
            answers.push_back(client.post(topic, "{\"count\":" + std::to_string(count) + "}"));
        }
        for (auto &each : answers) {
            const coap::Answer answer = client.wait(std::move(each));
            std::cout << (answer.code >> 5) << '.' << (answer.code & 31) / 10
                      << (answer.code & 31) % 10 << ' ' << answer.payload << '\n';
            all_taken = all_taken && answer.code == IOTX_COAP_RESP_CODE_CONTENT;
        }
        return all_taken ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception &error) {
        std::cerr << "raii: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
