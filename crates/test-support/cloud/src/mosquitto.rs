//! Debian's Mosquitto on a free port, with the settings that forwarding wants,
//! and a consumer that counts what arrives.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::Packet;
use rumqttc::{Client, Event, MqttOptions};

use super::{Folder, PATIENCE};

/// Not in the path of everybody.
const PROGRAM: &str = "/usr/sbin/mosquitto";

/// A broker that runs, and is stopped when this is dropped.
pub struct Mosquitto {
    /// Where it listens.
    pub port: u16,
    config: PathBuf,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one with these further lines of configuration.
    pub fn start(folder: &Folder, further: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let state = folder.file("mosquitto");
        std::fs::create_dir_all(&state).expect("a folder");
        let mut text = String::new();
        // `user root`: started by root it would become somebody who may not read
        // the test's folder. Elsewhere the line means nothing.
        write!(
            text,
            "user root\nlistener {port} 127.0.0.1\npersistence true\n\
             persistence_location {}/\nmax_queued_messages 0\nlog_dest stderr\n{further}\n",
            state.display()
        )
        .expect("a string takes everything");
        let config = folder.file("mosquitto.conf");
        std::fs::write(&config, text).expect("written");
        let mut broker = Self { port, config, child: None };
        broker.resume();
        broker
    }

    /// Its address as the cloud is told it.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Starts it again where it was stopped.
    pub fn resume(&mut self) {
        let log = self.config.with_extension("log");
        let child = Command::new(PROGRAM)
            .arg("-c")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stderr(File::create(&log).expect("a new file"))
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM} (Debian's mosquitto): {error}"));
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let told = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < deadline, "mosquitto does not listen: {}", told());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a system does: it keeps its sessions and messages.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status();
        assert!(sent.expect("kill runs").success());
        assert!(child.wait().expect("it ends").success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

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
