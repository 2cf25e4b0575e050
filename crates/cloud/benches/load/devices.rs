//! Devices that do one thing as often as they are told, each after the answer to
//! the last.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use iot_coap_dtls::SavedSession;

use crate::process;
use iot_coap_test_cloud::{Link, TestDevice, code, engine, poster, socket_to};

/// What a crowd of devices experienced, and what it cost the server.
pub(crate) struct Measured {
    pub(crate) rate: f64,
    pub(crate) median: Duration,
    pub(crate) late: Duration,
    pub(crate) processor: Duration,
}

/// Lets each of `crowd` do `act` so often, all at once.
pub(crate) fn measure<D: Send>(
    server: u32,
    crowd: &mut [D],
    each: usize,
    act: impl Fn(&mut D) + Sync,
) -> Measured {
    let start = Barrier::new(crowd.len() + 1);
    let (mut times, elapsed, processor) = std::thread::scope(|scope| {
        let threads: Vec<_> = crowd
            .iter_mut()
            .map(|one| {
                let (start, act) = (&start, &act);
                scope.spawn(move || {
                    start.wait();
                    let timed = |_| {
                        let before = Instant::now();
                        act(one);
                        before.elapsed()
                    };
                    (0..each).map(timed).collect::<Vec<_>>()
                })
            })
            .collect();
        let before = process::processor_time(server);
        start.wait();
        let begin = Instant::now();
        let times: Vec<Duration> =
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        (times, begin.elapsed(), process::processor_time(server).saturating_sub(before))
    });
    times.sort_unstable();
    let count = u32::try_from(times.len()).expect("a few");
    Measured {
        rate: f64::from(count) / elapsed.as_secs_f64(),
        median: times[times.len() / 2],
        late: times[times.len() * 99 / 100],
        processor: processor / count,
    }
}

/// Where the server is, and whom its clients trust.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) plain: SocketAddr,
    pub(crate) secure: SocketAddr,
    pub(crate) root_pem: String,
}

impl Place {
    pub(crate) fn over_udp(&self) -> TestDevice {
        TestDevice::new(Link::Udp(socket_to(self.plain)))
    }

    pub(crate) fn over_dtls(&self) -> TestDevice {
        TestDevice::new(poster::connect(self.secure, &self.root_pem))
    }

    /// A session for one CoAP ping, and what it takes to resume it.
    pub(crate) fn ping(&self) -> SavedSession {
        let (_, session) = engine::ping(self.secure, &self.root_pem, None);
        session.expect("the server gives tickets")
    }

    /// The same by a session that is resumed.
    pub(crate) fn ping_again(&self, session: &mut Option<SavedSession>) {
        let (resumed, next) = engine::ping(self.secure, &self.root_pem, session.take());
        assert!(resumed);
        *session = next;
    }
}

pub(crate) fn post(device: &mut TestDevice) {
    const PAYLOAD: &[u8] =
        br#"{"id":"1","params":{"temperature":21.5,"humidity":48.0,"battery":3.61}}"#;
    let reply = device.publish("user/update", PAYLOAD);
    assert_eq!(code(&reply), "2.05");
}
