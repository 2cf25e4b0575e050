//! Some devices at work through mild faults, so that the console has something to show.

use std::time::Duration;

use coap_lite::{CoapOption, MessageType, Packet};
use iot_coap_cloud::{Cloud, Device, Faults, Transport};

use super::{CBOR, PRODUCT_KEY, TestDevice, add_integer, code};

const FAULTS: &str = "drop=0.08,delay=5..45,separate=0.4,seed=12";

/// The devices, each of another name.
pub fn devices() -> Vec<Device> {
    ["meter-0417", "meter-0418", "valve-12", "cold-store"]
        .map(|name| Device::new(PRODUCT_KEY, name, format!("secret of {name}")))
        .into()
}

/// Has each of them publish so often, and one be refused in the end. They send again
/// what is not answered within `patience`.
pub fn work(cloud: &Cloud, rounds: u32, patience: Duration) {
    let mut fleet: Vec<TestDevice> = devices()
        .into_iter()
        .zip([Transport::Dtls, Transport::Udp, Transport::Udp, Transport::Dtls])
        .map(|(identity, transport)| {
            let mut device = TestDevice::over(cloud, transport);
            device.identity = identity;
            device.sign_in();
            device
        })
        .collect();
    cloud.set_faults(FAULTS.parse().expect("valid"));
    for round in 0..rounds {
        for device in &mut fleet {
            let request = match device.identity.device_name.as_str() {
                "cold-store" => state(device),
                _ => properties(device, round),
            };
            (0..4).any(|_| {
                device.send(&request);
                hear(device, patience)
            });
        }
        if round % 9 == 3 {
            cloud.ping_devices();
        }
    }
    let stranger = &mut fleet[2];
    stranger.access_token.reverse();
    let request = properties(stranger, rounds);
    cloud.set_faults(Faults::none());
    hear(stranger, patience);
    assert_eq!(code(&stranger.exchange(&request)), "4.01");
    cloud.set_faults(FAULTS.parse().expect("valid"));
}

/// Takes what comes until nothing does, and acknowledges what wants to be; says
/// whether anything came.
fn hear(device: &mut TestDevice, patience: Duration) -> bool {
    let mut heard = false;
    while let Some(message) = device.try_receive(patience) {
        heard = true;
        if message.header.get_type() == MessageType::Confirmable {
            device.acknowledge(&message);
        }
    }
    heard
}

fn properties(device: &mut TestDevice, round: u32) -> Packet {
    let value = 21.0 + f64::from(round % 7) / 10.0;
    let payload = format!(
        "{{\"id\":\"{round}\",\"version\":\"1.0\",\"params\":{{\"temperature\":{{\"value\":{value:.1},\
         \"time\":1795720{round:03}000}},\"battery\":[3.61,3.60,3.58],\"site\":\"仓库 4\"}}}}"
    );
    device.message("thing/event/property/post", payload.as_bytes())
}

/// In CBOR.
fn state(device: &mut TestDevice) -> Packet {
    let mut request = device.post("/topic/a1RP1qZfrEi/cold-store/state");
    add_integer(&mut request, CoapOption::ContentFormat, CBOR);
    request.add_option(CoapOption::from(device.token_option), device.access_token.clone());
    // {"t": 4.5, "door": false, "at": 1(1795709760)}
    request.payload = b"\xA3\x61t\xF9\x44\x80\x64door\xF4\x62at\xC1\x1A\x6B\x08\x5B\x40".to_vec();
    request
}
