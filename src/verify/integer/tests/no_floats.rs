use crate::verify::integer::*;

/// The files that hold what a program is and does.
const RUN_TIME: [(&str, &str); 7] = [
    ("product_range.rs", include_str!("../product_range.rs")),
    ("program.rs", include_str!("../program.rs")),
    ("run.rs", include_str!("../run.rs")),
    ("channel_scale.rs", include_str!("../channel_scale.rs")),
    ("requantise.rs", include_str!("../requantise.rs")),
    ("division.rs", include_str!("../division.rs")),
    ("average_pool.rs", include_str!("../average_pool.rs")),
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
