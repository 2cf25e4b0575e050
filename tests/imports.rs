//! Hazard: two modules that import each other can only be understood together, and what is
//! changed in one breaks the other. Reads the `use` declarations of the library and of the
//! crates below it. A folder's module and the modules in it count as parts of one another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The parts of a module's path, from the crate's root.
type Module = Vec<String>;

/// Adds the sources below a folder, but for tests.
fn add_sources(root: &Path, folder: &Path, sources: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        if name == "tests" {
            continue;
        }
        if path.is_dir() {
            add_sources(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).expect("below the root").with_extension("");
            let mut module: Module =
                relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            module.retain(|part| part != "mod" && part != "lib");
            sources.insert(module, fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// The paths that a `use` declaration names: `a::{b, c::{d}}` names `a::b` and `a::c::d`.
fn expand(tree: &str, paths: &mut Vec<String>) {
    let Some((before, rest)) = tree.split_once('{') else {
        paths.push(tree.trim().to_owned());
        return;
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inside.char_indices().chain([(inside.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inside[start..at].trim();
                if !part.is_empty() {
                    expand(&format!("{}{part}", before.trim()), paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The modules that a module imports from.
fn imported(module: &Module, sources: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    // What follows belongs to tests.
    let source = sources[module].split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut paths = Vec::new();
    for declaration in source.split(';') {
        let Some(at) = declaration.rfind("use ") else { continue };
        let is_start = declaration[..at].ends_with(['\n', ' ', ')']) || at == 0;
        if is_start && !declaration[at..].contains("//") {
            expand(&declaration[at + 4..].replace('\n', " "), &mut paths);
        }
    }
    let mut imports = BTreeSet::new();
    for path in paths {
        let mut parts = path.split("::").map(str::trim).peekable();
        let mut from = match parts.next() {
            Some("crate") => Vec::new(),
            Some("self") => module.clone(),
            Some("super") => {
                let mut from = module.clone();
                from.pop();
                while parts.next_if_eq(&"super").is_some() {
                    from.pop();
                }
                from
            }
            _ => continue,
        };
        for part in parts {
            from.push(part.to_owned());
            if !sources.contains_key(&from) {
                from.pop();
                break;
            }
        }
        imports.insert(from);
    }
    imports
}

fn is_part_of(inner: &Module, outer: &Module) -> bool {
    inner.starts_with(outer)
}

#[test]
fn no_two_modules_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in
        ["src", "crates/time/src", "crates/client/src", "crates/dtls/src", "crates/port-linux/src"]
    {
        let mut sources = BTreeMap::new();
        add_sources(&root.join(folder), &root.join(folder), &mut sources);
        let imports: BTreeMap<_, _> =
            sources.keys().map(|module| (module, imported(module, &sources))).collect();
        let count: usize = imports.values().map(BTreeSet::len).sum();
        assert!(count >= sources.len() / 2, "{folder}: {count} imports are too few to be all");
        for (module, others) in &imports {
            for other in others {
                let is_mutual = imports.get(other).is_some_and(|back| back.contains(*module));
                assert!(
                    !is_mutual || is_part_of(module, other) || is_part_of(other, module),
                    "{folder}: {} and {} import each other; what both need is to lie below them",
                    module.join("::"),
                    other.join("::"),
                );
            }
        }
    }
}
