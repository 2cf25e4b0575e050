//! The console by HTTP: requests, and server-sent events as they come.

use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use iot_coap_cloud::Cloud;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use super::{PATIENCE, console_url};

/// The header without which the console does nothing.
pub const ACTION: (&str, &str) = ("x-iot-coap-console", "1");
/// The header of a body in JSON.
pub const JSON_BODY: (&str, &str) = ("content-type", "application/json");

/// A client that gives up when nothing comes for long.
pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_per_read(Some(PATIENCE))
        .build()
        .into()
}

/// Asks a server's console for a path.
pub fn get(cloud: &Cloud, path: &str, headers: &[(&str, &str)]) -> Response<ureq::Body> {
    let mut request = agent().get(format!("{}{path}", console_url(cloud)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.call().expect("an answer")
}

/// Posts to a server's console; returns the status and the text of its response.
pub fn post(cloud: &Cloud, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut request = agent().post(format!("{}{path}", console_url(cloud)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(body).expect("an answer");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("text"))
}

/// Switches faults, and waits until they are.
pub fn switch(cloud: &Cloud, faults: &str) {
    let body = json!({ "faults": faults }).to_string();
    let (status, text) = post(cloud, "/faults", &[ACTION, JSON_BODY], &body);
    assert_eq!(status, 200, "{text}");
}

/// One server-sent event.
#[derive(Debug)]
pub struct Sent {
    /// Its kind.
    pub name: String,
    /// Where to go on from, if it says so.
    pub id: Option<String>,
    /// What it carries.
    pub data: Value,
}

/// A stream of events.
pub struct Events<R: Read>(pub BufReader<R>);

impl<R: Read> Events<R> {
    /// The next event; `None` once the stream ended.
    #[expect(clippy::should_implement_trait, reason = "the stream is read from again")]
    pub fn next(&mut self) -> Option<Sent> {
        let mut sent = Sent { name: String::new(), id: None, data: Value::Null };
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut sent.name),
                Some(("id", id)) => sent.id = Some(id.to_owned()),
                Some(("data", data)) => sent.data = serde_json::from_str(data).expect("JSON"),
                None if line.trim().is_empty() && !sent.name.is_empty() => return Some(sent),
                _ => {}
            }
        }
    }

    /// The next event of this kind, which must come.
    pub fn next_named(&mut self, name: &str) -> Sent {
        std::iter::from_fn(|| self.next()).find(|sent| sent.name == name).expect("it comes")
    }

    /// Rows until one fits, with the id of the last batch.
    pub fn rows_until(&mut self, fits: impl Fn(&Value) -> bool) -> (Vec<Value>, String) {
        let mut rows = Vec::new();
        loop {
            let batch = self.next_named("rows");
            assert_eq!(batch.data["missed"], 0);
            rows.extend(batch.data["rows"].as_array().expect("a list").iter().cloned());
            if rows.iter().any(&fits) {
                return (rows, batch.id.expect("a place"));
            }
        }
    }
}

/// The events of a server's console.
pub fn events(cloud: &Cloud, headers: &[(&str, &str)]) -> Events<impl Read + use<>> {
    let response = get(cloud, "/events", headers);
    assert_eq!(response.status(), 200);
    Events(BufReader::new(response.into_body().into_reader()))
}

/// Whether a row of the console tells of a message with this payload, on one line.
pub fn says(payload: &str) -> impl Fn(&Value) -> bool {
    move |row| row["kind"] == "message" && row["brief"] == payload
}

/// What a server's console answers in JSON.
pub fn get_json(cloud: &Cloud, path: &str) -> Value {
    let mut response = get(cloud, path, &[]);
    assert_eq!(response.status(), 200, "{path}");
    let text = response.body_mut().read_to_string().expect("text");
    serde_json::from_str(&text).expect("JSON")
}

/// Everything that is known of a row.
pub fn details(cloud: &Cloud, row: &Value) -> Value {
    get_json(cloud, &format!("/row/{}", row["number"]))
}

/// The upper bounds by which the console counts how long answers take, in milliseconds.
pub const ANSWER_BOUNDS_MS: [u64; 15] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000];

/// How many answers took how long, once so many are counted.
pub fn answer_times(cloud: &Cloud, count: u64) -> Vec<u64> {
    let hello = events(cloud, &[]).next().expect("hello").data;
    assert_eq!(hello["answer_bounds_ms"], json!(ANSWER_BOUNDS_MS));
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The first tick of a page has all seconds.
        let tick = events(cloud, &[]).next_named("tick").data;
        let mut sums = vec![0; ANSWER_BOUNDS_MS.len() + 1];
        for second in tick["seconds"].as_array().expect("a list") {
            let times = second["answer_times"].as_array().expect("a list");
            assert_eq!(times.len(), sums.len());
            for (sum, count) in sums.iter_mut().zip(times) {
                *sum += count.as_u64().expect("a count");
            }
        }
        let all: u64 = sums.iter().sum();
        assert!(all <= count, "{sums:?}");
        if all == count {
            return sums;
        }
        assert!(Instant::now() < deadline, "{sums:?}");
    }
}

/// How many of them took longer than 200 ms.
pub fn above_200_ms(times: &[u64]) -> u64 {
    let first = ANSWER_BOUNDS_MS.iter().position(|bound| *bound == 200).expect("a bound") + 1;
    times[first..].iter().sum()
}
