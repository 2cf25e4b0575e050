/*
 * The client for C++11, as a class of 60 lines: freed at the end of its scope, moved
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
 */
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <map>
#include <memory>
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
        options.notice_data = state.get();
        state->context = IOT_CoAP_InitWithOptions(&config, &options);
        if (state->context == nullptr) throw Error("not connected; the log says why");
        check(IOT_CoAP_DeviceNameAuth(state->context));
    }
    std::future<Answer> post(std::string topic, std::string json)
    {
        const uint32_t token = IOT_CoAP_GetCurToken(state->context);
        iotx_message_t message = {reinterpret_cast<unsigned char *>(&json[0]),
                                  static_cast<unsigned short>(json.size()), IOTX_CONTENT_TYPE_JSON,
                                  IOTX_MESSAGE_CON, state.get(), on_answer};
        check(json.size() > UINT16_MAX ? IOTX_ERR_MSG_TOO_LOOG
                                       : IOT_CoAP_SendMessage(state->context, &topic[0], &message));
        return state->promises[token].get_future();
    }
    Answer wait(std::future<Answer> answer)
    {
        while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
            check(IOT_CoAP_Yield(state->context));
        }
        return answer.get();
    }

private:
    struct State {
        iotx_coap_context_t *context = nullptr;
        std::map<uint32_t, std::promise<Answer>> promises; /* by the message's token */
        ~State() { IOT_CoAP_Deinit(&context); }
    };
    std::unique_ptr<State> state;

    static void check(int code) { if (code != IOTX_SUCCESS) throw Error(code); }
    static void on_answer(void *data, void *message) noexcept
    {
        unsigned int token = 0;
        iotx_coap_resp_code_t code = iotx_coap_resp_code_t();
        unsigned char *payload = nullptr;
        int length = 0;
        IOT_CoAP_GetMessageToken(message, &token);
        IOT_CoAP_GetMessageCode(message, &code);
        IOT_CoAP_GetMessagePayload(message, &payload, &length);
        auto &promises = static_cast<State *>(data)->promises;
        promises[token].set_value({code, std::string(payload, payload + length)});
        promises.erase(token);
    }
    static void on_notice(void *data, iotx_coap_context_t *, const iotx_coap_notice_t *notice) noexcept
    {
        if (notice->kind != IOTX_COAP_NOTICE_GAVE_UP) return;
        auto &promises = static_cast<State *>(data)->promises;
        promises[notice->token].set_exception(std::make_exception_ptr(Error("given up")));
        promises.erase(notice->token);
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
