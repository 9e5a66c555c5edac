//! Which module may use which: dependencies point one way, and `hwmodel` is pure.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of `src` with the modules that it may use. A module stands below all that use it.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("chart", &[]),
    ("setting", &[]),
    ("tensor", &[]),
    ("data", &["tensor"]),
    ("onnx", &["tensor"]),
    ("graph", &["onnx", "tensor"]),
    ("inference", &["graph", "onnx", "tensor"]),
    ("precision", &["setting"]),
    ("network", &["graph", "onnx", "precision", "tensor"]),
    ("files", &["data", "network", "precision"]),
    ("train", &["data", "files", "network", "precision"]),
    ("design", &["chart", "data", "files", "network", "onnx", "precision", "tensor", "train"]),
    ("verify", &["graph", "inference", "network", "onnx", "precision", "tensor", "train"]),
    ("rtl", &["verify"]),
    ("report", &["chart", "design", "files", "precision", "train"]),
    (
        "cli",
        &[
            "chart",
            "data",
            "design",
            "files",
            "graph",
            "inference",
            "network",
            "onnx",
            "precision",
            "report",
            "rtl",
            "setting",
            "tensor",
            "train",
            "verify",
        ],
    ),
];

/// Every module of `hwmodel` with the modules that it may use, tests aside. `number::rounding` is listed apart from the rest
/// of `number`, since the kernels round, and numbers are quantised by the kernels.
const MAY_USE_IN_HWMODEL: [(&str, &[&str]); 20] = [
    ("cast", &[]),
    ("parallel", &[]),
    ("text_enum", &[]),
    ("number::rounding", &["text_enum"]),
    ("kernels", &["cast", "number::rounding"]),
    ("random", &["cast", "kernels"]),
    ("number", &["cast", "kernels", "number::rounding", "parallel", "random", "text_enum"]),
    ("product", &["number"]),
    ("convolution", &["product"]),
    ("blocking", &["cast", "convolution", "kernels", "parallel"]),
    ("array", &["cast", "blocking", "convolution", "kernels", "number", "parallel"]),
    (
        "affine",
        &["cast", "array", "convolution", "kernels", "number", "number::rounding", "parallel"],
    ),
    ("elementwise", &["cast", "array", "kernels", "number", "number::rounding", "random"]),
    ("float32", &["cast", "blocking", "convolution", "kernels", "number", "parallel", "product"]),
    ("energy", &["number", "number::rounding"]),
    ("mac_style", &["energy", "number"]),
    ("timing", &["cast", "mac_style", "product"]),
    (
        "machine",
        &["cast", "energy", "mac_style", "number", "number::rounding", "product", "timing"],
    ),
    ("scale_sim", &["cast", "product"]),
    ("counters", &["energy", "machine", "product", "timing"]),
];

/// What a pure library needs: no files, sockets, clock, random device, arguments or logging.
const PURE_LIBRARIES: [&str; 11] = [
    "bitvec",
    "bytemuck",
    "csv",
    "libm",
    "num-traits",
    "rand_core",
    "rand_pcg",
    "rayon",
    "serde",
    "thiserror",
    "toml",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The same without files of tests.
fn library_sources(folder: &Path) -> Vec<PathBuf> {
    let is_test = |path: &PathBuf| {
        let relative = path.strip_prefix(root()).unwrap();
        path.file_stem().unwrap().to_string_lossy().ends_with("tests")
            || relative.components().any(|part| part.as_os_str() == "tests")
    };
    sources(folder).into_iter().filter(|path| !is_test(path)).collect()
}

/// The lines of `path` without comments, so that a link in the documentation is no dependency.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The words that follow `prefix` in `text`; of `prefix{a, b::c}` these are a and b.
fn words_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut found = BTreeSet::new();
    for (place, _) in text.match_indices(prefix) {
        let rest = &text[place + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        found.insert(word(group));
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => drop(found.insert(word(&group[at + 1..]))),
                _ => {}
            }
        }
    }
    found.remove("");
    found
}

#[test]
fn modules_use_only_what_stands_below_them() {
    let names: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let folders: BTreeSet<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders.iter().map(String::as_str).collect::<BTreeSet<_>>(), names);
    for (at, (name, allowed)) in MAY_USE.iter().enumerate() {
        for below in *allowed {
            let place = MAY_USE.iter().position(|(other, _)| other == below).unwrap();
            assert!(place < at, "{name} may use {below}, which stands above it in the list");
        }
        for path in sources(&root().join("src").join(name)) {
            for used in words_after(&code(&path), "crate::") {
                let known = names.contains(used.as_str());
                assert!(
                    !known || used == *name || allowed.contains(&used.as_str()),
                    "{}: `{name}` must not use `{used}`",
                    path.display()
                );
            }
        }
    }
}

/// The paths of two words, or of one, that follow `crate::` in `text`: of `crate::{a::b, c}` these are a::b and c.
fn paths(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (place, _) in text.match_indices("crate::") {
        let rest = &text[place + "crate::".len()..];
        let end = match rest.starts_with('{') {
            true => rest.find(';').unwrap_or(rest.len()),
            false => rest.find([';', '\n']).unwrap_or(rest.len()),
        };
        let used = format!("crate::{}", &rest[..end]);
        for first in words_after(&used, "crate::") {
            let seconds = words_after(&used, &format!("{first}::"));
            if seconds.is_empty() {
                found.insert(first);
                continue;
            }
            found.extend(seconds.iter().map(|second| format!("{first}::{second}")));
        }
    }
    found
}

