//! Hazard: the console's page shows something else than what happens: nothing, too
//! much, or what was before the connection was lost.

use std::time::Duration;

use coap_lite::{MessageClass, MessageType};
use iot_coap_cloud::{Config, ConsoleConfig, Event, Transport};
use iot_coap_test_cloud::browser::*;
use iot_coap_test_cloud::fleet::devices;
use iot_coap_test_cloud::line::{Line, State};
use iot_coap_test_cloud::*;

/// Set, it has the screenshot of the README made anew, after five minutes of work that
/// fill its graphs.
const UPDATE_SCREENSHOT: &str = "UPDATE_SCREENSHOT";

#[test]
fn what_devices_do_appears_and_a_switch_is_felt() {
    let cloud = with_console();
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#link", "Connected");
    browser.until_says("#command", "coap-example -u coaps://127.0.0.1:");
    assert!(browser.text().contains("No device yet"));

    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    device.publish("user/temperature", br#"{"celsius":21.50}"#);
    browser.until_says("#device-rows", "example1");
    browser.until_says("#rows", "…/user/temperature");
    let rows = browser.text_of("#rows");
    assert!(rows.contains("signed in") && rows.contains(r#"{"celsius":21.50}"#), "{rows}");
    browser.click("#rows tr.message");
    for told in [
        "Content-Format",
        "50 (application/json)",
        "access token",
        "/a1RP1qZfrEi/example1/user/temperature",
        "ACK 2.05",
    ] {
        browser.until_says("#detail", told);
    }
    let token = String::from_utf8(device.access_token.clone()).expect("text");
    let source = browser.run("return document.documentElement.outerHTML").to_string();
    assert!(!source.contains(&token) && !source.contains(DEVICE_SECRET));

    let mark = cloud.event_count();
    browser.click("#separate");
    let switched = cloud.wait_for_since(mark, PATIENCE, |event| {
        matches!(event, Event::FaultsChanged { faults } if faults.starts_with("separate=1,"))
    });
    assert!(switched.is_some());
    let request = device.message("x", b"2");
    device.send(&request);
    assert_eq!(device.receive().header.code, MessageClass::Empty);
    let response = device.receive();
    assert_eq!(response.header.get_type(), MessageType::Confirmable);
    device.acknowledge(&response);
    browser.until_says("#round-trips-say", "1 measured");
    browser.until("document.querySelector('#round-trips path.once').dataset.count === '1'");

    // The sign-in, and the two messages.
    browser.until_says("#answers-say", "3 answered");
    browser.until("document.querySelectorAll('#answers rect').length > 0");

    browser.click("#separate");
    browser.click("#expire-tokens");
    browser.until_says("#device-rows", "expired by switch");
    assert_eq!(code(&device.publish("x", b"3")), "4.01");
    browser.until_says("#rows", "4.01");

    let mut secured = TestDevice::signed_in(&cloud, Transport::Dtls);
    browser.until_says("#sessions", "1");
    browser.click("#close-sessions");
    assert_eq!(secured.link.receive(PATIENCE), Some(Vec::new()), "close_notify");
    browser.until_says("#said", "DTLS sessions closed: 1.");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn filters_show_one_device_and_one_code() {
    let console = ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback");
    let cloud = start(Config { devices: devices(), console: Some(console), ..Config::default() });
    for identity in devices() {
        let mut device = TestDevice::over(&cloud, Transport::Udp);
        device.identity = identity;
        device.sign_in();
        device.publish("x", b"1");
        device.access_token.reverse();
        device.publish("x", b"2");
    }
    let browser = Browser::open(&console_url(&cloud), "en");
    let rows = |count: usize| {
        browser.until(&format!(
            "document.querySelectorAll('#rows tr[aria-selected]').length === {count}"
        ));
    };
    rows(12);
    browser.until("document.querySelectorAll('#of-device option').length === 5");
    browser.click("#of-code [value='4.01']");
    rows(4);
    browser.click("#of-device [value='a1RP1qZfrEi/valve-12']");
    rows(1);
    assert!(browser.text_of("#rows").contains("valve-12"));
    browser.click("#of-code [value='']");
    rows(3);
    browser.click("#show-requests");
    rows(0);
}

#[test]
fn a_lost_connection_is_told_and_no_row_is_lost_or_doubled() {
    let cloud = with_console();
    let address = cloud.console_address().expect("there is one");
    let line = Line::to(address);
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let browser = Browser::open(&format!("http://{}", line.address), "en");
    let rows =
        |count: usize| format!("document.querySelectorAll('#rows tr.message').length === {count}");
    let shown = || {
        let script = "return [...document.querySelectorAll('#rows tr.message')]\
             .map((row) => row.lastChild.textContent).reverse().join(' ')";
        browser.run(script).as_str().expect("text").to_owned()
    };
    device.publish("x", b"1");
    browser.until(&rows(1));

    line.set(State::Cut);
    browser.until_says("#link", "No connection to the cloud since");
    assert!(browser.run("return document.getElementById('controls').disabled") == true);
    browser.screenshot("console-gone.png");
    for payload in [b"2", b"3", b"4"] {
        device.publish("x", payload);
    }
    line.set(State::Open);
    browser.until_says("#link", "Connected");
    browser.until(&rows(4));
    assert_eq!(shown(), "1 2 3 4");

    // Nothing says so when the way to the cloud just swallows everything.
    line.set(State::Silent);
    browser.until_says("#link", "has said nothing since");
    device.publish("x", b"5");
    line.set(State::Open);
    browser.until_says("#link", "Connected");
    browser.until(&rows(5));
    assert_eq!(shown(), "1 2 3 4 5");

    cloud.stop().expect("it ends");
    browser.until_says("#link", "No connection to the cloud since");
    let console = ConsoleConfig::new(address, None).expect("loopback");
    let again = start(Config { console: Some(console), ..Config::default() });
    browser.until_says("#rows", "The cloud was started anew.");
    TestDevice::signed_in(&again, Transport::Udp).publish("x", b"6");
    browser.until(&rows(6));
    assert_eq!(shown(), "1 2 3 4 5 6");

    // What is too much to be told is said to be missing.
    line.set(State::Cut);
    browser.until_says("#link", "No connection to the cloud since");
    let mut device = TestDevice::signed_in(&again, Transport::Udp);
    for _ in 0..10_300 {
        device.publish("x", b"7");
    }
    line.set(State::Open);
    // Below all that came after them.
    browser.until(
        "(document.getElementById('list').scrollTop = 1e9)\
         && document.getElementById('rows').innerText.includes('events were left out')",
    );
}

#[test]
fn the_keyboard_is_enough() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let browser = Browser::open(&console_url(&cloud), "en");
    for payload in [&b"{\"n\":1}"[..], b"{\"n\":2}"] {
        device.publish("x", payload);
    }
    browser.until_says("#rows", "{\"n\":2}");

    browser.tab_to("#pause");
    browser.press(SPACE);
    device.publish("x", b"{\"n\":3}");
    browser.until_says("#pause", "Resume (1 waiting)");
    assert!(!browser.text_of("#rows").contains("{\"n\":3}"));
    browser.press(ENTER);
    browser.until_says("#rows", "{\"n\":3}");

    browser.tab_to("#rows tr");
    browser.press(DOWN);
    browser.until_says("#detail", "\"n\": 2");
    browser.press(DOWN);
    browser.until_says("#detail", "\"n\": 1");
    browser.press(END);
    browser.until_says("#detail", "Sign method");
    let ring = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(ring, "solid", "where the focus is can be seen");

    let mark = cloud.event_count();
    browser.tab_to("#drop");
    browser.press(SPACE);
    let lossy = |event: &Event| matches!(event, Event::FaultsChanged { faults } if faults.starts_with("drop=0.2,"));
    assert!(cloud.wait_for_since(mark, PATIENCE, lossy).is_some());
    browser.tab_to("#text");
    browser.run("document.activeElement.value = 'dorp=1'");
    browser.press(ENTER);
    browser.until_says("#said", "there is no fault named \"dorp\"");
}

#[test]
fn it_speaks_chinese_to_those_who_do_and_to_those_who_ask() {
    let cloud = with_console();
    let url = console_url(&cloud);
    let browser = Browser::open(&url, "zh-CN");
    browser.until_says("#link", "已连接");
    assert_eq!(browser.run("return document.documentElement.lang"), "zh-CN");
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    device.publish("仓库/温度", "{\"温度\":21.5}".as_bytes());
    browser.until_says("#rows", "…/仓库/温度");
    browser.until_says("#rows", "{\"温度\":21.5}");
    browser.click("#languages [value=en]");
    browser.until_says("#link", "Connected");
    browser.go(&url);
    browser.until_says("#link", "Connected");
    assert_eq!(browser.run("return document.documentElement.lang"), "en");
}

#[test]
fn what_a_device_sends_never_becomes_markup() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#link", "Connected");
    let elements = "return document.querySelectorAll('img, script:not([src]), iframe, b').length";
    let markup = "<img src=x onerror=\"document.title='owned'\"><b>x</b><script>document.title='owned'</script>";
    device.publish(markup, markup.as_bytes());
    device.publish("json", serde_json::json!({ markup: markup }).to_string().as_bytes());
    let nobody = device.post(&format!("/{markup}"));
    device.exchange(&nobody);
    let stranger = device.auth("hmacmd5", &[("version", markup), ("\u{202E}", markup)]);
    device.exchange(&stranger);
    browser.until("document.querySelectorAll('#rows tr[aria-selected]').length === 5");
    for row in 0..5 {
        browser
            .run(&format!("document.querySelectorAll('#rows tr[aria-selected]')[{row}].click()"));
        browser.until_says("#detail", "Datagram");
        assert_eq!(browser.run(elements), 0, "row {row}");
    }
    assert!(browser.text_of("#rows").contains("<b>x</b>"), "it is shown as it is");
    assert_eq!(browser.run("return document.title"), "iot-coap-cloud");
    // And would not, if the page tried to.
    let refused =
        browser.run("try { document.body.innerHTML = '<b>x</b>' } catch { return 'refused' }");
    assert_eq!(refused, "refused");
}

#[test]
fn it_can_be_looked_at() {
    let console = ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback");
    let cloud = start(Config { devices: devices(), console: Some(console), ..Config::default() });
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#link", "Connected");
    browser.until_says("#command", "IOT_COAP_DEVICE_NAME=meter-0417");
    browser.screenshot("console-empty.png");
    let update = std::env::var_os(UPDATE_SCREENSHOT).is_some();
    let (rounds, patience) = if update { (90, 700) } else { (4, 120) };
    fleet::work(&cloud, rounds, Duration::from_millis(patience));
    browser.until("document.querySelectorAll('#device-rows tr[data-name]').length === 4");
    browser.until_says("#rows", "4.01");
    browser.run(
        "[...document.querySelectorAll('#rows tr.message')]\
         .find((row) => row.textContent.includes('params')).click()",
    );
    browser.until_says("#detail", "Uri-Path");
    browser.run("document.activeElement.blur()");
    browser.until("document.getElementById('drop').checked");

    let background = "return getComputedStyle(document.body).backgroundColor";
    browser.prefer("light");
    let light = browser.run(background);
    let picture = browser.screenshot("console-light.png");
    if update {
        let documented = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/console.png");
        std::fs::copy(&picture, documented).expect("written");
    }
    browser.prefer("dark");
    assert_ne!(browser.run(background), light);
    browser.screenshot("console-dark.png");
    browser.click("#languages [value=zh]");
    browser.screenshot("console-zh.png");
    assert_eq!(browser.complaints(), [""; 0]);
}
