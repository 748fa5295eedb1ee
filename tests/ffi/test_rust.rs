// SPDX-License-Identifier: MIT
//! examples/rust with the library as it is installed; tests/ffi/run_ffi.py makes
//! an integration test of the crate of this file.
use std::error::Error as _;
use std::fmt::Write as _;
use std::mem::{size_of, size_of_val, MaybeUninit};
use std::path::Path;
use std::ptr::{addr_of, null};
use std::sync::{Arc, Mutex};

use fmgcam::{sys, Bf16, Choice, Context, Element, Image, Inputs, Layers, Limits, Options, Tensor};
use fmgcam::{Explanation, Wanted, F16};

const K: usize = 5;
const C: usize = 1280;
const H: usize = 7;
const W: usize = 7;
const MAPS_BOUND: f32 = 4.4e-5; // what float16 moves: examples/data/README.md
const ALL: Wanted = Wanted {
    weights: true,
    signed_maps: true,
    class_maps: true,
    winner: true,
    filtered_maps: true,
    normalized_maps: true,
    maps: true,
    margin: true,
};
const MAPS: Wanted = Wanted {
    weights: false,
    signed_maps: false,
    class_maps: false,
    winner: false,
    filtered_maps: false,
    normalized_maps: false,
    maps: true,
    margin: false,
};

// ---- The sample ----------------------------------------------------------------

/// What follows the header of an .npy file.
fn body(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("FMGCAM_TEST_SAMPLE").expect("run by run_ffi.py");
    let file = std::fs::read(Path::new(&folder).join(name)).unwrap();
    let size = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    file[size..].to_vec()
}

fn halves(name: &str) -> Vec<F16> {
    body(name).chunks_exact(2).map(|b| F16(u16::from_le_bytes([b[0], b[1]]))).collect()
}

