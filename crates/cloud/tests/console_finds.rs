//! Hazard: what a developer looks for is there, and cannot be found: among thousands of
//! messages, in another order, or by the link that a colleague has sent.

use iot_coap_cloud::{Cloud, Config, ConsoleConfig, Device, Transport};
use iot_coap_test_cloud::browser::*;
use iot_coap_test_cloud::*;

/// A server with a console, and devices of these names.
fn cloud_of(names: &[&str]) -> Cloud {
    let console = ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback");
    let devices =
        names.iter().map(|name| Device::new(PRODUCT_KEY, *name, format!("secret of {name}")));
    start(Config { devices: devices.collect(), console: Some(console), ..Config::default() })
}

/// One of them, signed in.
fn device(cloud: &Cloud, name: &str, transport: Transport) -> TestDevice {
    let mut device = TestDevice::over(cloud, transport);
    device.identity = Device::new(PRODUCT_KEY, name, format!("secret of {name}"));
    device.sign_in();
    device
}

/// The texts of elements, in the order in which they stand on the page.
fn texts(browser: &Browser, css: &str) -> Vec<String> {
    let script = format!(
        "return [...document.querySelectorAll({css:?})]\
         .map((each) => [each.getBoundingClientRect().top, each.textContent])\
         .sort((one, other) => one[0] - other[0]).map(([, text]) => text)"
    );
    let told = browser.run(&script);
    let texts = told.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("text").to_owned()).collect()
}

fn shown(browser: &Browser, css: &str, count: usize) {
    browser.until(&format!("document.querySelectorAll({css:?}).length === {count}"));
}

