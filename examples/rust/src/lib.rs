// SPDX-License-Identifier: MIT
//! fmgcam from Rust: class activation maps of tensors that you have as slices.
//!
//! ```no_run
//! # fn main() -> Result<(), fmgcam::Error> {
//! use fmgcam::{Context, Inputs, Tensor, Wanted};
//! # let (activations, gradients) = (vec![0f32; 8], vec![0f32; 16]);
//! let mut context = Context::new()?;
//! let inputs = Inputs {
//!     activations: Some(Tensor::new(&activations, &[2, 2, 2])?),
//!     gradients: Some(Tensor::new(&gradients, &[2, 2, 2, 2])?),
//!     ..Inputs::default()
//! };
//! let wanted = Wanted { maps: true, winner: true, ..Wanted::default() };
//! let found = context.explain(&inputs, wanted)?;
//! # drop(found); Ok(())
//! # }
//! ```
//!
//! [`sys`] has the C functions and the constants for [`Options`] and others by
//! their names in `fmgcam.h`, which says what they mean.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

pub mod sys;

use std::any::Any;
use std::ffi::CStr;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{size_of, size_of_val};
use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};

/// Options of a context; zero is the default of each.
pub use sys::fmgcam_options as Options;

/// The largest sizes that will be asked of a context.
pub use sys::fmgcam_limits as Limits;

/// The version of the library that this was written for, as `FMGCAM_VERSION`.
pub const WRITTEN_FOR: u32 = 0x00_00_01_00;

/// What went wrong, in words that name the argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: i32,
    detail: String,
}

