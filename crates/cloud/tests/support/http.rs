//! The console by HTTP: requests, and server-sent events as they come.

use std::io::{BufRead, BufReader, Read};

use iot_coap_cloud::Cloud;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use super::support::*;

pub(crate) const ACTION: (&str, &str) = ("x-iot-coap-console", "1");
pub(crate) const JSON_BODY: (&str, &str) = ("content-type", "application/json");

pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_per_read(Some(PATIENCE))
        .build()
        .into()
}

pub(crate) fn get(cloud: &Cloud, path: &str, headers: &[(&str, &str)]) -> Response<ureq::Body> {
    let mut request = agent().get(format!("{}{path}", console_url(cloud)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.call().expect("an answer")
}

pub(crate) fn post(
    cloud: &Cloud,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut request = agent().post(format!("{}{path}", console_url(cloud)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(body).expect("an answer");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("text"))
}

/// Switches faults, and waits until they are.
pub(crate) fn switch(cloud: &Cloud, faults: &str) {
    let body = json!({ "faults": faults }).to_string();
    let (status, text) = post(cloud, "/faults", &[ACTION, JSON_BODY], &body);
    assert_eq!(status, 200, "{text}");
}

/// One server-sent event.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

pub(crate) struct Events<R: Read>(pub(crate) BufReader<R>);

impl<R: Read> Events<R> {
    /// The next event; `None` once the stream ended.
    pub(crate) fn next(&mut self) -> Option<Sent> {
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

    pub(crate) fn next_named(&mut self, name: &str) -> Sent {
        std::iter::from_fn(|| self.next()).find(|sent| sent.name == name).expect("it comes")
    }

    /// Rows until one fits, with the id of the last batch.
    pub(crate) fn rows_until(&mut self, fits: impl Fn(&Value) -> bool) -> (Vec<Value>, String) {
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

pub(crate) fn events(cloud: &Cloud, headers: &[(&str, &str)]) -> Events<impl Read + use<>> {
    let response = get(cloud, "/events", headers);
    assert_eq!(response.status(), 200);
    Events(BufReader::new(response.into_body().into_reader()))
}

pub(crate) fn is_message(number: u64) -> impl Fn(&Value) -> bool {
    move |row| {
        row["fields"]
            .as_array()
            .is_some_and(|fields| fields.contains(&json!(["number", number.to_string()])))
    }
}
