//! docs/conventions.md: every name in its tables means what the table says.

use hwmodel::number::format_text::FixedType;
use hwmodel::{Overflow, Rounding};
use hwsim::verify::conventions::{Key, NAMED, Named};
use std::collections::BTreeSet;

const TEXT: &str = include_str!("../docs/conventions.md");

/// The rows of the first table under `## heading`, cells without white space around.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = TEXT.split_once(&format!("\n## {heading}\n")).expect(heading);
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let rows: Vec<_> =
        rows.map(|row| row.trim_matches('|').split(" |").map(str::trim).collect()).collect();
    assert!(rows.len() > 3, "{heading}");
    rows
}

/// The words in backquotes.
fn words(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn names_of_rounding_modes() {
    let mut listed = BTreeSet::new();
    let rows = table("Rounding");
    for row in &rows {
        let own = words(row[0]).next().unwrap();
        let mode: Rounding = own.parse().unwrap();
        assert_eq!(mode.name(), own);
        for name in row[2..5].iter().flat_map(|cell| words(cell)) {
            assert_eq!(name.parse(), Ok(mode), "{name}");
            assert!(listed.insert(name), "{name} is listed twice");
        }
    }
    assert_eq!(rows.len(), Rounding::ALL.len());
    let known = Rounding::ALL.iter().flat_map(|mode| mode.aliases()).copied().collect();
    assert_eq!(listed, known);
}

#[test]
fn words_of_the_trap() {
    let of = |name: &str, v: i128| name.parse::<Rounding>().unwrap().shift_right(v, 1, 0);
    // -2.5 in halves.
    assert_eq!((of("HALF_UP", -5), of("half-up", -5)), (-3, -2));
    assert_eq!((of("HALF_DOWN", -5), of("half-down", -5)), (-2, -3));
    assert_eq!((of("AP_RND", 5), of("ROUND", 5)), (3, 2));
    assert_eq!((of("AP_RND_INF", -5), of("AP_RND_MIN_INF", -5)), (-3, -3));
}

#[test]
fn names_of_overflow_modes() {
    let mut listed = BTreeSet::new();
    for row in table("Overflow") {
        let mode: Overflow = words(row[0]).next().unwrap().parse().unwrap();
        if mode.saturated_bits() > 0 {
            continue;
        }
        for name in row[2..4].iter().flat_map(|cell| words(cell)) {
            assert_eq!(name.parse(), Ok(mode), "{name}");
            listed.insert(name);
        }
    }
    let known = Overflow::PLAIN.iter().flat_map(|mode| mode.aliases()).copied().collect();
    assert_eq!(listed, known);
}

#[test]
fn texts_of_formats() {
    for row in table("Formats as text") {
        let modes: Vec<_> = words(row[2]).filter(|word| !word.starts_with("AP_")).collect();
        for text in words(row[0]) {
            let fixed: FixedType = text.parse().unwrap();
            let stated = [fixed.rounding.map(Rounding::name), fixed.overflow.map(Overflow::name)];
            if row[2].contains("the run's") {
                assert_eq!(stated, [None, None], "{text}");
            } else if modes.is_empty() {
                assert_eq!(stated, [Some("floor"), Some("wrap")], "{text}");
            } else {
                assert_eq!(stated.map(Option::unwrap).as_slice(), modes, "{text}");
            }
            if let Some(format) = row[1].split_once('⟨').map(|(_, rest)| rest) {
                let (wl, rest) = format.split_once(", ").unwrap();
                let (fl, _) = rest.split_once('⟩').unwrap();
                let found = (fixed.format.wl().to_string(), fixed.format.fl().to_string());
                assert_eq!(found, (wl.to_owned(), fl.to_owned()), "{text}");
            }
            assert_eq!(
                fixed.format.is_signed(),
                !row[1].contains("unsigned") && text != "UINT4",
                "{text}"
            );
        }
    }
}

/// Every cell of the table of tools is what the convention of that name has.
#[test]
fn settings_of_tools() {
    let rows = table("Tools");
    assert_eq!(rows.len(), NAMED.len());
    let (_, section) = TEXT.split_once("\n## Tools\n").unwrap();
    let mut keys = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("| ")) {
        let row: Vec<&'static str> = line.trim_matches('|').split(" |").map(str::trim).collect();
        if row[0] == "tool" {
            keys = words(line).filter_map(|key| Key::find(key).ok()).collect();
            continue;
        }
        if keys.is_empty() {
            continue;
        }
        let convention = Named::find(words(row[0]).next().unwrap()).unwrap();
        assert_eq!(row.len(), 1 + keys.len());
        for (key, cell) in keys.iter().zip(&row[1..]) {
            match *cell {
                "its own" => {
                    assert_eq!(
                        (
                            key.name,
                            ["`double_rounding`", "`single_rounding`", "`twice_up`"]
                                .contains(&row[2])
                        ),
                        ("rounding", true)
                    )
                }
                cell => assert_eq!(key.get(&convention), words(cell).next().unwrap(), "{row:?}"),
            }
        }
    }
    // Each accumulator that is not exact has a row in the second table.
    let exact = |named: &&Named| {
        Named::find(named.name).unwrap().accumulator == hwmodel::Accumulator::default()
    };
    for named in NAMED.iter().filter(|named| !exact(named)) {
        let row = format!("\n| `{}` |", named.name);
        assert_eq!(section.matches(&row).count(), 2, "{}", named.name);
    }
}
