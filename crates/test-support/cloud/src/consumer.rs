//! A consumer that counts what arrives at a broker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::Packet;
use rumqttc::{Client, Event, MqttOptions};

use super::PATIENCE;

/// What a consumer got.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Its topic.
    pub topic: String,
    /// Its payload as text.
    pub payload: String,
    /// Its user properties.
    pub user: HashMap<String, String>,
}

/// A consumer with a session that outlives its connections.
pub struct Consumer {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    ending: Arc<AtomicBool>,
    client: Client,
    thread: Option<JoinHandle<()>>,
}

impl Consumer {
    /// Subscribes, and returns when the broker knows.
    pub fn subscribe(port: u16, filter: &str) -> Self {
        let mut options = MqttOptions::new("consumer", ("127.0.0.1", port));
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(3_600));
        let (client, mut connection) = Client::builder(options).capacity(10).build();
        client.subscribe(filter, QoS::AtLeastOnce).expect("queued");
        for event in connection.iter() {
            if let Ok(Event::Incoming(Packet::SubAck(_))) = event {
                break;
            }
        }
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let ending = Arc::new(AtomicBool::new(false));
        let (all, end) = (Arc::clone(&arrived), Arc::clone(&ending));
        let thread = std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let properties = publish.properties.unwrap_or_default();
                        all.lock().expect("no panic").push(Arrived {
                            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
                            user: properties.user_properties.into_iter().collect(),
                        });
                    }
                    Ok(_) => {}
                    Err(_) if end.load(Ordering::Relaxed) => return,
                    // The broker is away; the next round connects again.
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        });
        Self { arrived, ending, client, thread: Some(thread) }
    }

    /// What arrived, once it is what the test waits for.
    pub fn wait_for(&self, complete: impl Fn(&[Arrived]) -> bool) -> Vec<Arrived> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let arrived = self.arrived.lock().expect("no panic").clone();
            if complete(&arrived) || Instant::now() > deadline {
                return arrived;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        let _ = self.client.disconnect();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
