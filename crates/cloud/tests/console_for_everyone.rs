//! Hazard: a reader with a small screen, without a mouse, or without English is shut out;
//! or a device writes its text over what is around it.

use coap_lite::CoapOption;
use iot_coap_cloud::{Config, ConsoleConfig, Device, Event, TokenOption, Transport};
use iot_coap_test_cloud::browser::*;
use iot_coap_test_cloud::*;

#[test]
fn a_tapped_row_shows_its_details_on_a_telephone() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    device.publish("user/temperature", br#"{"celsius":21.50}"#);
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.size(390, 844);
    browser.until_says("#rows", "…/user/temperature");
    assert!(browser.run("return document.getElementById('details').checkVisibility()") == false);
    browser.click("#rows tr.message");
    browser.until_says("#detail", "\"celsius\": 21.50");
    // They can be seen, whole in width, and nothing lies over them.
    let seen = "const box = document.getElementById('detail').getBoundingClientRect();\
         const top = document.elementFromPoint(box.x + box.width / 2, box.y + 20);\
         return box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight && box.height > 150\
             && Boolean(top.closest('#details'))";
    assert!(browser.run(seen) == true);
    browser.screenshot("console-narrow.png");
    browser.click("#shut");
    browser.until("!document.getElementById('details').checkVisibility()");
    assert_eq!(wider_than_the_screen(&browser), [""; 0]);
    for page in ["#page=sessions", "#page=device&of=a1RP1qZfrEi/example1"] {
        browser.run(&format!("location.hash = {page:?}"));
        browser.until("document.querySelector('main').innerText.length > 100");
        assert_eq!(wider_than_the_screen(&browser), [""; 0], "{page}");
    }
}

#[test]
fn nothing_is_cut_at_1024_pixels() {
    let console = ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback");
    let mut devices = fleet::devices();
    let long = Device::new(PRODUCT_KEY, "a-device-with-the-longest-name--", "its own secret");
    devices.push(long.clone());
    let cloud = start(Config { devices, console: Some(console), ..Config::default() });
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    device.identity = long;
    device.sign_in();
    fleet::work(&cloud, 2, std::time::Duration::from_millis(100));
    for language in ["en", "zh-CN"] {
        let browser = Browser::open(&console_url(&cloud), language);
        browser.size(1_024, 768);
        browser.until_says("#rows", "4.01");
        for page in ["#", "#page=sessions", "#page=device&of=a1RP1qZfrEi/meter-0417"] {
            browser.run(&format!("location.hash = {page:?}"));
            browser.until("document.querySelector('main').innerText.length > 300");
            if page.contains("device") {
                browser.until(
                    "document.querySelector('#device-messages tr.message')?.checkVisibility()",
                );
            }
            assert_eq!(wider_than_the_screen(&browser), [""; 0], "{language} {page}");
            // What is long in a row has its whole text in the details; all else is there.
            let cut = "return [...document.querySelectorAll('h1, h2, h3, thead th, .time, .what, .code, button, a, label, figcaption, .bar, .note, #said, #urls')]\
                 .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0\
                     && getComputedStyle(each).display !== 'inline')\
                 .map((each) => each.tagName + ' ' + each.textContent)";
            assert_eq!(strings(&browser, cut), [""; 0], "{language} {page}");
        }
        browser.run("location.hash = ''");
        browser.until("document.body.dataset.page === 'messages'");
        browser.screenshot(&format!("console-1024-{language}.png"));
    }
}

/// Whatever can be scrolled sideways, and the page itself, if it is.
fn wider_than_the_screen(browser: &Browser) -> Vec<String> {
    strings(
        browser,
        "return [document.documentElement, ...document.querySelectorAll('.scroll')]\
         .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth)\
         .map((each) => `${each.tagName} ${each.id} ${each.scrollWidth} > ${each.clientWidth}`)",
    )
}

fn strings(browser: &Browser, script: &str) -> Vec<String> {
    let told = browser.run(script);
    let list = told.as_array().expect("a list").iter();
    list.map(|each| each.as_str().expect("text").to_owned()).collect()
}

#[test]
fn two_keys_lead_past_three_hundred_devices_to_the_filters() {
    let console = ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback");
    let devices: Vec<Device> = (0..300)
        .map(|number| {
            Device::new(PRODUCT_KEY, format!("meter-{number}"), format!("secret {number}"))
        })
        .collect();
    let config = Config { devices: devices.clone(), console: Some(console), ..Config::default() };
    let cloud = start(config);
    for identity in devices {
        let mut device = TestDevice::over(&cloud, Transport::Udp);
        device.identity = identity;
        device.sign_in();
    }
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#device-count", "300");
    browser.press(TAB);
    assert_eq!(browser.run("return document.activeElement.innerText"), "To the filters");
    browser.press(ENTER);
    assert_eq!(browser.run("return document.activeElement.id"), "find");
    browser.run("location.hash = '#page=sessions'");
    browser.until("document.body.dataset.page === 'sessions'");
    browser.run("document.getElementById('skip').focus()");
    browser.press(ENTER);
    assert_eq!(browser.run("return document.activeElement.id"), "session-list");
    browser.run("history.back()");
    // Without it, the table is no long way either.
    let stops = browser.run("return document.querySelectorAll('#devices :is(a, button)').length");
    assert!(stops.as_u64().is_some_and(|stops| stops < 60), "{stops}");
}