impl Error {
    fn new(status: i32, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    fn argument(detail: impl Into<String>) -> Self {
        Self::new(sys::FMGCAM_STATUS_ARGUMENT, detail)
    }

    /// One of `sys::FMGCAM_STATUS_*`.
    pub fn status(&self) -> i32 {
        self.status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Error {}

/// The version of the library that is running, as `FMGCAM_VERSION`.
pub fn version() -> u32 {
    // SAFETY: takes nothing.
    unsafe { sys::fmgcam_version() }
}

/// One line for bug reports.
pub fn build_info() -> String {
    // SAFETY: the text is static.
    unsafe { text(sys::fmgcam_build_info()) }
}

/// # Safety
/// `text` is a terminated string.
unsafe fn text(text: *const c_char) -> String {
    // SAFETY: as this function's.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

// ---- Tensors -----------------------------------------------------------------

/// The bits of an IEEE 754 binary16 number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct F16(pub u16);

/// The bits of a bfloat16 number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(pub u16);

mod sealed {
    pub trait Sealed {}
}

/// Numbers that the library reads.
pub trait Element: Copy + sealed::Sealed {
    /// One of `sys::FMGCAM_DTYPE_*`.
    const DTYPE: u32;
}

macro_rules! elements {
    ($($element:ty: $dtype:ident,)*) => {$(
        impl sealed::Sealed for $element {}
        impl Element for $element {
            const DTYPE: u32 = sys::$dtype;
        }
    )*};
}
elements! {
    f32: FMGCAM_DTYPE_FLOAT32,
    F16: FMGCAM_DTYPE_FLOAT16,
    f64: FMGCAM_DTYPE_FLOAT64,
    Bf16: FMGCAM_DTYPE_BFLOAT16,
    i8: FMGCAM_DTYPE_INT8,
    u8: FMGCAM_DTYPE_UINT8,
}

/// A view of a slice: nothing is copied.
#[derive(Clone, Copy)]
pub struct Tensor<'a> {
    raw: sys::fmgcam_tensor,
    quantization: Option<sys::fmgcam_quantization>,
    memory: PhantomData<&'a [u8]>,
}

impl<'a> Tensor<'a> {
    /// All of `data`, contiguous, the last axis fastest.
    pub fn new<T: Element>(data: &'a [T], shape: &[usize]) -> Result<Self, Error> {
        check_rank(shape)?;
        let mut strides = vec![0; shape.len()];
        let mut size = 1usize;
        for (stride, &extent) in strides.iter_mut().zip(shape).rev() {
            *stride = isize::try_from(size).map_err(|_| too_large(shape))?;
            size = size.checked_mul(extent).ok_or_else(|| too_large(shape))?;
        }
        if size != data.len() {
            return Err(Error::argument(format!(
                "shape {:?}: {} elements, but the slice has {}",
                shape,
                size,
                data.len()
            )));
        }
        Self::with_strides(data, 0, shape, &strides)
    }

    /// `data[first]` is the element with all indices zero; `strides` count
    /// elements and may be zero or negative.
    pub fn with_strides<T: Element>(
        data: &'a [T],
        first: usize,
        shape: &[usize],
        strides: &[isize],
    ) -> Result<Self, Error> {
        check_rank(shape)?;
        if shape.len() != strides.len() {
            return Err(Error::argument(format!(
                "shape {:?}, strides {:?}: expected as many of both",
                shape, strides
            )));
        }
        let (low, high) = reach(first, shape, strides).ok_or_else(|| too_large(shape))?;
        if low < 0 || high >= data.len() as i128 {
            return Err(Error::argument(format!(
                "shape {:?}, strides {:?}: from element {} to {} of a slice of {}",
                shape,
                strides,
                low,
                high,
                data.len()
            )));
        }
        let mut raw = sys::fmgcam_tensor {
            data: data[first..].as_ptr().cast(),
            dtype: T::DTYPE,
            rank: shape.len() as u32,
            ..Default::default()
        };
        for axis in 0..shape.len() {
            raw.shape[axis] = i64::try_from(shape[axis]).map_err(|_| too_large(shape))?;
            raw.strides[axis] = strides[axis] as i64;
        }
        Ok(Self { raw, quantization: None, memory: PhantomData })
    }

    /// The same integers with their meaning, `scale * (q - zero_point)`: one
    /// scale, or one for each index of `axis`. Zero points may be absent: 0.
    pub fn quantized(
        mut self,
        scales: &'a [f32],
        zero_points: Option<&'a [i32]>,
        axis: u32,
    ) -> Result<Self, Error> {
        if zero_points.map_or(false, |zeros| zeros.len() != scales.len()) {
            return Err(Error::argument("zero_points: expected as many as scales"));
        }
        self.quantization = Some(sys::fmgcam_quantization {
            scales: scales.as_ptr(),
            zero_points: zero_points.map_or(null(), |zeros| zeros.as_ptr()),
            count: length("scales", scales)?,
            axis,
            ..Default::default()
        });
        Ok(self)
    }

    /// The view as C takes it.
    pub fn as_raw(&self) -> &sys::fmgcam_tensor {
        &self.raw
    }

    fn shape(&self) -> &[i64] {
        &self.raw.shape[..self.raw.rank as usize]
    }
}

fn check_rank(shape: &[usize]) -> Result<(), Error> {
    if shape.len() <= sys::FMGCAM_MAX_RANK {
        return Ok(());
    }
    Err(Error::argument(format!(
        "shape {:?}: rank {}, expected {} at most",
        shape,
        shape.len(),
        sys::FMGCAM_MAX_RANK
    )))
}

fn too_large(shape: &[usize]) -> Error {
    Error::new(sys::FMGCAM_STATUS_OVERFLOW, format!("shape {:?}: too large", shape))
}

/// The lowest and the highest element; none where a number is too large.
fn reach(first: usize, shape: &[usize], strides: &[isize]) -> Option<(i128, i128)> {
    let (mut low, mut high) = (first as i128, first as i128);
    for (&extent, &stride) in shape.iter().zip(strides) {
        let last = (extent as i128 - 1).checked_mul(stride as i128)?;
        low = low.checked_add(last.min(0))?;
        high = high.checked_add(last.max(0))?;
    }
    Some((low, high))
}

fn length<T>(name: &str, slice: &[T]) -> Result<u32, Error> {
    u32::try_from(slice.len()).map_err(|_| Error::argument(format!("{}: too many", name)))
}

fn tensor_pointer(tensor: &Option<Tensor<'_>>) -> *const sys::fmgcam_tensor {
    tensor.as_ref().map_or(null(), |tensor| &tensor.raw)
}

fn quantization_pointer(tensor: &Option<Tensor<'_>>) -> *const sys::fmgcam_quantization {
    tensor
        .as_ref()
        .and_then(|tensor| tensor.quantization.as_ref())
        .map_or(null(), |quantization| quantization as *const _)
}

fn slice_pointer<T>(slice: Option<&[T]>) -> *const T {
    slice.map_or(null(), |slice| slice.as_ptr())
}

// ---- What goes in and comes out ------------------------------------------------

/// What is known about one picture: activations, and but for class-agnostic
/// methods one of gradients, weights and classifier.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// `[C, H, W]` or `[1, C, H, W]`.
    pub activations: Option<Tensor<'a>>,
    /// `[K, C, H, W]`, for one class also `[C, H, W]`.
    pub gradients: Option<Tensor<'a>>,
    /// `[K, C]`.
    pub weights: Option<Tensor<'a>>,
    /// `[n, C]`.
    pub classifier: Option<Tensor<'a>>,
    /// `[n]` or `[1, n]`.
    pub scores: Option<Tensor<'a>>,
    /// `[K]`.
    pub probabilities: Option<Tensor<'a>>,
    /// For each rank the index of its class in classifier and scores.
    pub classes: Option<&'a [u32]>,
}

impl Inputs<'_> {
    fn raw(&self) -> Result<sys::fmgcam_inputs, Error> {
        Ok(sys::fmgcam_inputs {
            activations: tensor_pointer(&self.activations),
            gradients: tensor_pointer(&self.gradients),
            weights: tensor_pointer(&self.weights),
            classifier: tensor_pointer(&self.classifier),
            scores: tensor_pointer(&self.scores),
            probabilities: tensor_pointer(&self.probabilities),
            classes: slice_pointer(self.classes),
            class_count: length("classes", self.classes.unwrap_or_default())?,
            activations_quantization: quantization_pointer(&self.activations),
            gradients_quantization: quantization_pointer(&self.gradients),
            weights_quantization: quantization_pointer(&self.weights),
            classifier_quantization: quantization_pointer(&self.classifier),
            scores_quantization: quantization_pointer(&self.scores),
            ..Default::default()
        })
    }

    /// K, and the shapes of weights and of a map. Where inputs do not fit each
    /// other these are some numbers, and the library says what is wrong.
    fn sizes(&self, axes: usize) -> (usize, usize, usize) {
        let count = |extents: &[i64]| extents.iter().map(|&e| e as usize).product();
        let shape = self.activations.as_ref().map_or(&[][..], |tensor| tensor.shape());
        let (leading, cells) = shape.split_at(shape.len().saturating_sub(axes));
        let channels = leading.last().map_or(0, |&extent| extent as usize);
        let classes = match self.classes {
            Some(classes) => classes.len(),
            None => [(&self.gradients, axes + 2), (&self.weights, 2), (&self.classifier, 2)]
                .iter()
                .find_map(|(tensor, rank)| tensor.as_ref().map(|t| (t.shape(), *rank)))
                .filter(|(shape, rank)| shape.len() == *rank)
                .map_or(1, |(shape, _)| shape[0] as usize),
        };
        (classes, channels, count(cells))
    }
}

/// Which members of an [`Explanation`] are computed.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct Wanted {
    pub weights: bool,
    pub signed_maps: bool,
    pub class_maps: bool,
    pub winner: bool,
    pub filtered_maps: bool,
    pub normalized_maps: bool,
    pub maps: bool,
    pub margin: bool,
}

