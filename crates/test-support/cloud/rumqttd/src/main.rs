//! The broker of the crate `rumqttd` with the settings of a file.

fn main() {
    let path = std::env::args().nth(1).expect("a file of settings");
    let text = std::fs::read_to_string(path).expect("it can be read");
    let config = toml::from_str(&text).expect("settings of rumqttd");
    rumqttd::Broker::new(config).start().expect("it serves");
}
