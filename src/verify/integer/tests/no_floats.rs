use crate::verify::integer::*;
use hwmodel::elementwise::ChannelRequantiser;

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

#[test]
fn the_run_path_names_no_float_type() {
    for (name, text) in RUN_TIME {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code: Vec<&str> = code.lines().filter(|line| !line.trim().starts_with("//")).collect();
        for line in code {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words {
                let float = word == "f32" || word == "f64" || word.ends_with("_f32");
                assert!(!float, "{name}: {line}");
            }
            let bytes = line.as_bytes();
            let literal = bytes
                .windows(3)
                .any(|w| w[0].is_ascii_digit() && w[1] == b'.' && w[2].is_ascii_digit());
            assert!(!literal, "{name}: {line}");
        }
    }
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