/// What was wanted of one picture, each contiguous; empty what was not.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// `[K, C]`.
    pub weights: Vec<f32>,
    /// `[K, H, W]`.
    pub signed_maps: Vec<f32>,
    /// `[K, H, W]`: Grad-CAM of each class.
    pub class_maps: Vec<f32>,
    /// `[H, W]`: a rank, or -1.
    pub winner: Vec<i32>,
    /// `[K, H, W]`.
    pub filtered_maps: Vec<f32>,
    /// `[K, H, W]`.
    pub normalized_maps: Vec<f32>,
    /// `[K, H, W]`: the result.
    pub maps: Vec<f32>,
    /// `[H, W]`.
    pub margin: Vec<f32>,
    /// There is nothing to see.
    pub flat: bool,
    /// How often a guard of the method made 0 of something.
    pub guarded: u64,
    /// NaN and infinities that were skipped or propagated.
    pub non_finite: u64,
}

/// Where C writes: the whole vector; nowhere if it is empty.
fn buffer<T: Copy>(values: &mut Vec<T>) -> sys::fmgcam_buffer {
    let data = if values.is_empty() { null_mut() } else { values.as_mut_ptr().cast() };
    sys::fmgcam_buffer { data, size_bytes: size_of_val(values.as_slice()) }
}

