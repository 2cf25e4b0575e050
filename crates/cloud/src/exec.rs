//! Exec mode: runs a command against the server that was just started, tells it
//! where the server is, and ends as it ends. What the program itself has to say by its exit
//! status are those of env(1) and timeout(1), which hardly a command has.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use iot_coap_cloud::{Cloud, Transport};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::cli::{console, forwarding};
use crate::signals::Signals;

/// The server failed, or did not start.
pub(crate) const OWN_FAILURE: u8 = 125;
/// The command is there and cannot be run.
const CANNOT_RUN: u8 = 126;
/// The command is not there.
const NOT_FOUND: u8 = 127;

/// What a command can be told: its placeholder, its environment variable.
fn places(cloud: &Cloud) -> Vec<(&'static str, &'static str, String)> {
    let mut places = Vec::new();
    let mut add = |placeholder, variable, value: Option<String>| {
        places.extend(value.map(|value| (placeholder, variable, value)));
    };
    let [udp, dtls, symmetric] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];
    add("{coap}", "IOT_COAP_CLOUD_COAP", cloud.find_url(udp));
    add("{coaps}", "IOT_COAP_CLOUD_COAPS", cloud.find_url(dtls));
    add("{coap-psk}", "IOT_COAP_CLOUD_COAP_PSK", cloud.find_url(symmetric));
    add("{coap6}", "IOT_COAP_CLOUD_COAP6", cloud.url_v6(udp));
    add("{coaps6}", "IOT_COAP_CLOUD_COAPS6", cloud.url_v6(dtls));
    add("{coap-psk6}", "IOT_COAP_CLOUD_COAP_PSK6", cloud.url_v6(symmetric));
    add("{console}", "IOT_COAP_CLOUD_CONSOLE", cloud.console_url());
    add("{metrics}", "IOT_COAP_CLOUD_METRICS", cloud.metrics_url());
    let root = cloud.root_path().to_string_lossy().into_owned();
    add("{root}", "IOT_COAP_CLOUD_ROOT", Some(root));
    places
}

/// What looks like a placeholder and is none, such as `{url}`, or `{coaps6}` without IPv6. In a
/// word with blanks, which is a script rather than an argument, only what begins as one does.
fn unknown_place<'w>(word: &'w str, places: &[(&str, &str, String)]) -> Option<&'w str> {
    let is_script = word.contains(char::is_whitespace);
    word.match_indices('{')
        // `${name}` and `%{name}` are of shells and of other programs.
        .filter(|(start, _)| !word[..*start].ends_with(['$', '%', '@', '#', '\\']))
        .filter_map(|(start, _)| {
            let rest = &word[start..];
            rest.find('}').map(|end| &rest[..=end])
        })
        .filter(|place| {
            let name = &place[1..place.len() - 1];
            let is_in_name = |each: char| each.is_ascii_alphanumeric() || "-_".contains(each);
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.chars().all(is_in_name)
                && (!is_script
                    || ["coap", "root"].iter().any(|start| name.starts_with(start))
                    || ["console", "metrics"].contains(&name))
        })
        .find(|place| !places.iter().any(|(known, ..)| known == place))
}

/// Whether a command is about devices, as far as its words tell: with the console or the metrics
/// alone it need not be.
fn speaks_of_devices(command: &[String]) -> bool {
    let has = |begins: &str| command.iter().any(|word| word.contains(begins));
    has("{coap") || has("{root}") || !(has("{console}") || has("{metrics}"))
}

/// Runs the command to its end.
pub(crate) async fn run(
    cloud: &Cloud,
    command: &[String],
    signals: &mut Signals,
) -> io::Result<ExitCode> {
    let places = places(cloud);
    for word in command {
        if let Some(unknown) = unknown_place(word, &places) {
            let known: Vec<&str> = places.iter().map(|(placeholder, ..)| *placeholder).collect();
            let text = format!(
                "{unknown} in the command is no placeholder, or is not served; there are {} (braces \
                 that the program itself is to see: give it by sh -c 'PROGRAM ...')",
                known.join(" ")
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    }
    let mut words = command.iter().map(|word| {
        places
            .iter()
            .fold(word.clone(), |word, (placeholder, _, value)| word.replace(placeholder, value))
    });
    let program = words.next().unwrap_or_default();
    let spawned = Command::new(&program)
        .args(words)
        .env_remove(console::PASSWORD)
        .env_remove(forwarding::PASSWORD)
        .envs(places.iter().map(|(_, variable, value)| (variable, value)))
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            eprintln!("iot-coap-cloud: cannot run {program}: {error}");
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            return Ok(ExitCode::from(if is_missing { NOT_FOUND } else { CANNOT_RUN }));
        }
    };
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let forward = |signal| {
        if let Some(pid) = pid {
            // It may have ended meanwhile; `wait` will say so.
            let _ = kill_process(pid, signal);
        }
    };
    let status = loop {
        // The command decides what a signal means; the server outlives it.
        tokio::select! {
            status = child.wait() => break status?,
            signal = signals.next() => forward(signal),
        }
    };
    if speaks_of_devices(command) {
        cloud.tell_silence();
    }
    Ok(ExitCode::from(code(status)))
}

/// The exit status where a signal came before the command was started.
pub(crate) fn killed_by(signal: Signal) -> ExitCode {
    ExitCode::from(u8::try_from(128 + signal.as_raw()).unwrap_or(OWN_FAILURE))
}

/// The exit status that a shell would report.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::{speaks_of_devices, unknown_place};

    #[test]
    fn a_command_with_the_console_alone_need_not_be_about_devices() {
        let speaks = |words: &[&str]| {
            speaks_of_devices(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert!(speaks(&["./app"]) && speaks(&["./app", "{coaps6}", "{console}"]));
        assert!(speaks(&["./app", "-c{root}"]));
        assert!(!speaks(&["curl", "{console}seen.jsonl"]) && !speaks(&["curl", "{metrics}"]));
    }

    #[test]
    fn a_placeholder_that_is_none_is_found() {
        let places = [("{coap}", "", String::new()), ("{root}", "", String::new())];
        for known in [
            "{coap}",
            "-u{coap}/{root}",
            "{\"coap\": 1}",
            "{coap",
            "${name}",
            "%{http_code}",
            "{}",
            "{1}",
            "{a,b}",
            "awk '{print}' file",
        ] {
            assert_eq!(unknown_place(known, &places), None, "{known}");
        }
        assert_eq!(unknown_place("{url}", &places), Some("{url}"));
        assert_eq!(unknown_place("-u={coap}/{Root}", &places), Some("{Root}"));
        assert_eq!(unknown_place("{x{url}", &places), Some("{url}"));
        assert_eq!(unknown_place("echo {coapx}", &places), Some("{coapx}"));
        assert_eq!(unknown_place("{coap} {coapx}", &places), Some("{coapx}"));
        assert_eq!(unknown_place("curl {console}faults", &places), Some("{console}"));
        assert_eq!(unknown_place("print {console_of}", &places), None);
        assert_eq!(unknown_place("{roots}", &places), Some("{roots}"));
    }
}