fn floats(name: &str) -> Vec<f32> {
    body(name).chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// The value of a half that is zero or normal, or subnormal.
fn value(half: F16) -> f32 {
    let (exponent, fraction) = (i32::from(half.0 >> 10 & 31), f32::from(half.0 & 1023));
    let sign = if half.0 >> 15 == 1 { -1.0 } else { 1.0 };
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

fn values(halves: &[F16]) -> Vec<f32> {
    halves.iter().copied().map(value).collect()
}

/// By a context of its own, on the reproducible path.
fn explain(inputs: Inputs<'_>, wanted: Wanted) -> Explanation {
    let mut context = Context::new().unwrap();
    let options = Options { arithmetic: sys::FMGCAM_ARITHMETIC_REPRODUCIBLE, ..Default::default() };
    context.set_options(&options).unwrap();
    context.explain(&inputs, wanted).unwrap()
}

fn explain_floats(a: &[f32], g: &[f32]) -> Vec<f32> {
    explain(inputs(&Tensor::new(a, &[C, H, W]).unwrap(), g, &[K, C, H, W]), MAPS).maps
}

fn inputs<'a, T: Element>(a: &Tensor<'a>, g: &'a [T], shape: &[usize]) -> Inputs<'a> {
    let gradients = Some(Tensor::new(g, shape).unwrap());
    Inputs { activations: Some(*a), gradients, ..Default::default() }
}

fn largest_error(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn maps_are_the_expected_ones() {
    let (a, g) = (halves("activations.npy"), halves("gradients.npy"));
    let a = Tensor::new(&a, &[1, C, H, W]).unwrap();
    let found = explain(inputs(&a, &g, &[K, C, H, W]), ALL);
    assert!(largest_error(&found.maps, &floats("expected_maps.npy")) < MAPS_BOUND);
    let expected = floats("expected_class_maps.npy");
    let bound = 1e-3 * expected.iter().copied().fold(0.0, f32::max);
    assert!(largest_error(&found.class_maps, &expected) < bound);
    let won = |rank| found.winner.iter().filter(|&&winner| winner == rank).count();
    assert_eq!([won(0), won(1), won(2), won(3), won(4)], [28, 6, 8, 5, 2]);
    assert_eq!(found.weights.len(), K * C);
    assert_eq!(found.filtered_maps.len(), K * H * W);
    assert_eq!(found.normalized_maps.len(), K * H * W);
    assert_eq!(found.margin.len(), H * W);
    for (signed, class) in found.signed_maps.iter().zip(&found.class_maps) {
        assert_eq!(signed.max(0.0), *class);
    }
    assert!(!found.flat && found.guarded == 0 && found.non_finite == 0);
}

#[test]
fn what_is_not_wanted_is_empty() {
    let (a, g) = (halves("activations.npy"), halves("gradients.npy"));
    let a = Tensor::new(&a, &[C, H, W]).unwrap();
    let wanted = Wanted { winner: true, ..Default::default() };
    let found = explain(inputs(&a, &g, &[K, C, H, W]), wanted);
    assert_eq!((found.winner.len(), found.maps.len(), found.weights.len()), (H * W, 0, 0));
}

#[test]
fn classifier_gives_the_same_maps() {
    let (a, rows) = (halves("activations.npy"), halves("classifier.npy"));
    let mut inputs = Inputs {
        activations: Some(Tensor::new(&a, &[C, H, W]).unwrap()),
        classifier: Some(Tensor::new(&rows, &[K, C]).unwrap()),
        ..Default::default()
    };
    let found = explain(inputs, MAPS).maps;
    assert!(largest_error(&found, &floats("expected_maps.npy")) < 1e-4);
    inputs.classes = Some(&[3, 1]);
    assert_eq!(explain(inputs, MAPS).maps.len(), 2 * H * W);
}

// ---- Memory --------------------------------------------------------------------

#[test]
fn views_point_into_their_slices() {
    let data = [0f32; 24];
    let tensor = Tensor::with_strides(&data, 23, &[2, 3], &[-12, -1]).unwrap();
    assert_eq!(tensor.as_raw().data, data[23..].as_ptr().cast());
    assert_eq!(tensor.as_raw().strides[..2], [-12, -1]);
    assert_eq!(tensor.as_raw().shape[..2], [2, 3]);
}

#[test]
fn element_types_and_strides_do_not_change_the_maps() {
    let (a, g) = (halves("activations.npy"), halves("gradients.npy"));
    let (a32, g32) = (values(&a), values(&g));
    let expected = explain_floats(&a32, &g32);
    let g64: Vec<f64> = g32.iter().copied().map(f64::from).collect();
    let plain = Tensor::new(&a, &[C, H, W]).unwrap();
    assert_eq!(explain(inputs(&plain, &g64, &[K, C, H, W]), MAPS).maps, expected);

    // [H, W, C], rows from the bottom up, of an array that is wider.
    let mut last = vec![0f32; H * (W + 1) * C];
    for (i, &x) in a32.iter().enumerate() {
        let (c, y, x_at) = (i / (H * W), i / W % H, i % W);
        last[((H - 1 - y) * (W + 1) + x_at) * C + c] = x;
    }
    let row = ((W + 1) * C) as isize;
    let view =
        Tensor::with_strides(&last, (H - 1) * (W + 1) * C, &[C, H, W], &[1, -row, C as isize]);
    assert_eq!(explain(inputs(&view.unwrap(), &g, &[K, C, H, W]), MAPS).maps, expected);
}

#[test]
fn bfloat16_is_the_upper_half_of_a_float() {
    let (a, g) = (values(&halves("activations.npy")), values(&halves("gradients.npy")));
    let upper: Vec<Bf16> = g.iter().map(|x| Bf16((x.to_bits() >> 16) as u16)).collect();
    let cut: Vec<f32> = g.iter().map(|x| f32::from_bits(x.to_bits() >> 16 << 16)).collect();
    let view = Tensor::new(&a, &[C, H, W]).unwrap();
    let found = explain(inputs(&view, &upper, &[K, C, H, W]), MAPS).maps;
    assert_eq!(found, explain_floats(&a, &cut));
}

#[test]
fn integers_mean_what_their_quantization_says() {
    let (a, rows) = (halves("activations.npy"), values(&halves("classifier.npy")));
    let scales: Vec<f32> = (0..K).map(|k| 0.01 + 0.002 * k as f32).collect();
    let zeros = vec![3; K];
    let q: Vec<i8> =
        rows.iter().enumerate().map(|(i, x)| (x / scales[i / C]).round() as i8).collect();
    let meant: Vec<f32> = q
        .iter()
        .enumerate()
        .map(|(i, &q)| (f64::from(scales[i / C]) * (f64::from(q) - 3.0)) as f32)
        .collect();
    let mut inputs = Inputs {
        activations: Some(Tensor::new(&a, &[C, H, W]).unwrap()),
        classifier: Some(Tensor::new(&meant, &[K, C]).unwrap()),
        ..Default::default()
    };
    let expected = explain(inputs, MAPS).maps;
    let view = Tensor::new(&q, &[K, C]).unwrap();
    inputs.classifier = Some(view.quantized(&scales, Some(&zeros), 0).unwrap());
    assert_eq!(explain(inputs, MAPS).maps, expected);
    assert!(view.quantized(&scales, Some(&zeros[1..]), 0).is_err());
}

#[test]
fn views_beyond_their_slice_are_refused() {
    let data = [0f32; 12];
    for (first, shape, strides) in [
        (0, &[3, 5][..], &[5, 1][..]),
        (0, &[3, 4], &[5, 1]),
        (1, &[3, 4], &[4, 1]),
        (0, &[3, 4], &[-4, 1]),
        (12, &[1], &[1]),
        (0, &[usize::MAX], &[isize::MAX]),
        (0, &[usize::MAX, usize::MAX], &[isize::MAX, isize::MAX]),
        (0, &[2], &[1, 1]),
        (0, &[1; 9], &[0; 9]),
        (0, &[0, 4], &[4, 1]),
    ] {
        let error = Tensor::with_strides(&data, first, shape, strides).err().unwrap();
        assert!(error.to_string().starts_with("shape ["), "{}", error);
    }
    assert!(Tensor::with_strides(&data, 0, &[3, 4], &[4, 1]).is_ok());
    assert!(Tensor::with_strides(&data, 8, &[3, 4], &[-4, 1]).is_ok());
    assert!(Tensor::with_strides(&data, 11, &[5], &[0]).is_ok());
    let long = [1; 9];
    for view in [Tensor::new(&data, &long), Tensor::with_strides(&data, 0, &long, &[0; 9])] {
        let text = view.err().unwrap().to_string();
        assert_eq!(text, "shape [1, 1, 1, 1, 1, 1, 1, 1, 1]: rank 9, expected 8 at most");
    }
    assert!(Tensor::new(&data, &[13]).is_err());
    assert!(Tensor::new(&data, &[11]).is_err());
    assert!(Tensor::new(&data, &[usize::MAX, 2]).is_err());
    assert!(Tensor::new::<f32>(&[], &[0]).is_err());
}

// ---- Errors and callbacks ------------------------------------------------------

#[test]
fn errors_name_the_argument() {
    let (a, g) = (halves("activations.npy"), halves("gradients.npy"));
    let view = Tensor::new(&a, &[C, H, W]).unwrap();
    let unfit = inputs(&view, &g[..K * (C - 1) * H * W], &[K, C - 1, H, W]);
    let mut context = Context::new().unwrap();
    let error = context.explain(&unfit, MAPS).err().unwrap();
    assert_eq!(error.status(), sys::FMGCAM_STATUS_SHAPE);
    assert!(error.to_string().starts_with("gradients: shape [5,1279,7,7]"), "{}", error);
    assert!(error.source().is_none());
    for broken in [
        Inputs::default(),
        Inputs { activations: Some(view), classes: Some(&[0]), ..Default::default() },
        inputs(&Tensor::new(&a[..1], &[]).unwrap(), &g, &[K, C, H, W]),
    ] {
        assert!(context.explain(&broken, ALL).is_err());
    }
    assert!(context.explain(&inputs(&view, &g, &[K, C, H, W]), MAPS).is_ok());
}

#[test]
fn options_are_those_of_the_header() {
    let mut context = Context::new().unwrap();
    let options = Options {
        struct_size: usize::MAX, // is not looked at
        profile: sys::FMGCAM_PROFILE_RELEASED,
        ..Default::default()
    };
    context.set_options(&options).unwrap();
    let found = context.options().unwrap();
    assert_eq!(found.normalize, sys::FMGCAM_NORMALIZE_L2_COLUMNS);
    assert_eq!((found.alpha, found.flags), (0.6, sys::FMGCAM_OPTION_ALPHA_SET));
    let error = context.set_options(&Options { method: 99, ..Default::default() });
    assert!(error.err().unwrap().to_string().starts_with("options.method: 99"));
}

#[test]
fn the_log_is_heard_and_replaced() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let mut context = Context::new().unwrap();
    let kept = lines.clone();
    context
        .set_log(move |level, text| kept.lock().unwrap().push((level, text.to_owned())))
        .unwrap();
    let error = context.explain(&Inputs::default(), MAPS).err().unwrap();
    assert_eq!(*lines.lock().unwrap(), [(sys::FMGCAM_LOG_ERROR, error.to_string())]);
    assert_eq!(Arc::strong_count(&lines), 2);
    context.set_log(|_, _| {}).unwrap();
    assert_eq!(Arc::strong_count(&lines), 1);
}

#[test]
fn a_panic_of_the_log_goes_through() {
    let mut context = Context::new().unwrap();
    context.set_log(|_, text| panic!("{}", text)).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = context.explain(&Inputs::default(), MAPS);
    }));
    let text = *caught.err().unwrap().downcast::<String>().unwrap();
    assert!(text.starts_with("activations"), "{}", text);
    context.set_log(|_, _| {}).unwrap();
    assert!(context.explain(&Inputs::default(), MAPS).is_err());
}

