//! Hazards that only a network interface has: an uplink that is full, and an address that
//! goes while another comes. Each test has network namespaces of its own, for which it has
//! to be root; elsewhere it says that it was not run.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::iotx_msg_type_t::IOTX_MESSAGE_NON;
use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::client::Client;

/// Runs `job` in a thread with a network of its own, in which nothing is up but the
/// loopback. Says that it did not where that is not possible.
fn in_a_network_of_its_own(job: impl FnOnce() + Send) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    thread::scope(|scope| {
        let running = thread::Builder::new().name(name.clone()).spawn_scoped(scope, || {
            // SAFETY: takes a number, and changes this thread alone.
            let is_apart = unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0;
            if is_apart && try_ip("link set lo up") {
                job();
            } else {
                // Not by a macro, whose output the harness keeps to itself.
                let why = "which needs root, network namespaces and iproute2";
                writeln!(std::io::stdout(), "Not run: {name}, {why}").expect("there is an output");
            }
        });
        running.expect("a thread").join().expect("no panic");
    });
}

fn try_ip(arguments: &str) -> bool {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    status.is_ok_and(|status| status.success())
}

fn ip(arguments: &str) {
    assert!(try_ip(arguments), "ip {arguments}");
}

fn start(bind: Ipv4Addr) -> Cloud {
    let bind = vec![IpAddr::V4(bind)];
    Cloud::start(Config { bind, ..Config::default() }).expect("the local cloud starts")
}

#[test]
fn a_full_uplink_holds_nobody() {
    in_a_network_of_its_own(|| {
        let cloud = start(Ipv4Addr::LOCALHOST);
        for transport in [Transport::Udp, Transport::Dtls] {
            iot_coap_test_library::trust::set(cloud.root_pem());
            let client = Client::signed_in(&cloud.url(transport));
            let shape = "qdisc add dev lo root tbf rate 32kbit burst 4kb limit 4mb";
            let status = Command::new("tc").args(shape.split(' ')).status();
            assert!(status.expect("tc is part of iproute2").success());
            let before = Instant::now();
            // A minute and a half of that uplink, and more than a socket holds.
            for number in 0..400 {
                let sent = Instant::now();
                let payload = vec![b' '; 900];
                let code = client.post_bytes("update", number, IOTX_MESSAGE_NON, payload);
                assert_eq!(code, 0);
                let took = sent.elapsed();
                assert!(took < Duration::from_millis(250), "message {number} took {took:?}");
            }
            assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
            let (yielded, took) = (client.yield_once(), before.elapsed());
            assert_eq!(yielded, 0);
            assert!(took < Duration::from_secs(6), "{took:?}");
            let status = Command::new("tc").args("qdisc del dev lo root".split(' ')).status();
            assert!(status.expect("tc runs").success());
        }
    });
}

/// As a PPP connection that is dialled again, or a modem that roams.
#[test]
fn another_address_of_the_interface_costs_no_message() {
    in_a_network_of_its_own(|| {
        // The cloud's end of a cable; its own network, in a thread of its own.
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (plugged, is_plugged) = std::sync::mpsc::channel();
        let server = thread::spawn(move || {
            // SAFETY: as above.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
            // SAFETY: takes nothing.
            tell.send((unsafe { libc::gettid() }, None)).expect("it is awaited");
            is_plugged.recv().expect("it is told");
            ip("link set lo up");
            ip("addr add 10.9.0.1/24 dev cloud");
            ip("link set cloud up");
            let cloud = start(Ipv4Addr::new(10, 9, 0, 1));
            let urls = [Transport::Udp, Transport::Symmetric].map(|each| cloud.url(each));
            tell.send((0, Some(urls))).expect("it is awaited");
            ended.recv().expect("it is told");
        });
        let (tid, _) = told.recv().expect("it tells");
        ip(&format!("link add device type veth peer name cloud netns {tid}"));
        ip("addr add 10.9.0.2/24 dev device");
        ip("link set device up");
        plugged.send(()).expect("it is awaited");
        let urls = told.recv().expect("it tells").1.expect("they are told");
        let mut last = 2;
        for url in urls {
            let client = Client::signed_in(&url);
            for message in 0..4 {
                assert_eq!(client.confirm(message), 0, "{url}");
                client.await_answers(message + 1, Duration::from_secs(6));
                let next = last + 1;
                ip(&format!("addr del 10.9.0.{last}/24 dev device"));
                ip(&format!("addr add 10.9.0.{next}/24 dev device"));
                last = next;
            }
            assert_eq!(client.statistics().given_up, 0);
        }
        end.send(()).expect("it is awaited");
        server.join().expect("no panic");
    });
}
