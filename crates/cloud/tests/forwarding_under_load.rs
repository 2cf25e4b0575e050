//! Hazard: with more messages than the broker can acknowledge, every message reaches it
//! too late, and no device is told that its message arrived.
//!
//! `FORWARDING_RATES=100,150,200,300,600` measures the whole table; the same table with
//! a virtual clock is a unit test of `src/forward/admission`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coap_lite::Packet;
use iot_coap_cloud::{Config, Device, Event, Forward, Transport};
use iot_coap_test_cloud::broker::{Broker, Limits};
use iot_coap_test_cloud::*;

const DEVICES: usize = 20;
const SECONDS: u64 = 6;
/// What the broker takes before it has acknowledged the first, and for how long it keeps
/// each: 200 a second.
const IN_FLIGHT: u16 = 20;
const HOLD: Duration = Duration::from_millis(100);

/// What a broker did that acknowledges each message after a while.
#[derive(Default)]
struct Done {
    /// The payloads that were published.
    published: Vec<String>,
    /// How long they were held, in sum.
    held: Duration,
}

/// Lets a broker acknowledge each message after [`HOLD`].
struct Acknowledging {
    ending: Arc<AtomicBool>,
    thread: JoinHandle<Done>,
}

impl Acknowledging {
    fn start(broker: Broker) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ending);
        let thread = std::thread::spawn(move || {
            let (mut done, mut held) = (Done::default(), VecDeque::new());
            while !end.load(Ordering::Relaxed) {
                let wait = held
                    .front()
                    .map_or(HOLD, |(since, _): &(Instant, _)| HOLD.saturating_sub(since.elapsed()));
                if let Some(published) = broker.try_next(wait) {
                    assert!(held.len() < usize::from(IN_FLIGHT), "more than Receive Maximum");
                    done.published.push(published.text());
                    held.push_back((Instant::now(), published));
                }
                while let Some((since, published)) =
                    held.pop_front_if(|(since, _)| since.elapsed() >= HOLD)
                {
                    broker.acknowledge(&published);
                    done.held += since.elapsed();
                }
            }
            done
        });
        Self { ending, thread }
    }

    fn stop(self) -> Done {
        self.ending.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

/// The codes of answers, by payload.
type Answers = Arc<Mutex<HashMap<String, String>>>;

/// Hears what a device is answered, until it is told to end.
fn hear(
    device: &TestDevice,
    payloads: Arc<Mutex<HashMap<u16, String>>>,
    answers: Answers,
    ending: Arc<AtomicBool>,
) -> JoinHandle<()> {
    let Link::Udp(socket) = &device.link else { panic!("a device over UDP") };
    let mut link = Link::Udp(socket.try_clone().expect("a handle"));
    std::thread::spawn(move || {
        while !ending.load(Ordering::Relaxed) {
            let Some(datagram) = link.receive(SILENCE) else { continue };
            let reply = Packet::from_bytes(&datagram).expect("the server speaks CoAP");
            let payload = payloads.lock().expect("no panic").remove(&reply.header.message_id);
            let payload = payload.expect("one answer to a request");
            answers.lock().expect("no panic").insert(payload, code(&reply));
        }
    })
}

/// What became of the messages of one run.
struct Outcome {
    sent: usize,
    taken: usize,
    /// Of these, sent after the third second.
    taken_later: usize,
    published: usize,
    /// Published, and the device was answered 5.03.
    late: usize,
    /// What the broker could have acknowledged meanwhile, by how long it really held each.
    capacity: usize,
}

fn run(rate: u64) -> Outcome {
    let broker = Broker::start(Limits { receive_maximum: Some(IN_FLIGHT), ..Limits::default() });
    let devices: Vec<Device> = (0..DEVICES)
        .map(|number| Device::new(PRODUCT_KEY, format!("device-{number}"), "secret"))
        .collect();
    let cloud = start(Config {
        devices: devices.clone(),
        forward: Some(Forward::to(broker.url().parse().expect("an address"))),
        ..Config::default()
    });
    let connected = |event: &Event| matches!(event, Event::BrokerConnected { .. });
    assert!(cloud.wait_for(PATIENCE, connected).is_some());
    let acknowledging = Acknowledging::start(broker);
    let (answers, ending) = (Answers::default(), Arc::new(AtomicBool::new(false)));
    let mut ears = Vec::new();
    let mut senders: Vec<_> = devices
        .into_iter()
        .map(|identity| {
            let mut device = TestDevice::over(&cloud, Transport::Udp);
            device.identity = identity;
            device.sign_in();
            let payloads = Arc::default();
            ears.push(hear(
                &device,
                Arc::clone(&payloads),
                Arc::clone(&answers),
                Arc::clone(&ending),
            ));
            (device, payloads)
        })
        .collect();

    let (start, sent) = (Instant::now(), rate * SECONDS);
    for number in 0..sent {
        let due = start + Duration::from_micros(number * 1_000_000 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let index = usize::try_from(number).expect("a few") % DEVICES;
        let (device, payloads) = &mut senders[index];
        let payload = number.to_string();
        let request = device.message("load", payload.as_bytes());
        payloads.lock().expect("no panic").insert(request.header.message_id, payload);
        device.send(&request);
    }
    let elapsed = start.elapsed();
    let sent = usize::try_from(sent).expect("a few");
    let deadline = Instant::now() + PATIENCE;
    while answers.lock().expect("no panic").len() < sent && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    ending.store(true, Ordering::Relaxed);
    for ear in ears {
        ear.join().expect("no panic");
    }
    let done = acknowledging.stop();
    let answers = answers.lock().expect("no panic");
    assert_eq!(answers.len(), sent, "each is answered");
    let published: HashSet<&String> = done.published.iter().collect();
    assert_eq!(published.len(), done.published.len(), "nothing is published twice");
    let with = |code: &str| answers.values().filter(|each| *each == code).count();
    let later = |(payload, code): &(&String, &String)| {
        *code == "2.05" && payload.parse::<u64>().expect("a number") >= 3 * rate
    };
    let late =
        answers.iter().filter(|(payload, code)| *code == "5.03" && published.contains(payload));
    // Each of so many places was held for this long by each message.
    let microseconds = |time: Duration| usize::try_from(time.as_micros()).expect("minutes");
    let capacity =
        usize::from(IN_FLIGHT) * published.len() * microseconds(elapsed) / microseconds(done.held);
    Outcome {
        sent,
        taken: with("2.05"),
        taken_later: answers.iter().filter(later).count(),
        published: published.len(),
        late: late.count(),
        capacity,
    }
}

#[test]
fn what_the_broker_can_acknowledge_is_answered() {
    let rates = std::env::var("FORWARDING_RATES").unwrap_or_else(|_| "300".into());
    println!("offered | sent | answered 2.05 | since 3 s | published | late | broker could");
    for rate in rates.split(',') {
        let rate = rate.parse().expect("posts a second");
        let Outcome { sent, taken, taken_later, published, late, capacity } = run(rate);
        println!("{rate} | {sent} | {taken} | {taken_later} | {published} | {late} | {capacity}");
        assert!(taken * 100 >= sent.min(capacity) * 95, "{taken} of {sent}, {capacity}");
        // With a virtual clock it is at most 1 in 200; this machine may pause.
        assert!(late * 50 <= published, "{late} of {published}");
        assert_eq!(taken + late, published);
    }
}
