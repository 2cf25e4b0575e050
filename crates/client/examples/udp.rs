//! Signs in over UDP, posts one message, prints the answer, and ends.
//!
//! ```text
//! IOT_COAP_DEVICE_SECRET=... udp URL PRODUCT_KEY DEVICE_NAME
//! ```
//!
//! The URL is `coap://HOST:PORT`, or `coap-psk://HOST:PORT` for the cloud's symmetric mode.
//! For `coaps://` there is the example `coaps_tokio` of `iot-coap-dtls`.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant as Clock};
use std::{env, error::Error, net::UdpSocket, process::ExitCode};

use iot_coap_client::{
    Client, Config, ContentFormat, Device, Endpoint, Event, Instant, Received, Request,
    SIGN_IN_LIMIT, Security,
};

/// How long the program waits for its answer, signing in included.
const PATIENCE: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    let result = run().map_err(|error| eprintln!("{error}"));
    result.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, product_key, device_name] = &arguments[..] else {
        return Err("usage: udp URL PRODUCT_KEY DEVICE_NAME".into());
    };
    let secret = env::var("IOT_COAP_DEVICE_SECRET").map_err(|_| "set IOT_COAP_DEVICE_SECRET")?;
    println!("{}", post(url, Device::new(product_key, device_name, "", &secret)?)?);
    Ok(())
}

/// Posts a message of the device and returns the answer.
pub(crate) fn post(url: &str, device: Device) -> Result<String, Box<dyn Error>> {
    let endpoint = Endpoint::parse(url)?;
    if endpoint.security == Security::Dtls {
        return Err("this example knows no DTLS: use coap:// or coap-psk://".into());
    }
    let at_url = |error: io::Error| format!("{url}: {error}");
    let socket = UdpSocket::bind("0.0.0.0:0")?; // for IPv6: [::]:0
    socket.connect((endpoint.host.as_str(), endpoint.port)).map_err(at_url)?;

    let topic = format!("/topic/{}/{}/user/update", device.product_key(), device.device_name());
    let (content_format, payload) = (ContentFormat::Json, br#"{"temperature":21.5}"#);
    let request = Request { confirmable: true, path: topic.as_bytes(), content_format, payload };
    // The seed must be random: message ids and tokens come from it.
    let mut client = Client::new(Config::new(device, &endpoint, getrandom::u64()?));
    let start = Clock::now();
    let now = || Instant::from_millis(0) + start.elapsed().into();
    let mut buffer = [0; 2048];
    let mut answer = None;
    client.sign_in(now(), SIGN_IN_LIMIT);
    loop {
        while let Some(event) = client.poll_event() {
            match event {
                Event::SignedIn if client.outstanding() == 0 => {
                    client.send(now(), &request, ())?;
                }
                // A refused token was renewed. The client itself sends the message again.
                Event::SignedIn => {}
                failed => return Err(failed.to_string().into()),
            }
        }
        while let Some(transmit) = client.poll_transmit(now()) {
            socket.send(transmit.datagram).map_err(at_url)?;
        }
        // Not sooner: the answer may have had to be acknowledged.
        if let Some(answer) = answer {
            return Ok(answer);
        }

        let left = PATIENCE.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(format!("no answer within {PATIENCE:?}").into());
        }
        let due = client.next_timeout().map_or(left, |at| (at - now()).into());
        // A socket takes zero for no time-out at all.
        socket.set_read_timeout(Some(due.min(left).max(Duration::from_millis(1))))?;
        match socket.recv(&mut buffer) {
            Ok(len) => {
                let received = client.handle_datagram(now(), &mut buffer[..len]);
                if let Received::Response(response) = received {
                    let payload = String::from_utf8_lossy(&buffer[response.payload]);
                    answer = Some(format!("{} {payload}", response.code));
                }
            }
            // Time only passes once all that has arrived is read.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                client.handle_timeout(now());
            }
            Err(error) => return Err(at_url(error).into()),
        }
    }
}
