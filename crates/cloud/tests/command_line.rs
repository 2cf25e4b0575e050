//! Hazard: a script that runs the program cannot find the server, cannot stop
//! it, or takes its failure for a success.

use std::process::{Command, Output};

use iot_coap_cloud::Device;
use iot_coap_test_cloud::program::{Serving, program, serve};
use iot_coap_test_cloud::*;
use iot_coap_test_support::folders::profile_dir;

fn output(folder: &Folder, arguments: &[&str]) -> Output {
    program(arguments).env("XDG_STATE_HOME", folder.file("state")).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_command_is_told_where_the_server_is_and_its_status_is_ours() {
    let folder = Folder::new();
    let script = "printf '%s\\n' \"$@\"; \
        test \"$1\" = \"$IOT_COAP_CLOUD_COAP\" && test \"$2\" = \"$IOT_COAP_CLOUD_COAPS\" && \
        test \"$3\" = \"x=$IOT_COAP_CLOUD_COAP_PSK\" && test \"$4\" = \"$IOT_COAP_CLOUD_ROOT\" && \
        grep -q 'BEGIN CERTIFICATE' \"$4\" || exit 9; exit 3";
    let output = output(
        &folder,
        &["--", "sh", "-c", script, "sh", "{coap}", "{coaps}", "x={coap-psk}", "{root}"],
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let words = text(&output.stdout);
    let words: Vec<&str> = words.lines().collect();
    assert!(words[0].starts_with("coap://127.0.0.1:"));
    assert!(words[1].starts_with("coaps://127.0.0.1:"));
    assert!(words[2].starts_with("x=coap-psk://127.0.0.1:"));
    let said = text(&output.stderr);
    assert!(said.lines().all(|line| line.contains("\"no_datagram\"")), "quiet without -v: {said}");
}

#[test]
fn a_command_without_the_two_dashes_is_told_of_them() {
    let folder = Folder::new();
    let failed = output(&folder, &["--faults", "drop=0.1", "./app", "{coap}"]);
    assert_eq!(failed.status.code(), Some(2));
    let said = text(&failed.stderr);
    let tip = "put `--` before the command: iot-coap-cloud -- ./app ...";
    assert!(said.contains("unexpected argument './app'") && said.contains(tip), "{said}");
    let said = text(&output(&folder, &["--drop"]).stderr);
    assert!(!said.contains("before the command"), "{said}");
}

#[test]
fn events_go_where_they_were_sent() {
    let folder = Folder::new();
    let verbose = output(&folder, &["-v", "--", "true"]);
    assert!(verbose.status.success());
    assert!(text(&verbose.stderr).contains("\"event\":\"ready\""));
    assert_eq!(text(&verbose.stdout), "");

    let log = folder.file("log");
    let logged = output(&folder, &["--log", log.to_str().expect("text"), "--", "true"]);
    assert_eq!(text(&logged.stderr), "");
    let written = std::fs::read_to_string(log).expect("written");
    assert!(written.contains("\"event\":\"ready\""));
}

#[test]
fn a_command_that_fails_or_is_not_there_is_a_failure() {
    let folder = Folder::new();
    let killed = output(&folder, &["--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.status.code(), Some(128 + 9));
    let missing = output(&folder, &["--", "/no/such/program"]);
    assert_eq!(missing.status.code(), Some(127));
    assert!(text(&missing.stderr).contains("/no/such/program"));
    // As env(1) and timeout(1) have it.
    let not_executable = output(&folder, &["--", "/etc/passwd"]);
    assert_eq!(not_executable.status.code(), Some(126));
    assert!(text(&not_executable.stderr).contains("cannot run /etc/passwd"));
    for own in [&["--log", "/no/such/folder/log"][..], &["--devices", "/no/such/file"]] {
        let failed = output(&folder, &[own, &["--", "true"]].concat());
        assert_eq!(failed.status.code(), Some(125), "{own:?}");
        assert_eq!(output(&folder, own).status.code(), Some(1), "{own:?}");
    }
    let nothing = output(&folder, &["--udp-port", "0", "--"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("no command after --"), "{}", text(&nothing.stderr));
}

#[test]
fn mistakes_are_named() {
    let folder = Folder::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let tcp = taken.local_addr().expect("bound").to_string();
    for (arguments, says) in [
        (&["--device", "pk,dn"][..], "DEVICE_SECRET"),
        (&["--faults", "dorp=1"], "there is no fault named \"dorp\"; faults are drop,"),
        (&["--faults", "delay=9..3"], "delay=3..9"),
        (&["--token-lifetime", "48"], "unit"),
        (&["--devices", "/no/such/file.toml"], "/no/such/file.toml"),
        (&["--udp-port", &port, "--", "true"], "--udp-port chooses another port; 0 takes"),
        (&["--dtls-port", &port, "--", "true"], "--dtls-port chooses another port; 0 takes"),
        (&["--symmetric-port", &port, "--", "true"], "--symmetric-port chooses another port"),
        (&["--bind", "localhost", "--", "true"], "such as 127.0.0.1"),
        (&["--bind", "127.0.0.1:5683", "--", "true"], "--udp-port"),
        (&["--bind", "192.0.2.1", "--", "true"], "--bind takes an address of this machine"),
        (&["--forward", "localhost:1883"], "such as mqtt://"),
        (&["--metrics", "9000"], "127.0.0.1:9000"),
        (&["--psk", "identity"], "IDENTITY,KEY, such as"),
        (&["--ciphers", "NOPE", "--", "true"], "NOPE"),
        (&["--cert-names", "", "--", "true"], "such as cloud.example,192.0.2.7"),
        (&["--cert-names", "a,,b", "--", "true"], "such as cloud.example,192.0.2.7"),
        (&["--chain", "x.pem"], "--key"),
        (&["--console", "0.0.0.0:0", "--", "true"], "--console-password-file"),
        (&["--console", "localhost", "--", "true"], "such as 127.0.0.1:8080"),
        (&["--console", "--console-password-file", "/no/such", "--", "true"], "/no/such"),
        (&["--console-password-file", "x", "--", "true"], "--console"),
        (&["--console", &tcp, "--", "true"], "--console 127.0.0.1:0 takes a free one"),
        (&["--forward", "mqtt://me:hush@host"], "--forward-password-file"),
        (&["--forward-root", "x.pem"], "--forward"),
        (&["--key-file", "/dev/null"], "it is no file"),
        (&["--devices", "/dev/null"], "it is no file"),
        (&["--device", "a,b,c", "--device", "a,b,d", "--", "true"], "given twice"),
        (&["--no-udp", "--no-dtls", "--no-symmetric"], "no transport"),
        (&["--state", "/proc/no-such", "--", "true"], "--state names the folder"),
        (&["--metrics", "0.0.0.0:0", "--", "true"], "listen on 127.0.0.1:0"),
        (&["--metrics", &tcp, "--", "true"], "--metrics 127.0.0.1:0 takes a free one"),
        (&["--", "echo", "{coapx}"], "{coapx}"),
        (&["--", "echo", "{coaps6}"], "{coaps6}"),
        (&["--", "echo", "{url}"], "there are {coap} {coaps} {coap-psk} {root}"),
    ] {
        let output = output(&folder, arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}

#[test]
fn a_file_of_secrets_that_everybody_can_read_is_refused() {
    let folder = Folder::new();
    let line = folder.write("secret", b"an identity,a key, and a long password\n");
    let device = "[[device]]\nproduct_key = 'pk'\ndevice_name = 'dn'\ndevice_secret = 'identity'\n";
    let devices = folder.write("the devices.toml", device.as_bytes());
    let keys = folder.write("server.keys", "0123456789abcdef".repeat(4).as_bytes());
    let refused = |arguments: &[&str]| {
        let output = output(&folder, &[arguments, &["--", "true"]].concat());
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(!said.contains("identity") && !said.contains("0123456789"), "{said}");
        said
    };
    for (options, file) in [
        (&["--devices"][..], &devices),
        (&["--psk-file"], &line),
        (&["--console", "--console-password-file"], &line),
        (&["--forward", "mqtt://127.0.0.1", "--forward-password-file"], &line),
        (&["--key-file"], &keys),
    ] {
        let said = refused(&[options, &[file]].concat());
        assert!(said.contains("chmod 600 ") && said.contains(file), "{said}");
    }
    // The command is one that a shell takes.
    let said = refused(&["--devices", &devices]);
    let (_, command) = said.split_once("run: ").expect("a command");
    assert!(Command::new("sh").args(["-c", command]).status().expect("a shell").success());
    assert!(output(&folder, &["--devices", &devices, "--", "true"]).status.success());
    // What is somebody else's, or something else, is not to be closed.
    for options in [
        &["--devices"][..],
        &["--psk-file"],
        &["--console", "--console-password-file"],
        &["--key-file"],
    ] {
        let said = refused(&[options, &["/etc/passwd"]].concat());
        assert!(said.contains("/etc/passwd is open to others"), "{said}");
        assert!(!said.contains("chmod") && !said.contains("delete"), "{said}");
    }
    let help = text(&output(&folder, &["--help"]).stdout);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for named in ["chmod 600 devices.toml", "or its group (chmod 640)"] {
        assert!(help.contains(named), "{named}");
    }
}

#[test]
fn help_teaches() {
    let folder = Folder::new();
    let help = text(&output(&folder, &["--help"]).stdout);
    for taught in ["{coaps}", "IOT_COAP_CLOUD_ROOT", "drop=0.2", "--token-uses", "Examples:"] {
        assert!(help.contains(taught), "{taught}");
    }
}

#[test]
fn a_server_is_ready_when_it_says_so_and_ends_cleanly() {
    let folder = Folder::new();
    for signal in ["INT", "TERM"] {
        let mut server = serve(&folder, &["--device", "pk,dn,hush"]);
        let mut device = TestDevice::new(Link::Udp(socket_to(server.address("coap"))));
        device.identity = Device::new("pk", "dn", "hush");
        device.sign_in();
        let line = server.line();
        assert!(line.contains("\"event\":\"signed_in\""), "{line}");
        assert!(!line.contains("hush"));
        assert_eq!(server.end(signal), Some(0), "SIG{signal}");
    }
}

#[test]
fn devices_come_from_a_file_and_the_root_stays() {
    let folder = Folder::new();
    let content = "[[device]]\nproduct_key = \"pk\"\ndevice_name = \"dn\"\ndevice_secret = \"s\"\n";
    let devices = folder.write_secret("devices.toml", content.as_bytes());
    let arguments = ["--devices", devices.as_str(), "--bind", "::1"];
    let root = |server: &Serving| {
        let path = server.ready["root"].as_str().expect("a path");
        std::fs::read_to_string(path).expect("a root")
    };

    let first = serve(&folder, &arguments);
    let first_root = root(&first);
    let mut device = TestDevice::new(Link::Udp(socket_to(first.address("coap"))));
    device.identity = Device::new("pk", "dn", "s");
    device.sign_in();
    assert_eq!(first.end("TERM"), Some(0));

    let second = serve(&folder, &arguments);
    assert_eq!(root(&second), first_root);
    assert_eq!(second.end("TERM"), Some(0));
}

#[test]
fn servers_share_keys_by_their_file() {
    let folder = Folder::new();
    let key = folder.file("server.keys");
    let arguments = ["--key-file", key.to_str().expect("text")];
    let (first, second) = (serve(&folder, &arguments), serve(&folder, &arguments));
    let mut device = TestDevice::new(Link::Udp(socket_to(first.address("coap"))));
    device.sign_in();
    device.link = Link::Udp(socket_to(second.address("coap")));
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    for server in [first, second] {
        assert_eq!(server.end("TERM"), Some(0));
    }
}

#[test]
fn a_console_is_where_the_server_says_and_asks_for_the_password_of_the_file() {
    let folder = Folder::new();
    let file = &folder.write_secret("password", b"correct horse battery\n");
    let status = |server: &Serving, path: &str| {
        let url = server.ready["console"].as_str().expect("a URL");
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent: ureq::Agent = agent.into();
        agent.get(format!("{url}{path}")).call().expect("an answer").status().as_u16()
    };
    let open = serve(&folder, &["--console", "127.0.0.1:0"]);
    assert_eq!(status(&open, ""), 200);
    assert_eq!(open.end("TERM"), Some(0));
    let closed = serve(&folder, &["--console", "0.0.0.0:0", "--console-password-file", file]);
    assert_eq!(status(&closed, ""), 401);
    assert_eq!(closed.end("TERM"), Some(0));
    // The environment's, which the command is not told.
    let told = program(&["--console", "0.0.0.0:0", "--", "sh", "-c"])
        .arg("test -z \"$IOT_COAP_CLOUD_CONSOLE_PASSWORD\"")
        .env("XDG_STATE_HOME", folder.file("state"))
        .env("IOT_COAP_CLOUD_CONSOLE_PASSWORD", "correct horse battery")
        .status()
        .expect("it runs");
    assert!(told.success());
}

#[test]
fn a_hangup_has_the_keys_read_again() {
    let folder = Folder::new();
    let file = folder.file("server.keys");
    let arguments = ["--key-file", file.to_str().expect("text")];
    let mut server = serve(&folder, &arguments);
    server.signal("HUP");
    let line = server.line();
    assert!(line.contains("\"event\":\"read_again\"") && !line.contains("error"), "{line}");
    std::fs::remove_file(&file).expect("it was made");
    server.signal("HUP");
    let line = server.line();
    assert!(line.contains("error") && line.contains("server.keys"), "{line}");
    assert_eq!(server.end("TERM"), Some(0));

    // Without such a file it is what it always was.
    assert_eq!(serve(&folder, &[]).end("HUP"), None);
}

#[test]
fn a_shell_completes_the_options() {
    let script = "source <(\"$1\" --completions bash); COMP_WORDS=(iot-coap-cloud \"$2\") \
        COMP_CWORD=1; set -- \"$2\" $(complete -p iot-coap-cloud); \
        while [ \"$2\" != -F ]; do set -- \"$1\" \"${@:3}\"; done; \
        $3 iot-coap-cloud \"$1\" iot-coap-cloud; \
        echo \"${COMPREPLY[@]}\"";
    let program = profile_dir().join("iot-coap-cloud");
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(program)
        .arg("--dtls-e")
        .output()
        .expect("bash is there");
    assert_eq!(text(&output.stdout), "--dtls-engine\n", "{}", text(&output.stderr));
}

#[test]
fn the_service_starts_it_as_it_wants_to_be_started() {
    let unit = include_str!("../../../cmake/systemd/iot-coap-cloud.service").replace("\\\n", "");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts");
    let folder = Folder::new();
    let device = "[[device]]\nproduct_key = 'pk'\ndevice_name = 'dn'\ndevice_secret = 'secret'\n";
    let devices = folder.write_secret("devices.toml", device.as_bytes());
    let state = folder.file("kept");
    let words = start.split_whitespace().skip(1).filter(|word| *word != "$OPTIONS");
    let arguments: Vec<String> = words
        .map(|word| match word {
            "/var/lib/iot-coap-cloud" => state.display().to_string(),
            "/etc/iot-coap-cloud/devices.toml" => devices.clone(),
            other => other.to_owned(),
        })
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut server = serve(&folder, &arguments);
    // ExecReload.
    server.signal("HUP");
    let line = server.line();
    assert!(line.contains("read_again") && line.contains("devices.toml"), "{line}");
    assert_eq!(server.end("TERM"), Some(0));
    assert!(state.join("server.keys").exists(), "what it keeps is where systemd lets it write");
}

#[test]
fn a_reader_who_pauses_costs_lines_and_no_answers() {
    let folder = Folder::new();
    let mut server = serve(&folder, &[]);
    let mut device = TestDevice::new(Link::Udp(socket_to(server.address("coap"))));
    device.sign_in();
    // Many times what a pipe and the server hold.
    let payload = vec![b'x'; 1_000];
    for _ in 0..10_000 {
        assert_eq!(code(&device.publish("x", &payload)), "2.05");
    }
    let (mut told, mut lost) = (0, 0);
    for event in server.take_events() {
        match event["event"].as_str() {
            Some("message") => told += 1,
            Some("lines_lost") => lost += event["lines"].as_u64().expect("a number"),
            _ => {}
        }
        if told + lost == 10_000 {
            break;
        }
    }
    assert!(lost > 0, "everything was told, so nothing is shown here");
}

#[test]
fn the_published_sample_is_for_this_machine_and_so_is_what_is_not_protected() {
    let folder = Folder::new();
    let empty = folder.write_secret("none.toml", b"");
    let empty = empty.as_str();
    let free = ["--dtls-port", "0", "--", "true"];
    for arguments in [&["--devices", empty][..], &["--bind", "0.0.0.0"]] {
        let output = output(&folder, &[arguments, &free].concat());
        assert!(text(&output.stderr).contains("--device"), "{}", text(&output.stderr));
        assert!(!output.status.success());
    }
    let device = ["--device", "pk,dn,secret", "--bind", "0.0.0.0"];
    let schemes = |arguments: &[&str]| {
        let words = ["--", "sh", "-c", "env | grep -o '^IOT_COAP_CLOUD_COAP[A-Z_]*' | sort"];
        let output = output(&folder, &[&device, arguments, &words].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).replace("IOT_COAP_CLOUD_", "").replace('\n', " ")
    };
    assert_eq!(schemes(&[]), "COAPS ");
    assert_eq!(schemes(&["--udp-port", "0"]), "COAP COAPS ");
}