#[test]
fn what_a_device_sends_neither_hides_nor_reorders_anything() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let sly = "safe\u{202E}exe.\u{2066}\u{200B}\u{7}\u{85}\u{FEFF}";
    device.publish(sly, sly.as_bytes());
    device.publish("json", serde_json::json!({ "k": sly }).to_string().as_bytes());
    let stranger = device.auth("hmacmd5", &[(sly, sly)]);
    device.exchange(&stranger);
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until("document.querySelectorAll('#rows tr[aria-selected]').length === 4");
    for row in 0..4 {
        let click = format!("document.querySelectorAll('#rows tr[aria-selected]')[{row}].click()");
        browser.run(&click);
        browser.until_says("#detail", "Datagram");
        // Neither in a text, nor in what a tooltip or an option says.
        let unseen = browser.run(
            "const said = [document.body.textContent, ...[...document.querySelectorAll('[title], option')]\
                 .flatMap((each) => [each.title, each.value])].join('');\
             return said.match(/[\\u202A-\\u202E\\u2066-\\u2069\\u200B-\\u200F\\u0007\\u0085\\uFEFF]/)?.length ?? 0",
        );
        assert_eq!(unseen, 0, "row {row}");
    }
    browser.until_says("#rows", r"safe\u{202E}exe.\u{2066}\u{200B}");
    browser.until_says("#rows", r"\u{0007}");
    // A text that is read from the right turns nothing round that is beside it.
    device.publish("\u{5D0}\u{5D1}\u{5D2}", "\u{5D3}\u{5D4} 123".as_bytes());
    browser.until_says("#rows", "\u{5D0}\u{5D1}\u{5D2}");
    let mixed = browser.run(
        "return [...document.querySelectorAll('#rows td, #detail dd')]\
             .every((each) => getComputedStyle(each).unicodeBidi === 'isolate')",
    );
    assert!(mixed == true);
}

#[test]
fn reasons_of_refusal_speak_chinese() {
    let cloud = with_console();
    let browser = Browser::open(&console_url(&cloud), "zh-CN");
    browser.until_says("#link", "已连接");
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let mut refused = 0;
    let mut count = |reply: &coap_lite::Packet| {
        assert!(code(reply).starts_with(['4', '5']), "{}", code(reply));
        refused += 1;
    };
    // Sign-ins.
    for fields in [
        &[("signmethod", "sha3")][..],
        &[("ackMode", "7")],
        &[("seq", "x")],
        &[("clientId", "")],
        &[("sign", "00")],
        &[("productKey", "nobody")],
    ] {
        let request = device.auth("hmacmd5", fields);
        count(&device.exchange(&request));
    }
    let mut request = device.auth("hmacmd5", &[]);
    request.payload = b"[1]".to_vec();
    count(&device.exchange(&request));
    // Messages.
    let token = device.access_token.clone();
    for bad in [Vec::new(), b"short".to_vec(), token.iter().rev().copied().collect()] {
        device.access_token = bad;
        count(&device.publish("x", b"1"));
    }
    device.access_token = token;
    let long = "x".repeat(130);
    for path in ["/topic/a1RP1qZfrEi/another/x", &format!("/topic/a1RP1qZfrEi/example1/{long}")] {
        let request = device.message_to(path, b"1");
        count(&device.exchange(&request));
    }
    count(&device.publish("x?y", b"1"));
    let nowhere = device.post("/nowhere");
    count(&device.exchange(&nowhere));
    let mut critical = device.post("/auth");
    critical.add_option(CoapOption::from(65_001), vec![1]);
    count(&device.exchange(&critical));
    cloud.expire_tokens();
    count(&device.publish("x", b"1"));
    assert_ne!(device.token_option, 0, "{:?}", TokenOption::default());

    let rows = "document.querySelectorAll('#rows tr:is(.sign_in_refused, .request_refused, .message) .rest')";
    browser.until(&format!("{rows}.length === {refused}"));
    let said = strings(&browser, &format!("return [...{rows}].map((each) => each.textContent)"));
    for reason in &said {
        assert!(reason.chars().any(|each| ('\u{4E00}'..='\u{9FFF}').contains(&each)), "{reason}");
    }
    // Each is another one, and the log has them in English.
    let told: Vec<String> = cloud
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::SignInRefused { reason, .. } | Event::RequestRefused { reason, .. } => {
                Some(reason)
            }
            Event::Message(message) => Some(message.reason),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), refused);
    assert!(told.iter().all(|reason| reason.is_ascii()), "{told:?}");
    browser.click("#languages [value=en]");
    browser.until_says("#rows", "no such device, or its signature is wrong");
}