#[test]
fn a_context_moves_to_another_thread() {
    let mut context = Context::new().unwrap();
    let error = std::thread::spawn(move || context.explain(&Inputs::default(), MAPS).err());
    assert!(error.join().unwrap().is_some());
}

// ---- The rest of the interface -------------------------------------------------

#[test]
fn version_and_build() {
    assert!(fmgcam::version() >= fmgcam::WRITTEN_FOR);
    assert!(fmgcam::build_info().starts_with("fmgcam 0."));
}

#[test]
fn limits_are_kept() {
    let (a, g) = (vec![0f32; 2 * 3 * 3], vec![0f32; 2 * 3 * 3]);
    let a = Tensor::new(&a, &[2, 3, 3]).unwrap();
    let mut context = Context::new().unwrap();
    let limits =
        Limits { classes: 1, channels: 2, map_height: 3, map_width: 2, ..Default::default() };
    context.reserve(&limits).unwrap();
    let error = context.explain(&inputs(&a, &g, &[1, 2, 3, 3]), MAPS).err().unwrap();
    assert_eq!(error.status(), sys::FMGCAM_STATUS_LIMIT);
    context.reserve(&Limits { map_width: 3, ..limits }).unwrap();
    assert!(context.explain(&inputs(&a, &g, &[1, 2, 3, 3]), MAPS).unwrap().flat);
}