/// How classes are chosen; the default is the best five, by softmax.
#[derive(Clone, Copy, Default)]
pub struct Choice<'a> {
    /// `sys::FMGCAM_CHOICE_*`.
    pub rule: u32,
    /// `sys::FMGCAM_LINK_*`.
    pub link: u32,
    /// How many, or at most how many.
    pub count: u32,
    /// With the rules MASS and PROBABILITY.
    pub threshold: f32,
    /// 0 means 1.
    pub temperature: f32,
    /// With the rule THRESHOLDS: one for each class.
    pub thresholds: Option<&'a [f32]>,
}

/// What is drawn over a picture.
#[derive(Clone, Copy, Default)]
pub struct Layers<'a> {
    /// `[K, H, W]`, as [`Explanation::maps`].
    pub maps: Option<Tensor<'a>>,
    /// `[K, H, W]`, as [`Explanation::signed_maps`].
    pub signed_maps: Option<Tensor<'a>>,
    /// Red, green and blue of each class, in place of the palette's.
    pub colors: Option<&'a [[u8; 3]]>,
    /// `[K]`.
    pub probabilities: Option<Tensor<'a>>,
    /// For each class the number of its colour in the palette.
    pub classes: Option<&'a [u32]>,
}

impl Layers<'_> {
    fn raw(&self) -> Result<sys::fmgcam_layers, Error> {
        let count = [&self.maps, &self.signed_maps, &self.probabilities]
            .iter()
            .filter_map(|tensor| tensor.as_ref()?.shape().first().copied())
            .max()
            .unwrap_or(0) as usize;
        let sizes =
            [("colors", self.colors.map(|c| c.len())), ("classes", self.classes.map(|c| c.len()))];
        for (name, given) in sizes {
            if given.map_or(false, |given| given != count) {
                return Err(Error::argument(format!("{}: expected {}", name, count)));
            }
        }
        Ok(sys::fmgcam_layers {
            maps: tensor_pointer(&self.maps),
            signed_maps: tensor_pointer(&self.signed_maps),
            colors: slice_pointer(self.colors).cast(),
            probabilities: tensor_pointer(&self.probabilities),
            classes: slice_pointer(self.classes),
            ..Default::default()
        })
    }
}

/// Pixels that are drawn over in place.
pub struct Image<'a> {
    raw: sys::fmgcam_image,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Image<'a> {
    /// Rows of `width` pixels of `format` (`sys::FMGCAM_PIXEL_*`), each
    /// `row_stride` bytes after the one before.
    pub fn new(
        data: &'a mut [u8],
        width: u32,
        height: u32,
        row_stride: usize,
        format: u32,
    ) -> Result<Self, Error> {
        let bytes = match format {
            sys::FMGCAM_PIXEL_RGB8 | sys::FMGCAM_PIXEL_BGR8 => 3,
            sys::FMGCAM_PIXEL_RGBA8 | sys::FMGCAM_PIXEL_BGRA8 => 4,
            sys::FMGCAM_PIXEL_GREY8 => 1,
            _ => return Err(Error::argument(format!("format: {} is unknown", format))),
        };
        let row = bytes * width as u128;
        let size = row + (height as u128).saturating_sub(1) * row_stride as u128;
        if size > data.len() as u128 || row > row_stride as u128 {
            return Err(Error::argument(format!(
                "picture: {} rows of {} bytes, {} apart, in a slice of {}",
                height,
                row,
                row_stride,
                data.len()
            )));
        }
        let raw = sys::fmgcam_image {
            data: data.as_mut_ptr().cast(),
            row_stride_bytes: row_stride as i64,
            width,
            height,
            format,
            flags: 0,
        };
        Ok(Self { raw, memory: PhantomData })
    }
}