#[test]
fn a_search_finds_what_is_far_down() {
    let cloud = cloud_of(&["meter-1"]);
    let mut device = device(&cloud, "meter-1", Transport::Udp);
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#rows", "signed in");
    device.publish("user/needle", br#"{"colour":"Vermilion"}"#);
    for number in 0..600 {
        device.publish("user/hay", format!("{number}").as_bytes());
    }
    browser.until_says("#row-count", "603");
    // Few of them are elements.
    let elements = browser.run("return document.querySelectorAll('#rows tr').length");
    assert!(elements.as_u64().is_some_and(|count| count < 100), "{elements}");
    assert!(!browser.text_of("#rows").contains("needle"));

    browser.tab_to("#find");
    browser.press("vermilion NEEDLE");
    shown(&browser, "#rows tr[aria-selected]", 1);
    browser.until_says("#rows", "…/user/needle");
    browser.until_says("#row-count", "1 of 603");
    // In a browser that was opened later, too.
    let link = browser.run("return location.href");
    let other = Browser::open(link.as_str().expect("text"), "en");
    other.until_says("#row-count", "1 of 603");
    // What comes meanwhile is searched, too.
    device.publish("user/needle", b"vermilion again");
    shown(&browser, "#rows tr[aria-selected]", 2);
}

#[test]
fn columns_are_sorted_and_names_in_natural_order() {
    let names = ["meter-10", "meter-9", "Meter-2", "valve-1"];
    let cloud = cloud_of(&names);
    let browser = Browser::open(&console_url(&cloud), "en");
    for (count, name) in (1..).zip(names) {
        let mut device = device(&cloud, name, Transport::Udp);
        (0..count).for_each(|_| drop(device.publish("x", b"1")));
    }
    shown(&browser, "#device-rows tr[data-name]", 4);
    let devices = || texts(&browser, "#device-rows tr[data-name] a");
    assert_eq!(devices(), ["Meter-2", "meter-9", "meter-10", "valve-1"]);
    let options = texts(&browser, "#of-device option:not([value=''])").join(" ");
    assert_eq!(options.matches("eter").count(), 3);
    assert!(options.find("meter-9") < options.find("meter-10"), "{options}");

    let taken = "#devices th[data-sort=taken]";
    browser.until_says("#device-rows tr[data-name='a1RP1qZfrEi/valve-1']", "4");
    browser.click(&format!("{taken} button"));
    assert_eq!(devices(), ["valve-1", "Meter-2", "meter-9", "meter-10"], "the most first");
    browser.click(&format!("{taken} button"));
    assert_eq!(devices(), ["meter-10", "meter-9", "Meter-2", "valve-1"]);
    let script = format!("return document.querySelector({taken:?}).ariaSort");
    assert_eq!(browser.run(&script), "ascending");

    browser.click("#list th[data-sort=device] button");
    let of_rows = || {
        let mut devices = texts(&browser, "#rows tr[aria-selected] td.device");
        devices.dedup();
        devices
    };
    assert_eq!(of_rows(), ["Meter-2", "meter-9", "meter-10", "valve-1"]);
    // A message that comes is put where it belongs.
    device(&cloud, "meter-9", Transport::Udp).publish("late", b"1");
    browser.until_says("#rows", "…/late");
    assert_eq!(of_rows(), ["Meter-2", "meter-9", "meter-10", "valve-1"]);
}

#[test]
fn what_is_chosen_stands_in_the_url_and_comes_back_with_it() {
    let cloud = cloud_of(&["meter-1", "meter-2"]);
    for name in ["meter-1", "meter-2"] {
        let mut device = device(&cloud, name, Transport::Udp);
        device.publish("user/a", br#"{"n":1}"#);
        device.publish("user/b", br#"{"n":2}"#);
        device.access_token.reverse();
        device.publish("user/c", b"3");
    }
    let url = console_url(&cloud);
    let browser = Browser::open(&url, "en");
    shown(&browser, "#rows tr[aria-selected]", 8);
    browser.click("#of-device [value='a1RP1qZfrEi/meter-2']");
    browser.click("#of-code [value='2.05']");
    browser.tab_to("#find");
    browser.press("user");
    browser.click("#show-transport");
    shown(&browser, "#rows tr[aria-selected]", 2);
    browser.run("document.querySelectorAll('#rows tr.message')[1].click()");
    browser.until_says("#detail", "\"n\": 1");
    let link = browser.run("return location.href");
    let link = link.as_str().expect("text");
    for part in ["device=a1RP1qZfrEi/meter-2", "code=2.05", "find=user", "row="] {
        assert!(link.contains(part), "{link}");
    }

    // Somebody else opens it.
    let other = Browser::open(link, "en");
    shown(&other, "#rows tr[aria-selected]", 2);
    other.until_says("#detail", "\"n\": 1");
    other.until("document.querySelector('#rows tr[aria-selected=\"true\"]')?.innerText.includes('…/user/a')");
    let filters = "return ['of-device', 'of-code', 'find'].map((id) => document.getElementById(id).value).join(' ')";
    assert_eq!(other.run(filters), "a1RP1qZfrEi/meter-2 2.05 user");
    assert_eq!(other.run("return document.getElementById('show-transport').checked"), false);

    // After a restart the link leads to nothing, and the page says so.
    let address = cloud.console_address().expect("there is one");
    cloud.stop().expect("it ends");
    let console = ConsoleConfig::new(address, None).expect("loopback");
    let again = start(Config { console: Some(console), ..Config::default() });
    TestDevice::signed_in(&again, Transport::Udp).publish("x", b"another");
    let late = Browser::open(link, "en");
    late.until_says("#detail", "The cloud does not remember more of it");
    assert!(!late.text_of("#detail").contains("another"));
}

#[test]
fn a_device_has_a_page_of_all_that_the_cloud_remembers() {
    let cloud = cloud_of(&["meter-1", "meter-2"]);
    let mut first = device(&cloud, "meter-1", Transport::Dtls);
    first.publish("user/early", br#"{"n":"first of all"}"#);
    let browser = Browser::open(&console_url(&cloud), "en");
    let mut other = device(&cloud, "meter-2", Transport::Udp);
    for number in 0..1_200 {
        other.publish("x", format!("{number}").as_bytes());
    }
    browser.until_says("#device-rows", "meter-1");
    browser.click("#device-rows [data-name='a1RP1qZfrEi/meter-1'] a");
    browser.until_says("#device-name", "meter-1");
    // From the cloud's memory: a page that was opened later has missed it.
    browser.until_says("#device-messages", "…/user/early");
    assert!(!browser.text_of("#device-messages").contains("meter-2"));
    shown(&browser, "#device-sessions tr", 1);
    let facts = browser.text_of("#device-facts");
    for told in ["DTLS", "Sign-ins", "Token expires", "47 h", "1, 0 of them resumed"] {
        assert!(facts.contains(told), "{told}: {facts}");
    }
    browser.click("#device-messages tr.message");
    browser.until_says("#detail", "first of all");

    // What is offered to be saved is this device's.
    let saved = browser.run(
        "const get = (path) => { const ask = new XMLHttpRequest(); ask.open('GET', path, false); ask.send(); return ask.responseText };\
         return ['device-jsonl', 'device-pcapng'].map((id) => get(document.getElementById(id).href))",
    );
    let [lines, capture] = [0, 1].map(|at| saved[at].as_str().expect("text").to_owned());
    assert!(lines.contains("first of all") && !lines.contains("meter-2"), "{lines}");
    assert!(capture.contains("first of all") && !capture.contains("meter-2"));

    // It goes on, and can be left again.
    first.publish("user/late", b"1");
    browser.until_says("#device-messages", "…/user/late");
    browser.click("#device-filter");
    shown(&browser, "#rows tr.message", 2);
    browser.run("history.back()");
    browser.until("document.body.dataset.page === 'device'");
    assert_eq!(browser.complaints(), [""; 0]);
    browser.run("location.hash = '#page=device&of=a1RP1qZfrEi/nobody'");
    browser.until_says("#no-such-device", "knows no device of this name");
}

#[test]
fn dtls_sessions_are_shown_with_their_ids_moves_and_saves() {
    let cloud = cloud_of(&["meter-1"]);
    let mut device = device(&cloud, "meter-1", Transport::Dtls);
    device.publish("x", b"1");
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#sessions-open", "1");
    browser.click("nav [data-page=sessions]");
    shown(&browser, "#session-list tbody tr:not(.space)", 1);
    browser.until_says("#session-list", "meter-1");
    browser.until_says("#session-list", "in memory");
    browser.click("#session-list tbody a");
    browser.until_says("#device-name", "meter-1");
    browser.run("history.back()");
    browser.until("document.body.dataset.page === 'sessions'");
    browser.click("#close-sessions");
    browser.until_says("#no-session", "No DTLS session is open.");
}
