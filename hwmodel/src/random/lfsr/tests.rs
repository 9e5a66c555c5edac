use super::*;
use crate::random::{RandomSource, Role};

fn lfsr(width: u8, bits: u8, steps: u8) -> Lfsr {
    Lfsr::new(width, RandomBits::new(bits).unwrap(), steps).unwrap()
}

fn address(lfsr: Lfsr, seed: u64) -> RandomAddress {
    let source = RandomSource::Lfsr(lfsr);
    RandomAddress { seed, step: 1, layer: 2, part: None, role: Role::Output, source }
}

/// x^8 + x^4 + x^3 + x^2 + 1: bits 0, 2, 3 and 4 feed bit 7. Worked by hand from 0000 0001.
#[test]
fn the_first_registers_of_eight_bits_by_hand() {
    let lfsr = lfsr(8, 3, 3);
    let by_hand = [
        0b0000_0001,
        0b1000_0000,
        0b0100_0000,
        0b0010_0000,
        0b0001_0000,
        0b1000_1000,
        0b1100_0100,
        0b1110_0010,
        0b0111_0001,
        0b0011_1000,
        0b0001_1100,
        0b1000_1110,
    ];
    let mut state = 1;
    for expected in by_hand {
        assert_eq!(state, expected, "{state:08b}");
        state = lfsr.step(state);
    }
    // Three clocks a number: the low three bits of every third register.
    let numbers: Vec<u32> = (0..4).map(|i| lfsr.number(lfsr.jump(1, 3 * i))).collect();
    assert_eq!(numbers, [0b001, 0b000, 0b100, 0b000]);
    // One clock a number: every register, and each number is the one before shifted by one bit.
    let numbers: Vec<u32> = (0..8).map(|i| lfsr.number(lfsr.jump(1, i))).collect();
    assert_eq!(numbers, [0b001, 0b000, 0b000, 0b000, 0b000, 0b000, 0b100, 0b010]);
}

/// Prime factors of `number`, by trial division.
fn prime_factors(mut number: u64) -> Vec<u64> {
    let mut factors = Vec::new();
    let mut factor = 2;
    while factor * factor <= number {
        if number.is_multiple_of(factor) {
            factors.push(factor);
            while number.is_multiple_of(factor) {
                number /= factor;
            }
        }
        factor += 1;
    }
    if number > 1 {
        factors.push(number);
    }
    factors
}

/// Whether the order of x modulo a polynomial of degree `width` is 2^width - 1: it then is primitive,
/// since no smaller ring than a field has so many units.
fn is_primitive(polynomial: u64, factors: &[u64]) -> bool {
    let order = (1 << polynomial.ilog2()) - 1;
    power_of_x(order, polynomial) == 1
        && factors.iter().all(|factor| power_of_x(order / factor, polynomial) != 1)
}

#[test]
fn every_polynomial_is_primitive() {
    for width in Lfsr::WIDTHS {
        let lfsr = lfsr(width, 1, 1);
        let factors = prime_factors(lfsr.period());
        let product = factors.iter().fold(lfsr.period(), |rest, factor| rest / factor);
        assert!(product >= 1 && lfsr.polynomial().ilog2() == u32::from(width));
        assert!(is_primitive(lfsr.polynomial(), &factors), "{:#x}", lfsr.polynomial());
    }
    // Irreducible, but of order 51 and 5; reducible.
    for not_primitive in [0x11b, 0x11f, 0x101] {
        assert!(!is_primitive(not_primitive, &prime_factors(255)), "{not_primitive:#x}");
    }
}

/// The rule of the table: fewest terms, then the smallest number.
#[test]
fn no_primitive_polynomial_comes_before_the_one_of_the_table() {
    for width in Lfsr::WIDTHS {
        let own = lfsr(width, 1, 1).polynomial();
        let factors = prime_factors((1 << width) - 1);
        let ends = 1u64 << width | 1;
        let before = |polynomial: &u64| {
            polynomial.count_ones() < own.count_ones()
                || (polynomial.count_ones() == own.count_ones() && *polynomial < own)
        };
        let mut earlier: Vec<u64> = (1..width).map(|k| ends | 1 << k).collect();
        // With five terms: the three in the middle are below 2^(largest middle power + 1).
        for a in 3..width {
            for b in 2..a {
                earlier.extend((1..b).map(|c| ends | 1 << a | 1 << b | 1 << c));
            }
        }
        for polynomial in earlier.iter().filter(|polynomial| before(polynomial)) {
            assert!(!is_primitive(*polynomial, &factors), "{polynomial:#x} before {own:#x}");
        }
    }
}