// ---- Contexts ------------------------------------------------------------------

type Call = dyn FnMut(u32, &str) + Send;

/// The application's function, and the panic that came out of it.
struct Log {
    call: Box<Call>,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn forward(opaque: *mut c_void, level: u32, message: *const c_char) {
    // SAFETY: opaque is the Log of the context that calls, used by nothing else
    // during the call; the message is terminated.
    let (log, message) = unsafe { (&mut *opaque.cast::<Log>(), text(message)) };
    let call = &mut log.call;
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call(level, &message))) {
        log.panic = Some(panic);
    }
}

/// Options, workspace and a log. It may move between threads, and serves one at
/// a time, which `&mut self` sees to.
pub struct Context {
    raw: *mut sys::fmgcam_context,
    log: *mut Log, // of Box, or null; C has it too
}

// SAFETY: a context is bound to no thread, nor is the log (FnMut + Send).
unsafe impl Send for Context {}

impl Context {
    /// With default options. Refuses a library that is older than this crate, or
    /// of another major version.
    pub fn new() -> Result<Self, Error> {
        let found = version();
        if found >> 16 != WRITTEN_FOR >> 16 || found < WRITTEN_FOR {
            return Err(Error::new(
                sys::FMGCAM_STATUS_UNSUPPORTED,
                format!("libfmgcam: version {:#x}, expected {:#x}", found, WRITTEN_FOR),
            ));
        }
        let mut raw = null_mut();
        let mut error = [0 as c_char; 256];
        // SAFETY: the pointers are good for the call.
        let status =
            unsafe { sys::fmgcam_create(null(), &mut raw, error.as_mut_ptr(), error.len()) };
        if status != sys::FMGCAM_STATUS_OK {
            // SAFETY: the text is terminated.
            return Err(Error::new(status, unsafe { text(error.as_ptr()) }));
        }
        Ok(Self { raw, log: null_mut() })
    }

    /// Go on with a panic of the log, or return what the library says.
    fn finish(&mut self, status: i32) -> Result<(), Error> {
        // SAFETY: no call is running, so that nothing else uses the log.
        if let Some(panic) = unsafe { self.log.as_mut() }.and_then(|log| log.panic.take()) {
            resume_unwind(panic);
        }
        if status == sys::FMGCAM_STATUS_OK {
            return Ok(());
        }
        // SAFETY: the text is valid until the next call.
        Err(Error::new(status, unsafe { text(sys::fmgcam_error_detail(self.raw)) }))
    }

    /// Use these options from now on.
    pub fn set_options(&mut self, options: &Options) -> Result<(), Error> {
        let options = Options { struct_size: size_of::<Options>(), ..*options };
        // SAFETY: the pointers are good for the call.
        let status = unsafe { sys::fmgcam_set_options(self.raw, &options) };
        self.finish(status)
    }

    /// The options in force, with every default filled in.
    pub fn options(&mut self) -> Result<Options, Error> {
        let mut options = Options::default();
        // SAFETY: the pointers are good for the call.
        let status = unsafe { sys::fmgcam_get_options(self.raw, &mut options) };
        self.finish(status).map(|()| options)
    }

    /// Send messages (a level, `sys::FMGCAM_LOG_*`, and a text) to `log`.
    pub fn set_log(&mut self, log: impl FnMut(u32, &str) + Send + 'static) -> Result<(), Error> {
        let log = Box::into_raw(Box::new(Log { call: Box::new(log), panic: None }));
        // SAFETY: the new log lives as long as C has it: until the next one, or
        // until the context is gone.
        let status = unsafe { sys::fmgcam_set_log(self.raw, Some(forward), log.cast()) };
        self.drop_log();
        self.log = log;
        self.finish(status)
    }

    fn drop_log(&mut self) {
        if !self.log.is_null() {
            // SAFETY: it came from a box, and C no longer has it.
            drop(unsafe { Box::from_raw(self.log) });
        }
    }

    /// Allocate all that calls within these limits need.
    pub fn reserve(&mut self, limits: &Limits) -> Result<(), Error> {
        let limits = Limits { struct_size: size_of::<Limits>(), ..*limits };
        // SAFETY: the pointers are good for the call.
        let status = unsafe { sys::fmgcam_reserve(self.raw, &limits) };
        self.finish(status)
    }

