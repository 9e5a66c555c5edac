use crate::verify::integer::*;
use hwmodel::elementwise::ChannelRequantiser;
use std::fs;
use std::path::Path;

macro_rules! sources {
    ($($path:literal),*) => { [$(($path, include_str!(concat!("../../../../", $path)))),*] };
}

/// The files that hold what a program is and does. Of the arithmetic, the files that take floats too (pooling of maxima,
/// limits, concatenation) are left out, and `fold`, which runs when a program is compiled.
const RUN_TIME: [(&str, &str); 8] = sources![
    "src/verify/integer/program.rs",
    "src/verify/integer/run.rs",
    "hwmodel/src/elementwise/add.rs",
    "hwmodel/src/elementwise/average_pool.rs",
    "hwmodel/src/elementwise/channel_requantise.rs",
    "hwmodel/src/elementwise/channel_scale.rs",
    "hwmodel/src/elementwise/division.rs",
    "hwmodel/src/elementwise/product_range.rs"
];

/// Panics where a line of `text` names a float type or has a number with a point.
fn check(name: &str, text: &str) {
    for line in text.lines().filter(|line| !line.trim().starts_with("//")) {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        for word in words {
            let float = word == "f32" || word == "f64" || word.ends_with("_f32");
            assert!(!float, "{name}: {line}");
        }
        let literal = line
            .as_bytes()
            .windows(3)
            .any(|w| w[0].is_ascii_digit() && w[1] == b'.' && w[2].is_ascii_digit());
        assert!(!literal, "{name}: {line}");
    }
}

#[test]
fn the_run_path_names_no_float_type() {
    for (name, text) in RUN_TIME {
        check(name, text.split("#[cfg(test)]").next().unwrap());
    }
}

#[test]
fn integer_steps_of_layers_name_no_float_type() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/network/layers");
    let mut steps = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (start, _) in text.match_indices("\nimpl IntegerStep for ") {
            let block = &text[start..];
            check(&path.display().to_string(), &block[..block.find("\n}\n").unwrap()]);
            steps += 1;
        }
    }
    assert!(steps >= 6, "{steps} steps");
}

/// `Eq` holds for no type with a float in it.
#[test]
fn what_a_program_holds_is_comparable() {
    // Only the bound matters.
    #[allow(clippy::extra_unused_type_parameters)]
    fn comparable<T: Eq>() -> bool {
        true
    }
    assert!(comparable::<Program>() && comparable::<Step>() && comparable::<IntegerOperation>());
    assert!(comparable::<ChannelRequantiser>() && comparable::<Inference>());
}
