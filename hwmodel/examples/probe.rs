use hwmodel::float32::*;
use hwmodel::gemm::*;
use hwmodel::*;
use std::time::Instant;
fn t(wl: u32, shape: &[usize], s: u64) -> FixedTensor {
    let f = Format::new(wl, 4).unwrap();
    let mut g = random::generator(s, &[]);
    let h = (f.max_raw() / 16).max(1) as u32;
    let raw: Vec<i32> = (0..shape.iter().product())
        .map(|_| (random::below(&mut g, 2 * h) as i32) - h as i32)
        .collect();
    FixedTensor::from_raw(shape, f, &raw).unwrap()
}
fn main() {
    let cases = [
        ("alex1", [128, 32, 32, 3], [64, 11, 11, 3], Convolution2d::square(11, 4, 5)),
        ("alex2", [128, 4, 4, 64], [192, 5, 5, 64], Convolution2d::square(5, 1, 2)),
        ("alex4", [128, 2, 2, 384], [256, 3, 3, 384], Convolution2d::square(3, 1, 1)),
        ("res1", [128, 32, 32, 16], [16, 3, 3, 16], Convolution2d::square(3, 1, 1)),
        ("res3", [128, 8, 8, 64], [64, 3, 3, 64], Convolution2d::square(3, 1, 1)),
        ("gemm", [2048, 1, 1, 2048], [2048, 1, 1, 2048], Convolution2d::square(1, 1, 0)),
    ];
    for simd in SimdLevel::available() {
        for (n, x, w, g) in cases {
            if n == "gemm" && simd.name() == "portable" {
                continue;
            }
            let sh = Shapes::new(&x, &w, g).unwrap();
            let macs = sh.macs() as f64;
            let best = |f: &mut dyn FnMut()| {
                let mut b = f64::MAX;
                for _ in 0..5 {
                    let i = Instant::now();
                    f();
                    b = b.min(i.elapsed().as_secs_f64());
                }
                macs / b / 1e9
            };
            print!("{simd} {n}: ");
            for wl in [8, 12, 16, 24, 32] {
                let a = t(wl, &x, 1);
                let b = t(wl, &w, 2);
                let m = MacArray { simd, accumulator: Accumulator::default() };
                let mut kind = "";
                let r = best(&mut || {
                    let p = m.convolve(&a, &b, g).unwrap();
                    kind = match p.sums {
                        Sums::I32(_) => "i32",
                        Sums::I64(_) => "i64",
                        _ => "i128",
                    };
                });
                print!("wl{wl} {r:.0} ({kind}) ");
            }
            let a = t(8, &x, 1).to_f32(simd);
            let b = t(8, &w, 2).to_f32(simd);
            let y = forward(simd, &sh, Values::Float(&a), Values::Float(&b));
            print!(
                "f32 fwd {:.0} ",
                best(&mut || {
                    forward(simd, &sh, Values::Float(&a), Values::Float(&b));
                })
            );
            print!(
                "dx {:.0} ",
                best(&mut || {
                    grad_input(simd, &sh, Values::Float(&b), &y);
                })
            );
            println!(
                "dw {:.0}",
                best(&mut || {
                    grad_weight(simd, &sh, Values::Float(&a), &y);
                })
            );
        }
    }
}