#[test]
fn classes_are_chosen() {
    let scores = floats("scores.npy");
    let view = Tensor::with_strides(&scores, K - 1, &[1, K], &[0, -1]).unwrap();
    let mut context = Context::new().unwrap();
    let chosen = context.choose_classes(&view, &Choice { count: 2, ..Default::default() }).unwrap();
    assert_eq!([chosen[0].0, chosen[1].0], [4, 3]);
    assert_eq!(chosen.len(), 2);
    let sum: f32 = scores.iter().map(|y| (y - scores[0]).exp()).sum();
    assert!((chosen[0].1 - 1.0 / sum).abs() < 1e-5);
    let thresholds = Choice {
        rule: sys::FMGCAM_CHOICE_THRESHOLDS,
        link: sys::FMGCAM_LINK_NONE,
        thresholds: Some(&[20.0, 8.0, 20.0, 12.0, 20.0]),
        ..Default::default()
    };
    let chosen = context.choose_classes(&view, &thresholds).unwrap();
    assert_eq!(chosen.iter().map(|c| c.0).collect::<Vec<_>>(), [3, 1]);
    let short = Choice { thresholds: Some(&[1.0]), ..thresholds };
    assert!(context.choose_classes(&view, &short).is_err());
}

#[test]
fn overlays_are_drawn_in_place() {
    let (a, g) = (halves("activations.npy"), halves("gradients.npy"));
    let a = Tensor::new(&a, &[C, H, W]).unwrap();
    let maps = explain(inputs(&a, &g, &[K, C, H, W]), MAPS).maps;
    let layers =
        Layers { maps: Some(Tensor::new(&maps, &[K, H, W]).unwrap()), ..Default::default() };
    let mut context = Context::new().unwrap();
    let (width, height, stride) = (30usize, 20usize, 100usize);
    let mut pixels = vec![100u8; height * stride];
    let rgb = sys::FMGCAM_PIXEL_RGB8;
    let mut draw = |layers: &Layers<'_>, pixels: &mut [u8]| {
        let mut image = Image::new(pixels, width as u32, height as u32, stride, rgb).unwrap();
        context.draw_overlay(layers, &mut image)
    };
    draw(&layers, &mut pixels).unwrap();
    assert!(pixels.chunks(stride).any(|row| row[..3 * width].iter().any(|&x| x != 100)));
    assert!(pixels.chunks(stride).all(|row| row[3 * width..].iter().all(|&x| x == 100)));

    let okabe_ito = [[213, 94, 0], [86, 180, 233], [240, 228, 66], [0, 158, 115], [204, 121, 167]];
    let mut own = vec![100u8; height * stride];
    draw(&Layers { colors: Some(&okabe_ito), ..layers }, &mut own).unwrap();
    assert_eq!(own, pixels);
    let few = Layers { colors: Some(&okabe_ito[1..]), ..layers };
    assert!(draw(&few, &mut own).is_err());
    let few = Layers { classes: Some(&[0]), ..layers };
    assert!(draw(&few, &mut own).is_err());
    let (large, small) = (vec![0f32; 3 * 9], vec![0f32; 9]);
    let mixed = Layers {
        maps: Some(Tensor::new(&small, &[1, 3, 3]).unwrap()),
        signed_maps: Some(Tensor::new(&large, &[3, 3, 3]).unwrap()),
        colors: Some(&okabe_ito[..1]),
        ..Default::default()
    };
    assert!(draw(&mixed, &mut own).is_err());
}

