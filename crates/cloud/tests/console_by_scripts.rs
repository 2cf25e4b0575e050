//! Hazard: a script that asks the console for something is refused, and is not told what its
//! request lacks.

use iot_coap_test_cloud::http::*;
use iot_coap_test_cloud::*;
use serde_json::Value;

const BODY: &str = r#"{"faults":"server-error=1","replace":true}"#;

#[test]
fn a_refusal_names_what_is_missing() {
    let cloud = with_console();
    let switches = ["/faults", "/expire-tokens", "/close-sessions", "/ping"];
    for path in switches {
        let (status, said) = post(&cloud, path, &[JSON_BODY], BODY);
        assert_eq!(status, 403, "{path}");
        assert!(said.contains("-H 'x-iot-coap-console: 1'"), "{said}");
        let mut answer = get(&cloud, path, &[ACTION]);
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(answer.headers()["allow"], "POST");
        let said = answer.body_mut().read_to_string().expect("text");
        assert!(said.contains(path) && said.contains("POST with the header x-iot-coap"), "{said}");
    }
    let (status, said) = post(&cloud, "/events", &[ACTION], "");
    assert!(status == 405 && said.contains("by GET"), "{said}");
    // What curl sends of its own accord, and what is no body for faults.
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (header, body, status) in [
        (form, BODY, 415),
        (JSON_BODY, "faults=drop", 400),
        (JSON_BODY, "", 400),
        (JSON_BODY, r#"{"drop":1}"#, 422),
    ] {
        let (given, said) = post(&cloud, "/faults", &[ACTION, header], body);
        assert_eq!(given, status, "{said}");
        assert!(said.contains("content-type: application/json") && said.contains(BODY), "{said}");
    }
    let (status, said) = post(&cloud, "/faults", &[ACTION, JSON_BODY], r#"{"faults":"dorp=1"}"#);
    assert!(status == 422 && said.contains("faults are drop,"), "{said}");
    // The example is one.
    let (status, said) = post(&cloud, "/faults", &[ACTION, JSON_BODY], BODY);
    let now: Value = serde_json::from_str(&said).expect("JSON");
    let text = now["text"].as_str().expect("text");
    assert!(status == 200 && text.starts_with("server-error=1,"), "{said}");
}
