use super::*;
use proptest::prelude::*;

fn fixed(wl: u32, fl: i32, modes: Option<(Rounding, Overflow)>) -> FixedType {
    let (rounding, overflow) = modes.unzip();
    FixedType { format: Format::new(wl, fl).unwrap(), rounding, overflow }
}

fn unsigned(wl: u32, fl: i32, modes: Option<(Rounding, Overflow)>) -> FixedType {
    FixedType { format: Format::unsigned(wl, fl).unwrap(), ..fixed(wl, fl, modes) }
}

#[test]
fn every_notation_is_read() {
    use Overflow::{Saturate, Wrap};
    use Rounding::{Floor, HalfUp, NearestEven, NearestOdd, TowardZero};
    let rows = [
        ("8,4", fixed(8, 4, None)),
        (" 8 , -4 ", fixed(8, -4, None)),
        ("s8,4", fixed(8, 4, None)),
        ("8,4,half-up,wrap", fixed(8, 4, Some((HalfUp, Wrap)))),
        ("u8,4", unsigned(8, 4, None)),
        (
            "u8,4,narrow",
            FixedType { format: unsigned(8, 4, None).format.narrow(), ..unsigned(8, 4, None) },
        ),
        (
            "4,0,narrow",
            FixedType { format: fixed(4, 0, None).format.narrow(), ..fixed(4, 0, None) },
        ),
        (
            "ap_ufixed<8,0,AP_TRN,AP_WRAP,2>",
            unsigned(8, 8, Some((Floor, Overflow::WrapSaturated { bits: 2 }))),
        ),
        (
            "ap_fixed<8,4,AP_RND,AP_WRAP_SM,1>",
            fixed(8, 4, Some((HalfUp, Overflow::WrapSignMagnitude { bits: 1 }))),
        ),
        (
            "ap_fixed<8,4,AP_RND,AP_SAT_SYM>",
            fixed(8, 4, Some((HalfUp, Overflow::SaturateSymmetric))),
        ),
        ("ap_uint<8>", unsigned(8, 0, Some((Floor, Wrap)))),
        ("ufixed<8,2,TRN,SAT_ZERO>", unsigned(8, 6, Some((Floor, Overflow::SaturateZero)))),
        ("ac_fixed<8,2,false>", unsigned(8, 6, Some((Floor, Wrap)))),
        ("UINT4", unsigned(4, 0, None)),
        ("BINARY", unsigned(1, 0, None)),
        ("ap_fixed<16,6>", fixed(16, 10, Some((Floor, Wrap)))),
        ("ap_fixed< 16, 6, AP_RND, AP_SAT >", fixed(16, 10, Some((HalfUp, Saturate)))),
        ("ap_fixed<16,6,AP_RND_CONV>", fixed(16, 10, Some((NearestEven, Wrap)))),
        ("ap_fixed<8,-3,TRN_ZERO,SAT,0>", fixed(8, 11, Some((TowardZero, Saturate)))),
        ("ap_fixed<8,12>", fixed(8, -4, Some((Floor, Wrap)))),
        ("ap_int<8>", fixed(8, 0, Some((Floor, Wrap)))),
        ("ac_fixed<16,6>", fixed(16, 10, Some((Floor, Wrap)))),
        ("ac_fixed<16,6,true,AC_RND_CONV_ODD,AC_SAT>", fixed(16, 10, Some((NearestOdd, Saturate)))),
        ("ac_int<8,true>", fixed(8, 0, Some((Floor, Wrap)))),
        ("fixed<16,6>", fixed(16, 10, Some((Floor, Wrap)))),
        ("fixed<16,6,rnd,sat>", fixed(16, 10, Some((HalfUp, Saturate)))),
        ("int<5>", fixed(5, 0, Some((Floor, Wrap)))),
        ("FIXED<16,6>", fixed(16, 10, None)),
        ("INT8", fixed(8, 0, None)),
    ];
    for (text, expected) in rows {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn wrong_texts_are_explained() {
    let explain = |text: &str| text.parse::<FixedType>().unwrap_err().to_string();
    insta::assert_snapshot!(explain("ap_fixed<0,0>"), @"`ap_fixed<0,0>`: word length 0 is impossible: use 1 to 32 bits (FL = W - I)");
    insta::assert_snapshot!(explain("ap_fixed<33,6>"), @"`ap_fixed<33,6>`: word length 33 is impossible: use 1 to 32 bits (FL = W - I)");
    insta::assert_snapshot!(explain("ap_fixed<16,-60>"), @"`ap_fixed<16,-60>`: fractional length 76 is impossible: use -64 to 64 bits (FL = W - I)");
    insta::assert_snapshot!(explain("ap_fixed<-3,2>"), @"`ap_fixed<-3,2>`: the word length is `-3`, not a whole number from 1 to 32");
    insta::assert_snapshot!(explain("ap_fixed<16,6"), @"`ap_fixed<16,6`: write ap_fixed<W,I> or ap_fixed<W,I,rounding,overflow,N>, as in ap_fixed<16,6,AP_RND,AP_SAT>");
    insta::assert_snapshot!(explain("ap_fixed"), @"`ap_fixed`: write ap_fixed<W,I> or ap_fixed<W,I,rounding,overflow,N>, as in ap_fixed<16,6,AP_RND,AP_SAT>");
    insta::assert_snapshot!(explain("ap_fixed<16>"), @"`ap_fixed<16>`: write ap_fixed<W,I> or ap_fixed<W,I,rounding,overflow,N>, as in ap_fixed<16,6,AP_RND,AP_SAT>");
    insta::assert_snapshot!(explain("ap_fixed<16,six>"), @"`ap_fixed<16,six>`: the number of integer bits I is `six`, not a whole number");
    insta::assert_snapshot!(explain("ap_fixed<16,6,AP_ROUND>"), @"`ap_fixed<16,6,AP_ROUND>`: `AP_ROUND` is not a rounding mode: use one of AP_RND_CONV, AP_RND_INF, AP_RND_ZERO, AP_RND, AP_RND_MIN_INF, AP_TRN, AP_TRN_ZERO");
    insta::assert_snapshot!(explain("ap_fixed<16,6,AP_RND_CONV_ODD>"), @"`ap_fixed<16,6,AP_RND_CONV_ODD>`: `AP_RND_CONV_ODD` is not a rounding mode: use one of AP_RND_CONV, AP_RND_INF, AP_RND_ZERO, AP_RND, AP_RND_MIN_INF, AP_TRN, AP_TRN_ZERO");
    insta::assert_snapshot!(explain("ap_fixed<16,6,AP_RND,AP_CLIP>"), @"`ap_fixed<16,6,AP_RND,AP_CLIP>`: `AP_CLIP` is not an overflow mode: use one of AP_WRAP, AP_SAT, AP_SAT_SYM, AP_SAT_ZERO, AP_WRAP_SM");
    insta::assert_snapshot!(explain("ap_fixed<8,4,AP_TRN,AP_WRAP,9>"), @"`ap_fixed<8,4,AP_TRN,AP_WRAP,9>`: `wrap:9` needs a word of at least 9 bits, got 8");
    insta::assert_snapshot!(explain("ap_ufixed<8,4,AP_TRN,AP_WRAP_SM>"), @"`ap_ufixed<8,4,AP_TRN,AP_WRAP_SM>`: `wrap-sm` needs a signed word, and this one is unsigned: use wrap or a saturating mode");
    insta::assert_snapshot!(explain("ac_fixed<16,6,yes>"), @"`ac_fixed<16,6,yes>`: `yes` is not a sign: use one of true, false");
    insta::assert_snapshot!(explain("BIPOLAR"), @"`BIPOLAR`: its words are -1 and +1, which is not a range of integers: 2,0,narrow holds both, and 0");
    insta::assert_snapshot!(explain("8"), @"`8`: not a number format: write WL,FL as in 8,4 (u8,4 is unsigned), ap_fixed<16,6,AP_RND,AP_SAT>, ac_fixed<16,6,true>, fixed<16,6>, FIXED<16,6> or INT8");
    insta::assert_snapshot!(explain("8,4,nearest"), @"`8,4,nearest`: write [u]WL,FL[,narrow][,ROUNDING][,OVERFLOW], as in 8,4 or u8,8,half-up,saturate");
    insta::assert_snapshot!(explain("8,4,floor,floor"), @"`8,4,floor,floor`: write [u]WL,FL[,narrow][,ROUNDING][,OVERFLOW], as in 8,4 or u8,8,half-up,saturate");
    insta::assert_snapshot!(explain("INT64"), @"`INT64`: word length 64 is impossible: use 1 to 32 bits");
    for text in [
        "",
        "8,",
        ",4",
        "u",
        "AP_FIXED<8,4>",
        "float",
        "8,4 9,3",
        "99999999999999999999,4",
        "INT",
        "INT-8",
    ] {
        let error = text.parse::<FixedType>().unwrap_err();
        assert!(matches!(error, FormatTextError::Unknown(_)), "{text}: {error}");
    }
}

#[test]
fn texts_of_any_width_are_read_for_accumulators() {
    let read = FormatText::read("ap_fixed<48,20,AP_RND,AP_SAT>").unwrap();
    assert_eq!((read.wl, read.fl, read.rounding), (48, 28, Some(Rounding::HalfUp)));
}

proptest! {
    /// What is written is read as the same type, unless the notation cannot say it.
    #[test]
    fn written_types_are_read_back(
        wl in 1u32..=32, fl in -64i32..=64, signed: bool, narrow: bool, bits in 0u8..=1,
        rounding in proptest::sample::select(&Rounding::ALL[..]),
        overflow in proptest::sample::select(&Overflow::PLAIN[..]),
    ) {
        let overflow = overflow.with_saturated_bits(bits).unwrap_or(overflow);
        let of = if signed { fixed } else { unsigned };
        let words = |stated: FixedType| match narrow {
            true => FixedType { format: stated.format.narrow(), ..stated },
            false => stated,
        };
        let stated = words(of(wl, fl, Some((rounding, overflow))));
        prop_assume!(overflow.check(stated.format.word()).is_ok());
        prop_assert_eq!(stated.to_string().parse(), Ok(stated));
        for notation in Notation::ALL {
            match stated.text(notation) {
                Ok(text) => {
                    let back: FixedType = text.parse().unwrap();
                    let modes = notation != Notation::Qonnx;
                    prop_assert_eq!(back, if modes { stated } else { words(of(wl, fl, None)) }, "{}", text);
                }
                Err(error) => prop_assert!(error.to_string().contains(notation.name()), "{}", error),
            }
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,24}") {
        let _ = text.parse::<FixedType>();
    }

    #[test]
    fn no_text_that_looks_like_one_panics(
        text in "(ap_|ac_|AP_)?u?(fixed|int|FIXED|INT|UINT)[<>0-9,_ A-Z-]{0,20}"
    ) {
        let _ = text.parse::<FixedType>();
    }
}
