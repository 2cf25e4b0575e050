//! Hazard: a script that asks the console for something is refused, and is not told what its
//! request lacks.

use iot_coap_test_cloud::http::*;
use iot_coap_test_cloud::*;
use serde_json::Value;

/// A path that is wrong is answered with those that are right, each of which there is.
#[test]
fn a_path_that_is_not_there_is_told_which_are() {
    let cloud = with_console();
    for path in ["//ping", "/seen.json", "/expire_tokens"] {
        let (status, said) = post(&cloud, path, &[ACTION], "");
        assert_eq!(status, 404, "{path}");
        assert!(said.starts_with(&format!("There is no {path};")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(get(&cloud, path, &[]).status(), 404);
    }
    let (_, said) = post(&cloud, "/none", &[ACTION], "");
    let (_, list) = said.split_once("there are GET").expect("a list");
    let (gets, posts) = list.split_once("; POST").expect("two kinds");
    let paths = |list: &str| -> Vec<String> {
        let words = list.split([' ', ',']).filter(|word| word.starts_with('/'));
        words.map(|word| word.trim_end().trim_end_matches('.').replace("NUMBER", "0")).collect()
    };
    assert_eq!((paths(gets).len(), paths(posts).len()), (7, 4), "{list}");
    for path in paths(gets) {
        assert_eq!(post(&cloud, &path, &[ACTION], "").0, 405, "{path}");
    }
    for path in paths(posts) {
        assert_eq!(get(&cloud, &path, &[]).status(), 405, "{path}");
    }
}

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
