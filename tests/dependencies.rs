//! Hazard: a dependency comes in under a licence that binds our users, twice in two versions,
//! or from elsewhere than the registry; and a crate is published without what makes it found,
//! or with a README whose dependencies do not build. `deny.toml` says what is let in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use iot_coap_test_library::{root, succeed};
use serde_json::Value;

/// The crates that go to a registry.
const PUBLISHED: [&str; 3] = ["iot-coap-time", "iot-coap-client", "iot-coap-dtls"];

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// What cargo tells of the workspace and its dependencies, with all features.
struct Graph(Value);

impl Graph {
    fn read() -> Self {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--locked", "--all-features", "--format-version", "1"]);
        cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(root());
        Self(serde_json::from_str(&succeed(&mut cargo)).expect("JSON"))
    }

    /// The packages that are built, by their ids.
    fn packages(&self) -> BTreeMap<&str, &Value> {
        let built: BTreeSet<_> =
            list(&self.0["resolve"], "nodes").iter().map(|node| text(node, "id")).collect();
        let packages =
            list(&self.0, "packages").iter().map(|package| (text(package, "id"), package));
        packages.filter(|(id, _)| built.contains(id)).collect()
    }

    fn package(&self, name: &str) -> &Value {
        let packages = self.packages().into_values();
        packages.into_iter().find(|package| text(package, "name") == name).expect("a member")
    }

    fn foreign(&self) -> Vec<&Value> {
        self.packages().into_values().filter(|package| !package["source"].is_null()).collect()
    }

    /// What these members are built with, apart from their tests, or only what runs with them:
    /// names, and the versions of each.
    fn versions(
        &self,
        is_root: impl Fn(&Value) -> bool,
        runs: bool,
    ) -> BTreeMap<&str, BTreeSet<&str>> {
        let packages = self.packages();
        let nodes: BTreeMap<_, _> =
            list(&self.0["resolve"], "nodes").iter().map(|node| (text(node, "id"), node)).collect();
        let members = list(&self.0, "workspace_members").iter().filter_map(Value::as_str);
        let mut todo: Vec<_> = members.filter(|id| is_root(packages[id])).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            let dependencies = list(nodes[id], "deps").iter();
            let built = dependencies.filter(|dependency| {
                let mut kinds = list(dependency, "dep_kinds").iter().map(|kind| text(kind, "kind"));
                kinds.any(|kind| if runs { kind.is_empty() } else { kind != "dev" })
            });
            let built = built.map(|dependency| text(dependency, "pkg"));
            todo.extend(built.filter(|id| !(runs && is_macro(packages[id]))));
        }
        let mut versions = BTreeMap::<_, BTreeSet<_>>::new();
        for package in seen.into_iter().map(|id| packages[id]) {
            versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
        }
        versions
    }
}

/// Whether a package runs in the compiler.
fn is_macro(package: &Value) -> bool {
    let mut kinds = list(package, "targets").iter().flat_map(|target| list(target, "kind"));
    kinds.any(|kind| kind == "proc-macro")
}

fn deny() -> toml::Table {
    let text = fs::read_to_string(root().join("deny.toml")).expect("it is there");
    text.parse().expect("TOML")
}

fn strings(value: &toml::Value) -> Vec<String> {
    let all = value.as_array().expect("a list").iter();
    all.map(|each| each.as_str().expect("text").to_owned()).collect()
}

/// The licences by which an SPDX expression can be met with `allowed` alone; `None` if it
/// cannot.
fn met(expression: &str, allowed: &[String]) -> Option<BTreeSet<String>> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let result = any(&mut words, allowed);
    assert_eq!(words.next(), None, "cannot read the licence “{expression}”");
    result
}

type Words<'w, 'i> = &'w mut std::iter::Peekable<std::str::SplitWhitespace<'i>>;

fn any(words: Words<'_, '_>, allowed: &[String]) -> Option<BTreeSet<String>> {
    let mut result = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        let other = all(words, allowed);
        result = result.or(other);
    }
    result
}

fn all(words: Words<'_, '_>, allowed: &[String]) -> Option<BTreeSet<String>> {
    let mut result = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        let other = one(words, allowed);
        result = result.zip(other).map(|(mut both, other)| {
            both.extend(other);
            both
        });
    }
    result
}

fn one(words: Words<'_, '_>, allowed: &[String]) -> Option<BTreeSet<String>> {
    if words.next_if_eq(&"(").is_some() {
        let result = any(words, allowed);
        assert_eq!(words.next(), Some(")"));
        return result;
    }
    let mut licence = words.next().expect("a licence").to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", words.next().expect("an exception"));
    }
    allowed.contains(&licence).then(|| BTreeSet::from([licence]))
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = ["A", "B"].map(String::from);
    for good in ["A", "A OR C", "C/A", "A AND B", "(C OR A) AND B", "C WITH E OR B"] {
        assert!(met(good, &allowed).is_some(), "{good}");
    }
    for bad in ["C", "A AND C", "(A OR C) AND C", "A WITH E", "C AND A OR C"] {
        assert!(met(bad, &allowed).is_none(), "{bad}");
    }
}