#[test]
fn pictures_beyond_their_slice_are_refused() {
    let mut pixels = vec![0u8; 600];
    for (width, height, stride, format, fits) in [
        (10, 20, 30, sys::FMGCAM_PIXEL_RGB8, true),
        (10, 21, 30, sys::FMGCAM_PIXEL_RGB8, false),
        (10, 20, 31, sys::FMGCAM_PIXEL_RGB8, false),
        (10, 20, 29, sys::FMGCAM_PIXEL_RGB8, false),
        (10, 15, 40, sys::FMGCAM_PIXEL_RGBA8, true),
        (10, 16, 40, sys::FMGCAM_PIXEL_BGRA8, false),
        (30, 20, 30, sys::FMGCAM_PIXEL_GREY8, true),
        (u32::MAX, u32::MAX, usize::MAX, sys::FMGCAM_PIXEL_RGBA8, false),
        (1, 1, 1, 99, false),
    ] {
        assert_eq!(Image::new(&mut pixels, width, height, stride, format).is_ok(), fits);
    }
}

/// Bytes of memory that the process has.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse::<usize>().ok().map(|pages| pages * 4096)
}

#[test]
fn nothing_leaks() {
    const ROUNDS: usize = 300;
    let (a, g) = (halves("activations.npy"), halves("gradients.npy"));
    let a = Tensor::new(&a, &[C, H, W]).unwrap();
    let work = || {
        for _ in 0..ROUNDS {
            let mut context = Context::new().unwrap();
            let memory = vec![1u8; 20000];
            context.set_log(move |_, _| assert_eq!(memory[0], 1)).unwrap();
            context.explain(&inputs(&a, &g, &[K, C, H, W]), ALL).unwrap();
            assert!(context.explain(&Inputs::default(), ALL).is_err());
        }
    };
    work();
    let before = resident();
    work();
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(after.saturating_sub(before) < ROUNDS * 10000);
    }
}

// ---- What the crate takes for granted ------------------------------------------

