//! What stands below the options in the help: how to call it. The help ends with the examples
//! that a new user needs, which are what a terminal still shows.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The first things to do.
pub(crate) const EXAMPLES: &str = "\
Examples:

  Serve the sample device on the documented ports, one JSON line per event:
      iot-coap-cloud

  Serve a device of your own, on free ports:
      iot-coap-cloud --udp-port 0 --dtls-port 0 --symmetric-port 0 \\
          --device a1RP1qZfrEi,example1,fPloaszb6saUFJte4EhyuBHQpR9SuKHb

  Run a program, such as README.md builds of c_examples/minimal.c, against a server
  that is started for it and stops when the program ends; the exit status is the
  program's:
      iot-coap-cloud -- ./app {coap}";

/// The rest of what can be done.
pub(crate) const MORE: &str = "\
More examples:

  See what a program does on a bad network, the same one each time:
      iot-coap-cloud --faults drop=0.2,delay=50..800,reorder=0.1,seed=7 -- ./app {coap}

  Keep messages elsewhere: publish them to an MQTT 5 broker, and let any number of
  servers accept each other's access tokens and DTLS tickets:
      iot-coap-cloud --forward mqtt://broker:1883 --key-file server.keys

  See it sign in again: access tokens that serve three messages, or ten seconds:
      iot-coap-cloud --token-uses 3 --token-lifetime 10s -- ./app {coap}

  Watch devices in a browser, and switch faults while they run:
      iot-coap-cloud --console 127.0.0.1:8080

  See that a program, such as c_examples/coap-example.c built likewise, refuses a
  server whose certificate names another host:
      iot-coap-cloud --cert-names example.org -- ./coap-example -u {coaps} -c {root}";

/// What the options take.
pub(crate) const REFERENCE: &str = "\
Placeholders in the command's arguments (and its environment variables); any other
{word} is an error:

  {coap}      IOT_COAP_CLOUD_COAP       URL over UDP
  {coaps}     IOT_COAP_CLOUD_COAPS      URL over DTLS
  {coap-psk}  IOT_COAP_CLOUD_COAP_PSK   URL of the symmetric mode
  {root}      IOT_COAP_CLOUD_ROOT       file of the root certificate (PEM)
  {console}   IOT_COAP_CLOUD_CONSOLE    URL of the console, with --console
  {metrics}   IOT_COAP_CLOUD_METRICS    URL of the metrics, with --metrics
  {coap6} {coaps6} {coap-psk6}          the same at IPv6, with --bind ::1

Faults (shares are of 0 to 1, times in milliseconds):

  drop=0.2            datagrams lost, in each direction
  duplicate=0.1       datagrams that arrive twice
  reorder=0.1         datagrams overtaken by the next one
  delay=50..3000      how long datagrams are held back (delayed=0.5: half of them)
  separate=0.3        answers that come after an empty acknowledgement, confirmable
  separate-non=0.1    the same, non-confirmable (separate-delay=100..500: how long after)
  auth-error=0.1      sign-ins answered 5.00
  server-error=0.1    topic messages answered 5.00
  close=0.01          messages after which some DTLS session is closed
  forget=0.01         messages after which some DTLS session is lost silently
  seed=7              what decides; without it each run differs

SIGHUP has --devices, --key-file, --chain and --key read again, and the file of --log
opened again; DTLS sessions go on. Without any of them it ends the server, as when a
terminal is closed. A command is sent SIGHUP, SIGINT and SIGTERM instead.

Exit status: with a command the command's, or 128 and the number of the signal that
killed it; 127 if it is not found, 126 if it cannot be run, 125 if the server itself
fails, such as for a port in use. Without a command 0, or 1 if the server fails. With
either 2 for a mistake in the options.

Devices file: it holds secrets, so others may not read it (chmod 600 devices.toml).

  [[device]]
  product_key = \"a1RP1qZfrEi\"
  device_name = \"example1\"
  device_secret = \"fPloaszb6saUFJte4EhyuBHQpR9SuKHb\"
  disabled = false";

/// Says to whoever wrote a command without `--` what is missing.
pub(super) fn tip(error: &mut clap::Error) {
    if error.kind() != ErrorKind::UnknownArgument {
        return;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return };
    if word.starts_with('-') {
        return;
    }
    let tip = format!("put `--` before the command: iot-coap-cloud -- {word} ...");
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// All of it.
pub(super) fn after() -> String {
    [REFERENCE, MORE, EXAMPLES].join("\n\n")
}