/// Where each name that `crate::` may be followed by in `hwmodel` is defined: re-exported types, and macros.
fn definition_of(name: &str, library: &str) -> String {
    match name {
        "with_rounding" => return "number::rounding".to_owned(),
        "with_raw" | "with_narrow" => return "number".to_owned(),
        "with_quantise_rule" | "with_requantise_rule" => return "affine".to_owned(),
        module if module.starts_with(char::is_lowercase) => return module.to_owned(),
        _ => {}
    }
    let exported = library.lines().filter_map(|line| line.strip_prefix("pub use ")).find(|line| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    });
    exported.unwrap_or(name).split(['{', ';']).next().unwrap().trim_end_matches("::").to_owned()
}

#[test]
fn modules_of_hwmodel_use_only_what_stands_below_them() {
    let source = root().join("hwmodel/src");
    let library = fs::read_to_string(source.join("lib.rs")).unwrap();
    let entry_of = |path: &str| {
        let entries = MAY_USE_IN_HWMODEL.iter().map(|(name, _)| *name);
        let holds = |name: &&str| path == *name || path.starts_with(&format!("{name}::"));
        entries.filter(holds).max_by_key(|name| name.len())
    };
    for line in library.lines() {
        if let Some(module) = line.trim_start_matches("pub ").strip_prefix("mod ") {
            let module = module.trim_end_matches(';');
            assert!(entry_of(module).is_some(), "`{module}` is not in the list");
        }
    }
    for (at, (name, allowed)) in MAY_USE_IN_HWMODEL.iter().enumerate() {
        for below in *allowed {
            let place = MAY_USE_IN_HWMODEL.iter().position(|(other, _)| other == below).unwrap();
            assert!(place < at, "{name} may use {below}, which stands above it in the list");
        }
    }
    let mut wrong = Vec::new();
    for path in sources(&source) {
        let inside = path.strip_prefix(&source).unwrap().with_extension("");
        let module = inside.to_string_lossy().replace('/', "::");
        let Some(own) = entry_of(&module) else { continue };
        if module.split("::").any(|part| part == "tests" || part.ends_with("_tests")) {
            continue;
        }
        let text = code(&path);
        let text = text.split("#[cfg(test)]").next().unwrap();
        for used in paths(text) {
            let (first, rest) = used.split_once("::").unwrap_or((&used, ""));
            let used = match definition_of(first, &library) {
                same if same == first => format!("{first}::{rest}"),
                defined => defined,
            };
            let Some(entry) = entry_of(used.trim_end_matches("::")) else { continue };
            let allowed = MAY_USE_IN_HWMODEL.iter().find(|(name, _)| *name == own).unwrap().1;
            // A module names the folder around it as well.
            let around = own.starts_with(&format!("{entry}::"));
            if entry != own && !around && !allowed.contains(&entry) {
                wrong.push(format!("{}: `{own}` must not use `{entry}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_and_definitions_are_seen() {
    let text = "use crate::{a::{x, y}, b};\ncrate::c::d::f(); crate::G";
    let found: Vec<String> = paths(text).into_iter().collect();
    assert_eq!(found, ["G", "a::x", "a::y", "b", "c::d"]);
    let library = "pub use number::format::{Container, Format};\npub use kernels::SimdLevel;";
    assert_eq!(definition_of("Format", library), "number::format");
    assert_eq!(definition_of("SimdLevel", library), "kernels::SimdLevel");
    assert_eq!(definition_of("array", library), "array");
}

#[test]
fn grouped_imports_are_seen() {
    let text = "use crate::{a::{x, y}, b, c::z};\ncrate::d::f()";
    let found: Vec<String> = words_after(text, "crate::").into_iter().collect();
    assert_eq!(found, ["a", "b", "c", "d"]);
}

#[test]
fn hwmodel_has_no_files_clock_environment_or_printing() {
    for path in sources(&root().join("hwmodel/src")) {
        let text = code(&path);
        for used in words_after(&text, "std::") {
            let impure = ["env", "fs", "io", "net", "os", "process", "thread", "time"];
            assert!(!impure.contains(&used.as_str()), "{}: std::{used}", path.display());
        }
        for word in ["println!", "print!(", "dbg!", "static mut", "LazyLock"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
    let manifest: toml::Table =
        fs::read_to_string(root().join("hwmodel/Cargo.toml")).unwrap().parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let names: Vec<&str> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(names, PURE_LIBRARIES);
}

/// `libm` gives the same bits on every platform.
#[test]
fn no_function_of_the_platforms_mathematics_library() {
    let names = [
        "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "powf", "sin", "cos",
        "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "cbrt", "hypot", "sin_cos",
    ];
    for path in library_sources(&root().join("hwmodel/src"))
        .iter()
        .chain(&library_sources(&root().join("src")))
    {
        let text = code(path);
        let library = text.split("#[cfg(test)]").next().unwrap();
        for name in names {
            assert!(!library.contains(&format!(".{name}(")), "{}: .{name}()", path.display());
        }
    }
}

#[test]
fn only_the_command_line_reads_arguments_and_environment_and_exits() {
    for (name, _) in MAY_USE.iter().filter(|(name, _)| *name != "cli") {
        for path in library_sources(&root().join("src").join(name)) {
            let text = code(&path);
            let library = text.split("#[cfg(test)]").next().unwrap();
            for word in ["std::env", "process::exit", "println!"] {
                assert!(!library.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_the_kernel_folder() {
    let kernels = root().join("hwmodel/src/kernels");
    for path in sources(&root().join("hwmodel/src")).iter().chain(&sources(&root().join("src"))) {
        let text = code(path);
        let unsafe_code = text.contains("unsafe {") || text.contains("unsafe fn");
        assert!(path.starts_with(&kernels) || !unsafe_code, "{}", path.display());
    }
}