/// A line for each struct and each of its members. The pattern names them all, or
/// this does not compile.
macro_rules! claim_structs {
    ($lines:ident, $($name:ident { $($member:ident)* })*) => {$({
        let _all_are_there = |sys::$name { $($member: _),* }: sys::$name| ();
        let whole = MaybeUninit::<sys::$name>::zeroed();
        let start = whole.as_ptr();
        writeln!($lines, "sizeof({}) {}", stringify!($name), size_of::<sys::$name>()).unwrap();
        $({
            // SAFETY: zero is a value of every member.
            let member = unsafe { &*addr_of!((*start).$member) };
            writeln!($lines, "offsetof({}, {}) {}", stringify!($name), stringify!($member),
                     member as *const _ as usize - start as usize).unwrap();
            writeln!($lines, "sizeof((({} *)0)->{}) {}", stringify!($name), stringify!($member),
                     size_of_val(member)).unwrap();
        })*
    })*};
}

#[test]
fn claims() {
    let mut lines = String::new();
    claim_structs! { lines,
        fmgcam_tensor { data dtype rank shape strides }
        fmgcam_quantization { struct_size scales zero_points count axis }
        fmgcam_buffer { data size_bytes }
        fmgcam_options { struct_size flags profile method activation filter normalize rescale
            arithmetic fuse_at resample blend alpha target non_finite layer_fusion spatial_axes
            palette color_map }
        fmgcam_limits { struct_size classes channels map_height map_width picture_height
            picture_width workers flags map_depth batch tracked_scores smoothed_classes }
        fmgcam_inputs { struct_size activations gradients weights classifier bias scores
            probabilities classes class_count flags activations_quantization
            gradients_quantization weights_quantization classifier_quantization
            bias_quantization scores_quantization }
        fmgcam_outputs { struct_size weights signed_maps class_maps winner filtered_maps
            normalized_maps maps flags result margin guarded non_finite }
        fmgcam_image { data row_stride_bytes width height format flags }
        fmgcam_layers { struct_size maps signed_maps colors probabilities classes geometry }
        fmgcam_choice { struct_size rule link count threshold temperature flags thresholds
            scores_quantization }
    }
    let mut constants = 0;
    for line in include_str!("../src/sys.rs").lines() {
        if let Some(rest) = line.strip_prefix("pub const ") {
            let (name, rest) = rest.split_once(':').unwrap();
            let (_, number) = rest.split_once('=').unwrap();
            writeln!(lines, "{} {}", name, number.trim_matches(&[' ', ';'][..])).unwrap();
            constants += 1;
        }
    }
    assert!(constants > 90);
    writeln!(lines, "FMGCAM_VERSION {}", fmgcam::version()).unwrap();
    std::fs::write(std::env::var_os("FMGCAM_TEST_CLAIMS").unwrap(), lines).unwrap();
}

/// A struct that ended with @p color_map, as in 0.1, and rubbish behind it.
#[test]
fn options_of_the_first_version() {
    let mut options = [0x77u8; size_of::<Options>() + 8];
    let whole = Options { profile: 2, ..Default::default() };
    let size = addr_of!(whole.color_map) as usize + 4 - addr_of!(whole) as usize;
    let mut raw = std::ptr::null_mut();
    // SAFETY: struct_size says how much of the array is read and written; it is
    // copied to aligned memory.
    unsafe {
        let mut aligned = MaybeUninit::<[Options; 2]>::uninit();
        let at: *mut u8 = aligned.as_mut_ptr().cast();
        std::ptr::copy_nonoverlapping(addr_of!(whole).cast(), options.as_mut_ptr(), size);
        options[..size_of::<usize>()].copy_from_slice(&size.to_ne_bytes());
        std::ptr::copy_nonoverlapping(options.as_ptr(), at, options.len());
        assert_eq!(sys::fmgcam_create(null(), &mut raw, std::ptr::null_mut(), 0), 0);
        assert_eq!(sys::fmgcam_set_options(raw, at.cast()), 0);
        assert_eq!(sys::fmgcam_get_options(raw, at.cast()), 0);
        assert_eq!((*at.cast::<Options>()).normalize, sys::FMGCAM_NORMALIZE_L2_COLUMNS);
        assert_eq!((*at.cast::<Options>()).struct_size, size);
        for i in size..options.len() {
            assert_eq!(*at.add(i), 0x77);
        }
        *at.cast::<usize>() = size - 1;
        assert_eq!(sys::fmgcam_set_options(raw, at.cast()), sys::FMGCAM_STATUS_ARGUMENT);
        sys::fmgcam_destroy(raw);
    }
}