    /// Stages 1 to 6 for one picture.
    pub fn explain(&mut self, inputs: &Inputs<'_>, wanted: Wanted) -> Result<Explanation, Error> {
        let axes = self.options()?.spatial_axes as usize;
        let (classes, channels, cells) = inputs.sizes(axes);
        let floats = |is_wanted: bool, rows: usize, columns: usize| {
            vec![0f32; if is_wanted { rows * columns } else { 0 }]
        };
        let mut found = Explanation {
            weights: floats(wanted.weights, classes, channels),
            signed_maps: floats(wanted.signed_maps, classes, cells),
            class_maps: floats(wanted.class_maps, classes, cells),
            winner: vec![0; if wanted.winner { cells } else { 0 }],
            filtered_maps: floats(wanted.filtered_maps, classes, cells),
            normalized_maps: floats(wanted.normalized_maps, classes, cells),
            maps: floats(wanted.maps, classes, cells),
            margin: floats(wanted.margin, 1, cells),
            ..Default::default()
        };
        let mut outputs = sys::fmgcam_outputs {
            weights: buffer(&mut found.weights),
            signed_maps: buffer(&mut found.signed_maps),
            class_maps: buffer(&mut found.class_maps),
            winner: buffer(&mut found.winner),
            filtered_maps: buffer(&mut found.filtered_maps),
            normalized_maps: buffer(&mut found.normalized_maps),
            maps: buffer(&mut found.maps),
            margin: buffer(&mut found.margin),
            ..Default::default()
        };
        let raw = inputs.raw()?;
        // SAFETY: tensors lie within their slices, which inputs borrows; buffers
        // say how large they are.
        let status = unsafe { sys::fmgcam_explain(self.raw, &raw, &mut outputs) };
        self.finish(status)?;
        found.flat = outputs.result & sys::FMGCAM_RESULT_FLAT != 0;
        found.guarded = outputs.guarded;
        found.non_finite = outputs.non_finite;
        Ok(found)
    }

    /// The classes to explain, best first, and their probabilities.
    pub fn choose_classes(
        &mut self,
        scores: &Tensor<'_>,
        choice: &Choice<'_>,
    ) -> Result<Vec<(u32, f32)>, Error> {
        let n = scores.shape().iter().copied().max().unwrap_or(0) as usize;
        if choice.thresholds.map_or(false, |thresholds| thresholds.len() != n) {
            return Err(Error::argument(format!("thresholds: expected {}", n)));
        }
        let scores = Some(*scores);
        let raw = sys::fmgcam_choice {
            rule: choice.rule,
            link: choice.link,
            count: choice.count,
            threshold: choice.threshold,
            temperature: choice.temperature,
            thresholds: slice_pointer(choice.thresholds),
            scores_quantization: quantization_pointer(&scores),
            ..Default::default()
        };
        let (mut classes, mut probabilities, mut count) = (vec![0u32; n], vec![0f32; n], 0);
        let (to_classes, to_probabilities) = (buffer(&mut classes), buffer(&mut probabilities));
        // SAFETY: as in explain(); there is a threshold for each class.
        let status = unsafe {
            sys::fmgcam_choose_classes(
                self.raw,
                &raw,
                tensor_pointer(&scores),
                &to_classes,
                &to_probabilities,
                &mut count,
            )
        };
        self.finish(status)?;
        Ok(classes.into_iter().zip(probabilities).take(count as usize).collect())
    }

    /// Draw over a picture, in place.
    pub fn draw_overlay(
        &mut self,
        layers: &Layers<'_>,
        picture: &mut Image<'_>,
    ) -> Result<(), Error> {
        let raw = layers.raw()?;
        // SAFETY: as in explain(); colours and classes are as many as the maps,
        // and the pixels lie within their slice.
        let status =
            unsafe { sys::fmgcam_draw_overlay(self.raw, &raw, &picture.raw, &picture.raw) };
        self.finish(status)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: nothing uses the context any more.
        unsafe { sys::fmgcam_destroy(self.raw) };
        self.drop_log();
    }
}
