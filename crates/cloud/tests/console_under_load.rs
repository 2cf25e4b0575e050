//! Hazard: a busy cloud freezes the page, or fills its memory.
//!
//! `CONSOLE_SECONDS` says how long it is watched, 12 by itself; it prints what it measured.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, ConsoleConfig, Device, Transport};
use iot_coap_test_cloud::browser::*;
use iot_coap_test_cloud::*;

const DEVICES: u32 = 300;
/// Messages a second.
const RATE: u32 = 2_000;
/// A frame that takes longer is seen as a stop.
const LONGEST_FRAME: f64 = 100.0;

/// A device's message, of which only its id and its token change.
struct Template {
    socket: UdpSocket,
    datagram: Vec<u8>,
}

impl Template {
    fn of(cloud: &Cloud, identity: Device) -> Self {
        let mut device = TestDevice::over(cloud, Transport::Udp);
        device.identity = identity;
        device.sign_in();
        let payload =
            br#"{"id":"1","version":"1.0","params":{"temperature":21.5,"humidity":48.0}}"#;
        let message = device.message("thing/event/property/post", payload);
        let datagram = message.to_bytes_unlimited().expect("there is no limit");
        let Link::Udp(socket) = device.link else { unreachable!("it was made so") };
        socket.set_nonblocking(true).expect("it can be set");
        Self { socket, datagram }
    }

    fn send(&mut self, number: u32) {
        let id = u16::try_from(number % 65_536).expect("it is below").to_be_bytes();
        self.datagram[2..4].copy_from_slice(&id);
        // Behind the header there is a token of two bytes.
        self.datagram[4..6].copy_from_slice(&id);
        // What a full socket does not take is lost.
        let _ = self.socket.send(&self.datagram);
        let mut answer = [0; 256];
        while self.socket.recv(&mut answer).is_ok() {}
    }
}

/// Has them send at the rate until it is over; says how many a second it was.
fn work(mut templates: Vec<Template>, over: &AtomicBool) -> f64 {
    let begin = Instant::now();
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) {
        let due = u32::try_from(begin.elapsed().as_millis()).expect("minutes") / 10 * (RATE / 100);
        while sent < due {
            // A machine that is late does not make up for it.
            if due - sent > RATE {
                sent = due - RATE / 100;
            }
            let device = usize::try_from(sent % DEVICES).expect("it is small");
            templates[device].send(sent);
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    f64::from(sent) / begin.elapsed().as_secs_f64()
}

#[test]
fn three_hundred_devices_neither_freeze_nor_fill_the_page() {
    let watched =
        std::env::var("CONSOLE_SECONDS").map_or(12, |text| text.parse().expect("seconds"));
    let console = ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback");
    let devices: Vec<Device> = (0..DEVICES)
        .map(|number| {
            Device::new(PRODUCT_KEY, format!("meter-{number}"), format!("secret {number}"))
        })
        .collect();
    let config = Config { devices: devices.clone(), console: Some(console), ..Config::default() };
    let cloud = start(config);
    let templates = devices.into_iter().map(|device| Template::of(&cloud, device)).collect();
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#device-count", "300");

    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| work(templates, &over));
        // Until its memory of rows is full, it grows.
        browser.until("document.getElementById('row-count').textContent === '10000'");
        let before = browser.heap();
        browser.run(
            "window.seconds = []; let last = performance.now(), end = last + 1000, longest = 0, count = 0;\
             const frame = (now) => {\
                 longest = Math.max(longest, now - last); last = now; count += 1;\
                 if (now >= end) { seconds.push([longest, count]); [end, longest, count] = [now + 1000, 0, 0]; }\
                 requestAnimationFrame(frame);\
             };\
             requestAnimationFrame(frame)",
        );
        let events = cloud.event_count();
        let begin = Instant::now();
        // What a reader does meanwhile.
        let is_smooth = || {
            let script = format!("return seconds.some(([longest]) => longest <= {LONGEST_FRAME})");
            browser.run(&script) == true
        };
        // A busy machine is given a while longer.
        while begin.elapsed() < Duration::from_secs(watched)
            || (begin.elapsed() < Duration::from_secs(watched) + PATIENCE && !is_smooth())
        {
            for text in ["meter-29", ""] {
                browser.run(&format!(
                    "const find = document.getElementById('find'); find.value = {text:?};\
                     find.dispatchEvent(new Event('input'))"
                ));
                std::thread::sleep(Duration::from_millis(700));
            }
            browser.run("const list = document.getElementById('list'); list.scrollTop = list.scrollTop ? 0 : 5000");
        }
        let rate = f64::from(u32::try_from(cloud.event_count() - events).expect("fewer"))
            / begin.elapsed().as_secs_f64();
        let elements = browser.run("return document.querySelectorAll('*').length");
        let after = browser.heap();
        let seconds = browser.run("return seconds");
        over.store(true, Ordering::Relaxed);
        let sent = load.join().expect("no panic");

        let seconds: Vec<(f64, u32)> = serde_json::from_value(seconds).expect("pairs of numbers");
        let smooth = seconds.iter().filter(|(longest, _)| *longest <= LONGEST_FRAME).count();
        let longest = seconds.iter().map(|(longest, _)| *longest).fold(0.0, f64::max);
        let frames = seconds.iter().map(|(_, count)| count).sum::<u32>()
            / u32::try_from(seconds.len()).expect("few");
        println!(
            "{sent:.0} messages a second sent, {rate:.0} events a second; {frames} frames a second, the \
             longest {longest:.0} ms, {smooth} of {} seconds without one above {LONGEST_FRAME} ms; \
             {elements} elements; heap {:.1} MB, then {:.1} MB",
            seconds.len(),
            before / 1e6,
            after / 1e6,
        );
        // A machine that does something else stops the page now and then; a page that stops by
        // itself does so in every second.
        assert!(smooth > 0 && frames >= 10, "{seconds:?}");
        assert!(rate > f64::from(RATE) / 2.0, "that was no load");
        assert!(elements.as_u64().is_some_and(|count| count < 2_000), "{elements}");
        assert!(after < before + 16e6, "{before} bytes, then {after}");
    });
}