#[test]
fn small_registers_have_the_full_period() {
    for width in 8..=16 {
        let lfsr = lfsr(width, 1, 1);
        let mut seen = vec![false; 1 << width];
        let mut state = 1;
        for _ in 0..lfsr.period() {
            assert!(!seen[state as usize] && state != 0, "{width} bits, {state:#x}");
            seen[state as usize] = true;
            state = lfsr.step(state);
        }
        assert_eq!(state, 1, "{width} bits");
    }
}

#[test]
fn jumping_equals_stepping() {
    for width in Lfsr::WIDTHS {
        let lfsr = lfsr(width, 1, 1);
        let start = 0x9e37_79b9 >> (32 - width) | 1;
        let mut stepped = start;
        for clocks in 0..300 {
            assert_eq!(lfsr.jump(start, clocks), stepped, "{width} bits, {clocks} clocks");
            assert_eq!(Leap::new(lfsr, clocks).apply(start), stepped);
            stepped = lfsr.step(stepped);
        }
        assert_eq!(lfsr.jump(start, lfsr.period()), start);
        let halves = lfsr.jump(lfsr.jump(start, lfsr.period() / 2), lfsr.period().div_ceil(2));
        assert_eq!(halves, start);
    }
}

#[test]
fn many_at_once_equal_one_after_the_other() {
    for (width, bits, steps) in [(8, 3, 3), (8, 8, 1), (16, 8, 8), (23, 16, 16), (32, 24, 64)] {
        let lfsr = lfsr(width, bits, steps);
        let address = address(lfsr, width.into());
        let mut state = lfsr.load(address);
        let scalar: Vec<u32> = (0..600)
            .map(|_| {
                let word = lfsr.number(state) << (32 - bits);
                (0..steps).for_each(|_| state = lfsr.step(state));
                word
            })
            .collect();
        for (start, length) in [(0, 600), (0, 0), (1, 3), (255, 257), (599, 1)] {
            let mut words = vec![0; length];
            lfsr.fill(address, start as u64, &mut words);
            assert_eq!(words, scalar[start..start + length], "{lfsr:?} from {start}");
        }
    }
}

/// Elements far apart are reached without passing by; the index counts modulo the period.
#[test]
fn distant_elements_are_addressed() {
    let lfsr = lfsr(12, 6, 6);
    let address = address(lfsr, 5);
    let (period, near) = (lfsr.period(), lfsr.state_at(address, 77));
    assert_eq!(lfsr.state_at(address, 77 + period), near);
    let far = u64::MAX / period * period;
    assert_eq!(lfsr.state_at(address, far), lfsr.load(address));
}

#[test]
fn no_address_loads_zero_and_every_part_counts() {
    let lfsr = lfsr(8, 4, 4);
    let mut seen = [false; 256];
    for seed in 0..5000 {
        seen[lfsr.load(address(lfsr, seed)) as usize] = true;
    }
    assert!(!seen[0] && seen[1..].iter().all(|&seen| seen));
    let lfsr = Lfsr { width: 32, ..lfsr };
    let base = address(lfsr, 1);
    let others = [
        RandomAddress { seed: 2, ..base },
        RandomAddress { step: 2, ..base },
        RandomAddress { layer: 3, ..base },
        RandomAddress { part: Some(0), ..base },
        RandomAddress { role: Role::Weight, ..base },
    ];
    assert!(others.iter().all(|&other| lfsr.load(other) != lfsr.load(base)));
}

/// Published results depend on these bits: a change here belongs into the changelog.
#[test]
fn values_are_stable() {
    let lfsr = lfsr(16, 8, 8);
    let mut words = [0; 6];
    lfsr.fill(address(lfsr, 7), 0, &mut words);
    assert_eq!(words.map(|word| word >> 24), PINNED);
}

const PINNED: [u32; 6] = [192, 183, 118, 121, 206, 91];

#[test]
fn impossible_registers_are_refused() {
    let make = |width, bits, steps| Lfsr::new(width, RandomBits::new(bits)?, steps);
    assert_eq!(make(7, 4, 4), Err(RandomSourceError::Width(7)));
    assert_eq!(make(33, 4, 4), Err(RandomSourceError::Width(33)));
    assert_eq!(make(8, 9, 4), Err(RandomSourceError::Narrow { width: 8, bits: 9 }));
    assert_eq!(make(32, 25, 4), Err(RandomSourceError::Bits(25)));
    assert_eq!(make(32, 0, 4), Err(RandomSourceError::Bits(0)));
    assert_eq!(make(32, 4, 0), Err(RandomSourceError::Steps(0)));
    assert_eq!(make(32, 4, 65), Err(RandomSourceError::Steps(65)));
}