#[test]
fn every_licence_is_one_that_binds_nobody() {
    let (graph, deny) = (Graph::read(), deny());
    let allowed = strings(&deny["licenses"]["allow"]);
    let exceptions = deny["licenses"]["exceptions"].as_array().expect("a list");
    let mut used = BTreeSet::new();
    let mut refused = Vec::new();
    for package in graph.foreign() {
        let (name, licence) = (text(package, "name"), text(package, "license"));
        let exception = exceptions.iter().find(|each| each["crate"].as_str() == Some(name));
        let allowed = exception.map_or(allowed.clone(), |each| strings(&each["allow"]));
        match met(licence, &allowed) {
            Some(by) => used.extend(by),
            None => refused.push(format!("{name} {}: {licence}", text(package, "version"))),
        }
    }
    assert!(refused.is_empty(), "deny.toml lets in no\n{}", refused.join("\n"));
    let idle: Vec<_> = allowed.iter().filter(|licence| !used.contains(*licence)).collect();
    assert!(idle.is_empty(), "take out of deny.toml, since nothing has them: {idle:?}");
}

#[test]
fn what_a_device_runs_is_there_once() {
    let library = ["iot-coap", "iot-coap-port-linux"].into_iter().chain(PUBLISHED);
    let library: BTreeSet<_> = library.collect();
    let versions = Graph::read();
    let versions = versions.versions(|package| library.contains(text(package, "name")), true);
    assert!(versions.contains_key("aes"), "{versions:?}");
    let twice: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn what_is_there_twice_is_known() {
    let (graph, deny) = (Graph::read(), deny());
    let known = deny["bans"]["skip"].as_array().expect("a list").iter();
    let mut known: BTreeSet<_> = known.map(|each| each["crate"].as_str().expect("text")).collect();
    let mut unknown = Vec::new();
    for (name, versions) in graph.versions(|_| true, false) {
        // `name@1.2` is of every version that begins so.
        let left: Vec<_> = versions
            .iter()
            .filter(|version| {
                let mut parts = version.match_indices('.').map(|(at, _)| &version[..at]);
                let is_known = parts.find(|part| known.remove(format!("{name}@{part}").as_str()));
                is_known.is_none()
            })
            .collect();
        if left.len() > 1 {
            unknown.push(format!("{name} {left:?}"));
        }
    }
    assert!(unknown.is_empty(), "put into deny.toml, or do without: {}", unknown.join(", "));
    assert!(known.is_empty(), "take out of deny.toml, since they are not there: {known:?}");
}

#[test]
fn everything_comes_from_the_registry() {
    let graph = Graph::read();
    let sources: BTreeSet<_> =
        graph.foreign().into_iter().map(|package| text(package, "source")).collect();
    assert!(sources.iter().all(|source| source.starts_with("registry+")), "{sources:?}");
    assert_eq!(sources.len(), 1, "{sources:?}");
}

#[test]
fn what_is_published_can_be_found() {
    let graph = Graph::read();
    for name in PUBLISHED {
        let package = graph.package(name);
        for field in ["description", "license", "readme", "rust_version"] {
            assert!(!text(package, field).is_empty(), "{name} has no {field}");
        }
        // More than five of either are refused.
        for field in ["keywords", "categories"] {
            assert!((1..=5).contains(&list(package, field).len()), "{name}: {field}");
        }
        let docs = &package["metadata"]["docs"]["rs"];
        let has_features = package["features"].as_object().is_some_and(|all| !all.is_empty());
        assert_eq!(docs["all-features"].as_bool(), has_features.then_some(true), "{name}");
        let folder = root().join("crates").join(name.trim_start_matches("iot-coap-"));
        assert!(folder.join("LICENSE").exists(), "{name} has no licence's text");
        // One of ours without a version stays behind, which is right for what only tests need.
        for dependency in list(package, "dependencies") {
            let is_ours = dependency["source"].is_null();
            if is_ours && text(dependency, "kind") != "dev" {
                assert_ne!(text(dependency, "req"), "*", "{name}: {}", dependency["name"]);
            }
        }
    }
}

/// The dependencies in the READMEs name what there is.
#[test]
fn the_readmes_say_how_to_depend_on_a_crate() {
    let graph = Graph::read();
    for name in ["iot-coap-client", "iot-coap-dtls"] {
        let file = format!("crates/{}/README.md", name.trim_start_matches("iot-coap-"));
        let readme = fs::read_to_string(root().join(&file)).expect("it is there");
        // Where rustdoc hides a line that begins so, a forge shows it.
        for block in readme.split("```rust").skip(1) {
            let code = block.split("```").next().expect("it ends");
            let hidden = code.lines().find(|line| line.trim_start().starts_with("# "));
            assert_eq!(hidden, None, "{file}");
        }
        let blocks: Vec<_> = readme.split("```toml\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{file} says not how to depend on it");
        for block in blocks {
            let block = block.split("```").next().expect("it ends");
            let block: toml::Table = block.parse().expect("TOML");
            let dependencies = block["dependencies"].as_table().expect("a table");
            assert!(dependencies.contains_key(name), "{file}");
            for (name, dependency) in dependencies {
                // A path until it is published.
                let version = if let Some(path) = dependency.get("path") {
                    let folder = name.trim_start_matches("iot-coap-");
                    let ours = format!("…/iot-coap/crates/{folder}");
                    assert_eq!(path.as_str(), Some(&*ours), "{file}");
                    String::new()
                } else {
                    let version = dependency.get("version").unwrap_or(dependency);
                    format!("{}.", version.as_str().expect("text"))
                };
                let packages = graph.packages();
                let package = packages.values().find(|package| {
                    text(package, "name") == name && text(package, "version").starts_with(&version)
                });
                let package = package.unwrap_or_else(|| panic!("{file}: {name} {version}"));
                for feature in dependency.get("features").map(strings).unwrap_or_default() {
                    assert!(!package["features"][&feature].is_null(), "{file}: {name} {feature}");
                }
            }
        }
    }
}
